"""How a run stands, in at most three lines: one for each state, with what was done and what was not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from k8sops.core.events import MADE, Progress
from k8sops.core.moments import in_words
from k8sops.core.plan import Step
from k8sops.core.plan_words import step_title
from k8sops.core.run import Run, RunState
from k8sops_slack.blocks.markup import Mrkdwn, bold, clock_time, code, escaped, joined, prose, written
from k8sops_slack.cards.room import Room
from k8sops_slack.cards.words import DOT, needs_line

GLYPHS: Final[Mapping[RunState, str]] = {
    RunState.PROPOSED: "✋",
    RunState.AWAITING_APPROVAL: "✋",
    RunState.QUEUED: "⏳",
    RunState.RUNNING: "🔄",
    RunState.SUCCEEDED: "✅",
    RunState.FAILED: "❌",
    RunState.CANCELLED: "⏹️",
    RunState.NEEDS_REVIEW: "❗",
    RunState.DENIED: "⛔",
    RunState.EXPIRED: "⌛",
    RunState.VOID: "♻️",
}
WORDS: Final[Mapping[RunState, str]] = {state: str(state).replace("_", " ") for state in RunState}
NAMED: Final = 3
BAR: Final = 12
TOLD: Final = 400
NOTHING: Final = "nothing was changed"


def standing_lines(run: Run, room: Room) -> list[Mrkdwn]:
    """The lines of a run's state."""
    return [*_OF_STATE.get(run.state, _ended)(run, room)]


def head(run: Run, word: str = "") -> Mrkdwn:
    """`✅ *succeeded*`."""
    return joined(" ", [written(GLYPHS[run.state]), bold(written(word or WORDS[run.state]))])


def took(run: Run) -> str:
    """How long it ran, once it has ended."""
    if run.started_at is None or run.ended_at is None:
        return ""
    return in_words((run.ended_at - run.started_at).total_seconds())


def told(run: Run) -> str:
    """How it ended, without the name of its state."""
    text = run.error.message if run.error is not None else run.outcome
    for beginning in ("done: ", f"{run.state}: ", f"{run.state} "):
        text = text.removeprefix(beginning)
    return text


def done_steps(run: Run) -> tuple[list[Step], list[Step]]:
    """The plan's steps that are done, and those that are not."""
    done = {event.step for event in run.events if event.kind == "step_done"}
    return [one for one in run.plan.steps if one.id in done], [
        one for one in run.plan.steps if one.id not in done
    ]


def changes_nothing(run: Run) -> bool:
    """Whether its plan found all as it is to be: there is nothing to begin and nothing to stop."""
    return run.state is RunState.PROPOSED and not run.plan.steps and not run.plan.blockers


def undoable(run: Run) -> bool:
    """Whether there is anything to take back."""
    done, _ = done_steps(run)
    return run.state.ended and (
        any(one.undo for one in done) or any(MADE in event.data for event in run.events)
    )


def account(run: Run) -> Mrkdwn:
    """What was done and what was not; empty where how it ended says that already."""
    done, left = done_steps(run)
    if not done:
        return written("" if NOTHING in told(run) else NOTHING)
    parts = [escaped(f"done: {_named(done)}", TOLD)]
    if left:
        parts.append(escaped(f"not done: {_named(left)}", TOLD))
    return joined(DOT, parts)


def progress_text(progress: Progress) -> Mrkdwn:
    """A bar, the count, the time left; empty where there is nothing to count."""
    parts = []
    if progress.total > 0:
        full = round(BAR * min(progress.done, progress.total) / progress.total)
        count = f"{progress.done} of {progress.total} {progress.unit}".rstrip()
        parts.append(escaped(f"{'█' * full}{'░' * (BAR - full)} {count}", 120))
        if progress.eta_s and progress.done < progress.total:
            parts.append(written(f"about {in_words(progress.eta_s)} left"))
    return joined(DOT, parts)


def waits_text(progress: Progress, limit: int) -> Mrkdwn:
    """What it waits for, and since when: a moment, for a message is not drawn again while nothing happens."""
    said = escaped(f"waits for {progress.waiting_for}", limit)
    if progress.waiting_since is None:
        return said
    return joined(", since ", [said, clock_time(progress.waiting_since)])


def _named(steps: list[Step]) -> str:
    names = ", ".join(step_title(one) for one in steps[:NAMED])
    return f"{names} and {len(steps) - NAMED} more" if len(steps) > NAMED else names


def _approvers(run: Run, room: Room) -> Mrkdwn:
    yes = [room.person(one.actor, one.person) for one in run.approvals if one.vote.verdict == "approve"]
    return joined(" ", [written("approved by"), joined(", ", yes)]) if yes else written("")


def _proposed(run: Run, room: Room) -> Iterator[Mrkdwn]:
    decision = run.plan.decision
    if run.plan.blockers:
        flags = ", ".join(dict.fromkeys(one.override for one in run.plan.blockers if one.override))
        yield joined(" ", [written("⛔ *blocked*"), escaped(f"{flags} would override" if flags else "", 200)])
    elif changes_nothing(run):
        yield written("✅ nothing to change")
    elif room.preview:
        yield written("👀 only a plan: nothing can be applied from here")
    elif decision is not None and decision.effect == "approve":
        who = joined(" ", [room.person(run.actor, run.person), written("starts it")])
        yield joined(DOT, [joined(" ", [written("✋"), _approvers(run, room)]), who])
    else:
        why = decision.why if decision is not None else ""
        yield joined(DOT, [written("✋ yours to apply"), escaped(why, 160)])


def _awaiting(run: Run, room: Room) -> Iterator[Mrkdwn]:
    yield joined(" ", [written(GLYPHS[run.state]), needs_line(run, room)])


def _queued(run: Run, room: Room) -> Iterator[Mrkdwn]:
    waits = f"waits for {run.progress.waiting_for}" if run.progress.waiting_for else "begins in a moment"
    yield joined(DOT, [head(run), _approvers(run, room), escaped(waits, TOLD)])


def _running(run: Run, room: Room) -> Iterator[Mrkdwn]:
    yield joined(DOT, [head(run), progress_text(run.progress)])
    if run.progress.waiting_for:
        yield waits_text(run.progress, TOLD)
    if yes := _approvers(run, room):
        yield yes


def _succeeded(run: Run, room: Room) -> Iterator[Mrkdwn]:
    taken = took(run)
    yield joined(DOT, [head(run, f"done in {taken}" if taken else "done"), escaped(told(run), TOLD)])
    if yes := _approvers(run, room):
        yield yes


def _ended(run: Run, room: Room) -> Iterator[Mrkdwn]:
    why = told(run)
    yield joined(" " if why.startswith("by ") else ": ", [head(run), escaped(why, TOLD)])
    if done := account(run):
        yield done
    if run.error is not None and run.error.hint and run.state is RunState.FAILED:
        yield prose(run.error.hint, 200)


def _review(run: Run, room: Room) -> Iterator[Mrkdwn]:
    yield from _ended(run, room)
    yield joined(
        " ", [written("look at it, then settle it here or with"), code(f"k8sops runs resume {run.id}")]
    )


def _denied(run: Run, room: Room) -> Iterator[Mrkdwn]:
    no = next((one for one in reversed(run.approvals) if one.vote.verdict == "deny"), None)
    if no is None:
        yield joined(": ", [head(run), escaped(told(run), TOLD)])
    else:
        by = joined(" ", [head(run), written("by"), room.person(no.actor, no.person)])
        yield joined(": ", [by, escaped(no.vote.reason, TOLD)])
    yield written(NOTHING)


def _before_it_began(run: Run, room: Room) -> Iterator[Mrkdwn]:
    yield joined(": ", [head(run), escaped(told(run), 600)])
    yield written(NOTHING)


_OF_STATE: Final[Mapping[RunState, Callable[[Run, Room], Iterator[Mrkdwn]]]] = {
    RunState.PROPOSED: _proposed,
    RunState.AWAITING_APPROVAL: _awaiting,
    RunState.QUEUED: _queued,
    RunState.RUNNING: _running,
    RunState.SUCCEEDED: _succeeded,
    RunState.NEEDS_REVIEW: _review,
    RunState.DENIED: _denied,
    RunState.EXPIRED: _before_it_began,
    RunState.VOID: _before_it_began,
}
