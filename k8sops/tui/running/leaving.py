"""Leaving the program while a run is carried here: keep it going in the background, cancel it safely, or stay.

DESIGN §8, A door closes. A run that waits for approval goes on waiting, and a run that somebody else carries is none
of ours; nobody is asked about those.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from textual.app import App
from textual.worker import WorkType

from k8sops.core.errors import K8sOpsError
from k8sops.core.ops import Ops
from k8sops.core.run import WAITING, RunId, headline_at
from k8sops.core.text import counted
from k8sops.tui.running.actor import actor_at_screen
from k8sops.tui.running.asking import AskScreen, Choice
from k8sops.tui.running.words import sentence_of
from k8sops.tui.session import Session

Carried = list[tuple[Ops, RunId, str]]


def leave(app: App[int], connection: Session) -> None:
    """Leave the program, after asking where something is carried here; asked already, it is not asked twice."""
    if not isinstance(app.screen, AskScreen):
        leaving: WorkType[None] = partial(_leave, app, connection)
        app.run_worker(leaving, group="leaving", exclusive=True)


async def cancel_carried(connection: Session) -> str:
    """Cancel safely what was started here and has not ended; returns what became of it. Raises what cancelling does."""
    return await _cancel(await _carried(connection))


async def _leave(app: App[int], connection: Session) -> None:
    carried = await _carried(connection)
    if not carried:
        app.exit(0)
        return
    what = "\n".join(f"~ {summary}" for _, _, summary in carried)
    answer = await app.push_screen_wait(
        AskScreen(
            "Leave",
            f"{counted(len(carried), 'run')} carried here still going:\n{what}",
            (Choice("k", "Keep going in the background"), Choice("c", "Cancel safely"), Choice("s", "Stay")),
            careful=True,
            on_interrupt="c",
        )
    )
    if answer is None:
        return
    app.notify("Handing over …" if answer.key == "k" else "Cancelling …", timeout=60)
    try:
        said = await (_keep(carried) if answer.key == "k" else _cancel(carried))
    except K8sOpsError as error:
        app.notify(sentence_of(error), title="Not left", severity="error", markup=False)
        return
    app.exit(0, message=said)


async def _carried(connection: Session) -> Carried:
    """What was started here and has not ended; what the store cannot tell of now counts as going."""
    found: Carried = []
    now = connection.clock.now()
    for ops in connection.all_ops:
        for run_id in ops.carried_here:
            try:
                run = await ops.get_run(run_id)
            except K8sOpsError as error:
                found.append((ops, run_id, f"run {run_id} ({error.message})"))
                continue
            if not run.state.ended and run.state not in WAITING:
                said = f"{run.plan.action} on {run.plan.cluster.name}: {headline_at(run, now)}"
                found.append((ops, run_id, said))
    return found


async def _keep(carried: Carried) -> str:
    every: dict[int, Any] = {id(ops): ops for ops, _, _ in carried}
    return "\n".join([await ops.leave_behind() for ops in every.values()])


async def _cancel(carried: Carried) -> str:
    ended = [
        await ops.cancel(run_id, await actor_at_screen(ops), "the screen was left")
        for ops, run_id, _ in carried
    ]
    return "\n".join(run.outcome or f"run {run.id} is {run.state}" for run in ended)
