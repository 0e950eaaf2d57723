"""A schedule's rows in the store, turned into what doors show (`core.schedules`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from k8sops.actions.registry import ACTIONS
from k8sops.core.schedules import FiringView, ScheduleView
from k8sops.engine.schedules.ledger import Entry
from k8sops.engine.schedules.table import Schedule
from k8sops.engine.schedules.times import next_five
from k8sops.engine.schedules.words import in_words
from k8sops.service.reach import nobody_fires
from k8sops.service.standing_votes import standing_of
from k8sops.store.carriers import CarrierCard


def view_of(
    schedule: Schedule, now: datetime, alive: Sequence[CarrierCard], entries: Sequence[Entry] = ()
) -> ScheduleView:
    """The schedule as of now, with these carriers alive; next times are without jitter."""
    spec, record = schedule.spec, standing_of(schedule.standing)
    return ScheduleView(
        name=schedule.name,
        action=spec.action,
        params=spec.params,
        cron=spec.timetable.cron,
        zone=spec.timetable.zone,
        words=in_words(spec.timetable),
        state="active" if schedule.active else "paused",
        paused_why=schedule.paused_why,
        owner=schedule.owner or schedule.actor.name,
        execute_as=schedule.execute_as,
        concurrency=spec.concurrency,
        missed=spec.missed,
        jitter_s=spec.jitter_s,
        alert_after_s=spec.alert_after_s,
        rpo_s=spec.rpo_s,
        version=schedule.version,
        next=next_five(spec.timetable, now) if schedule.active else (),
        last_due=schedule.last_due,
        last_success=schedule.last_success,
        standing="none" if record is None else "granted" if record.granted else "awaits votes",
        standing_digest=record.digest if record else "",
        standing_risk=str(record.approval.risk) if record else "",
        standing_until=record.approval.valid_until if record else None,
        standing_votes=tuple(vote.person for vote in record.votes) if record else (),
        unattended=_unattended(schedule, alive),
        firings=tuple(
            FiringView(due=entry.due, outcome=entry.outcome, run=entry.run or "", why=entry.why)
            for entry in entries
        ),
    )


def _unattended(schedule: Schedule, alive: Sequence[CarrierCard]) -> str:
    if not schedule.active:
        return ""
    version = next((one.version for one in ACTIONS if one.name == schedule.spec.action), 0)
    return nobody_fires(
        alive,
        execute_as=schedule.execute_as,
        cluster_uid=schedule.cluster_uid,
        action=(schedule.spec.action, version),
    )
