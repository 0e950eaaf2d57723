"""The disaster it is for: a cluster that is lived in, restored whole into one that is empty."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from typing import Any, Final

import msgspec
import pytest

from k8sops.actions.backups.restoring.levels import NEVER
from k8sops.backup.differences import differences
from k8sops.backup.vault.items import Key
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.discovery import Discovery
from k8sops.core.errors import NotFoundError, PartialError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.pytest_plugin import in_thread
from k8sops.sandbox.seed import seed
from tests.actions.restore.restoring import RestoreDesk, eventually
from tests.support.clients import client_of
from tests.support.journals import NotedJournal

# What is other than it was, by kind, field and why: the whole list.
OTHERWISE: Final = (
    ("pods", r"spec\.nodeName", "the scheduler places pods"),
    ("pods", r'metadata\.labels\["topology\.kubernetes\.io/\w+"\]', "admission copies the node's labels"),
    ("pods", r".*kube-api-access-.*", "admission mounts a token of its own"),
    ("services", r"spec\.clusterIPs?", "addresses are released unless they are kept"),
    (
        "persistentvolumeclaims",
        r'metadata\.annotations\["(pv|volume|volume\.beta)\.kubernetes\.io/[\w-]+"\]',
        "the volume controller binds them anew",
    ),
    ("persistentvolumes", r"spec\.claimRef\.(uid|resourceVersion)", "the claim is a new one"),
    (
        "deployments.apps",
        r'metadata\.annotations\["deployment\.kubernetes\.io/revision"\]',
        "earlier revisions are not brought back",
    ),
    (
        "daemonsets.apps",
        r'metadata\.annotations\["deprecated\.daemonset\.template\.generation"\]',
        "the API server copies the generation",
    ),
    ("clusterroles.rbac.authorization.k8s.io", r"rules.*", "where roles are aggregated"),
)
OF_THE_CONTROL_PLANE: Final = frozenset(
    {
        "apiservices.apiregistration.k8s.io//v1beta1.metrics.k8s.io",
        "configmaps/kube-system/extension-apiserver-authentication",
        "configmaps/kube-system/kube-apiserver-legacy-service-account-token-tracking",
        "services/default/kubernetes",
        "services/kube-system/sandbox-played",
    }
)
"""Addresses and certificates of one control plane, which another has of its own."""
MADE_BY: Final = frozenset(
    {"CronJob", "DaemonSet", "Deployment", "Endpoints", "Job", "ReplicaSet", "Service", "StatefulSet"}
)
CLAIM: Final = "PersistentVolumeClaim"
SCALED: Final = "spec.replicas"
"""Of what an autoscaler is for: that begins at once."""


@pytest.fixture(scope="module")
def sandboxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SandboxHandle, SandboxHandle]]:
    """Two of the test's own: one that is lived in, and one that is empty."""
    manager = SandboxManager(tmp_path_factory.mktemp("whole"))

    async def both() -> tuple[SandboxHandle, SandboxHandle]:
        lived = await manager.up("lived")
        _, empty = await asyncio.gather(seed(lived.kubeconfig, progress=lambda _: None), manager.up("empty"))
        return lived, empty

    try:
        yield in_thread(both)
    finally:
        for name in ("lived", "empty"):
            in_thread(partial(manager.down, name))


class Compared:
    """Every object of a backup beside the one that the cluster has."""

    def __init__(self, cluster: KubeCluster, served: Mapping[tuple[str, str], Resource]) -> None:
        self._cluster = cluster
        self._served = served
        self.wrong: dict[str, list[str]] = {}
        self.scaled: dict[str, list[str]] = {}
        """Only in the number of replicas."""
        self.equal = 0

    async def one(self, key: Key, wanted: JsonObject) -> None:
        """Hold one against the cluster's; what nobody meant to bring back is passed over."""
        resource = self._served[key.group, key.resource]
        kind = resource.qualified
        label = f"{kind}/{key.namespace}/{key.name}"
        if kind in NEVER or label in OF_THE_CONTROL_PLANE or _left(kind, wanted):
            return
        try:
            found = await self._cluster.get(resource, key.name, key.namespace)
        except NotFoundError:
            self.wrong[label] = ["is not there"]
            return
        differing = [
            str(one)
            for one in differences(wanted, found)
            if one.change != "added"
            and not _otherwise(kind, f"{one.path} {one.before} {one.after}", one.path)
        ]
        if differing and all(text.startswith(f"{SCALED}:") for text in differing):
            self.scaled[label] = differing
        elif differing:
            self.wrong[label] = differing
        else:
            self.equal += 1


def _left(kind: str, wanted: JsonObject) -> bool:
    """What a controller of Kubernetes makes, and what has run to its end."""
    metadata: dict[str, Any] = wanted["metadata"]
    if any(one.get("controller") and one["kind"] in MADE_BY for one in metadata.get("ownerReferences") or ()):
        return True
    if (
        metadata["name"] == "kube-root-ca.crt"
        or (metadata.get("annotations") or {}).get("apf.kubernetes.io/autoupdate-spec") == "true"
    ):
        return True
    conditions = (wanted.get("status") or {}).get("conditions") or ()
    return kind == "jobs.batch" and any(
        one["type"] in {"Complete", "Failed"} and one["status"] == "True" for one in conditions
    )


def _bound(found: JsonObject) -> tuple[str, str] | None:
    """The place of a claim that is bound; None for everything else."""
    is_bound = found["kind"] == CLAIM and (found.get("status") or {}).get("phase") == "Bound"
    return (found["metadata"]["namespace"], found["metadata"]["name"]) if is_bound else None


async def _bound_claims(cluster: KubeCluster) -> AsyncIterator[tuple[str, str]]:
    async for found in cluster.list(await cluster.resource("persistentvolumeclaims")):
        if place := _bound({**found, "kind": CLAIM}):
            yield place


def _otherwise(kind: str, whole: str, path: str) -> bool:
    return any(
        kind == of
        and (re.fullmatch(field, path) or ("kube-api-access" in field and "kube-api-access" in whole))
        for of, field, _ in OTHERWISE
    )


async def test_a_cluster_that_is_lived_in_comes_back_whole_in_an_empty_one(
    sandboxes: tuple[SandboxHandle, SandboxHandle],
) -> None:
    """Every object equal in every field, but for the list above: told by the run, and by looking for ourselves."""
    lived, empty = sandboxes
    async with client_of(lived.kubeconfig) as cluster:
        before = RestoreDesk(cluster, "")
        await before.back_up(include_namespaces=[], include_kinds=[])
        objects = await before.objects()
    assert len(objects) > 400
    async with client_of(empty.kubeconfig) as cluster:
        desk = RestoreDesk(cluster, "", before.repositories)
        plan = await desk.preview(from_cluster=before.cluster.info.uid)
        assert not plan.blockers, plan.blockers
        journal = NotedJournal()
        with pytest.raises(PartialError, match=r"\d+ of \d+ objects are as in backup 1 "):
            await desk.carry(plan, journal)
        served: dict[tuple[str, str], Resource] = {}

        async def all_served() -> bool:
            discovery = Discovery(cluster.transport, cluster.clock)
            served.update(
                {(one.group, one.plural): one for one in reversed((await discovery.found()).resources)}
            )
            return {(key.group, key.resource) for key in objects} <= served.keys()

        await eventually(all_served)
        wanted = {key: msgspec.json.decode(data) for key, (_, _, data) in objects.items()}

        async def all_bound() -> bool:
            bound = {place async for place in _bound_claims(cluster)}
            return {place for one in wanted.values() if (place := _bound(one))} <= bound

        # The volume controller binds a claim after the run, once its pod is placed; its annotations come then.
        await eventually(all_bound)
        compared = Compared(cluster, served)
        for key, one in wanted.items():
            await compared.one(key, one)
        autoscaled = {
            f"deployments.apps/{one['metadata']['namespace']}/{one['spec']['scaleTargetRef']['name']}"
            async for one in cluster.list(await cluster.resource("horizontalpodautoscalers"))
        }
    assert compared.wrong == {}
    assert compared.scaled.keys() <= autoscaled
    assert compared.equal > 300
    told = {label for one in journal.told for label in _named(one.data)}
    assert told - {_label(one) for one in autoscaled} <= {_label(one) for one in OF_THE_CONTROL_PLANE}


def _named(data: Mapping[str, Any]) -> list[str]:
    """What the run says is not as in the backup."""
    return [label for key in ("missing", "different", "left") for label in data.get(key) or ()]


def _label(text: str) -> str:
    kind, namespace, name = text.split("/")
    plural = kind.partition(".")[0]
    return f"{namespace}/{plural}/{name}" if namespace else f"{plural}/{name}"
