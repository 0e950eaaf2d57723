"""What can go wrong: refusals, quotas, webhooks, lost answers, a server asking for patience, a run that is killed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from k8sops.actions.backups.restoring.action import RestoreBackup
from k8sops.backup.bodies import Gap
from k8sops.backup.errors import RepositoryError, RepositoryKeyError
from k8sops.cluster.connect import connect
from k8sops.core.clock import SystemClock
from k8sops.core.errors import PartialError
from tests.actions.restore.restoring import DEADLINE_S, Full, RestoreDesk, eventually, finding, verdicts
from tests.backup.vault.world import names, overwrite
from tests.support.fault_proxy import FaultProxy
from tests.support.installed import Installed
from tests.support.journals import NotedJournal
from tests.support.repositories import RepositoriesHere


async def test_a_quota_refuses_before_anything_is_made(desk: RestoreDesk) -> None:
    """And the flag that goes on regardless leaves a run that failed, naming what is not there."""
    await desk.config_map("first")
    await desk.make("services", "web", spec={"ports": [{"port": 80}]})
    await desk.back_up(include_kinds=["configmaps", "services"])
    await desk.delete("configmaps", "first")
    await desk.delete("services", "web")
    await Full(desk).make()
    plan = await desk.preview()
    (blocker,) = plan.blockers
    assert blocker.code == "refused"
    assert "exceeded quota: none" in blocker.text
    assert plan.summary.startswith("Blocked: 1 object of ")
    partial = await desk.preview(allow_partial=True)
    assert not partial.blockers
    assert partial.summary.startswith("Partial: ")
    with pytest.raises(PartialError, match=r"services/web is not there: .*exceeded quota"):
        await desk.carry(partial)
    assert await desk.exists("configmaps", "first")


async def test_a_node_port_that_is_taken_names_the_flag_that_gives_it_up(desk: RestoreDesk) -> None:
    """`--allow-partial` would leave the Service out, where a new port would have done."""
    await desk.make("services", "web", spec={"type": "NodePort", "ports": [{"port": 80}]})
    (port,) = (await desk.get("services", "web"))["spec"]["ports"]
    await desk.back_up(include_kinds=["services"])
    await desk.delete("services", "web")
    taken = {"port": 80, "nodePort": port["nodePort"]}
    await desk.make("services", "other", spec={"type": "NodePort", "ports": [taken]})
    (blocker,) = (await desk.preview()).blockers
    assert (blocker.code, blocker.override) == ("node_port_taken", "--node-ports release")
    assert not (await desk.preview(node_ports="release")).blockers


async def test_a_webhook_whose_service_is_restored_is_waited_for_or_named(desk: RestoreDesk) -> None:
    """It cannot be tried: what answers for it is itself to come."""
    installed = Installed(desk.namespace.replace("test-", "s"), desk.namespace)
    await desk.make("services", "guard", spec={"ports": [{"port": 443}]})
    await desk.config_map("settings")
    await desk.back_up(include_kinds=["configmaps", "services"])
    await desk.delete("configmaps", "settings")
    namespaces = await desk.cluster.resource("namespaces")
    await desk.cluster.patch(
        namespaces, desk.namespace, body={"metadata": {"labels": {"suite": installed.suite}}}
    )
    hooks = await desk.cluster.resource("validatingwebhookconfigurations")
    (hook,) = installed.last()
    await desk.cluster.create(hooks, hook)
    label = f"{desk.namespace}/configmaps/settings"
    try:

        async def in_force() -> bool:
            plan = await desk.preview()
            return verdicts(plan).get(label) == "created_unverified"

        await eventually(in_force)
        plan = await desk.preview(timeout=5)
        assert "failed calling webhook" in finding(plan, "created_unverified").text
        with pytest.raises(PartialError, match=r"configmaps/settings is not there: .*failed calling webhook"):
            await desk.carry(plan)
    finally:
        await desk.cluster.delete(hooks, hook["metadata"]["name"])


async def test_an_incomplete_backup_is_restored_only_if_that_is_said(desk: RestoreDesk) -> None:
    """What it lacks is named; nobody should learn of it afterwards."""
    await desk.config_map("settings")
    gap = Gap(group="", resource="secrets", namespace="", why="user may not list secrets")
    await desk.back_up()
    body = await desk.body()
    assert body.complete
    plan = await desk.preview()
    assert "incomplete" not in {one.code for one in plan.findings}
    await desk.write_with_gap(gap)
    plan = await desk.preview()
    blocker = finding(plan, "incomplete")
    assert blocker.level == "blocker"
    assert blocker.override == "--allow-incomplete"
    assert "secrets: user may not list secrets" in blocker.text
    assert not (await desk.preview(allow_incomplete=True)).blockers


async def test_beside_a_damaged_backup_another_one_is_restored_and_that_is_told(desk: RestoreDesk) -> None:
    """Every approver has to know that somebody or something was at the repository; nobody may be without a way back."""
    await desk.config_map("settings")
    await desk.back_up()
    await desk.config_map("later")
    await desk.back_up()
    await desk.delete("configmaps", "settings")
    storage = await desk.repositories.storage_at()
    first = next(name for name in await names(storage, "backups") if name.endswith("1"))
    await overwrite(storage, first, b"rotten")
    plan = await desk.preview()
    told = finding(plan, "damaged_repository")
    assert told.level == "warning"
    assert first in told.text
    await desk.carry(plan)
    assert await desk.exists("configmaps", "settings")


async def test_answers_that_are_lost_and_servers_that_ask_for_patience_change_nothing(
    desk: RestoreDesk, kubeconfig: Path
) -> None:
    """A create whose answer is lost is there or is not; a 429 holds everything back; both end as they would have."""
    for number in range(30):
        await desk.config_map(f"item-{number:02d}", str(number))
    before = await desk.state("configmaps")
    await desk.back_up()
    for number in range(30):
        await desk.delete("configmaps", f"item-{number:02d}")
    plan = await desk.preview()
    async with FaultProxy(kubeconfig) as proxy:
        through = await connect(
            context=None,
            kubeconfig=[proxy.kubeconfig],
            impersonate=None,
            clock=SystemClock(),
            cluster_names={},
        )
        path = f"/namespaces/{desk.namespace}/configmaps"
        proxy.fail(429, path=path, method="POST", times=5, retry_after=1)
        proxy.reset(path=path, method="POST", times=3, after_bytes=10)
        proxy.fail(503, path=path, method="POST", times=2)
        try:
            async with asyncio.timeout(DEADLINE_S):
                await RestoreBackup(desk.repositories).apply(plan, through, NotedJournal())
        finally:
            await through.aclose()
    assert await desk.state("configmaps") == before


async def test_a_run_that_is_cancelled_leaves_nothing_half_done(desk: RestoreDesk) -> None:
    """Each object is there whole or not at all; the next restore makes the rest."""
    for number in range(40):
        await desk.config_map(f"item-{number:02d}", str(number))
    before = await desk.state("configmaps")
    await desk.back_up()
    for number in range(40):
        await desk.delete("configmaps", f"item-{number:02d}")
    journal = NotedJournal()
    carrying = asyncio.ensure_future(desk.carry(await desk.preview(), journal))

    async def begun() -> bool:
        return len(await desk.state("configmaps")) > 3 or carrying.done()

    await eventually(begun)
    carrying.cancel()
    await asyncio.gather(carrying, return_exceptions=True)
    await desk.restore()
    assert await desk.state("configmaps") == before


async def test_a_released_volume_is_bound_to_its_restored_claim(desk: RestoreDesk) -> None:
    """Velero leaves the claim pending for ever under `Completed`."""
    volume = f"{desk.namespace}-data"
    volumes = await desk.cluster.resource("persistentvolumes")
    await desk.cluster.create(
        volumes,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "",
                "claimRef": {"namespace": desk.namespace, "name": "data"},
                "hostPath": {"path": "/var/empty"},
            },
        },
    )
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        "volumeName": volume,
        "resources": {"requests": {"storage": "1Gi"}},
    }
    try:
        await desk.make("persistentvolumeclaims", "data", spec=spec)
        await eventually(lambda: _phase(desk, "persistentvolumeclaims", "data", "Bound"))
        await desk.back_up(include_kinds=())
        await desk.delete("persistentvolumeclaims", "data")
        await eventually(lambda: _phase(desk, "persistentvolumes", volume, "Released"))
        plan = await desk.preview(include_kinds=["persistentvolumeclaims"])
        assert {step.verb for step in plan.steps} == {"rebind", "create", "compare"}
        assert finding(plan, "volumes_without_data").subjects == (
            f"{desk.namespace}/persistentvolumeclaims/data",
        )
        await desk.carry(plan)
        await eventually(lambda: _phase(desk, "persistentvolumeclaims", "data", "Bound"))
    finally:
        await desk.cluster.delete(volumes, volume)


async def _phase(desk: RestoreDesk, kind: str, name: str, phase: str) -> bool:
    return bool((await desk.get(kind, name)).get("status", {}).get("phase") == phase)


async def test_a_repository_that_was_tampered_with_is_refused(desk: RestoreDesk) -> None:
    """Every pack in turn has a byte of another value: nothing of it is taken, and the file is named."""
    await desk.config_map("settings", "dark")
    await desk.secret("password", "hunter2")
    await desk.back_up()
    await desk.delete("configmaps", "settings")
    repositories = desk.repositories
    assert isinstance(repositories, RepositoriesHere)
    storage = next(iter(repositories.storages.values()))
    for folder in ("packs", "indexes", "listings", "backups"):
        for name in await names(storage, folder):
            data = await storage.read(name, at_most=64 * 1024 * 1024)
            forged = bytearray(data)
            forged[len(data) // 2] ^= 1
            await overwrite(storage, name, bytes(forged))
            with pytest.raises((RepositoryError, RepositoryKeyError)):
                await desk.preview()
            await overwrite(storage, name, data)
    await desk.restore()
    assert await desk.exists("configmaps", "settings")
