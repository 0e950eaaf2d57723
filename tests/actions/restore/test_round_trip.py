"""Back up, delete everything, restore: every object equal in every field that is not server-assigned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from k8sops.core.errors import K8sOpsError, NotFoundError
from k8sops.core.plan import JsonObject, Plan
from tests.actions.restore.restoring import RestoreDesk, eventually, finding, verdicts
from tests.support.installed import Installed
from tests.support.journals import NotedJournal
from tests.support.workloads import pod_template

NAMESPACED = (
    "serviceaccounts",
    "roles",
    "rolebindings",
    "configmaps",
    "secrets",
    "persistentvolumeclaims",
    "limitranges",
    "resourcequotas",
    "networkpolicies",
    "deployments",
    "statefulsets",
    "daemonsets",
    "jobs",
    "cronjobs",
    "horizontalpodautoscalers",
    "poddisruptionbudgets",
    "pods",
    "services",
    "endpoints",
    "ingresses",
)
CLUSTER_WIDE = (
    "priorityclasses",
    "storageclasses",
    "persistentvolumes",
    "clusterroles",
    "clusterrolebindings",
    "validatingwebhookconfigurations",
    "customresourcedefinitions",
)


class World:
    """What is installed, by whom it is backed up, and how it is taken away again."""

    def __init__(self, desk: RestoreDesk, installed: Installed) -> None:
        self.desk = desk
        self.installed = installed
        self.selector = f"suite={installed.suite}"
        self.kinds = (
            *NAMESPACED,
            *CLUSTER_WIDE,
            f"certificates.{installed.group}",
            f"databases.{installed.group}",
        )
        self.said: dict[str, Any] = {
            "include_namespaces": [desk.namespace],
            "namespace": "",
            "cluster_scoped": "yes",
            "selector": [self.selector],
        }

    async def install(self) -> None:
        """Everything, webhooks last; what is custom once it is served."""
        labels = {"metadata": {"labels": {"suite": self.installed.suite}}}
        namespaces = await self.desk.cluster.resource("namespaces")
        await self.desk.cluster.patch(namespaces, self.desk.namespace, body=labels)
        for manifest in self.installed.everything():
            await self.make(manifest)
            if manifest["kind"] == "LimitRange":
                await eventually(self._limited)
        for manifest in self.installed.custom():
            await eventually(partial(self._made, manifest))
        certificates = await self.desk.cluster.resource(f"certificates.{self.installed.group}")
        owner = await self.desk.get(certificates.qualified, "web-tls")
        await self.make(self._owned(owner))
        await eventually(self._settled)
        for manifest in self.installed.last():
            await self.make(manifest)

    def _owned(self, owner: JsonObject) -> JsonObject:
        """A Secret that an operator made of a custom resource; its contents are nowhere else."""
        reference = {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "web-tls",
                "namespace": self.desk.namespace,
                "labels": {"suite": self.installed.suite},
                "ownerReferences": [reference],
            },
            "data": {"tls.key": "a2V5"},
        }

    async def make(self, manifest: JsonObject) -> None:
        """One object."""
        group = str(manifest["apiVersion"]).rpartition("/")[0]
        kind = f"{manifest['kind'].lower()}.{group}" if group else str(manifest["kind"]).lower()
        await self.desk.cluster.create(await self.desk.cluster.resource(kind), manifest)

    async def _made(self, manifest: JsonObject) -> bool:
        try:
            await self.make(manifest)
        except (NotFoundError, K8sOpsError):
            return False
        return True

    async def _limited(self) -> bool:
        """Whether admission knows the limits already: it gives pods what they do not ask for."""
        metadata = {"name": "tried", "namespace": self.desk.namespace}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_template("tried")["spec"]}
        made = await self.desk.cluster.preview_create(await self.desk.cluster.resource("pods"), pod)
        return bool(made["spec"]["containers"][0].get("resources", {}).get("requests"))

    async def _settled(self) -> bool:
        """Whether controllers have made the pods, which the webhook refuses, and bound the claim."""
        web = (await self.desk.get("deployments", "web"))["status"]
        db = (await self.desk.get("statefulsets", "db"))["status"]
        agent = (await self.desk.get("daemonsets", "agent"))["status"]
        claim = (await self.desk.get("persistentvolumeclaims", "data"))["status"]
        return (
            (web.get("replicas"), db.get("replicas"), claim.get("phase")) == (2, 1, "Bound")
            and "observedGeneration" in agent
            and agent["currentNumberScheduled"] == agent["desiredNumberScheduled"] > 0
        )

    async def state(self) -> dict[tuple[str, str], JsonObject]:
        """Everything that carries the label and is not made by a controller."""
        selector = f"{self.selector},!endpoints.kubernetes.io/managed-by"
        return await self.desk.state(*self.kinds, selector=selector)

    async def remove(self) -> None:
        """All of it: first what refuses others, then the namespace, then what is in none."""
        order = ("validatingwebhookconfigurations", *(kind for kind in CLUSTER_WIDE if "webhook" not in kind))
        await self._remove(order[0])
        namespaces = await self.desk.cluster.resource("namespaces")
        await self.desk.cluster.delete(namespaces, self.desk.namespace)
        await self.desk.gone("namespaces", self.desk.namespace)
        for kind in order[1:]:
            for name in await self._remove(kind):
                await self.desk.gone(kind, name)

    async def _remove(self, kind: str) -> list[str]:
        resource = await self.desk.cluster.resource(kind)
        found = [one async for one in self.desk.cluster.list(resource, label_selector=self.selector)]
        names = [str(one["metadata"]["name"]) for one in found]
        for name in names:
            with suppress(NotFoundError):
                await self.desk.cluster.delete(resource, name)
        return names

    async def clear(self) -> None:
        """What would outlive the test."""
        for kind in sorted(CLUSTER_WIDE, key=lambda kind: "webhook" not in kind):
            await self._remove(kind)


@pytest.fixture
async def world(desk: RestoreDesk) -> AsyncIterator[World]:
    """What widely used projects install, in the test's namespace and beside it."""
    world = World(desk, Installed(desk.namespace.replace("test-", "s"), desk.namespace))
    try:
        await world.install()
        yield world
    finally:
        await world.clear()


async def test_everything_that_was_deleted_is_as_it_was(world: World) -> None:
    """Of an empty place: namespace, definitions and their objects, roles, volumes, workloads, webhooks last."""
    desk = world.desk
    before = await world.state()
    await desk.back_up(include_kinds=(), cluster_scoped="yes", selector=[world.selector])
    await world.remove()
    plan = await desk.preview(**world.said)
    assert not plan.blockers, plan.blockers
    told = verdicts(plan)
    assert told[f"{desk.namespace}/certificates/web-tls"] == "created_unverified"
    assert told[f"storageclasses/{world.installed.suite}-fast"] == "created"
    assert "created_unverified" in {one.code for one in plan.findings}
    journal = await desk.carry(plan)
    after = await world.state()
    assert after.keys() == before.keys()
    assert after == before, {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    owner = await desk.get(f"certificates.{world.installed.group}", "web-tls")
    (reference,) = (await desk.get("secrets", "web-tls"))["metadata"]["ownerReferences"]
    assert reference["uid"] == owner["metadata"]["uid"]
    levels = [int(path.split("/")[1]) for path in journal.done]
    assert levels == sorted(levels)
    kinds = [step.target.kind for step in plan.steps]
    hooks = [place for place, kind in enumerate(kinds) if "webhookconfigurations" in kind]
    assert hooks
    assert min(hooks) > kinds.index("statefulsets.apps")


async def test_a_restore_that_is_killed_anywhere_and_resumed_ends_equal(world: World) -> None:
    """Whoever takes over begins anew; what is there is seen and left."""
    desk = world.desk
    before = await world.state()
    await desk.back_up(include_kinds=(), cluster_scoped="yes", selector=[world.selector])
    await world.remove()
    plan = await desk.preview(**world.said)
    journal = NotedJournal()
    for kills in (3, 9, 17):
        journal = await _killed(desk, plan, journal, after=kills)
    await desk.carry(plan, NotedJournal(before=journal))
    assert await world.state() == before


async def _killed(desk: RestoreDesk, plan: Plan, journal: NotedJournal, *, after: int) -> NotedJournal:
    """Carry on until so many more things were told, and end there without a word."""
    taken = NotedJournal(before=journal)
    carrying = asyncio.ensure_future(desk.carry(plan, taken))
    while len(taken.told) < after and not carrying.done():  # noqa: ASYNC110 - told by being looked at
        await asyncio.sleep(0.001)
    carrying.cancel()
    await asyncio.gather(carrying, return_exceptions=True)
    return taken


async def test_the_plan_says_what_is_left_to_controllers(world: World) -> None:
    """Pods and ReplicaSets of a Deployment come back by themselves."""
    desk = world.desk

    async def running() -> bool:
        return len(await desk.state("pods")) >= 4

    await eventually(running)
    await desk.back_up(include_kinds=())
    plan = await desk.preview()
    assert "ReplicaSet controller" in finding(plan, "left_to_controller").text
    assert plan.steps == ()
