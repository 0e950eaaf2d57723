"""A policy file that changes under a worker: what begins then goes by it, what goes on ends as it began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor
from k8sops.core.run import Run, RunState
from k8sops.service import open_ops
from k8sops.service.config import Config
from k8sops.service.ops import EngineOps
from k8sops.service.worker import WorkerOptions, work
from tests.support.engine_world import eventually
from tests.support.workloads import NEVER_READY, create, deployment

ADMIN = Actor(name="kubernetes-admin", auth="self_subject_review")
FREE = {"baseline": {"disruptive": {"effect": "confirm"}}}
STOPPED = {"rules": [{"name": "moving", "match": {"risk": "low"}, "effect": "deny", "why": "we move house"}]}
READY = {"spec": {"template": {"metadata": {"annotations": {"sandbox.k8sops.dev/play": None}}}}}


class Place:
    """A worker on a policy file, and a door whose own policy lets everything pass."""

    def __init__(self, folder: Path, cluster: KubeCluster, kubeconfig: Path, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.said: list[str] = []
        self._path = folder / "policy.yaml"
        free = folder / "free.yaml"
        free.write_text(yaml.safe_dump({"format": 1, **FREE}))
        self.write(yaml.safe_dump({"format": 1, **FREE}))
        self.worker_config = Config(
            kubeconfig=(kubeconfig,), policy=self._path, database_url=f"sqlite:///{folder}/store/k8sops.db"
        )
        self.door_config = msgspec.structs.replace(self.worker_config, policy=free, namespace=namespace)

    def write(self, text: str) -> None:
        """Put another policy there, whole."""
        beside = self._path.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self._path)

    async def told(self, text: str, times: int = 1) -> None:
        """Wait until the worker has said so so often."""

        async def so() -> bool:
            return sum(text in line for line in self.said) >= times

        await eventually(so)

    async def queued(self, ops: EngineOps, name: str, **annotations: str) -> Run:
        """A deployment, and a run that scales it, for the worker to carry."""
        await create(self.cluster, deployment(name, self.namespace, annotations=annotations))
        params = {"target": f"deployment/{name}", "replicas": 2, "timeout": 600}
        run = await ops.propose("scale", params, ADMIN)
        return await ops.start(run.id, ADMIN, carry=False)

    async def until(self, ops: EngineOps, run: Run, state: RunState) -> Run:
        """Wait until it is in that state."""

        async def so() -> bool:
            return (await ops.get_run(run.id)).state is state

        await eventually(so)
        return await ops.get_run(run.id)


@pytest.fixture
async def place(
    tmp_path: Path, cluster: KubeCluster, kubeconfig: Path, cluster_namespace: str
) -> AsyncIterator[Place]:
    """A worker that is up, under a policy by which changes are confirmed."""
    found = Place(tmp_path, cluster, kubeconfig, cluster_namespace)
    task = asyncio.create_task(work(found.worker_config, WorkerOptions(grace_s=0.0), found.said.append))
    try:
        await found.told("it carries runs")
        yield found
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_is_claimed_after_a_change_goes_by_it_and_what_goes_on_ends_as_it_began(
    place: Place,
) -> None:
    """Somebody is taken out of the policy at night; nobody logs in everywhere to start workers again."""
    async with open_ops(place.door_config) as ops:
        going = await place.queued(ops, "slow", **NEVER_READY)
        await place.until(ops, going, RunState.RUNNING)
        place.write(yaml.safe_dump({"format": 1, **STOPPED}))
        await place.told("the policy has changed: what goes on ends under version")
        await place.told("it carries runs", 2)
        late = await place.until(ops, await place.queued(ops, "late"), RunState.DENIED)
        assert "we move house" in late.outcome
        resource = await place.cluster.resource("deployments")
        await place.cluster.patch(resource, "slow", place.namespace, body=READY)
        ended = await place.until(ops, going, RunState.SUCCEEDED)
        assert not [event for event in ended.events if "taken the run over" in event.text]


async def test_under_a_policy_that_is_not_valid_nothing_begins(place: Place) -> None:
    """Going on under the one before would be a way round what somebody has just forbidden."""
    async with open_ops(place.door_config) as ops:
        place.write("format: 1\nrulez: []\n")
        await place.told("nothing is carried for now: ")
        waiting = await place.queued(ops, "waiting")
        place.write(yaml.safe_dump({"format": 1, **STOPPED}))
        denied = await place.until(ops, waiting, RunState.DENIED)
        assert "we move house" in denied.outcome
        assert sum("nothing is carried for now" in line for line in place.said) == 1, "told once"
