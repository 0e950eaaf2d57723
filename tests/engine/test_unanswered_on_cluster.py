"""A change whose answer is lost on the way to a real API server: settled by a look at it, or left to a person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec
import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.cluster.transport import GATED_ATTEMPT_S
from k8sops.core.clock import Clock
from k8sops.core.errors import NotFoundError
from k8sops.core.journal import Journal, Settled
from k8sops.core.params import Params, option
from k8sops.core.plan import Plan, Step, Target
from k8sops.core.ports import Action, Cluster, ClusterReader
from k8sops.core.risk import Risk
from k8sops.core.run import Run, RunState
from k8sops.engine.carrying import Tools
from k8sops.engine.port import KnownAction
from tests.support.clients import client_of
from tests.support.engine_records import in_order
from tests.support.engine_world import ALICE, EXECUTE_AS, World, open_world, serving
from tests.support.fault_proxy import FaultProxy

NAME: Final = "made-once"


class MakeParams(Params):
    """Where, and whether the action looks when it does not know."""

    namespace: str = option("The namespace.")
    looks: bool = option("Whether it can settle a step.", default=True)


class Make:
    """Makes a ConfigMap; sent again after it was made, it would fail, so it is not to be repeated."""

    name: ClassVar[str] = "make"
    params: ClassVar[type[MakeParams]] = MakeParams
    version: ClassVar[int] = 1

    async def plan(self, params: MakeParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """One step."""
        target = Target(kind="configmaps", name=NAME, namespace=params.namespace)
        return Plan(
            action=self.name,
            action_version=self.version,
            summary="Safe: a ConfigMap is made.",
            cluster=cluster.info,
            params=params.model_dump(mode="json"),
            steps=(
                Step(
                    id="make", verb="create", target=target, why="asked for", before={},
                    after={"made": True}, risk=Risk.LOW,
                ),
            ),
            made_at=clock.now(),
            expires_at=clock.now() + timedelta(hours=1),
        )  # fmt: skip

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Create it through the journal."""
        params = MakeParams.model_validate(plan.params)
        maps = await cluster.resource("cm")

        async def make() -> str:
            metadata = {"name": NAME, "namespace": params.namespace}
            await cluster.create(maps, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
            return "made"

        async def settle() -> Settled:
            try:
                await cluster.get(maps, NAME, params.namespace)
            except NotFoundError:
                return "not_done"
            return "done"

        await journal.step(plan.steps[0], make, settle=settle if params.looks else None)


class OneAction:
    """`engine.port.ActionBook` with the one."""

    def known(self) -> tuple[KnownAction, ...]:
        """It."""
        return (self.named("make"),)

    def named(self, name: str) -> KnownAction:
        """Its declaration."""
        return KnownAction(name=name, version=1, idempotent=False, policy_key="test.make")

    def load(self, name: str) -> Action[Any]:
        """The action."""
        return Make()

    def params(self, name: str, values: dict[str, Any]) -> MakeParams:
        """Validated."""
        return MakeParams.model_validate(values)


class Through:
    """`engine.port.Clusters` by way of the proxy, its mutations gated as in a worker."""

    def __init__(self, cluster: KubeCluster) -> None:
        self._cluster = cluster

    def reader(self, cluster_uid: str) -> ClusterReader:
        """For planning."""
        return ReadOnlyCluster(self._cluster)

    async def writer(
        self, cluster_uid: str, run: str, execute_as: str, gate: Callable[[], Awaitable[None]]
    ) -> Cluster:
        """For the run."""
        return self._cluster.for_run(run).gated(gate)


class Office:
    """An engine that carries `make` through a fault proxy."""

    def __init__(self, world: World, proxy: FaultProxy, cluster: KubeCluster, namespace: str) -> None:
        self.world, self.proxy, self.cluster, self.namespace = world, proxy, cluster, namespace

    async def carried(self, *, looks: bool = True) -> Run:
        """A run of it, carried to its end."""
        params = MakeParams(namespace=self.namespace, looks=looks)
        plan = await Make().plan(params, ReadOnlyCluster(self.cluster), self.world.clock)
        plan = msgspec.structs.replace(plan, execute_as=EXECUTE_AS)
        run = await self.world.desk.start((await self.world.desk.propose(plan, ALICE)).id, ALICE)
        self.world.ability = msgspec.structs.replace(
            self.world.ability, cluster_uids=(plan.cluster.uid,), actions=(("make", 1),)
        )
        carrier = self.world.carrier()
        carrier._tools = Tools(actions=OneAction(), clusters=Through(self.cluster), rules=self.world.rules)
        async with serving(carrier):
            done = await self.world.ended(run.id)
        await in_order(self.world.database, run.id)
        return done

    async def made(self) -> bool:
        """Whether the ConfigMap is there."""
        try:
            await self.cluster.get(await self.cluster.resource("cm"), NAME, self.namespace)
        except NotFoundError:
            return False
        return True

    @property
    def sent(self) -> int:
        """How often the change came by."""
        return sum(seen.method == "POST" and "configmaps" in seen.path for seen in self.proxy.seen)


@pytest.fixture
async def office(kubeconfig: Path, cluster_namespace: str, tmp_path: Path) -> AsyncIterator[Office]:
    """On the shared control plane. Leases are long: what is tested is the request, not the takeover."""
    async with (
        FaultProxy(kubeconfig) as proxy,
        client_of(proxy.kubeconfig) as cluster,
        open_world(f"sqlite:///{tmp_path}/k8sops.db") as world,
    ):
        yield Office(world, proxy, cluster, cluster_namespace)


@pytest.mark.parametrize("looks", [True, False])
async def test_an_answer_lost_after_the_change_was_made(office: Office, looks: bool) -> None:
    """The object is there: a run that said `failed` would have it made a second time."""
    office.proxy.reset(method="POST", after_bytes=0)
    done = await office.carried(looks=looks)
    assert done.state is (RunState.SUCCEEDED if looks else RunState.NEEDS_REVIEW), done.outcome
    if not looks:
        assert f"may or may not be done: {office.namespace}/configmaps/{NAME}" in done.outcome
        assert "was lost" in done.outcome
    assert (await office.made(), office.sent) == (True, 1)


@pytest.mark.parametrize("looks", [True, False])
async def test_a_connection_cut_before_the_change_came_through(office: Office, looks: bool) -> None:
    """From here the same; only a look tells that it is not there, and then the run may fail."""
    office.proxy.reset(method="POST")
    done = await office.carried(looks=looks)
    assert done.state is (RunState.FAILED if looks else RunState.NEEDS_REVIEW), done.outcome
    assert ("may or may not" in done.outcome) is not looks
    assert (await office.made(), office.sent) == (False, 1)


@pytest.mark.parametrize("code", [500, 503, 504])
async def test_a_server_error_leaves_it_open(office: Office, code: int) -> None:
    """The API server, or a balancer before it, gave up at some point nobody knows."""
    office.proxy.fail(code, method="POST", path="configmaps")
    done = await office.carried(looks=False)
    assert done.state is RunState.NEEDS_REVIEW, done.outcome
    assert office.sent == 1


async def test_no_answer_within_the_attempt_s_time(office: Office) -> None:
    """Given up by the client, done by the server."""
    office.proxy.slow(method="POST", path="configmaps", delay_s=GATED_ATTEMPT_S + 1)
    done = await office.carried()
    assert done.state is RunState.SUCCEEDED, done.outcome
    assert (await office.made(), office.sent) == (True, 1)


async def test_a_refusal_fails_the_run(office: Office) -> None:
    """What was refused in words was not done; nobody has to look."""
    office.proxy.fail(403, method="POST", path="configmaps")
    done = await office.carried(looks=False)
    assert done.state is RunState.FAILED, done.outcome
    assert "may or may not" not in done.outcome


async def test_a_cluster_that_is_away_altogether_leaves_it_to_a_person(office: Office) -> None:
    """The look goes the way the answer was lost on."""
    office.proxy.reset(method="POST", after_bytes=0)
    office.proxy.fail(403, method="GET", path=NAME)
    done = await asyncio.wait_for(office.carried(), 60)
    assert done.state is RunState.NEEDS_REVIEW, done.outcome
    assert "looking at the cluster did not help" in done.outcome
    assert office.sent == 1
