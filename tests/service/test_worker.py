"""A worker's parts: when it calls itself ready, and what it tidies up on the side."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import select

from k8sops import __version__
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.errors import K8sOpsError
from k8sops.engine.carrier_records import SILENT_S
from k8sops.engine.schedules import ledger
from k8sops.service.audit_trail import os_actor
from k8sops.service.config import Config
from k8sops.service.housekeeping import FIRINGS_KEPT, FORGET_EVERY_S, Housekeeping
from k8sops.service.policies import load_rules
from k8sops.service.storing import Storage
from k8sops.service.worker import WorkerOptions, work
from k8sops.service.worker_health import STALLED_S, StalledError, came_round
from k8sops.store.carriers import CarrierCard, keep_carrier
from k8sops.store.database import Tx, open_database
from k8sops.store.leases import Ability
from k8sops.store.schema import carriers, firings
from tests.support.engine_records import chain_of
from tests.support.engine_world import eventually
from tests.support.fault_proxy import FaultProxy


@asynccontextmanager
async def working(config: Config) -> AsyncIterator[str]:
    """A worker in this process; yields where its health is told."""
    said: list[str] = []
    task = asyncio.create_task(work(config, WorkerOptions(health_port=0, grace_s=0.0), said.append))

    async def told() -> bool:
        return task.done() or any("health on" in line for line in said)

    try:
        await eventually(told)
        yield next(line for line in said if "health on" in line).split()[2].removesuffix("/healthz,")
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def readiness(address: str) -> dict[str, str]:
    """What /readyz says of each part."""
    async with aiohttp.ClientSession() as session, session.get(f"{address}/readyz") as answer:
        found: dict[str, str] = (await answer.json())["checks"]
        assert (answer.status == 200) == (set(found.values()) == {"ok"})
        return found


async def test_a_cluster_that_does_not_answer_makes_the_worker_unready_and_nothing_else(
    kubeconfig: Path, tmp_path: Path
) -> None:
    """A restart would not bring the cluster back; a new worker elsewhere might reach it."""
    async with FaultProxy(kubeconfig) as proxy:
        config = Config(kubeconfig=(proxy.kubeconfig,), database_url=f"sqlite:///{tmp_path}/store/k8sops.db")
        async with working(config) as address:

            async def ready() -> bool:
                return set((await readiness(address)).values()) == {"ok"}

            await eventually(ready)
            proxy.pause()

            async def only_the_cluster_is_missed() -> bool:
                found = await readiness(address)
                return found.pop("cluster") == "no answer within 2 s" and set(found.values()) == {"ok"}

            await eventually(only_the_cluster_is_missed)
            proxy.resume()
            await eventually(ready)
            proxy.fail(401, times=1000)
            assert (await readiness(address))["cluster"] == "credentials"


async def test_a_loop_that_no_longer_comes_round_is_told() -> None:
    """A worker that hangs is worse than one that is gone: its schedules are late and nobody takes them."""
    now = asyncio.get_running_loop().time()
    came_round(now)
    for last in (now - STALLED_S - 1, float("-inf")):
        with pytest.raises(StalledError, match="has not come round"):
            came_round(last)


class Ahead(SystemClock):
    """A clock that can be put forward."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        """Forward by so much."""
        return super().monotonic() + self.ahead_s


async def test_old_firings_are_forgotten_once_a_day_and_silent_carriers_at_once(store_url: str) -> None:
    """Else both tables grow for ever; what is young, open or alive stays."""
    clock = Ahead()
    config = Config(database_url=store_url)
    storage = Storage(config, clock, UlidSource())
    try:
        database, books = await storage.database(), await storage.books()
        policy = load_rules(config, clock).policy
        keeping = Housekeeping(database, books, policy, config, clock=clock)
        await keeping.round(os_actor("worker"))

        def fill(tx: Tx) -> None:
            long_ago = tx.now() - FIRINGS_KEPT - timedelta(days=1)
            ledger.record(tx, "old", long_ago, "skipped")
            ledger.record(tx, "open", long_ago, "queued")
            ledger.record(tx, "young", tx.now(), "skipped")
            for name, ttl_s in (("silent", -SILENT_S), ("paused", -1.0), ("alive", 60.0)):
                keep_carrier(tx, card(name), ttl_s)

        await database.write(fill, name="test")
        await keeping.round(os_actor("worker"))
        assert await database.read(names) == ["alive", "old", "open", "paused", "young"]
        clock.ahead_s = FORGET_EVERY_S
        await keeping.round(os_actor("worker"))
        assert await database.read(names) == ["alive", "open", "paused", "young"]
    finally:
        await storage.aclose()


def card(name: str) -> CarrierCard:
    """A carrier of this name."""
    ability = Ability(execute_as=(), cluster_uids=(), actions=(), plan_format=1)
    return CarrierCard(id=name, host="here", pid=1, surface="worker", ability=ability, resident=True)


def names(tx: Tx) -> list[str]:
    """Every carrier, and the schedule of every firing."""
    found = [*tx.execute(select(carriers.c.id)).scalars(), *tx.execute(select(firings.c.schedule)).scalars()]
    return sorted(str(name) for name in found)


async def test_a_worker_without_its_policy_file_does_not_start(kubeconfig: Path, tmp_path: Path) -> None:
    """Carrying by the shipped rules instead would be a way round the team's."""
    config = Config(
        kubeconfig=(kubeconfig,),
        database_url=f"sqlite:///{tmp_path}/k8sops.db",
        policy=tmp_path / "nowhere.yaml",
    )
    with pytest.raises(K8sOpsError, match="there is no such file"):
        await work(config, WorkerOptions(), lambda _: None)


async def test_a_worker_s_process_is_on_record_with_its_version_and_whom_it_acts_as(
    kubeconfig: Path, tmp_path: Path
) -> None:
    """Also of one that a command leaves behind: what went on in the night has a process to it."""
    config = Config(kubeconfig=(kubeconfig,), database_url=f"sqlite:///{tmp_path}/k8sops.db")
    await work(config, WorkerOptions(until_idle=True), lambda _: None)
    database = await open_database(config.database_url, clock=SystemClock())
    told = [record for record in await chain_of(database) if record.code.startswith("carrier.st")]
    await database.aclose()
    assert [record.code for record in told] == ["carrier.started", "carrier.stopped"]
    assert told[0].data["version"] == __version__
    assert told[0].data["pid"] == os.getpid()
    assert told[0].effective == "user:kubernetes-admin"
    assert told[0].actor is not None
    assert told[0].actor.name == os_actor().name
