"""The history of a seeded sandbox: made by real runs, the same in each, and in nobody's way."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from k8sops.actions.drain.cordoning import RUN, WHY
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditFilter
from k8sops.core.clock import SystemClock
from k8sops.core.run import Run, RunFilter, RunState, Vote
from k8sops.sandbox.seed import seed
from k8sops.sandbox.seed.api import open_api
from k8sops.sandbox.seed.story import wait_until_true
from k8sops.service import open_ops, open_records
from k8sops.service.audit_check import Asked, check
from k8sops.service.audit_trail import open_audit
from k8sops.service.backup_desk import BackupDesk, open_backups
from k8sops.service.backup_verifying import verify
from k8sops.service.config import Config, load_config
from k8sops.service.grants_desk import open_grants
from k8sops.service.history import make_history
from k8sops.service.history.company import cluster_of
from k8sops.service.history.making import open_nodes
from k8sops.service.history.moments import Drained
from k8sops.service.history.script import SCRIPT
from k8sops.service.ops import EngineOps
from k8sops.service.policy_desk import check_policy
from k8sops.service.worker import WorkerOptions, work
from tests.service.history.conftest import Acme, Two
from tests.support.engine_world import eventually

DEADLINE_S = 300.0
MOST = RunFilter(limit=100)
RECORDS = 152
"""In the audit trail, as docs/sandbox.md says."""


def config_of(acme: Acme, person: str = "admin") -> Config:
    """What a command of this person's is configured with."""
    return Config(
        kubeconfig=(acme.kubeconfigs[person],), database_url=acme.place.database_url, policy=acme.place.policy
    )


@asynccontextmanager
async def at_door(acme: Acme, person: str) -> AsyncIterator[tuple[EngineOps, Actor]]:
    """The service as this person."""
    async with open_ops(config_of(acme, person)) as ops:
        identity = await ops.whoami()
        yield ops, Actor(name=identity.username, groups=identity.groups, surface="cli")


@asynccontextmanager
async def at_backups(acme: Acme, environ: pytest.MonkeyPatch) -> AsyncIterator[BackupDesk]:
    """The company's repository, as the configuration and keys of the history lead to it."""
    environ.setenv("K8SOPS_DATA", str(acme.place.data))
    async with open_backups(load_config({}, acme.place.variables())) as desk:
        yield desk


async def told(acme: Acme) -> dict[str, Any]:
    """What a history says happened, without what the cluster gave it: uids, names of pods, digests over them."""
    async with open_records(config_of(acme)) as records:
        runs, schedules = await records.runs(MOST), await records.schedules()
    async with open_audit(config_of(acme)) as trail:
        found = await trail.find(AuditFilter(limit=1000))
    async with open_grants(config_of(acme)) as grants:
        granted = await grants.list(everything=True)
    return {
        "runs": [
            (run.id, run.action, run.state, run.actor.name, run.proposed_at, run.started_at, run.ended_at)
            for run in runs
        ],
        "schedules": [
            (one.name, one.state, one.paused_why, one.last_due, one.last_success) for one in schedules
        ],
        "grants": [(one.id, one.state, one.person, one.made_at, one.spec.valid_until) for one in granted],
        "audit": [
            (one.seq, one.record.code, one.record.at, one.record.person, one.record.run, one.record.outcome)
            for one in found
            if one.record is not None
        ],
    }


async def states(acme: Acme) -> dict[str, RunState]:
    """State of each run, by the moment it came from."""
    async with open_records(config_of(acme)) as records:
        found = {run.id: run.state for run in await records.runs(MOST)}
    return {moment: found[run] for moment, run in acme.report.runs.items()}


async def test_two_sandboxes_have_the_same_history_also_after_an_interruption(two: Two) -> None:
    """Screenshots, docs and tests name runs by their ids; a seed that was cut off must leave no trace in it."""
    whole, resumed = await told(two.whole), await told(two.resumed)
    assert whole == resumed
    assert len(whole["runs"]) == len(two.whole.report.runs) == 20
    assert len(whole["audit"]) == RECORDS


async def test_every_end_a_run_can_have_is_there(two: Two) -> None:
    """The history exists so that each screen has something true to show."""
    found = await states(two.whole)
    assert found["checkout-back"] is RunState.AWAITING_APPROVAL
    assert found["gateway-again"] is RunState.FAILED
    assert found["gateway-restart"] is found["web-restart"] is RunState.DENIED
    assert found["catalog-restart"] is RunState.EXPIRED
    assert found["disk-full"] is found["disk-cleared"] is RunState.SUCCEEDED
    assert found["night-shift"] is found["peak-over"] is found["last-backup"] is RunState.SUCCEEDED
    async with open_records(config_of(two.whole)) as records:
        failed = await records.get_run(two.whole.report.runs["gateway-again"])
        drained = await records.get_run(two.whole.report.runs["disk-full"])
        schedules = {one.name: one for one in await records.schedules()}
        late = await records.schedule("report-builder-restart")
    assert (drained.plan.action, drained.actor.name) == ("drain", "alice")
    assert "1 of 1 pods moved" in drained.headline
    assert failed.ended_at is not None
    assert (failed.ended_at.hour, failed.ended_at.minute) == (2, 0)
    assert schedules["grafana-restart"].last_success is not None
    assert schedules["web-at-night"].state == "paused"
    assert [firing.outcome for firing in late.firings] == ["skipped"]
    async with open_audit(config_of(two.whole)) as trail:
        codes = {one.record.code for one in await trail.find(AuditFilter(limit=1000)) if one.record}
    assert {
        "run.vote_refused",
        "grant.used",
        "schedule.overdue",
        "schedule.paused",
        "carrier.stopped",
        "backup.seen",
    } <= codes


async def test_the_company_is_in_the_same_trouble_as_before(two: Two) -> None:
    """The history must not repair, or break, what docs/sandbox.md promises."""
    async with open_api(two.resumed.handle.kubeconfig, connections=2) as api:
        await wait_until_true(api, SystemClock(), lambda _: None)
        node = await api.find("/api/v1/nodes/node-3")
    assert node is not None
    assert not node["spec"].get("unschedulable")


async def test_a_drain_that_was_cut_off_leaves_no_node_closed(two: Two) -> None:
    """The history begins anew then; where it drains is not in its script, so the node is known by what is on it."""
    (drained,) = (moment for moment in SCRIPT if isinstance(moment, Drained))
    cluster = await cluster_of(two.resumed.handle.kubeconfig, config_of(two.resumed))
    try:
        nodes = await cluster.resource("nodes")
        marks = {"metadata": {"annotations": {WHY: drained.reason, RUN: "cut off"}}}
        await cluster.patch(nodes, "node-1", body=marks | {"spec": {"unschedulable": True}})
        await cluster.patch(nodes, "node-2", body={"spec": {"unschedulable": True}})
        await open_nodes(cluster)
        first, second = [await cluster.get(nodes, name) for name in ("node-1", "node-2")]
        await cluster.patch(nodes, "node-2", body={"spec": {"unschedulable": None}})
    finally:
        await cluster.aclose()
    assert not first["spec"].get("unschedulable")
    assert not {WHY, RUN} & set(first["metadata"].get("annotations") or {})
    assert second["spec"]["unschedulable"], "somebody else's"


async def test_seeding_again_changes_and_doubles_nothing(two: Two) -> None:
    """`sandbox seed` is also how the trouble is brought back; the record of what people did is not to grow by it."""
    acme = two.resumed
    before = {path: path.read_bytes() for path in _files(acme.place.root)}
    report = await seed(acme.handle.kubeconfig, progress=lambda _: None)
    again = await make_history(acme.place, acme.kubeconfigs)
    assert report.created == 0
    assert not again.made
    assert again.runs == acme.report.runs
    assert {path: path.read_bytes() for path in _files(acme.place.root)} == before


async def test_three_nights_of_backups_are_there_complete_and_sound(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who wants to see a restore begins with a backup, and compares it with the night before."""
    moments = {}
    for acme in (two.whole, two.resumed):
        async with at_backups(acme, monkeypatch) as desk:
            found, missing = await desk.listed("")
            assert desk.vault.keyring.encrypted
            checked = await verify(desk, read_data=1.0)
        assert not missing
        assert checked.good, checked.wrong
        assert [one.seq for one in found] == [3, 2, 1]
        assert all(one.complete and one.name == "nightly" for one in found)
        assert all(one.new_objects for one in found)
        moments[acme.handle.name] = [(one.seq, one.run, one.began_at, one.made_at) for one in found]
    assert moments["whole"] == moments["resumed"]
    nights = [run for _, run, _, _ in moments["whole"]]
    assert nights == [two.whole.report.runs[f"{which}-backup"] for which in ("last", "second", "first")]


async def test_the_trail_of_it_can_be_proved(two: Two) -> None:
    """With the key that the company's policy pins, up to the last record."""
    async with open_audit(config_of(two.whole)) as trail:
        checked = await check(trail, Asked())
    assert checked.finding.ok, checked.finding.sentence
    assert checked.trusted == 1
    assert "all of them signed" in checked.finding.sentence


def test_it_is_the_sandbox_s_own_and_nobody_else_s_to_read(two: Two) -> None:
    """The user's own store and keys stay as they are; keys and records of the sandbox are private, too."""
    assert not two.own_folder.exists()
    files = _files(two.whole.place.root)
    names = {path.name for path in files}
    assert names >= {"k8sops.db", "redaction.key", "checkpoint.pem", "policy.yaml"}
    assert names >= {"backup.pem", "backup.agekey", "repository.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    folders = [two.whole.place.root, *(path for path in two.whole.place.root.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in two.whole.people.values()} == {0o600}


def test_the_company_s_policy_has_nothing_doctor_would_warn_of(two: Two) -> None:
    """It is the first policy that many people read."""
    assert check_policy(two.whole.place.policy).warnings == ()


async def test_alice_approves_what_bob_asked_for_and_a_worker_carries_it_out(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan of last morning still holds, its approval counts, and checkout is back."""
    acme = two.whole
    monkeypatch.setenv("K8SOPS_DATA", str(acme.place.data))
    wanted = acme.report.runs["checkout-back"]
    async with at_door(acme, "alice") as (ops, alice):
        run = await ops.get_run(wanted)
        assert await ops.drift(wanted) == ()
        voted = await ops.decide(wanted, Vote(verdict="approve", digest=run.plan.digest), alice)
    assert voted.state is RunState.QUEUED
    worker = asyncio.create_task(work(config_of(acme), WorkerOptions(), lambda _: None))
    ended = await _ended(acme, wanted)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    assert ended.state is RunState.SUCCEEDED, ended.headline
    async with open_api(acme.handle.kubeconfig, connections=1) as api:

        async def is_back() -> bool:
            checkout = await api.find("/apis/apps/v1/namespaces/shop/deployments/checkout")
            return checkout is not None and checkout["status"].get("readyReplicas") == 3

        await eventually(is_back, within_s=DEADLINE_S)


async def test_what_env_prints_leads_a_shell_to_it(two: Two, tmp_path: Path) -> None:
    """Also a shell that has settings of its own, which must neither win nor be touched."""
    acme = two.resumed
    theirs = tmp_path / "theirs.db"
    shell = (
        f'eval "$({sys.executable} -m k8sops sandbox env --name resumed --user bob)"; '
        f"{sys.executable} -m k8sops approvals list; {sys.executable} -m k8sops get pods -n shop -o name; "
        f"{sys.executable} -m k8sops backups list"
    )
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "K8SOPS_SANDBOX_HOME": str(acme.handle.folder.parent),
        "K8SOPS_DATABASE_URL": f"sqlite:///{theirs}",
        "K8SOPS_NAMESPACE": "nowhere",
        "K8SOPS_REPOSITORY": f"file://{tmp_path}/theirs",
        "K8SOPS_BACKUP_IDENTITY": str(tmp_path / "theirs.agekey"),
    }
    done = await asyncio.to_thread(
        subprocess.run, ["/bin/sh", "-c", shell], env=environment, capture_output=True, text=True,
        timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert acme.report.runs["checkout-back"] in done.stdout, done.stderr
    assert "checkout" in done.stdout
    assert done.stdout.count("nightly") == 3, done.stderr
    assert not theirs.exists()


def _files(root: Path) -> list[Path]:
    # The write-ahead log is a reader's, too, and goes with the last of them.
    return sorted(path for path in root.rglob("*") if path.is_file() and "db-" not in path.name)


async def _ended(acme: Acme, wanted: str) -> Run:
    async with open_records(config_of(acme)) as records, asyncio.timeout(DEADLINE_S):
        async for _ in records.watch(wanted):
            pass
        return await records.get_run(wanted)
