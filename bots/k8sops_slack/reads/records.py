"""What is kept, as tables: runs, schedules, backups, the audit trail. Trouble comes first, then the newest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from k8sops.core.backups import BackupList
from k8sops.core.desk import AuditView
from k8sops.core.run import RunState, RunSummary
from k8sops.core.schedules import ScheduleView
from k8sops.core.sizes import size_text
from k8sops.core.text import counted
from k8sops_slack.cards.standing import GLYPHS, WORDS
from k8sops_slack.cards.words import typed
from k8sops_slack.reads.table import Listing

_AS_PLANNED = (RunState.PROPOSED, RunState.AWAITING_APPROVAL, RunState.SUCCEEDED)
_KIND = re.compile(r"/(?:deployments|statefulsets|daemonsets|replicasets|cronjobs|jobs|pods)/")
"""In `shop/deployments/checkout`: where room is scarce, the name is worth more than the kind."""
_URGENT = (RunState.NEEDS_REVIEW, RunState.AWAITING_APPROVAL, RunState.RUNNING, RunState.QUEUED)


def runs_listing(runs: Sequence[RunSummary], clusters: Mapping[str, str], now: datetime) -> Listing:
    """Runs that want somebody, then those that go on, then the rest, newest first; `clusters` are names by uid."""
    ordered = sorted(runs, key=lambda run: _URGENT.index(run.state) if run.state in _URGENT else len(_URGENT))
    names = [clusters.get(run.cluster_uid, run.cluster_uid[:8]) for run in ordered]
    apart = len(set(names)) > 1
    rows = [
        (
            f"{GLYPHS[run.state]} {WORDS[run.state]}",
            run.id[:10],
            typed(run.action),
            *([name] if apart else []),
            age(run.proposed_at, now),
            _what(run),
        )
        for run, name in zip(ordered, names, strict=True)
    ]
    heads = ("STATE", "RUN", "ACTION", *(["CLUSTER"] if apart else []), "AGE", "WHAT")
    title = "Runs" if apart or not names else f"Runs on {names[0]}"
    return Listing(title=title, heads=heads, rows=rows, nothing="There is no run yet.")


def _what(run: RunSummary) -> str:
    """What it is about, without what the state says already: there is room for a few words."""
    if run.state not in _AS_PLANNED:
        return _KIND.sub("/", run.headline.removeprefix(f"{WORDS[run.state]}: "))
    verdict, _, told = run.summary.partition(": ")
    return _KIND.sub("/", told if told and " " not in verdict else run.summary)


def schedules_listing(views: Sequence[ScheduleView], now: datetime) -> Listing:
    """Schedules, those that are paused or that nobody would carry first."""
    ordered = sorted(views, key=lambda view: (not (view.unattended or view.state != "active"), view.name))
    rows = [
        (
            view.name,
            view.state if not view.unattended else f"{view.state}, unattended",
            ahead(view.next[0], now) if view.next else "-",
            f"{age(view.last_success, now)} ago" if view.last_success else "never",
            typed(view.action),
            view.standing,
        )
        for view in ordered
    ]
    heads = ("NAME", "STATE", "NEXT", "SUCCEEDED", "ACTION", "APPROVAL")
    note = next(
        (view.unattended or view.paused_why for view in ordered if view.unattended or view.paused_why), ""
    )
    return Listing(title="Schedules", heads=heads, rows=rows, note=note, nothing="There is no schedule.")


def backups_listing(found: BackupList, now: datetime, *, only: str = "") -> Listing:
    """Backups, newest first, of the cluster of the uid `only` or of all; those that cannot be read are told below."""
    shown = [one for one in found.backups if only in {"", one.cluster}]
    apart = len({one.cluster for one in shown}) > 1
    rows = [
        (
            str(one.seq),
            *([one.cluster_name or one.cluster[:8]] if apart else []),
            "complete" if one.complete else f"INCOMPLETE ({counted(len(one.gaps), 'gap')})",
            age(one.last_read_at, now),
            f"{one.objects:,}",
            size_text(one.bytes),
            one.name or one.selected,
        )
        for one in shown
    ]
    unread = [
        f"number {one.seq} cannot be read: {one.why}" for one in found.unreadable if only in {"", one.cluster}
    ]
    return Listing(
        title="Backups",
        heads=("NO", *(["CLUSTER"] if apart else []), "STATE", "AGE", "OBJECTS", "SIZE", "OF"),
        rows=rows,
        note="; ".join(unread),
        nothing="; ".join(["There is no backup yet.", *unread]),
    )


def audit_listing(records: Sequence[AuditView]) -> Listing:
    """Records of the trail, newest first; one whose bytes are not a record's says so in place of what it was."""
    rows = [
        (one.at[5:16].replace("T", " "), one.who or "-", one.code or "UNREADABLE", one.what or one.trouble)
        for one in records
    ]
    return Listing(title="Audit trail", heads=("UTC", "WHO", "CODE", "WHAT"), rows=rows)


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, in its greatest unit."""
    return "-" if since is None else _span((now - since).total_seconds())


def ahead(at: datetime, now: datetime) -> str:
    """How long until then."""
    return f"in {_span((at - now).total_seconds())}"


def _span(seconds: float) -> str:
    whole = max(0, int(seconds))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"
