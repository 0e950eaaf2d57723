"""Every commit of a run by name, and a run that comes by there; those that only signed trust has, by themselves."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from k8sops.core.run import RunState

Task = Literal["carry", "propose", "vote", "start", "cancel", "settle", "sweep"]

DONE: Final = frozenset({RunState.SUCCEEDED})
IN_DOUBT: Final = frozenset({RunState.NEEDS_REVIEW})


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Who comes by a crash point, how often at least, and how the run may end once others have gone on with it."""

    task: Task = "carry"
    params: dict[str, Any] = {}
    before: frozenset[RunState] = DONE
    """Where the process dies just before the commit."""
    after: frozenset[RunState] = DONE
    """Where it dies just after."""
    nth: int = 1


CASES: Final[dict[str, Case]] = {
    "claimed": Case(),
    "heartbeat": Case(
        params={"items": 8, "step_s": 0.1}, before=DONE | IN_DOUBT, after=DONE | IN_DOUBT, nth=3
    ),
    "carrier.gone": Case(),
    "step.started": Case(after=IN_DOUBT),
    "step.next": Case(before=IN_DOUBT, after=IN_DOUBT, nth=2),
    "step.done": Case(before=IN_DOUBT),
    "step.failed": Case(params={"fail_at": 1}, before=IN_DOUBT, after=frozenset({RunState.FAILED})),
    "step.broken_off": Case(params={"break_at": 1}, before=IN_DOUBT, after=IN_DOUBT),
    "event": Case(params={"signal": "nod"}),
    "progress": Case(params={"progress": True}),
    "timer.started": Case(params={"pause_s": 0.05}),
    "timer.passed": Case(params={"pause_s": 0.05}),
    "parked": Case(params={"pause_s": 3.0}),
    "run.running": Case(),
    "run.succeeded": Case(),
    "run.failed": Case(
        params={"fail_at": 1}, before=frozenset({RunState.FAILED}), after=frozenset({RunState.FAILED})
    ),
    "run.cancelled": Case(
        params={"hang_at": 1}, before=frozenset({RunState.CANCELLED}), after=frozenset({RunState.CANCELLED})
    ),
    "run.needs_review": Case(params={"hang_at": 0}, before=IN_DOUBT, after=IN_DOUBT),
    "run.void": Case(before=frozenset({RunState.VOID}), after=frozenset({RunState.VOID})),
    "run.denied": Case(after=frozenset({RunState.DENIED})),
    "run.proposed": Case(task="propose"),
    "run.voted": Case(task="vote"),
    "run.queued": Case(task="start"),
    "run.cancel_asked": Case(task="cancel", after=frozenset({RunState.CANCELLED})),
    "run.resumed": Case(task="settle"),
    "run.expired": Case(task="sweep", after=frozenset({RunState.EXPIRED})),
}


class SignedCase(msgspec.Struct, frozen=True, kw_only=True):
    """Who comes by a crash point where statements are signed."""

    task: Task = "carry"
    code: str = ""
    """Of the record made with the commit, where it has another name."""
    found: Literal["nothing", "proposed", "queued", "running", "needs_review", "settled"] = "queued"
    """The run as the process finds it: `running` without a carrier having said so, `settled` by a signed word."""
    how: Literal["done", "retry"] = "retry"
    """What is said of a step in doubt."""
    ends: RunState = RunState.SUCCEEDED


SIGNED: Final[dict[str, tuple[SignedCase, ...]]] = {
    "run.proposed": (SignedCase(task="propose", found="nothing"),),
    "run.queued": (SignedCase(task="start", found="proposed"),),
    "run.cancel_asked": (
        SignedCase(task="cancel", found="proposed", code="run.cancelled", ends=RunState.CANCELLED),
    ),
    "run.running": (SignedCase(),),
    "run.started": (SignedCase(found="running"),),
    "run.resumed": (
        SignedCase(task="settle", found="needs_review", how="done"),
        SignedCase(task="settle", found="needs_review"),
    ),
    "step.settled": (SignedCase(found="settled", how="done"), SignedCase(found="settled")),
}
"""What is committed there alone, and where the journal, the audit trail and a signature have to come together."""
