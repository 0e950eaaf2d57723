"""Schedules as text and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from k8sops.cli.columns_text import aligned
from k8sops.cli.console import paint
from k8sops.cli.plan_text import plan_lines
from k8sops.core.documents import struct_document
from k8sops.core.plan import JsonObject
from k8sops.core.text import identity_in_words, printable
from k8sops.service.command_words import command_line
from k8sops.service.schedule_words import facts

if TYPE_CHECKING:
    from datetime import datetime

    from k8sops.core.schedules import ScheduleView
    from k8sops.service.schedules import Draft

_STYLES = {"paused": "warning", "active": "low"}
FIRINGS_SHOWN = 10


def draft_lines(draft: Draft) -> Iterator[str]:
    """What it would do now, and what it would be allowed by itself."""
    table, standing = draft.spec.timetable, draft.standing
    yield f"schedule  {draft.spec.name}"
    yield f"does      {command_line(standing.action, standing.params)}"
    yield f"when      {printable(table.cron)} in {table.zone}"
    yield ""
    yield "If it fired now:"
    yield from plan_lines(draft.plan, sys.stderr)
    yield ""
    yield f"By itself, until {standing.valid_until:%Y-%m-%d}, it may do exactly this:"
    yield f"  as        {printable(identity_in_words(standing.execute_as))}"
    yield f"  risk      up to {standing.risk}"
    yield f"  objects   at most {standing.most_targets}"
    if standing.warnings:
        yield f"  warnings  {', '.join(standing.warnings)}"
    if draft.decision.effect == "approve":
        yield f"Votes come first: {printable(draft.decision.why)}"


def list_lines(views: tuple[ScheduleView, ...]) -> Iterator[str]:
    """A table."""
    rows = [("NAME", "STATE", "APPROVAL", "NEXT (UTC)", "SUCCEEDED (UTC)", "DOES")]
    rows += [
        (
            view.name,
            view.state,
            view.standing,
            _minute(view.next[0] if view.next else None, "-"),
            _minute(view.last_success, "never"),
            command_line(view.action, view.params),
        )
        for view in views
    ]
    yield from aligned(rows, styles=[_STYLES.get(view.state, "") for view in views], styled=1)


def schedule_lines(view: ScheduleView) -> Iterator[str]:
    """All of one."""
    yield f"schedule  {view.name}"
    for name, text in facts(view):
        shown = printable(text)
        if name == "state":
            shown = paint(view.state, _STYLES.get(view.state, ""), sys.stdout) + shown.removeprefix(
                view.state
            )
        yield f"{name:<9} {shown}"
    for moment in view.next:
        yield f"next      {moment:%a %Y-%m-%d %H:%M:%S} UTC"
    for firing in view.firings[:FIRINGS_SHOWN]:
        what = f"run {firing.run}" if firing.run else printable(firing.why)
        yield f"fired     {firing.due:%a %Y-%m-%d %H:%M:%S} UTC  {firing.outcome:<8}  {what}"


def schedule_document(view: ScheduleView) -> JsonObject:
    """As JSON."""
    return struct_document(view)


def _minute(moment: datetime | None, otherwise: str) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else otherwise
