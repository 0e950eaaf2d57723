"""A drain whose carrier died at an awkward moment, and nodes that went before it began: what is left of it is true."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from k8sops.cluster.identity import Impersonation
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.run import Run, RunState
from k8sops.service import open_ops
from k8sops.service.config import Config
from k8sops.service.ops import EngineOps
from k8sops.service.worker import WorkerOptions, work
from k8sops.store.database import open_database
from k8sops.store.leases import lease_held
from k8sops.store.runs import load_row
from tests.actions.drain.ground import ALICE, POOL, READY, Ground, begun, ended, heard, service, told
from tests.actions.drain.test_execution_chaos import drain_process, the_run, working
from tests.support.clients import client_of
from tests.support.fault_proxy import FaultProxy

SURGE = "k8sops.dev/surge-run"
A_DAY_S = 86_400.0


class Surge(NamedTuple):
    """A drain that died between the scale-up and the eviction, and the fewest ready pods there were since before."""

    node: str
    ops: EngineOps
    run: Run
    lowest: Callable[[], int]


class Ahead(SystemClock):
    """A clock that is a day ahead."""

    def now(self) -> datetime:
        """Tomorrow."""
        return super().now() + timedelta(seconds=A_DAY_S)

    def monotonic(self) -> float:
        """The same."""
        return super().monotonic() + A_DAY_S


@asynccontextmanager
async def killed(
    ground: Ground, config: Config, kubeconfig: Path, home: Path, *arguments: str, says: str
) -> AsyncIterator[tuple[EngineOps, Run]]:
    """A drain by a process that is killed once it has said this."""
    assert config.database_url
    async with open_ops(config) as ops:
        async with drain_process(kubeconfig, config.database_url, home, *arguments) as drain:
            run = await the_run(ground, ops, drain)
            await heard(ops, run.id, lambda text: says in text)
            drain.kill()
        yield ops, run


def on(kubeconfig: Path, store_url: str) -> Config:
    """The test's store and cluster."""
    return Config(kubeconfig=(kubeconfig,), database_url=store_url)


async def lease_over(ground: Ground, config: Config, run: str) -> None:
    """Return once the dead carrier's lease has ended."""
    assert config.database_url
    database = await open_database(config.database_url, clock=SystemClock())
    try:

        async def free() -> bool:
            return not await database.read(lambda tx: lease_held(tx, load_row(tx, run)))

        await ground.until(free)
    finally:
        await database.aclose()


async def held(ground: Ground) -> str:
    """A node with two pods of a budget that lets one go, and no other node: its drain waits for ever."""
    [first] = await ground.add_nodes(1)
    await ground.workload("Deployment", "web", 2, on=first)
    await ground.budget("web", maxUnavailable=1)
    return first


# --- nodes that are gone before it begins ---


async def queued(ops: EngineOps, **params: object) -> Run:
    """A drain that waits for a carrier."""
    run = await ops.propose("drain", params, ALICE)
    return await ops.start(run.id, ALICE, carry=False)


async def delete_node(ground: Ground, name: str) -> None:
    """As an autoscaler does."""
    await ground.cluster.delete(await ground.cluster.resource("nodes"), name)


async def test_a_node_that_is_gone_when_the_drain_begins_is_left_out_and_named(
    ground: Ground, kubeconfig: Path, store_url: str
) -> None:
    """A plan that waits for approval over night must not fail because an autoscaler took one of ten nodes."""
    first, second, third = await ground.add_nodes(3)
    async with ground.only(first):
        await ground.workload("Deployment", "web", 2)
    async with open_ops(on(kubeconfig, store_url)) as ops:
        run = await queued(ops, nodes=[first, second])
        await delete_node(ground, second)
        assert await ops.drift(run.id) == ()
        await ops.carry(run.id)
        over = await ended(ops, run.id)
    assert over.state is RunState.SUCCEEDED, (over.error, told(over))
    note = f"nodes/{second} is gone since the plan was made and is left out"
    assert [event.text for event in over.events if "left out" in event.text] == [note]
    assert over.outcome.startswith("done: 2 steps")
    assert {pod["spec"]["nodeName"] for pod in await ground.pods()} == {third}


async def test_a_node_that_is_gone_stays_left_out_when_the_carrier_changes(
    ground: Ground, kubeconfig: Path, store_url: str
) -> None:
    """Whoever takes over does not compare again: what was left out is on record."""
    first, second = await ground.add_nodes(2)
    await ground.workload("Deployment", "web", 2, on=first)
    await ground.budget("web", maxUnavailable=1)
    config = on(kubeconfig, store_url)
    async with open_ops(config) as ops:
        run = await queued(ops, nodes=[first, second], allow_pending=True)
        await delete_node(ground, second)
        async with working(config):
            await heard(ops, run.id, lambda text: "web-pdb: 0 disruptions allowed" in text)
        await ground.patch("poddisruptionbudgets.policy", "web-pdb", {"spec": {"maxUnavailable": 2}})
        await ops.carry(run.id)
        over = await ended(ops, run.id)
    assert over.state is RunState.SUCCEEDED, (over.error, told(over))
    assert not [event for event in over.events if event.step.endswith(second)]


async def test_with_every_node_gone_the_run_ends_in_one_sentence(
    ground: Ground, kubeconfig: Path, store_url: str
) -> None:
    """Named or selected: nothing is left to do, and nothing was done."""
    first, second = await ground.add_nodes(2)
    label = f"tests.k8sops.dev/pool={ground.namespace}"
    async with open_ops(on(kubeconfig, store_url)) as ops:
        named = await ops.propose("drain", {"nodes": [first, second]}, ALICE)
        chosen = await ops.propose("cordon", {"selector": label}, ALICE)
        await delete_node(ground, first)
        await delete_node(ground, second)
        said = f"nothing is left to do: nodes/{first}, nodes/{second} are gone since the plan was made"
        for run in (named, chosen):
            assert await ops.drift(run.id) == (said,)
            await ops.start(run.id, ALICE)
            over = await ended(ops, run.id)
            assert over.state is RunState.VOID
            assert over.outcome == f"void: {said}"


# --- cancelled after its carrier died ---


async def test_cancelling_a_drain_whose_carrier_is_dead_gives_the_nodes_back(
    ground: Ground, kubeconfig: Path, store_url: str, tmp_path: Path
) -> None:
    """Whoever cancels wants it undone as far as it goes; who carried it until then is no matter of theirs."""
    first = await held(ground)
    config = on(kubeconfig, store_url)
    arguments = (first, "--allow-pending", "--taint")
    async with killed(ground, config, kubeconfig, tmp_path, *arguments, says="web-pdb: 0 disruptions") as (
        ops,
        run,
    ):
        await lease_over(ground, config, run.id)
        over = await ops.cancel(run.id, ALICE, "not today")
        assert over.state is RunState.CANCELLED, (over.error, told(over))
    assert over.outcome.startswith("cancelled by kubernetes-admin: not today: ")
    assert f"taken back: cordon nodes/{first}" in over.outcome
    assert "unschedulable" not in (await ground.node(first))["spec"]
    await ground.tainted(first, POOL)


async def test_a_cancel_right_after_the_kill_waits_for_the_lease_and_gives_back(
    ground: Ground, kubeconfig: Path, store_url: str, tmp_path: Path
) -> None:
    """The usual order of things: somebody kills the terminal, then thinks better of the drain."""
    first = await held(ground)
    config = on(kubeconfig, store_url)
    async with killed(
        ground, config, kubeconfig, tmp_path, first, "--allow-pending", says="web-pdb: 0 disruptions"
    ) as (ops, run):
        await ops.cancel(run.id, ALICE, "")
        over = await ended(ops, run.id)
        assert over.state is RunState.CANCELLED, (over.error, told(over))
    assert "unschedulable" not in (await ground.node(first))["spec"]


async def test_where_nobody_can_carry_it_the_cancel_says_how_to_go_back(
    ground: Ground, kubeconfig: Path, store_url: str, tmp_path: Path
) -> None:
    """No worker, and whoever cancels may not act as its requester: it ends all the same."""
    first = await held(ground)
    config = on(kubeconfig, store_url)
    async with killed(
        ground, config, kubeconfig, tmp_path, first, "--allow-pending", says="web-pdb: 0 disruptions"
    ) as (_, run):
        await lease_over(ground, config, run.id)
    whom = Impersonation(user="somebody-else", groups=("system:masters",))
    async with client_of(kubeconfig, impersonate=whom) as cluster:
        stranger = EngineOps(cluster, config=config, clock=SystemClock(), ids=UlidSource())
        over = await stranger.cancel(run.id, ALICE, "")
        await stranger.aclose()
    assert over.state is RunState.CANCELLED, (over.error, told(over))
    assert f"(to go back: k8sops uncordon {first})" in over.outcome
    assert (await ground.node(first))["spec"]["unschedulable"] is True


# --- its time ---


async def test_the_time_a_node_has_does_not_begin_anew_with_another_carrier(
    ground: Ground, kubeconfig: Path, tmp_path: Path
) -> None:
    """A drain that is handed on again and again would otherwise never be late."""
    first = await held(ground)
    config = on(kubeconfig, f"sqlite:///{tmp_path}/k8sops.db")
    arguments = (first, "--allow-pending", "--timeout", "1h")
    async with (
        killed(ground, config, kubeconfig, tmp_path, *arguments, says="web-pdb: 0 disruptions") as (_, run),
        client_of(kubeconfig) as cluster,
    ):
        tomorrow = EngineOps(cluster, config=config, clock=Ahead(), ids=UlidSource())
        await tomorrow.carry(run.id)
        over = await ended(tomorrow, run.id)
        await tomorrow.aclose()
    assert over.state is RunState.FAILED, told(over)
    assert over.error is not None
    assert "is not drained after 3600 s" in over.error.message


# --- in the middle of a surge ---


async def surging(ground: Ground) -> str:
    """A workload of one pod on the only node there is: its second pod has nowhere to go yet."""
    [first] = await ground.add_nodes(1)
    await ground.workload("Deployment", "only", 1, annotations={READY: "500ms"})
    await ground.budget("only", minAvailable=1)
    return first


async def scaled_up(ground: Ground, run: Run) -> None:
    """Return once the run has given the workload a second pod."""

    async def two() -> bool:
        found = await ground.get("deployments.apps", "only")
        return bool(found["spec"]["replicas"] == 2 and found["metadata"]["annotations"][SURGE] == run.id)

    await ground.until(two)


@asynccontextmanager
async def surge_killed(ground: Ground, config: Config, kubeconfig: Path, home: Path) -> AsyncIterator[Surge]:
    """A drain whose process died after the scale-up; at the end it is one again, unmarked, by two writes in all."""
    first = await surging(ground)
    before = (await ground.get("deployments.apps", "only"))["metadata"]["generation"]
    arguments = (first, "--surge", "--allow-pending")
    async with (
        ground.lowest_ready("only") as lowest,
        killed(ground, config, kubeconfig, home, *arguments, says="two pods for") as (ops, run),
    ):
        await scaled_up(ground, run)
        yield Surge(first, ops, run, lowest)
    found = await ground.get("deployments.apps", "only")
    assert found["spec"]["replicas"] == 1
    assert SURGE not in found["metadata"].get("annotations", {})
    assert found["metadata"]["generation"] == before + 2


async def carried_on(config: Config, ops: EngineOps, run: Run) -> None:
    """Say that another carrier brings it to a good end."""
    await work(config, WorkerOptions(until_idle=True, grace_s=0.0), lambda _: None)
    over = await ops.get_run(run.id)
    assert over.state is RunState.SUCCEEDED, (over.error, told(over))


async def test_a_surge_that_is_taken_over_is_not_made_twice_and_is_taken_back(
    ground: Ground, kubeconfig: Path, store_url: str, tmp_path: Path
) -> None:
    """kill -9 between the scale-up and the eviction: somebody answers all the time, and it is one again."""
    config = on(kubeconfig, store_url)
    async with surge_killed(ground, config, kubeconfig, tmp_path) as surge:
        [second] = await ground.add_nodes(1)
        await carried_on(config, surge.ops, surge.run)
        assert surge.lowest() == 1
    assert {pod["spec"]["nodeName"] for pod in await ground.pods(app="only")} == {second}


async def test_a_surge_whose_first_pod_went_meanwhile_is_taken_back_too(
    ground: Ground, kubeconfig: Path, store_url: str, tmp_path: Path
) -> None:
    """kill -9 between the eviction and the scale-down: no pod is left by which the next carrier would notice."""
    config = on(kubeconfig, store_url)
    async with surge_killed(ground, config, kubeconfig, tmp_path) as surge:
        await ground.add_nodes(1)
        pods = await ground.cluster.resource("pods")
        for pod in await ground.pods(node=surge.node):
            await ground.cluster.delete(
                pods, pod["metadata"]["name"], ground.namespace, grace_period_seconds=0
            )
        await carried_on(config, surge.ops, surge.run)


async def test_a_surge_that_is_cancelled_after_its_carrier_died_is_taken_back(
    ground: Ground, kubeconfig: Path, store_url: str, tmp_path: Path
) -> None:
    """The carrier that gives back has raised nothing itself: it finds what is marked as this run's."""
    config = on(kubeconfig, store_url)
    async with surge_killed(ground, config, kubeconfig, tmp_path) as surge:
        await lease_over(ground, config, surge.run.id)
        over = await surge.ops.cancel(surge.run.id, ALICE, "")
        assert over.state is RunState.CANCELLED, (over.error, told(over))
    assert "unschedulable" not in (await ground.node(surge.node))["spec"]


async def test_of_two_pods_the_controller_would_end_the_one_that_has_to_leave(
    ground: Ground, kubeconfig: Path, tmp_path: Path
) -> None:
    """Set to one again before it has seen the eviction, a ReplicaSet asks no budget: it would end the newer pod."""
    first, second = await ground.add_nodes(2)
    async with ground.only(first):
        await ground.workload("Deployment", "only", 1, annotations={READY: "500ms"})
    async with (
        FaultProxy(kubeconfig) as proxy,
        service(proxy.kubeconfig, tmp_path) as ops,
        ground.lowest_ready("only") as lowest,
    ):
        refusal = "Cannot evict pod. The disruption budget only-pdb needs 1 healthy pods and has 1 currently"
        asked = proxy.fail(429, path="/eviction", times=1000, reason="TooManyRequests", message=refusal)
        run = await begun(ops, nodes=[first], surge=True)

        async def refused() -> bool:
            return asked.hits > 0

        await ground.until(refused)
        await ground.patch("deployments.apps", "only", {"spec": {"replicas": 1}})
        over = await ended(ops, run.id)
        assert over.state is RunState.SUCCEEDED, (over.error, told(over))
        assert lowest() == 1
    assert {pod["spec"]["nodeName"] for pod in await ground.pods(app="only")} == {second}
    assert SURGE not in (await ground.get("deployments.apps", "only"))["metadata"].get("annotations", {})
