"""Schedules, backups, audit, policy and settings at the seam: held in memory, each question and deed written down."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditFilter
from k8sops.core.backups import (
    BackupList,
    BackupName,
    BackupView,
    GapView,
    LiveComparison,
    MissingView,
    ObjectDifference,
    ObjectView,
)
from k8sops.core.desk import (
    ActionVerdict,
    AuditProof,
    AuditView,
    PolicyView,
    ReviewView,
    RuleView,
    SettingView,
)
from k8sops.core.errors import K8sOpsError
from k8sops.core.overview import Gauge, Tile
from k8sops.core.plan import JsonObject
from k8sops.core.risk import Risk
from k8sops.core.run import RunId, Vote
from k8sops.core.schedules import FiringView, ScheduleView
from tests.tui.feeds import START


class FakeRecords:
    """`refuses` is raised by every change."""

    def __init__(self, *schedules: ScheduleView) -> None:
        self.by_name = {one.name: one for one in schedules}
        self.open_reviews: list[ReviewView] = []
        self.listed = [a_backup(3), a_backup(2, complete=False)]
        self.trail = [a_record(number) for number in (12, 11, 10)]
        self.done: list[tuple[str, ...]] = []
        self.wanted: list[AuditFilter] = []
        self.refuses: K8sOpsError | None = None
        self.proof = AuditProof(ok=True, sentence="Records 1 to 12 hold.", expect="12:abc", note="")
        self.verdicts: tuple[ActionVerdict, ...] = ()
        self.differs: tuple[ObjectDifference, ...] = ()

    def _do(self, *what: str) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.done.append(what)

    async def schedules(self) -> tuple[ScheduleView, ...]:
        return tuple(self.by_name.values())

    async def schedule(self, name: str) -> ScheduleView:
        return self.by_name[name]

    def _become(self, name: str, **changes: object) -> ScheduleView:
        self.by_name[name] = msgspec.structs.replace(self.by_name[name], **changes)
        return self.by_name[name]

    async def pause_schedule(self, name: str, why: str, actor: Actor) -> ScheduleView:
        self._do("pause", name, why, actor.name)
        return self._become(name, state="paused", paused_why=f"{actor.name}: {why}", next=())

    async def resume_schedule(self, name: str, actor: Actor) -> ScheduleView:
        self._do("resume", name)
        return self._become(name, state="active", paused_why="")

    async def fire_schedule(self, name: str, actor: Actor) -> ScheduleView:
        self._do("fire", name)
        return self.by_name[name]

    async def remove_schedule(self, name: str, actor: Actor) -> ScheduleView:
        self._do("remove", name)
        return self.by_name.pop(name)

    async def vote_on_schedule(self, name: str, vote: Vote, actor: Actor) -> ScheduleView:
        self._do("vote", name, vote.verdict, vote.digest)
        return self._become(name, standing="granted")

    async def reviews(self) -> tuple[ReviewView, ...]:
        return tuple(self.open_reviews)

    async def close_review(self, run: RunId, note: str, actor: Actor) -> None:
        self._do("close_review", run, note, actor.name)
        self.open_reviews = [one for one in self.open_reviews if one.run != run]

    async def backups(self) -> BackupList:
        unreadable = (MissingView(seq=1, cluster="cluster-uid", why="its key is not here"),)
        return BackupList(location="acme-backups", backups=tuple(self.listed), unreadable=unreadable)

    async def backup_standing(self) -> Tile:
        return Tile(
            name="backups", gauge=Gauge.BAD, text="the newest complete backup is 30 h old; 26 h are allowed"
        )

    async def backup_objects(self, backup: BackupName, kind: str = "") -> tuple[ObjectView, ...]:
        found = (
            an_object("deployments.apps", "shop", "web"),
            an_object("deployments.apps", "payments", "gateway"),
            an_object("secrets", "shop", "db"),
            an_object("namespaces", "", "shop"),
        )
        return tuple(one for one in found if kind in {"", one.kind})

    async def backup_object(
        self, backup: BackupName, found: ObjectView, reveal_to: Actor | None = None
    ) -> JsonObject:
        if reveal_to is not None:
            self._do("reveal", backup.id, found.name, reveal_to.name)
        value = "hunter2" if reveal_to is not None else "(hidden)"
        return {"kind": found.kind, "metadata": {"name": found.name}, "data": {"password": value}}

    async def compare_backup(self, backup: BackupName, about: ObjectView) -> LiveComparison:
        self._do("compare", backup.id, about.kind, about.namespace, about.name)
        return LiveComparison(
            changes=self.differs, unread=(("widgets.acme", "the cluster does not serve it"),)
        )

    async def audit(self, wanted: AuditFilter) -> tuple[AuditView, ...]:
        self.wanted.append(wanted)
        return tuple(one for one in self.trail if wanted.person in {"", one.who})

    async def verify_audit(self) -> AuditProof:
        return self.proof

    async def export_audit(self, path: Path, actor: Actor) -> str:
        self._do("export", str(path), actor.name)
        return f"records 1 to 12 are in {path}"

    async def policy(self, actor: Actor, person: str = "", namespace: str = "") -> PolicyView:
        who = person or actor.name
        effect = "approve" if person == "bob" else "deny" if namespace == "payments" else "confirm"
        rules = (
            RuleView(name="developers-ask-ops", applies=person == "bob", effect="approve", why="ops agree"),
            RuleView(name="baseline.disruptive", applies=True, effect="confirm", why="confirmation"),
        )
        verdict = ActionVerdict(
            action="restart", risk=Risk.DISRUPTIVE, effect=effect, asks=("needs 1 approval from ops",),
            why="what developers change takes a word from ops", rules=rules,
        )  # fmt: skip
        return PolicyView(
            sentence="version 1, trust local: 2 rules", source="/etc/policy.yaml", warnings=(),
            who=f"{who} ({who})", person=person, namespace=namespace or "shop", people=("bob", "carol"),
            verdicts=self.verdicts or (verdict,),
        )  # fmt: skip

    async def settings(self) -> tuple[SettingView, ...]:
        return (
            SettingView(
                key="database_url", value="postgresql://k8sops@db/k8sops", source="K8SOPS_DATABASE_URL"
            ),
            SettingView(key="context", value="", source="as shipped"),
        )


def a_schedule(name: str, *, waits: bool = False) -> ScheduleView:
    """Restarts a deployment every night; with one firing behind it."""
    return ScheduleView(
        name=name,
        action="restart",
        params={"targets": ["deployment/web"], "namespace": "shop"},
        cron="0 3 * * *",
        zone="UTC",
        words="at 03:00 every day in UTC",
        state="active",
        paused_why="",
        owner="alice",
        execute_as="user:alice",
        concurrency="forbid",
        missed="skip",
        jitter_s=0,
        alert_after_s=93_600,
        rpo_s=None,
        version=1,
        next=(START + timedelta(hours=15),),
        last_due=START - timedelta(hours=9),
        last_success=None,
        standing="awaits votes" if waits else "granted",
        standing_digest="ab" * 32,
        standing_risk="disruptive",
        standing_until=START + timedelta(days=90),
        standing_votes=(),
        unattended="no worker is alive: nothing fires until `k8sops worker` runs",
        firings=(
            FiringView(due=START - timedelta(hours=9), outcome="run", run="01RUNAAAA", why=""),
            FiringView(due=START - timedelta(hours=33), outcome="skipped", run="", why="one was still going"),
        ),
    )


def a_backup(seq: int, *, complete: bool = True) -> BackupView:
    """Of the cluster of the desk."""
    return BackupView(
        seq=seq,
        id=f"01BACKUP{seq}",
        name="nightly",
        cluster="cluster-uid",
        cluster_name="acme-staging",
        run="01RUNAAAA",
        began_at=START - timedelta(hours=30),
        made_at=START - timedelta(hours=30),
        first_read_at=START - timedelta(hours=30),
        last_read_at=START - timedelta(hours=30),
        changed_meanwhile=0,
        read_again=0,
        server_version="v1.36.1",
        selection={},
        selected="everything",
        objects=1234,
        bytes=5 << 20,
        new_objects=3,
        new_bytes=2048,
        kinds=(("deployments.apps", 2), ("secrets", 1), ("namespaces", 1), ("pods", 0)),
        complete=complete,
        gaps=() if complete else (GapView(kind="secrets", namespace="shop", why="forbidden"),),
        volumes_not_captured=("data/kafka-0",),
        full_read=True,
        signer="ed25519:x",
        sha256="00",
    )


def an_object(kind: str, namespace: str, name: str) -> ObjectView:
    """An object of a backup."""
    return ObjectView(kind=kind, namespace=namespace, name=name, uid=f"uid-{name}", resource_version="1")


def a_record(seq: int) -> AuditView:
    """A vote of alice's, or a proposal of bob's."""
    who = "alice" if seq % 2 else "bob"
    return AuditView(
        seq=seq,
        at="2026-11-21T12:00:00.000Z",
        code="run.voted",
        who=who,
        run="01RUNAAAA",
        what=f"drain nodes/node-{seq} → approved",
        outcome="approved",
        document={"seq": seq, "hash": "ff", "actor": {"name": who}},
    )
