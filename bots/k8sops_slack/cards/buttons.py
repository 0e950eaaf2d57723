"""The buttons of a card: what can be done with the run as it stands. Each says which plan it means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from k8sops.core.risk import Risk
from k8sops.core.run import Run, RunState
from k8sops_slack.blocks.building import Block, button, confirm
from k8sops_slack.blocks.markup import short
from k8sops_slack.cards import clicks
from k8sops_slack.cards.room import Room
from k8sops_slack.cards.standing import changes_nothing, undoable
from k8sops_slack.cards.words import subject, votable

ABOUT: Final = 100
SUMMARY: Final = 160
_ONCE_MORE = frozenset({RunState.VOID, RunState.EXPIRED})


def buttons(run: Run, room: Room) -> list[Block]:
    """In the order they are shown."""
    return [] if room.preview else [*_deciding(run), *_following(run), _details(run)]


def wants_name(run: Run) -> bool:
    """Whether the cluster's name is typed to apply it, for which there is a dialog of its own."""
    return run.plan.decision is not None and run.plan.decision.typed_name


def startable(run: Run) -> bool:
    """Whether only its requester is waited for."""
    return run.state is RunState.PROPOSED and bool(run.plan.steps) and not run.plan.blockers


def _deciding(run: Run) -> Iterator[Block]:
    value = clicks.click_on(run).value
    if run.state is RunState.AWAITING_APPROVAL:
        if votable(run):
            asks = confirm("Approve?", _repeated(run, "It begins once it is approved."), "Approve", "Not now")
            yield button("Approve", clicks.APPROVE, value, style="primary", confirm=asks)
        yield button("Deny", clicks.DENY, value, style="danger")
    if startable(run):
        asks = confirm("Apply?", _repeated(run, "It begins at once."), "Apply", "Not now")
        yield button(
            "Apply",
            clicks.APPLY_NAMED if wants_name(run) else clicks.APPLY,
            value,
            style="danger" if run.plan.risk is Risk.DESTRUCTIVE else "primary",
            confirm=None if wants_name(run) else asks,
        )


def _repeated(run: Run, then: str) -> str:
    """Where, what, and to what end, once more before it is meant; what follows is never what is cut."""
    return f"{short(subject(run), ABOUT)}. {short(run.plan.summary, SUMMARY)} {then}"


def _following(run: Run) -> Iterator[Block]:
    value, about = clicks.click_on(run).value, subject(run)
    if not (run.state.ended or run.state is RunState.AWAITING_APPROVAL or changes_nothing(run)):
        stops = "It stops within a step, and says what was done." if run.state is RunState.RUNNING else ""
        asks = confirm("Cancel?", f"{about}. {stops}".rstrip(), "Cancel it", "Keep it", style="danger")
        yield button("Cancel", clicks.CANCEL, value, confirm=asks)
    if run.state is RunState.NEEDS_REVIEW:
        for how, label in (("done", "It was done"), ("retry", "Try it again"), ("abandon", "Leave it")):
            asks = confirm(f"{label}?", f"The step in doubt of: {about}.", label, "Not now")
            yield button(label, f"{clicks.SETTLE}{how}", value, confirm=asks)
    if undoable(run):
        yield button("Undo…", clicks.UNDO, value)
    if run.state in _ONCE_MORE:
        yield button("Plan again", clicks.AGAIN, value)


def _details(run: Run) -> Block:
    return button("Details", clicks.DETAILS, clicks.click_on(run).value)
