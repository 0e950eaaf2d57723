"""A schedule in words, each fact with its name: what it does, when, as whom, and what it may do by itself."""

from __future__ import annotations

from collections.abc import Iterator

from k8sops.core.moments import in_words
from k8sops.core.schedules import ScheduleView
from k8sops.core.text import identity_in_words
from k8sops.service.command_words import command_line

Fact = tuple[str, str]


def facts(view: ScheduleView) -> Iterator[Fact]:
    """All of one but its name, when it fires and has fired; not yet safe for a terminal."""
    yield "state", view.state + (f": {view.paused_why}" if view.paused_why else "")
    yield "does", command_line(view.action, view.params)
    yield "when", f"{view.words} ({view.cron})"
    yield "owner", f"{view.owner}; its runs go out as {identity_in_words(view.execute_as)}"
    yield "approval", _approval(view)
    if view.standing_digest:
        yield "digest", view.standing_digest
    yield from _rules(view)
    if view.unattended:
        yield "workers", view.unattended


def _approval(view: ScheduleView) -> str:
    if not view.standing_until:
        return f"{view.standing}: each firing waits for somebody"
    votes = f", approved by {', '.join(view.standing_votes)}" if view.standing_votes else ""
    return f"{view.standing}{votes}; risk up to {view.standing_risk}, until {view.standing_until:%Y-%m-%d}"


def _rules(view: ScheduleView) -> Iterator[Fact]:
    going = {
        "forbid": "a firing is skipped",
        "queue": "a firing waits for it",
        "replace": "it is cancelled first",
    }
    missed = {"skip": "skipped", "once": "made up for once"}.get(view.missed, f"made up for, {view.missed}")
    yield "rules", f"while a run of it goes {going.get(view.concurrency, view.concurrency)}; missed: {missed}"
    if view.jitter_s:
        yield "jitter", f"up to {view.jitter_s} s"
    if view.alert_after_s:
        yield "alert", f"when it has not succeeded for {in_words(view.alert_after_s)}"
    if view.rpo_s:
        yield "rpo", f"alert when the newest complete backup is older than {in_words(view.rpo_s)}"
