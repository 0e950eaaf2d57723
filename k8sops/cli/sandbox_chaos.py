"""`k8sops sandbox chaos`: break things on purpose, for a while, and see what everybody does about it.

Only click is imported here; what a command needs is imported when it runs, so that `--help` stays quick.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from k8sops.cli.sandbox_options import (
    CONTEXT,
    Duration,
    duration_text,
    name_option,
    output_option,
    print_json,
)

if TYPE_CHECKING:
    from k8sops.sandbox.faults.specs import AnySpec, Fault

Command = TypeVar("Command", bound=Callable[..., Any])

_DEFAULT: Final = "5m"
_PAUSE: Final = "30s"
_COMPONENTS: Final = (
    *("kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler", "kwok", "kubelet", "played"),
)
_STATES: Final = ("not-ready", "unreachable", "vanish", "ready")


def _for_option(default: str) -> Callable[[Command], Command]:
    text = "It ends by itself after this time, e.g. 60s or 10m."
    return click.option("--for", "seconds", type=Duration(), default=default, show_default=True, help=text)


def _request_options(share: str) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in (
            click.option(
                "--method", default="", metavar="VERB", help="Only these: GET, PATCH, POST, DELETE."
            ),
            click.option("--path", default="", metavar="REGEX", help="Only requests whose path matches."),
            click.option(
                "--share",
                type=click.FloatRange(0, 1, min_open=True),
                default=share,
                show_default=True,
                help="How many of the requests, chosen at random.",
            ),
        ):
            command = option(command)
        return command

    return add


@click.group("chaos", context_settings=CONTEXT)
def chaos_group() -> None:
    """Break a sandbox on purpose, for a while.

    Three kinds of trouble. Faults of requests (latency, throttle, errors, reset, watches) happen in a proxy before
    the API server: only clients of its context, k8sops-NAME-faulty, feel them, and the control plane itself does not.
    A paused process and a node in trouble are felt by everybody.

    Each fault ends by itself (--for); `chaos clear` ends all at once, `down` everything. `chaos list` and `status`
    show what is in force.

    \b
    Examples:
      k8sops sandbox chaos proxy                        start the proxy, print its kubeconfig
      k8sops sandbox chaos latency 300ms                while a screen or kubectl hangs on it
      k8sops sandbox chaos throttle --share 0.2 --retry-after 2
      k8sops sandbox chaos node node-2 not-ready --for 60s
      k8sops sandbox chaos pause --for 20s              the API server hangs
      k8sops sandbox chaos clear
    """  # noqa: D301 - click reads the character


@chaos_group.command("proxy")
@name_option
@click.option("--stop", is_flag=True, help="End the proxy and all faults instead.")
def proxy_command(name: str, stop: bool) -> int:
    """Start the proxy through which faults are felt, and print how to use it.

    It shows the sandbox's own certificate and lets nobody in without one of a person: the same that the API server
    would accept (`sandbox kubeconfig --user alice --faulty` issues alice's). The API server sees that person. kubectl,
    k8sops and every other client can use it; without a fault in force it passes all on as it is.

    \b
    Examples:
      export KUBECONFIG=$(k8sops sandbox chaos proxy)
      k8sops get pods -A
      k8sops sandbox chaos proxy --stop
    """  # noqa: D301 - click reads the character
    from k8sops.cli.console import put, say
    from k8sops.sandbox.faults.remote import ChaosRemote

    remote = ChaosRemote(name)
    if stop:
        ended = asyncio.run(remote.stop())
        put(f"the proxy of sandbox {name} {'is gone' if ended else 'did not run'}")
        return 0
    started = asyncio.run(remote.start())
    say(
        f"the proxy of sandbox {name} {'runs' if started else 'was running already'}; context k8sops-{name}-faulty"
    )
    put(str(remote.kubeconfig))
    return 0


@chaos_group.command("latency")
@click.argument("delay", type=Duration())
@click.option("--jitter", type=Duration(), default=None, help="Up to this much more or less, at random.")
@_request_options("1")
@_for_option(_DEFAULT)
@name_option
@output_option
def latency_command(
    delay: float, jitter: float | None, seconds: float, name: str, output: str, **which: Any
) -> int:
    """Let requests, and the events of running watches, come late.

    \b
    Examples:
      k8sops sandbox chaos latency 300ms
      k8sops sandbox chaos latency 2s --jitter 1s --share 0.1 --for 10m
    """  # noqa: D301 - click reads the character
    from k8sops.sandbox.faults.specs import MOST_DELAY_SECONDS, Latency

    if max(delay, jitter or 0.0) > MOST_DELAY_SECONDS:
        raise click.UsageError(f"DELAY and --jitter take at most {duration_text(MOST_DELAY_SECONDS)}")
    return _add(name, output, Latency, latency=delay, jitter=jitter or 0.0, seconds=seconds, **which)


@chaos_group.command("throttle")
@click.option(
    "--retry-after", type=click.IntRange(0, 600), default=1, show_default=True, help="Seconds to stay away."
)
@_request_options("0.2")
@_for_option(_DEFAULT)
@name_option
@output_option
def throttle_command(retry_after: int, seconds: float, name: str, output: str, **which: Any) -> int:
    """Answer requests with 429 Too Many Requests and Retry-After.

    \b
    Examples:
      k8sops sandbox chaos throttle --share 0.2 --retry-after 2
      k8sops sandbox chaos throttle --share 1 --path /eviction --for 30s
    """  # noqa: D301 - click reads the character
    from k8sops.sandbox.faults.specs import Throttle

    return _add(name, output, Throttle, retry_after=retry_after, seconds=seconds, **which)


@chaos_group.command("errors")
@click.option(
    "--status", type=click.IntRange(500, 599), default=503, show_default=True, help="The HTTP status."
)
@_request_options("0.2")
@_for_option(_DEFAULT)
@name_option
@output_option
def errors_command(status: int, seconds: float, name: str, output: str, **which: Any) -> int:
    """Answer requests with a server error.

    \b
    Examples:
      k8sops sandbox chaos errors --status 500 --share 0.1
      k8sops sandbox chaos errors --share 1 --for 20s          nothing works
    """  # noqa: D301 - click reads the character
    from k8sops.sandbox.faults.specs import Errors

    return _add(name, output, Errors, status=status, seconds=seconds, **which)


@chaos_group.command("reset")
@_request_options("0.2")
@_for_option(_DEFAULT)
@name_option
@output_option
def reset_command(seconds: float, name: str, output: str, **which: Any) -> int:
    """Cut the connection of requests before they arrive."""
    from k8sops.sandbox.faults.specs import Reset

    return _add(name, output, Reset, seconds=seconds, **which)


@chaos_group.command("watches")
@click.argument("how", type=click.Choice(["cut", "expire"]))
@click.option("--every", type=Duration(), default=None, help="Again and again, until --for is over.")
@_for_option(_DEFAULT)
@name_option
@output_option
def watches_command(how: str, every: float | None, seconds: float, name: str, output: str) -> int:
    """End the watches that run through the proxy.

    `cut` resets their connections; a client watches again from where it was. `expire` ends them as the API server
    ends one that is too old (410 Expired); a client has to list everything again.

    \b
    Examples:
      k8sops sandbox chaos watches cut
      k8sops sandbox chaos watches expire --every 20s --for 5m
    """  # noqa: D301 - click reads the character
    from k8sops.sandbox.faults.specs import Watches

    return _add(name, output, Watches, how=how, every=every or 0.0, seconds=seconds)


@chaos_group.command("pause")
@click.argument("component", type=click.Choice(_COMPONENTS), default="kube-apiserver")
@_for_option(_PAUSE)
@name_option
@output_option
def pause_command(component: str, seconds: float, name: str, output: str) -> int:
    """Let a process of the control plane hang (SIGSTOP), the API server unless you name another.

    Connections stay open and nobody answers, as on a machine that swaps or whose disk hangs. It goes on where it was
    after at most ten minutes; a guard process sees to that even where everything else is killed.

    \b
    Examples:
      k8sops sandbox chaos pause --for 20s
      k8sops sandbox chaos pause kube-scheduler --for 2m      new pods stay Pending
    """  # noqa: D301 - click reads the character
    from k8sops.sandbox.faults.specs import Pause

    return _add(name, output, Pause, component=component, seconds=seconds)


@chaos_group.command("node")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.argument("state", type=click.Choice(_STATES))
@click.option("--zone", default="", metavar="ZONE", help="All nodes of this zone, e.g. sandbox-1a.")
@_for_option(_DEFAULT)
@name_option
@output_option
def node_command(
    nodes: tuple[str, ...], state: str, zone: str, seconds: float, name: str, output: str
) -> int:
    """Put nodes in trouble, or bring them back.

    \b
    not-ready     the kubelet says that it cannot run pods: NotReady at once
    unreachable   the kubelet falls silent: Unknown after 50 s, as the node controller decides
    vanish        the machine and its Node object are gone; its pods are removed within a minute or two
    ready         ends any of these

    What controllers do to the pods meanwhile is real, and stays: an evicted pod without an owner does not come back.

    \b
    Examples:
      k8sops sandbox chaos node node-2 not-ready --for 60s
      k8sops sandbox chaos node --zone sandbox-1a unreachable
      k8sops sandbox chaos node node-1 node-2 ready
    """  # noqa: D301 - click reads the character
    if not nodes and not zone:
        raise click.UsageError("name a node, or a --zone")
    if state == "ready":
        return _restore(name, nodes, zone)
    from k8sops.sandbox.faults.specs import Nodes

    return _add(name, output, Nodes, trouble=state, names=nodes, zone=zone, seconds=seconds)


@chaos_group.command("list")
@name_option
@output_option
def list_command(name: str, output: str) -> int:
    """Show the faults in force, how long they last yet, and how many requests they have befallen."""
    from k8sops.cli.console import put, say
    from k8sops.sandbox.faults.remote import ChaosRemote
    from k8sops.sandbox.faults.specs import Report

    report = asyncio.run(ChaosRemote(name).report())
    if output == "json":
        print_json(report or Report())
        return 0
    if report is None or not report.faults:
        say("no fault is in force" if report else "no fault is in force, and the proxy does not run")
    else:
        put(f"{'FAULT':<16} {'LEFT':<8} {'HITS':>6}  WHAT")
        for fault in report.faults:
            put(f"{fault.id:<16} {_left(fault):<8} {fault.hits:>6}  {fault.text}")
    if report is not None:
        say(f"{report.watches} watches run through the proxy")
    return 0


@chaos_group.command("remove")
@click.argument("faults", nargs=-1, required=True, metavar="FAULT...")
@name_option
def remove_command(faults: tuple[str, ...], name: str) -> int:
    """End single faults, by the names that `chaos list` shows."""
    from k8sops.cli.console import put
    from k8sops.sandbox.faults.remote import ChaosRemote

    for fault in faults:
        ended = asyncio.run(ChaosRemote(name).remove(fault))
        put(f"ended {ended.id}: {ended.text}")
    return 0


@chaos_group.command("clear")
@name_option
def clear_command(name: str) -> int:
    """End all faults: processes go on, nodes come back, the proxy passes everything on.

    The proxy itself stays, for whoever uses its context; `chaos proxy --stop` ends it.
    """
    from k8sops.cli.console import put
    from k8sops.sandbox.faults.remote import ChaosRemote

    ended = asyncio.run(ChaosRemote(name).clear())
    for fault in ended:
        put(f"ended {fault.id}: {fault.text}")
    if not ended:
        put("no fault was in force")
    return 0


def _add(name: str, output: str, kind: type[AnySpec], **fields: Any) -> int:
    from k8sops.cli.console import put, say
    from k8sops.sandbox.faults.remote import ChaosRemote
    from k8sops.sandbox.faults.specs import MOST_PAUSE_SECONDS, MOST_SECONDS, OfRequests, Pause, Watches

    most = MOST_PAUSE_SECONDS if kind is Pause else MOST_SECONDS
    if fields["seconds"] > most:
        raise click.UsageError(f"--for takes at most {duration_text(most)} here")
    remote = ChaosRemote(name)
    fault = asyncio.run(remote.add(kind(**fields)))
    if output == "json":
        print_json(fault)
        return 0
    if isinstance(fault.spec, Watches):
        say(f"{fault.hits} running watches were ended")
    if fault.until == fault.began:
        return 0
    put(f"{fault.id}: {fault.text}, for {duration_text(fault.spec.seconds)}")
    suffix = _suffix(name)
    if isinstance(fault.spec, OfRequests | Watches):
        say(f"  felt by clients of context k8sops-{name}-faulty:  export KUBECONFIG={remote.kubeconfig}")
    say(f"  sooner: k8sops sandbox chaos remove {fault.id}{suffix}  (or `chaos clear{suffix}` for all)")
    return 0


def _restore(name: str, nodes: tuple[str, ...], zone: str) -> int:
    from k8sops.cli.console import put
    from k8sops.sandbox.faults.remote import ChaosRemote

    back = asyncio.run(ChaosRemote(name).restore(nodes, zone))
    put(
        f"{', '.join(back)} {'comes' if len(back) == 1 else 'come'} back"
        if back
        else "none of them was in trouble"
    )
    return 0


def _left(fault: Fault) -> str:
    from datetime import UTC, datetime

    seconds = (datetime.fromisoformat(fault.until) - datetime.now(UTC)).total_seconds()
    return duration_text(seconds) if seconds >= 1 else "ending"


def _suffix(name: str) -> str:
    from k8sops.sandbox.locations import DEFAULT_NAME

    return "" if name == DEFAULT_NAME else f" --name {name}"
