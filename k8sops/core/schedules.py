"""Schedules as doors show them: plain words, whatever the tables hold."""

from __future__ import annotations

from datetime import datetime

import msgspec

from k8sops.core.plan import JsonObject


class FiringView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one due instant."""

    due: datetime
    outcome: str
    run: str
    why: str


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule, what it may do by itself, and when it fires next."""

    name: str
    action: str
    params: JsonObject
    cron: str
    zone: str
    words: str
    """The timetable in a sentence."""
    state: str
    paused_why: str
    owner: str
    execute_as: str
    concurrency: str
    missed: str
    jitter_s: int
    alert_after_s: int | None
    rpo_s: int | None
    version: int
    next: tuple[datetime, ...]
    last_due: datetime | None
    last_success: datetime | None
    standing: str
    """`granted`, `awaits votes` or `none`."""
    standing_digest: str
    standing_risk: str
    standing_until: datetime | None
    standing_votes: tuple[str, ...]
    unattended: str = ""
    """Why nobody who is alive would fire it and carry its runs; empty where somebody does."""
    firings: tuple[FiringView, ...] = ()
