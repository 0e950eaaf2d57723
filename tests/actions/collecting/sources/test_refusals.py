"""Somebody with few rights still gets a bundle: what may be read is in it, what may not is named, kind by kind."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.identity import Impersonation
from k8sops.core.errors import UnreachableError
from k8sops.core.ports import ClusterReader
from tests.actions.collecting.sources.ground import gathered, gathering_of, pods_of
from tests.support.bundle_sink import MemorySink
from tests.support.clients import client_of
from tests.support.workloads import create

RULES = [
    {"apiGroups": [""], "resources": ["pods", "services", "configmaps"], "verbs": ["get", "list"]},
    {"apiGroups": ["apps"], "resources": ["replicasets", "deployments"], "verbs": ["get", "list"]},
]


async def weak_person(kubeconfig: Path, namespace: str) -> str:
    """Somebody who may read a few kinds of one namespace, and of the cluster nothing."""
    name = f"weak-{namespace}"
    async with client_of(kubeconfig) as admin:
        await create(admin, _rbac("Role", name, namespace, rules=RULES))
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
        await create(admin, _rbac("RoleBinding", name, namespace, roleRef=reference, subjects=[subject]))
    return name


def _rbac(kind: str, name: str, namespace: str, **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, **fields}


@pytest.fixture(scope="module")
async def refused(laid_out: str, kubeconfig: Path) -> AsyncIterator[MemorySink]:
    """The bundle of that person."""
    name = await weak_person(kubeconfig, laid_out)
    async with client_of(kubeconfig, impersonate=Impersonation(user=name)) as cluster:
        gathering, sink = gathering_of(cluster, laid_out, pods=await pods_of(cluster, laid_out))
        await gathered(gathering)
        yield sink


def test_what_may_be_read_is_there_all_the_same(laid_out: str, refused: MemorySink) -> None:
    """All or nothing is what other tools do, to whoever is on call without being an administrator."""
    for path in (
        "deployments.apps/web.yaml",
        "services/web.yaml",
        "configmaps/settings.yaml",
        "rollouts.txt",
    ):
        assert f"namespaces/{laid_out}/{path}" in refused.files
    assert "gitVersion" in refused.files["cluster/version.json"].text


@pytest.mark.parametrize(
    "kind",
    [
        "endpointslices.discovery.k8s.io",
        "ingresses.networking.k8s.io",
        "horizontalpodautoscalers.autoscaling",
        "poddisruptionbudgets.policy",
        "networkpolicies.networking.k8s.io",
        "resourcequotas",
        "limitranges",
        "events.jsonl",
        "jobs.batch/nightly-1.yaml",
        "persistentvolumeclaims/disk.yaml",
    ],
)
def test_each_kind_that_is_refused_is_told_by_itself(laid_out: str, refused: MemorySink, kind: str) -> None:
    """Whoever reads the bundle must not take what nobody could read for something that is not there."""
    why = refused.absent[f"namespaces/{laid_out}/{kind}"]
    assert "may not" in why
    assert "\n" not in why


def test_what_few_may_read_is_told_as_a_note_and_makes_no_bundle_partial(
    laid_out: str, refused: MemorySink
) -> None:
    """Whoever has one namespace would else never see a bundle that succeeds; nodes/proxy is the last right given."""
    notes = refused.not_here
    nodes = {path.split("/")[1] for path in notes if path.startswith("nodes/node-")}
    assert nodes
    for name in nodes:
        assert "may not get nodes" in notes[f"nodes/{name}/node.yaml"]
        for file in ("kubelet.log", "containerd.log", "stats.json"):
            assert "may not get nodes/proxy" in notes[f"nodes/{name}/{file}"]
    for path in ("nodes.txt", "leases.txt", "apiservices.txt", "kube-system-pods.txt", "metrics.txt"):
        assert "may not list" in notes[f"cluster/{path}"]
    assert "may not list events" in notes["nodes/events.jsonl"]
    assert "may not list" in notes[f"namespaces/{laid_out}/metrics.txt"]
    assert "may not get secrets" in notes[f"namespaces/{laid_out}/secrets/keys.yaml"]
    assert f"cluster/namespaces/{laid_out}.yaml" in notes
    assert all(path.startswith(f"namespaces/{laid_out}/") for path in refused.absent)


class Away:
    """A cluster that answers nothing from now on."""

    async def refuse(self, *_: Any, **__: Any) -> Any:
        """Any read of one thing."""
        raise UnreachableError("https://api.example:6443 does not answer")

    async def refuse_all(self, *_: Any, **__: Any) -> AsyncGenerator[Any, None]:
        """Any read of many things."""
        for one in await self.refuse():
            yield one

    resource = served = get = table = discovery_gaps = refuse
    list = list_as = bytes_at = refuse_all


async def test_a_cluster_that_goes_away_ends_nothing(laid_out: str, cluster: KubeCluster) -> None:
    """What was gathered before stays, and each part that came too late says so."""
    pods = await pods_of(cluster, laid_out)
    gathering, sink = gathering_of(cast("ClusterReader", Away()), laid_out, pods=pods)
    await gathered(gathering)
    assert sink.absent
    assert all("does not answer" in why for why in sink.absent.values())
    assert sink.not_here == {}
    assert "k8sops/audit.jsonl" in sink.files
