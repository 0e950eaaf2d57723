"""Runs and plans as lines: each state with a glyph and a word, each step with what became of it.

Pure text; who draws it colours the glyph and the word, never more. All of it is shown, for the page scrolls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from k8sops.core.digests import SHORTEST_DIGEST
from k8sops.core.durations import age
from k8sops.core.errors import K8sOpsError
from k8sops.core.events import Event, Progress
from k8sops.core.moments import in_words
from k8sops.core.plan import Bulk, Decision, Finding, Step
from k8sops.core.plan_words import change_text, counts_text, rests_on, step_title, takes_text
from k8sops.core.run import Approval, Run, RunState
from k8sops.core.text import identity_in_words, printable
from k8sops.tui.running.lines_view import Line, Look
from k8sops.tui.status import SEPARATOR

ITEMS_SHOWN: Final = 200
BAR_CELLS: Final = 24


class Sign(NamedTuple):
    """How a state is shown."""

    glyph: str
    word: str
    look: Look


SIGNS: Final[dict[RunState, Sign]] = {
    RunState.PROPOSED: Sign("!", "proposed", "warn"),
    RunState.AWAITING_APPROVAL: Sign("!", "awaiting approval", "warn"),
    RunState.QUEUED: Sign("~", "queued", "busy"),
    RunState.RUNNING: Sign("~", "running", "busy"),
    RunState.SUCCEEDED: Sign("✓", "succeeded", "ok"),
    RunState.FAILED: Sign("✗", "failed", "bad"),
    RunState.CANCELLED: Sign("-", "cancelled", "muted"),
    RunState.NEEDS_REVIEW: Sign("✗", "needs review", "bad"),
    RunState.DENIED: Sign("✗", "denied", "bad"),
    RunState.EXPIRED: Sign("-", "expired", "muted"),
    RunState.VOID: Sign("!", "void", "warn"),
}
_LEVELS: Final[dict[str, tuple[str, Look]]] = {
    "note": ("·", "muted"),
    "warning": ("!", "warn"),
    "blocker": ("✗", "bad"),
}
_STEP_SIGNS: Final[dict[str, tuple[str, Look]]] = {
    "step_started": ("~", "busy"),
    "step_done": ("✓", "ok"),
    "step_failed": ("✗", "bad"),
}
_SURFACES: Final = {
    "cli": "at the command line",
    "tui": "at the screen",
    "slack": "in the chat",
    "schedule": "by a schedule",
}


def state_text(state: RunState) -> str:
    """`✓ succeeded`."""
    sign = SIGNS[state]
    return f"{sign.glyph} {sign.word}"


def headline(run: Run, now: datetime) -> str:
    """State, action, by whom and since when."""
    since = run.ended_at or run.started_at or run.proposed_at
    word = "ended" if run.ended_at else "began" if run.started_at else "proposed"
    parts = [state_text(run.state), run.plan.action, f"by {run.who}"]
    if since is not None:
        parts.append(f"{word} {age(since, now)} ago")
    return SEPARATOR.join(parts)


def sentence_of(error: K8sOpsError) -> str:
    """What failed and what to do about it."""
    return f"{error.message} ({error.hint})" if error.hint else error.message


def progress_text(progress: Progress, now: datetime) -> str:
    """A bar, the count, the time left, what is waited for; empty where there is nothing of it."""
    parts = []
    if progress.total > 0:
        full = round(BAR_CELLS * min(progress.done, progress.total) / progress.total)
        bar = "█" * full + "░" * (BAR_CELLS - full)
        parts.append(f"{bar}  {progress.done} of {progress.total} {progress.unit}".rstrip())
        if progress.eta_s and progress.done < progress.total:
            parts.append(f"about {in_words(progress.eta_s)} left")
    if progress.waiting_for:
        parts.append(f"waiting for {_waiting(progress, now)}")
    return SEPARATOR.join(parts)


def _waiting(progress: Progress, now: datetime) -> str:
    """`payments/payments-pdb 0:40: 0 disruptions allowed`: the clock before what may be cut."""
    if progress.waiting_since is None:
        return progress.waiting_for
    name, colon, why = progress.waiting_for.partition(": ")
    minutes, seconds = divmod(max(0, int((now - progress.waiting_since).total_seconds())), 60)
    return f"{name} {minutes}:{seconds:02}{colon}{why}"


def outcome_lines(run: Run) -> Iterator[Line]:
    """How it ended, why, and what to do."""
    if not run.state.ended:
        return
    sign = SIGNS[run.state]
    told = run.error.message if run.error is not None else run.outcome.removeprefix("done: ")
    head = state_text(run.state)
    # Many an outcome begins with the state's name already, as in `denied by carol`.
    rest = told.removeprefix(str(run.state))
    colon = ": " if told and rest == told else ""
    yield Line(f"{head}{colon}{rest}", sign.look, len(head), 2)
    if run.error is not None and run.error.hint:
        yield Line(f"  {run.error.hint}", indent=2)
    if run.error is not None and run.outcome.removeprefix(f"{run.state}: ") not in {"", run.error.message}:
        yield Line(f"  {run.outcome}", indent=2)


def standing_lines(run: Run, drift: Sequence[str] | None) -> list[Line]:
    """How it ended, or what it waits for and whether the cluster still is as planned."""
    lines = [*outcome_lines(run)]
    lines += (Line(f"! drifted: {change}", "warn", 9, 2) for change in drift or ())
    if drift is not None and not drift and run.state is RunState.AWAITING_APPROVAL:
        lines.append(Line("✓ the cluster still is as planned", "ok", 1))
    lines += _waiting_lines(run)
    return lines


def run_lines(run: Run, steps: Mapping[str, Event], drift: Sequence[str] | None) -> list[Line]:
    """The page of a run: its end, what it changes and how far each change is, what to know, who said yes."""
    plan, lines = run.plan, standing_lines(run, drift)
    lines += _step_lines(run, steps)
    lines += _finding_lines(plan.findings)
    lines += (_fact("rests on", fact) for fact in rests_on(plan))
    if takes := takes_text(plan):
        lines.append(_fact("takes", takes))
    lines.append(_fact("risk", str(plan.risk)))
    lines.append(_fact("run", run.id))
    lines.append(_fact("digest", plan.digest[:SHORTEST_DIGEST]))
    name = run.actor.name if run.person in {"", run.actor.name} else f"{run.actor.name} ({run.person})"
    lines.append(_fact("by", f"{name}, {_SURFACES.get(run.actor.surface, run.actor.surface)}"))
    if run.reason:
        lines.append(_fact("reason", run.reason))
    if run.schedule:
        lines.append(_fact("schedule", run.schedule))
    if plan.execute_as:
        lines.append(_fact("as", identity_in_words(plan.execute_as)))
    if run.emergency:
        lines.append(Line("! it went round approvals, in an emergency", "warn", 1))
    lines += (_vote_line(approval) for approval in run.approvals)
    return lines


def steps_told(run: Run, events: Sequence[Event]) -> dict[str, Event]:
    """What was last told of each step: begun, done or failed.

    Of a run that failed with all its steps done, the one it still waited for has failed: its change was made, and what
    it was made for did not come.
    """
    told = {event.step: event for event in events if event.kind in _STEP_SIGNS}
    of_plan = [told.get(step.id) for step in run.plan.steps]
    if run.state is not RunState.FAILED or any(one is None or one.kind != "step_done" for one in of_plan):
        return told
    last = next((event.step for event in reversed(events) if event.step in told), "")
    if last:
        text = f"{told[last].text}, but what it waits for did not come"
        told[last] = msgspec.structs.replace(told[last], kind="step_failed", text=text)
    return told


def log_line(event: Event, said: str = "") -> Line | None:
    """An event as a line of the log; None where it is no news. What is `said` above already is not said again."""
    if event.kind == "progress" or event.data.get("quiet"):
        return None
    glyph, look = _STEP_SIGNS.get(event.kind, ("·", "muted"))
    if event.kind == "state":
        sign = SIGNS.get(RunState(str(event.data.get("state", ""))), Sign("·", "", "muted"))
        glyph, look = sign.glyph, sign.look
    text = event.text.removesuffix(f": {said}") if said else event.text
    return Line(f"{glyph} {event.at:%H:%M:%S}  {text}", look, 1, 12)


def who_may(decision: Decision | None) -> str:
    """Who has to say yes, in one sentence; empty where nobody has."""
    if decision is None or decision.effect != "approve":
        return ""
    parts = []
    for demand in decision.demands:
        number = "1 approval" if demand.count == 1 else f"{demand.count} approvals"
        whose = f" of {' or '.join(demand.groups)}" if demand.groups else ""
        parts.append(f"{number}{whose}")
    return " and ".join(parts) or f"{decision.approvals} of those policy knows"


def _waiting_lines(run: Run) -> Iterator[Line]:
    if run.state is not RunState.AWAITING_APPROVAL:
        return
    decision = run.plan.decision
    if wanted := who_may(decision):
        given = sum(approval.vote.verdict == "approve" for approval in run.approvals)
        yield Line(f"! needs {wanted}; {given} given", "warn", 1, 2)
    if decision is not None and decision.why:
        yield Line(f"  {decision.why}", indent=2)


def _step_lines(run: Run, steps: Mapping[str, Event]) -> Iterator[Line]:
    titles = [step_title(step) for step in run.plan.steps]
    width = min(max(map(len, titles), default=0), 44)
    for step, title in zip(run.plan.steps, titles, strict=True):
        glyph, look, told = _step_state(run, step, steps)
        change = change_text(step.before, step.after)
        yield Line(f"{glyph} {title:<{width}}  {change}  ({step.risk})".rstrip(), look, 1, 4)
        if told := printable(told or step.why):
            yield Line(f"    {told}", indent=4)
        if step.bulk is not None:
            yield from _bulk_lines(step.bulk)


def _step_state(run: Run, step: Step, steps: Mapping[str, Event]) -> tuple[str, Look, str]:
    event = steps.get(step.id)
    if event is None:
        return ("-" if run.state.ended else " "), "muted", ""
    if event.kind == "step_started" and run.state.ended:
        return "!", "warn", "begun, and its end is not on record"
    glyph, look = _STEP_SIGNS[event.kind]
    return glyph, look, event.text


def _bulk_lines(bulk: Bulk) -> Iterator[Line]:
    yield Line(f"    {counts_text(bulk)}", indent=4)
    for item in bulk.items[:ITEMS_SHOWN]:
        target = item.target
        name = f"{target.namespace}/{target.name}" if target.namespace else target.name
        refused = item.verb == "refuse"
        glyph = "✗" if refused else "·"
        text = f"    {glyph} {item.verb} {name}" + (f": {item.why}" if item.why else "")
        yield Line(text, "bad" if refused else "", 5, 8)
    if bulk.total > len(bulk.items[:ITEMS_SHOWN]):
        yield Line(f"    and {bulk.total - len(bulk.items[:ITEMS_SHOWN]):,} more")


def _finding_lines(findings: Sequence[Finding]) -> Iterator[Line]:
    for finding in findings:
        glyph, look = _LEVELS[finding.level]
        override = f" (override: {finding.override})" if finding.override else ""
        head = f"{glyph} {finding.level}:"
        yield Line(f"{head} {finding.text}{override}", look, len(head), 4)


def _vote_line(approval: Approval) -> Line:
    yes = approval.vote.verdict == "approve"
    why = f": {approval.vote.reason}" if approval.vote.reason else ""
    name = approval.who
    head = "✓ approved" if yes else "✗ denied"
    return Line(f"{head} by {name}, {approval.at:%H:%M:%S} UTC{why}", "ok" if yes else "bad", len(head), 4)


def _fact(name: str, text: str) -> Line:
    return Line(f"  {name:<9} {text}", "muted", 11, 12)
