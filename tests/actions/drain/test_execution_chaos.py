"""A drain whose carrier is killed, handed over, or loses the API server: whoever goes on ends it, once for each pod."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from k8sops.core.ops import Ops
from k8sops.core.run import Run, RunFilter, RunState
from k8sops.service import open_ops
from k8sops.service.config import Config
from k8sops.service.worker import WorkerOptions, work
from tests.actions.drain.ground import ALICE, READY, STOP, Ground, begun, ended, heard, told
from tests.support.clients import client_of
from tests.support.restarts import kill_api_server, repair

if TYPE_CHECKING:
    from k8sops.sandbox.manager import SandboxHandle

LEISURELY = {READY: "1500ms", STOP: "grace"}


class DrainProcess(NamedTuple):
    """A process, and the file that it writes to."""

    process: asyncio.subprocess.Process
    said: Path

    def kill(self) -> None:
        """As it stands."""
        self.process.kill()


@asynccontextmanager
async def drain_process(
    kubeconfig: Path, store_url: str, home: Path, *arguments: str
) -> AsyncIterator[DrainProcess]:
    """`k8sops drain` in a process of its own."""
    environ = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "K8SOPS_DATABASE_URL": store_url,
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
    }
    said = home.with_name(f"{home.name}.said")
    with said.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "k8sops",
            "drain",
            *arguments,
            "--yes",
            env=environ,
            stdout=file,
            stderr=file,
        )
    try:
        yield DrainProcess(process, said)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def the_run(ground: Ground, ops: Ops, drain: DrainProcess) -> Run:
    """The one run of the store, once the process has put it there."""
    found: list[str] = []

    async def there() -> bool:
        ended = drain.process.returncode
        found[:] = [one.id for one in await ops.runs(RunFilter())]
        assert found or ended is None, f"it ended with {ended} and no run: {drain.said.read_text()}"
        return bool(found)

    await ground.until(there)
    return await ops.get_run(found[0])


async def test_what_a_killed_drain_had_begun_another_carrier_ends(
    ground: Ground, kubeconfig: Path, store_url: str, tmp_path: Path
) -> None:
    """kill -9 between two evictions: no pod is evicted twice, none is forgotten, the cordon stays this run's."""
    first, second = await ground.add_nodes(2)
    async with ground.only(first):
        await ground.workload("Deployment", "web", 4, annotations=LEISURELY)
    await ground.budget("web", maxUnavailable=1)
    config = Config(kubeconfig=(kubeconfig,), database_url=store_url)
    async with open_ops(config) as ops, ground.lowest_ready("web") as lowest:
        async with drain_process(kubeconfig, store_url, tmp_path / "home", first) as drain:
            run = await the_run(ground, ops, drain)
            await heard(ops, run.id, lambda text: text.startswith("progress: 2 of 4"))
            drain.kill()
        await work(config, WorkerOptions(until_idle=True, grace_s=0.0), lambda _: None)
        over = await ops.get_run(run.id)
        assert over.state is RunState.SUCCEEDED, (over.error, told(over))
        assert lowest() == 3
    assert await ground.pods(first) == []
    assert len(await ground.pods(second)) == 4
    begun_evictions = {e.step for e in over.events if e.kind == "step_started" and "/evict:" in e.step}
    evicted = [event.step for event in over.events if event.kind == "step_done" and "/evict:" in event.step]
    assert len(begun_evictions) == 4
    assert len(evicted) == len(set(evicted))
    # The kill may fall between an eviction and its record: the next carrier finds that pod gone.
    assert len(evicted) >= 3
    assert set(evicted) <= begun_evictions
    assert (await ground.node(first))["metadata"]["annotations"]["k8sops.dev/cordon-run"] == run.id


async def test_a_carrier_that_leaves_takes_nothing_back(
    ground: Ground, kubeconfig: Path, tmp_path: Path
) -> None:
    """A worker that is restarted hands its drains on: an uncordon in between would undo them."""
    [first] = await ground.add_nodes(1)
    await ground.workload("Deployment", "web", 2, on=first)
    await ground.budget("web", maxUnavailable=1)
    config = Config(kubeconfig=(kubeconfig,), database_url=f"sqlite:///{tmp_path}/k8sops.db")
    async with open_ops(config) as ops:
        run = await ops.propose("drain", {"nodes": [first], "allow_pending": True}, ALICE)
        await ops.start(run.id, ALICE, carry=False)
        async with working(config):
            await heard(ops, run.id, lambda text: "web-pdb: 0 disruptions allowed" in text)
        left = await ops.get_run(run.id)
        assert left.state is RunState.RUNNING, (left.error, told(left))
        assert (await ground.node(first))["spec"]["unschedulable"] is True
        await ground.patch("poddisruptionbudgets.policy", "web-pdb", {"spec": {"maxUnavailable": 2}})
        async with working(config):
            over = await ended(ops, run.id)
    assert over.state is RunState.SUCCEEDED, (over.error, told(over))
    assert await ground.pods(first) == []


@asynccontextmanager
async def working(config: Config) -> AsyncIterator[None]:
    """A worker, closed in good order at the end."""
    task = asyncio.create_task(work(config, WorkerOptions(grace_s=0.0), lambda _: None))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_drain_outlives_an_api_server_restart(fresh_cluster: SandboxHandle, tmp_path: Path) -> None:
    """An upgrade of the control plane in the middle of one; budgets hold all the same."""
    config = Config(kubeconfig=(fresh_cluster.kubeconfig,), database_url=f"sqlite:///{tmp_path}/k8sops.db")
    async with client_of(fresh_cluster.kubeconfig) as cluster:
        ground = Ground(cluster, "default")
        first, _ = await ground.add_nodes(2)
        async with ground.only(first):
            await ground.workload("Deployment", "web", 4, annotations=LEISURELY)
        await ground.budget("web", maxUnavailable=1)
        async with open_ops(config) as ops:
            run = await begun(ops, nodes=[first])
            await heard(ops, run.id, lambda text: text.startswith("progress: 1 of 4"))
            await kill_api_server(fresh_cluster)
            await heard(ops, run.id, lambda text: text.startswith("note: "))
            await repair(fresh_cluster)
            over = await ended(ops, run.id)
        assert over.state is RunState.SUCCEEDED, (over.error, told(over))
        assert await ground.pods(first) == []
        evicted = [
            event.step for event in over.events if event.kind == "step_done" and "/evict:" in event.step
        ]
        assert len(evicted) == len(set(evicted)) == 4
