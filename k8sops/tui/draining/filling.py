"""How far each pod of a drain is, from what its run has told. Pure.

A pod has gone when it was let go and the run no longer names it among those that are ending. A run that succeeded has
waited for all of them. Nodes fill as the pods go that the plan expects there: where each lands is not on record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from k8sops.core.events import Event, Progress
from k8sops.core.run import Run, RunState
from k8sops.tui.draining.picture import NodeRoom, Picture, PodMove

PodState = Literal["planned", "waiting", "leaving", "gone", "failed", "untouched"]

GLYPHS: Final[Mapping[PodState, str]] = {
    "planned": "·",
    "waiting": "!",
    "leaving": "~",
    "gone": "✓",
    "failed": "✗",
    "untouched": "-",
}


class Filling(msgspec.Struct, frozen=True, kw_only=True):
    """A drain under way, or over."""

    states: Mapping[str, PodState]
    """By the pod's path."""
    elapsed_s: float
    ended: bool
    unlisted_gone: float = 0.0
    """The share that has gone of the pods that the plan does not list."""

    def state(self, pod: PodMove) -> PodState:
        """How far one pod is."""
        return self.states.get(pod.path, "untouched" if self.ended else "planned")

    def arrived(self, room: NodeRoom, picture: Picture) -> int:
        """How many of the pods that are expected on a node have gone from where they were."""
        expected = [pod for pod in picture.leaving if pod.whereto == room.name]
        gone = sum(self.state(pod) == "gone" for pod in expected)
        return gone + round(max(room.arriving - len(expected), 0) * self.unlisted_gone)


def filling_of(
    picture: Picture, run: Run, events: Sequence[Event], progress: Progress, now: datetime
) -> Filling | None:
    """What a run has done so far; None where it has not begun."""
    if run.started_at is None:
        return None
    told = {event.step: event for event in events if event.kind in _TOLD}
    named, seen = _ending(events)
    is_done = run.state is RunState.SUCCEEDED
    states: dict[str, PodState] = {}
    for pod in picture.pods:
        event = told.get(pod.path)
        if event is not None:
            is_ending = pod.uid in named or event.seq > seen
            states[pod.path] = _state(event, pod, progress, is_ending=is_ending and not is_done)
        elif is_done and pod.fate != "stays":
            # It had gone by itself before its turn came.
            states[pod.path] = "gone"
        elif not run.state.ended and _is_held(pod, progress):
            states[pod.path] = "waiting"
    end = run.ended_at or now
    return Filling(
        states=states,
        unlisted_gone=1.0 if is_done else _share_gone(picture, states, progress),
        elapsed_s=max(0.0, (end - run.started_at).total_seconds()),
        ended=run.state.ended,
    )


_TOLD: Final = frozenset({"step_started", "step_done", "step_failed"})


def _state(event: Event, pod: PodMove, progress: Progress, *, is_ending: bool) -> PodState:
    if event.kind == "step_failed":
        return "failed"
    if event.kind == "step_started":
        # Asked for and not let go yet: which budget holds it is told of the whole run only.
        return "waiting" if _is_held(pod, progress) else "leaving"
    return "leaving" if is_ending else "gone"


def _share_gone(picture: Picture, states: Mapping[str, PodState], progress: Progress) -> float:
    """Of the pods that are not listed, by the run's own count of all."""
    others = progress.total - len(picture.leaving)
    gone = progress.done - sum(state == "gone" for state in states.values())
    return min(max(gone / others, 0.0), 1.0) if others > 0 else 0.0


def _is_held(pod: PodMove, progress: Progress) -> bool:
    return any(budget in progress.waiting_for for budget in pod.budgets)


def _ending(events: Sequence[Event]) -> tuple[frozenset[str], int]:
    """The uids that the newest progress names, and that event's number: what was let go later is ending too."""
    for event in reversed(events):
        if event.kind == "progress" and "leaving" in event.data:
            return frozenset(map(str, event.data["leaving"])), event.seq
    return frozenset(), 0
