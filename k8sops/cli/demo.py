"""`k8sops demo`: a real control plane, filled, with the live screen on it; without a terminal, the tour; or in Slack.

With a terminal the sandbox stays up afterwards, so that the second look costs nothing; the tour takes its own down, and
so does Slack, unless it was up before.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import click

from k8sops.cli.console import say
from k8sops.cli.demo_slack import PORT

if TYPE_CHECKING:
    from k8sops.sandbox.manager import SandboxHandle

DEMO_SANDBOX: Final = "demo"
ADMIN: Final = "admin"
NODES: Final = 5


@click.command("demo")
@click.option("--tour", is_flag=True, help="Play the tour even on a terminal.")
@click.option(
    "--slack",
    is_flag=True,
    help="The desk in a Slack on this machine: a page on loopback to play two people on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="The page's port; 0 takes any that is free.",
)
@click.option("--browser", is_flag=True, help="Open the page in this machine's browser, too.")
@click.option("--keep", is_flag=True, help="Leave the sandbox of the tour, or of Slack, up.")
@click.option(
    "--as",
    "person",
    type=click.Choice(("alice", "bob", "carol", "admin")),
    default="alice",
    show_default=True,
    help="Whom to play: alice of ops, bob who develops, carol who audits, or the shared administrator.",
)
def demo_command(tour: bool, slack: bool, port: int, browser: bool, keep: bool, person: str) -> int:
    r"""Bring up a real control plane, fill it with a small company in trouble, and open the live screen on it.

    The first time, the control plane is built from pinned sources, for some minutes, or fetched from the mirror that
    K8SOPS_ASSETS_URL names; later ones start in seconds.
    A second terminal can play somebody else on the same sandbox: `k8sops demo --as bob`.
    Without a terminal a short tour is played instead, with the program's own commands; it exits 0 only if all that
    it showed came true on the cluster, and leaves no process behind.

    With --slack a bot, a worker and a Slack on this machine run until Ctrl-C. The page it names works in any browser,
    also through ssh -L: ask for a change as alice, approve it as bob, watch it, take it back.

    \b
    Examples:
      k8sops demo
      k8sops demo --slack
    """
    if slack:
        return _slack(port, keep=keep, browser=browser)
    _greet()
    if tour or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _tour(keep=keep)
    return _screen(person)


def _greet() -> None:
    """Before anything is loaded: whoever began this should see at once that it has begun, and what."""
    if sys.stderr.isatty():
        say(
            "A real Kubernetes on this machine, with a small company in trouble: your own clusters are left alone."
            "\nTo look at one of those meanwhile, without a way to change it, in another terminal: "
            "k8sops tui --read-only"
        )


def _screen(person: str) -> int:
    from k8sops.cli.demo_story import SEEN, TRIES, told
    from k8sops.core.tables import TableQuery
    from k8sops.sandbox.manager import SandboxManager
    from k8sops.sandbox.people import kubeconfig_of
    from k8sops.service import open_ops
    from k8sops.service.config import load_config
    from k8sops.service.contexts import ConfiguredContexts
    from k8sops.tui import run_tui

    handle = _filled_sandbox(DEMO_SANDBOX, then="the screen opens")
    _enter(handle)
    kubeconfig = handle.kubeconfig
    if person != ADMIN:
        kubeconfig = kubeconfig_of(SandboxManager(), DEMO_SANDBOX, person)
    config = load_config({"kubeconfig": (kubeconfig,)})
    code = run_tui(
        lambda: open_ops(config),
        TableQuery(kind="pods", namespace=SEEN.get(person, "")),
        all_namespaces=person not in SEEN,
        contexts=ConfiguredContexts(config),
        choice=config.screen_choice(),
        tries=TRIES.get(person, TRIES["alice"]),
    )
    click.echo(told(DEMO_SANDBOX))
    return code


def _slack(port: int, *, keep: bool, browser: bool) -> int:
    from k8sops.cli.demo_slack import check_ready, serve_slack
    from k8sops.cli.demo_team import write_policy
    from k8sops.cli.running import run_async
    from k8sops.cli.sandbox_history import history_place
    from k8sops.service.config import load_config

    check_ready(port)
    _greet()
    with (
        _sandbox_for_a_while(DEMO_SANDBOX, keep=keep, then="the page opens") as handle,
        suppress(KeyboardInterrupt),
    ):
        _enter(handle)
        policy = write_policy(history_place(handle))
        config = load_config({"kubeconfig": (handle.kubeconfig,), "policy": policy})
        run_async(serve_slack(config, port, browser=browser))
    return 0


def _enter(handle: SandboxHandle) -> None:
    """Have this process, and a worker that it may leave behind, use the sandbox's store, policy and keys."""
    from k8sops.cli.sandbox_history import history_place

    present = history_place(handle).environment(os.environ)
    os.environ.clear()
    os.environ.update(present)


def _tour(*, keep: bool) -> int:
    from k8sops.cli.tour import play_tour

    started = time.monotonic()
    with _sandbox_for_a_while(f"tour-{os.getpid()}", keep=keep) as handle:
        play_tour(handle)
    click.echo(f"The tour took {time.monotonic() - started:.0f} s.")
    return 0


@contextmanager
def _sandbox_for_a_while(name: str, *, keep: bool, then: str = "") -> Iterator[SandboxHandle]:
    """Up and filled until the block ends; one that was there before is left as it was found."""
    from k8sops.cli.running import run_async
    from k8sops.sandbox.manager import SandboxManager

    keep = keep or name in {one.name for one in run_async(SandboxManager().list())}
    try:
        yield _filled_sandbox(name, then=then)
    finally:
        if keep:
            click.echo(f"The sandbox is still up; `k8sops sandbox down --name {name}` ends it.")
        else:
            run_async(SandboxManager().down(name))
            click.echo("The sandbox is gone: no process, port or file of it is left.")


def _filled_sandbox(name: str, *, then: str = "") -> SandboxHandle:
    """Up and filled. `then` is what comes next; where it is said, one that was filled before is taken as it is."""
    from k8sops.cli.build_progress import BuildDisplay
    from k8sops.cli.running import run_async
    from k8sops.cli.sandbox_history import HISTORY, history_place, make_history_of
    from k8sops.sandbox.manager import SandboxManager
    from k8sops.sandbox.seed import seed

    _say_both_ways()
    with BuildDisplay(sys.stderr) as display:
        handle = run_async(SandboxManager().up(name, nodes=NODES, report=display.build, say=display.say))
    say(f"A real control plane is up: {handle.nodes} nodes, API server {handle.server}.")
    if then and history_place(handle).exists:
        return handle
    if sys.stderr.isatty():
        say(f"It is filled, once, for about half a minute{f'; then {then}' if then else ''}.")
    with BuildDisplay(sys.stderr) as display:
        report = run_async(seed(handle.kubeconfig, progress=display.say))
        make_history_of(handle, display.say)
    say(f"Filled with {sum(report.applied.values())} objects in {report.seconds:.0f} s.")
    for line in (*report.story, *HISTORY):
        say(f"  {line}")
    return handle


def _say_both_ways() -> None:
    """Before minutes of building begin, somebody who looks on is told that there is another way."""
    if not sys.stderr.isatty():
        return
    from k8sops.sandbox.binaries import building_ahead
    from k8sops.sandbox.versions import CONTROL_PLANE

    if seconds := building_ahead(CONTROL_PLANE):
        say(
            f"Kubernetes is built here from pinned sources, once: about {max(round(seconds / 60), 1)} min on two cores."
            "\nOr Ctrl-C, and K8SOPS_ASSETS_URL=https://… fetches release binaries from a mirror (docs/sandbox.md)."
        )
