"""A run as text: how it ended, what it is in a list, all there is to know of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final

from k8sops.cli.columns_text import age, aligned
from k8sops.cli.console import ProgressLine, paint, put, put_json, say
from k8sops.cli.plan_items import hung
from k8sops.cli.plan_text import STEPS_SHOWN, plan_lines
from k8sops.core.clock import Clock, parse_rfc3339
from k8sops.core.documents import run_document
from k8sops.core.errors import ExitCode, exit_code_of
from k8sops.core.events import MADE, Event, waiting_text
from k8sops.core.plan import SUMMARY_LIMIT
from k8sops.core.run import Approval, Run, RunState, RunSummary, headline_at
from k8sops.core.text import identity_in_words, printable, shortened
from k8sops.service.command_words import command_line

_EXIT_OF_STATE: Final = {
    RunState.SUCCEEDED: ExitCode.DONE,
    RunState.DENIED: ExitCode.DENIED,
    RunState.EXPIRED: ExitCode.DENIED,
    RunState.VOID: ExitCode.DRIFTED,
    RunState.CANCELLED: ExitCode.INTERRUPTED,
    RunState.AWAITING_APPROVAL: ExitCode.WAITING_FOR_APPROVAL,
}
_STYLES: Final = {
    RunState.SUCCEEDED: "low",
    RunState.FAILED: "blocker",
    RunState.NEEDS_REVIEW: "blocker",
    RunState.AWAITING_APPROVAL: "warning",
    RunState.RUNNING: "note",
}
_SURFACES: Final = {"cli": "at the command line", "tui": "at the screen", "schedule": "by a schedule"}
_GLYPHS: Final = {"step_done": "✓", "step_failed": "✗", "note": "·"}


def close_run(run: Run, *, as_json: bool) -> ExitCode:
    """Say how the run ended and return the exit code that means it."""
    if as_json:
        put_json(run_document(run))
    elif run.state is RunState.SUCCEEDED:
        put(run.outcome)
    if run.error is not None:
        say(f"error: {run.error.message}")
        if run.error.hint:
            say(f"hint: {run.error.hint}")
    elif run.state.ended and run.state is not RunState.SUCCEEDED:
        say(outcome_text(run))
    return exit_of(run)


def exit_of(run: Run) -> ExitCode:
    """What the run's end means to a shell."""
    if run.error is not None and run.state is not RunState.CANCELLED:
        code = exit_code_of(run.error.code)
        return code if code is not ExitCode.FAILED else _EXIT_OF_STATE.get(run.state, ExitCode.FAILED)
    return _EXIT_OF_STATE.get(run.state, ExitCode.FAILED)


def tell_event(event: Event, line: ProgressLine, clock: Clock) -> None:
    """One event as it comes; on a terminal the age of what is waited for runs on by `clock`.

    How far a step was is recorded seldom, and may come behind its end; what is waited for after it is told.
    """
    if event.kind in {"step_done", "step_failed"}:
        line.over.add(event.step)
    if event.kind == "progress":
        waiting = str(event.data.get("waiting_for") or "")
        if event.step in line.over and not waiting:
            return
        line.keep(partial(_progress_line, event, waiting, clock))
    elif event.kind in _GLYPHS and not event.data.get("quiet"):
        line.clear()
        # Why a step failed is told whole where the run ends, as its error.
        text = shortened(event.text, SUMMARY_LIMIT) if event.kind == "step_failed" else event.text
        for part in hung(f"  {_GLYPHS[event.kind]} {text}", "", "    ", sys.stderr):
            say(part)


def _progress_line(event: Event, waiting: str, clock: Clock) -> str:
    if not waiting or waiting == event.text:
        return f"  {event.text}"
    told = event.data.get("waiting_since")
    said = waiting_text(waiting, parse_rfc3339(told) if told else None, clock.now())
    return f"  {event.text}; waiting for {said}"


def summary_lines(runs: tuple[RunSummary, ...], now: datetime) -> Iterator[str]:
    """A table, newest first."""
    rows = [("RUN", "STATE", "ACTION", "BY", "AGE", "WHAT")]
    rows += [
        (run.id, str(run.state), run.action, run.who, age(run.proposed_at, now), _what(run, now))
        for run in runs
    ]
    yield from aligned(rows, styles=[_STYLES.get(run.state, "") for run in runs], styled=1)


def _what(run: RunSummary, now: datetime) -> str:
    """The headline; of how it ended, what is no more than a summary: `runs show` has all of it."""
    told = headline_at(run, now)
    return shortened(told, SUMMARY_LIMIT) if run.state.ended else told


def waiting_lines(runs: tuple[RunSummary, ...], now: datetime) -> Iterator[str]:
    """What waits for a vote, with what a vote is on."""
    rows = [("RUN", "DIGEST", "RISK", "BY", "AGE", "WHAT")]
    rows += [
        (run.id, run.digest[:12], run.risk, run.who, age(run.proposed_at, now), run.headline) for run in runs
    ]
    yield from aligned(rows, styles=[run.risk for run in runs], styled=2)


def run_lines(run: Run, now: datetime) -> Iterator[str]:
    """All of a run: what, who, why, votes, the plan, events."""
    plan = run.plan
    yield f"run       {run.id}"
    yield f"does      {command_line(plan.action, plan.params)}"
    yield f"on        {printable(plan.cluster.name)} ({plan.cluster.environment})"
    yield f"state     {paint(str(run.state), _STYLES.get(run.state, ''), sys.stdout)}" + _told(run)
    if run.progress.waiting_for and not run.state.ended:
        yield f"waiting   {printable(run.progress.waiting(now))}"
    yield f"by        {who(run.actor.name, run.person)}, {_SURFACES.get(run.actor.surface, run.actor.surface)}"
    if run.reason:
        yield f"reason    {printable(run.reason)}"
    if run.schedule:
        yield f"schedule  {printable(run.schedule)}"
    yield f"as        {printable(identity_in_words(plan.execute_as))}"
    if run.emergency:
        yield "emergency it went round approvals"
    yield f"digest    {plan.digest}"
    yield from (_vote_line(approval) for approval in run.approvals)
    yield from plan_lines(plan, sys.stdout)
    yield from _way_back(run)
    if run.events:
        yield ""
        yield f"Events (UTC, {run.events[0].at:%Y-%m-%d}):"
        yield from (_event_line(event, run.events[0]) for event in run.events)


def who(name: str, person: str) -> str:
    """A username, and the person behind it where that is another word."""
    return printable(name if person in {"", name} else f"{name} ({person})")


def outcome_text(run: Run) -> str:
    """How it ended, the state's name first and once."""
    return run.outcome if run.outcome.startswith(str(run.state)) else f"{run.state}: {run.outcome}"


def _told(run: Run) -> str:
    told = run.outcome.removeprefix(str(run.state)).removeprefix(":").strip()
    return f": {printable(told)}" if told else ""


def _way_back(run: Run) -> Iterator[str]:
    if any(MADE in event.data for event in run.events):
        yield f"  back      k8sops runs undo {run.id} --commands"
        return
    done = {event.step for event in run.events if event.kind == "step_done"}
    commands = [str(step.undo.get("command", "")) for step in run.plan.steps if step.id in done and step.undo]
    for command in commands[:STEPS_SHOWN]:
        if command:
            yield f"  back      {printable(command)}"


def _vote_line(approval: Approval) -> str:
    verdict = "approved" if approval.vote.verdict == "approve" else "denied"
    why = f": {printable(approval.vote.reason)}" if approval.vote.reason else ""
    name = who(approval.actor.name, approval.person)
    return f"vote      {verdict} by {name}, {approval.at:%Y-%m-%d %H:%M:%S} UTC{why}"


def _event_line(event: Event, first: Event) -> str:
    day = "" if event.at.date() == first.at.date() else f"{event.at:%Y-%m-%d} "
    return f"  {event.seq:>4}  {day}{event.at:%H:%M:%S}  {event.kind:<12}  {printable(event.text)}"
