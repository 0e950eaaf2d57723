"""What happens on Ctrl-C while a run is carried here (DESIGN §8, A door closes).

At a terminal it is asked: keep it going in the background, cancel it safely, or stay. A second Ctrl-C cancels. Without
a terminal a signal cancels safely. A run that waits for approval goes on waiting.
"""

from __future__ import annotations

import asyncio
from typing import Any

from k8sops.cli.asking import answer_while_running, at_terminal
from k8sops.cli.console import put_json, say
from k8sops.core.actor import Actor
from k8sops.core.documents import run_document
from k8sops.core.ops import Ops
from k8sops.core.run import RunId, RunState


async def on_interrupt(
    ops: Ops, run: RunId, actor: Actor, following: asyncio.Future[Any], *, by: str, as_json: bool
) -> str | None:
    """What became of it in one word, or None where the person stays."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
    choice = "c"
    present = await ops.get_run(run)
    if present.state in {RunState.AWAITING_APPROVAL, RunState.PROPOSED}:
        following.cancel()
        say(f"run {run} goes on waiting for approval; `k8sops runs cancel {run}` withdraws it")
        return "left"
    if at_terminal() and not present.state.ended and by != "SIGTERM":
        choice = await _asked(run)
    if choice == "s":
        return None
    following.cancel()
    if choice == "k":
        say(await ops.leave_behind())
        return "kept"
    stopped = await ops.cancel(run, actor, "interrupted at the terminal")
    say(stopped.outcome)
    if as_json:
        put_json(run_document(stopped))
    return "cancelled"


async def _asked(run: RunId) -> str:
    """The letter chosen; a second Ctrl-C while asking means cancel."""
    question = f"Run {run} is still going: (k)eep it in the background, (c)ancel it safely, or (s)tay? "
    try:
        typed = await answer_while_running(question)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        return "c"
    return typed if typed in {"k", "c", "s"} else "s"
