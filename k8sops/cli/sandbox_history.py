"""The history of a seeded sandbox at the command line: it is made after the seed, and `sandbox env` leads to it.

Only click is imported here; what a command needs is imported when it runs, so that `--help` stays quick.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import click

from k8sops.cli.sandbox_options import name_option

if TYPE_CHECKING:
    from pathlib import Path

    from k8sops.sandbox.manager import SandboxHandle
    from k8sops.service.history import HistoryReport, Place

FOLDER: Final = "k8sops"
"""Within the sandbox's folder."""
HISTORY: Final = (
    "bob wants to go back to checkout 3.0.4, and waits for a word from ops: k8sops approvals list",
    "Last night, at 02:00 UTC, gateway 2.4.0 failed once more: k8sops runs list --state failed",
    "Three nights of backups, and what changed between them: k8sops backups list, k8sops backups diff 2 3",
    "Schedules, a grant, votes: all of it is on record, and can be proved: k8sops audit verify",
)


@click.command("env")
@name_option
@click.option(
    "--user", default="", metavar="PERSON", help="As alice, bob or carol; else as kubernetes-admin."
)
def env_command(name: str, user: str) -> int:
    """Print what makes a shell use a seeded sandbox: its kubeconfig, and the store, policy and keys of its history.

    Your own configuration, store and keys are then left alone. `down` removes those of the sandbox.

    \b
    Examples:
      eval "$(k8sops sandbox env)"
      eval "$(k8sops sandbox env --user alice)"; k8sops approvals list
    """  # noqa: D301 - click reads the character
    from k8sops.core.errors import UsageError
    from k8sops.sandbox.manager import SandboxManager
    from k8sops.sandbox.people import kubeconfig_of

    manager = SandboxManager()
    handle = manager.handle(name)
    if not history_place(handle).exists:
        raise UsageError(
            f"sandbox {name} has no history yet", hint=f"`k8sops sandbox seed --name {name}` makes it"
        )
    kubeconfig = kubeconfig_of(manager, name, user) if user else handle.kubeconfig
    for line in shell_lines(history_place(handle), kubeconfig, os.environ):
        click.echo(line)
    return 0


def history_place(handle: SandboxHandle) -> Place:
    """Where this sandbox's history lies."""
    from k8sops.service.history import Place

    return Place(handle.folder / FOLDER)


def shell_lines(place: Place, kubeconfig: Path, present: Mapping[str, str]) -> list[str]:
    """Lines for a shell whose environment is `present`."""
    from k8sops.service.history.place import OVERRIDING

    wanted = {"KUBECONFIG": str(kubeconfig), **place.variables()}
    in_the_way = [name for name in OVERRIDING if name in present]
    return [
        *(f"export {name}={shlex.quote(value)}" for name, value in wanted.items()),
        *([f"unset {' '.join(in_the_way)}"] if in_the_way else []),
    ]


def make_history_of(handle: SandboxHandle, say: Callable[[str], None]) -> HistoryReport:
    """Make the history of a sandbox that was just seeded, unless it has one. Raises what making it raises."""
    from k8sops.cli.running import run_async
    from k8sops.sandbox.manager import SandboxManager
    from k8sops.sandbox.people import kubeconfigs
    from k8sops.service.history import make_history

    people = kubeconfigs(SandboxManager(handle.folder.parent), handle.name)
    kubeconfigs_of_all = {"admin": handle.kubeconfig, **people}
    return run_async(make_history(history_place(handle), kubeconfigs_of_all, say=say))
