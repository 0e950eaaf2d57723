"""Asking at the terminal, once, what policy wants asked: yes, or the cluster's name typed out.

`--yes` stands for yes, `--confirm CLUSTER` for the typed name; neither stands for the other.
"""

from __future__ import annotations

import asyncio
import sys

from k8sops.cli.console import say
from k8sops.core.digests import SHORTEST_DIGEST
from k8sops.core.errors import ConfirmationError
from k8sops.core.risk import Risk
from k8sops.core.run import Run
from k8sops.core.text import printable


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask_to_apply(run: Run, *, yes: bool, confirm: str) -> None:
    """Return once the plan is confirmed. Raises ConfirmationError."""
    decision = run.plan.decision
    typed = decision is not None and decision.typed_name
    if not run.plan.steps or (decision is not None and decision.effect == "allow" and not typed):
        return
    name = run.plan.cluster.name
    asks = decision is not None and decision.effect == "approve"
    _ask(
        f"Ask for approval of this plan for {name}?" if asks else f"Apply this plan to {name}?",
        name,
        run.plan.risk if typed else None,
        yes=yes,
        confirm=confirm,
        hint=f"review it with --plan, then add {{}} --digest {run.plan.digest[:SHORTEST_DIGEST]}",
        nothing="nothing was done",
    )


def ask_to_keep(schedule: str, cluster: str, risk: Risk | None, *, yes: bool, confirm: str) -> None:
    """Return once the schedule is confirmed; `risk` where the cluster's name has to be typed for what it may do.

    Raises ConfirmationError.
    """
    _ask(
        f"Keep the schedule {schedule}?",
        cluster,
        risk,
        yes=yes,
        confirm=confirm,
        hint="add {}",
        nothing="nothing was kept",
    )


def _ask(
    question: str, name: str, typed: Risk | None, *, yes: bool, confirm: str, hint: str, nothing: str
) -> None:
    if confirm and confirm != name:
        raise ConfirmationError(
            f"--confirm names {printable(confirm)!r}, the plan is for {name!r}; {nothing}"
        )
    if confirm or (yes and not typed):
        return
    if not at_terminal():
        wanted = f"--confirm {name}" if typed else "--yes"
        stands = "; --yes does not stand for the cluster's name" if yes else ""
        raise ConfirmationError(
            f"there is no terminal to ask at{stands}, so {nothing}", hint=hint.format(wanted)
        )
    if typed:
        given = answer(f"This is {typed}. {question} Type the cluster's name ({name}): ")
    else:
        given = answer(f"{question} [y/N] ")
    if given not in ({name} if typed else {"y", "yes"}):
        raise ConfirmationError(f"not confirmed; {nothing}")


async def answer_while_running(question: str) -> str:
    """The same, without keeping the loop from its work; cancelling it leaves no thread at the terminal."""
    say()
    sys.stderr.write(printable(question))
    sys.stderr.flush()
    loop = asyncio.get_running_loop()
    typed = loop.create_future()

    def read() -> None:
        if not typed.done():
            typed.set_result(sys.stdin.readline().strip().lower())

    loop.add_reader(sys.stdin.fileno(), read)
    try:
        return str(await typed)
    finally:
        loop.remove_reader(sys.stdin.fileno())


def answer(question: str) -> str:
    """What was typed: a name as it is, a word in small letters."""
    say()
    sys.stderr.write(printable(question))
    sys.stderr.flush()
    typed = sys.stdin.readline().strip()
    return typed.lower() if typed.lower() in {"y", "yes", "n", "no", "k", "c", "s"} else typed
