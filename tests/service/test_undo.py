"""What would take a run back: from what its done steps recorded, and only where one proposal can say it all."""

from __future__ import annotations

from typing import Any

import pytest

from k8sops.core.actor import Actor
from k8sops.core.errors import UsageError
from k8sops.core.events import Event
from k8sops.core.plan import Step, Target
from k8sops.core.risk import Risk
from k8sops.core.run import Run, RunState
from k8sops.service.undoing import undo_of
from tests.support.plans import NOW, a_plan


def step(name: str, undo: dict[str, Any] | None) -> Step:
    """A cordon of a node, and what takes it back."""
    return Step(
        id=f"cordon/{name}", verb="cordon", target=Target(kind="nodes", name=name), why="asked for",
        before={}, after={}, risk=Risk.LOW, undo=undo,
    )  # fmt: skip


def uncordon(*nodes: str, **more: Any) -> dict[str, Any]:
    """As the action records it."""
    return {"action": "uncordon", "params": {"nodes": [*nodes], **more}}


def a_run(*steps: Step, done: tuple[str, ...]) -> Run:
    """An ended run in which these steps were done."""
    events = tuple(
        Event(seq=number, at=NOW, kind="step_done", text="done", step=f"cordon/{name}")
        for number, name in enumerate(done, 1)
    )
    return Run(
        id="01R", plan=a_plan(steps=steps), state=RunState.FAILED, actor=Actor(name="alice"), events=events
    )


def test_the_steps_that_were_done_become_one_proposal() -> None:
    """Three nodes were to be cordoned, two were: exactly those two are taken back."""
    run = a_run(*(step(name, uncordon(name)) for name in ("a", "b", "c")), done=("a", "c"))
    assert undo_of(run) == ("uncordon", {"nodes": ["a", "c"]})


@pytest.mark.parametrize(
    ("undos", "says"),
    [
        ((None, None), "did nothing that could be undone"),
        ((uncordon("a"), {"action": "scale", "params": {}}), r"takes several actions \(scale, uncordon\)"),
        ((uncordon("a", force=False), uncordon("b", force=True)), "a proposal for each of its steps"),
    ],
)
def test_what_no_single_proposal_could_take_back_is_refused(
    undos: tuple[dict[str, Any] | None, ...], says: str
) -> None:
    """Taking back a part and calling it all would be worse than saying no."""
    steps = [step(name, undo) for name, undo in zip(("a", "b"), undos, strict=True)]
    with pytest.raises(UsageError, match=says):
        undo_of(a_run(*steps, done=("a", "b")))


def test_a_run_in_which_nothing_was_done_has_nothing_to_take_back() -> None:
    """It was denied, or failed at its first step."""
    with pytest.raises(UsageError, match="did nothing"):
        undo_of(a_run(step("a", uncordon("a")), done=()))
