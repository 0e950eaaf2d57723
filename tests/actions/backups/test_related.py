"""What is in no namespace and belongs to a chosen one comes along: else what is restored there does not work."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import ClusterError, UnknownKindError
from k8sops.core.plan import JsonObject
from tests.actions.backups.backing_up import Desk, names
from tests.support.clients import client_of

RBAC = "rbac.authorization.k8s.io"
KINDS = ("configmaps", "namespaces", "clusterroles", "clusterrolebindings", "persistentvolumes")


@asynccontextmanager
async def made(cluster: KubeCluster, kind: str, name: str, **more: Any) -> AsyncIterator[JsonObject]:
    """A cluster-scoped object, deleted at the end."""
    resource = await cluster.resource(kind)
    manifest = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}, **more}
    found = await cluster.create(resource, manifest)
    try:
        yield found
    finally:
        await cluster.delete(resource, name)


async def test_roles_of_its_accounts_and_volumes_of_its_claims_come_along(backups: Desk) -> None:
    """And those of others stay out; `--cluster-scoped no` leaves out all."""
    mine, other = (f"{who}-{uuid.uuid4().hex[:8]}" for who in ("mine", "other"))
    cluster, namespace = backups.cluster, backups.namespace
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    async with AsyncExitStack() as stack:
        for name, where in ((mine, namespace), (other, "kube-system")):
            await stack.enter_async_context(made(cluster, f"clusterroles.{RBAC}", name, rules=rules))
            await stack.enter_async_context(
                made(cluster, f"clusterrolebindings.{RBAC}", name, **_binding(name, where))
            )
            await stack.enter_async_context(made(cluster, "persistentvolumes", name, spec=_volume(where)))
        await backups.config_map("a")
        for turn in range(2):
            await backups.back_up(include_kinds=KINDS)
            found = await backups.objects()
            for resource in ("clusterroles", "clusterrolebindings", "persistentvolumes"):
                assert mine in names(found, resource), turn
                assert other not in names(found, resource), turn
            assert names(found, "namespaces") == {namespace}
        assert not (await backups.body()).full_read
        await backups.back_up(include_kinds=KINDS, cluster_scoped="no")
        assert {kind.resource for kind in (await backups.body()).kinds if kind.count} >= {"configmaps"}
        assert not names(await backups.objects(), "clusterroles")
        plan = await backups.plan(include_kinds=["persistentvolumes"], cluster_scoped="yes")
        assert plan.summary.startswith("Complete")


async def test_the_definition_of_a_custom_object_comes_along(backups: Desk, kubeconfig: Path) -> None:
    """Without it the object cannot be restored at all; and what was defined a moment ago is not missed."""
    group = f"{uuid.uuid4().hex[:8]}.example.com"
    async with (
        made(
            backups.cluster,
            "customresourcedefinitions",
            f"widgets.{group}",
            spec=_definition(group),
        ),
        client_of(kubeconfig) as client,
    ):
        # Whoever backs up has looked at what is served before the kind was there, as a worker may have.
        await backups.cluster.served()
        await _widget(Desk(client, backups.namespace, backups.repositories), group)
        desk = backups
        kinds = ["configmaps", f"widgets.{group}", "customresourcedefinitions"]
        await desk.back_up(include_kinds=kinds)
        found = await desk.objects()
        assert names(found, "customresourcedefinitions") == {f"widgets.{group}"}
        assert names(found, "widgets") == {"one"}
        (widget,) = [found[key] for key in found if key.resource == "widgets"]
        assert widget == await desk.there(f"widgets.{group}", "one")


async def _widget(desk: Desk, group: str) -> None:
    """Made as soon as the API server serves the kind."""
    async with asyncio.timeout(120):
        while True:
            try:
                await desk.make(f"widgets.{group}", "one", size=3)
            except (UnknownKindError, ClusterError):
                await asyncio.sleep(0.5)
            else:
                return


def _binding(role: str, namespace: str) -> dict[str, Any]:
    return {
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
    }


def _volume(namespace: str) -> dict[str, Any]:
    return {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "none",
        "hostPath": {"path": "/nowhere"},
        "claimRef": {"namespace": namespace, "name": "not-there"},
    }


def _definition(group: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "group": group,
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}},
        ],
    }
