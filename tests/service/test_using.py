"""Who uses an object, on a real control plane: by controllers, by selectors, and by permission."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import NotFoundError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import AccessRequest
from k8sops.service import open_ops
from k8sops.service.config import Config, config_of
from tests.support.persons import until_allowed
from tests.support.workloads import create, deployment


def _made(kind: str, version: str, name: str, namespace: str, **fields: object) -> JsonObject:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **fields}


async def test_users_of_a_secret_and_of_a_workload_are_told_once_each_by_their_controllers(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Before it is deleted or rotated one wants to know who will miss it; three pods of one Deployment are one user."""
    here = cluster_namespace
    manifest = deployment("web", here, replicas=3)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "t", "optional": True}}}
    ]
    await create(cluster, manifest)
    budget = {"selector": {"matchLabels": {"app": "web"}}, "maxUnavailable": 1}
    rule = {
        "http": {
            "paths": [
                {
                    "path": "/",
                    "pathType": "Prefix",
                    "backend": {"service": {"name": "web", "port": {"number": 80}}},
                }
            ]
        }
    }
    for kind, one in (
        ("secrets", _made("Secret", "v1", "token", here)),
        (
            "services",
            _made("Service", "v1", "web", here, spec={"selector": {"app": "web"}, "ports": [{"port": 80}]}),
        ),
        (
            "poddisruptionbudgets.policy",
            _made("PodDisruptionBudget", "policy/v1", "guard", here, spec=budget),
        ),
        (
            "ingresses.networking.k8s.io",
            _made("Ingress", "networking.k8s.io/v1", "edge", here, spec={"rules": [rule]}),
        ),
    ):
        await cluster.create(await cluster.resource(kind), one)
    async with open_ops(Config(kubeconfig=(kubeconfig,), namespace=here)) as ops:
        reading = await ops.reading()
        token = await reading.used_by("secret", "token", here)
        assert [(use.by.kind, use.by.name, use.how) for use in token.found] == [
            ("deployments.apps", "web", "TOKEN of container app")
        ]
        assert token.found[0].by.uid
        web = await reading.used_by("deploy", "web", here)
        assert {(use.by.kind, use.by.name, use.how) for use in web.found} == {
            ("services", "web", "selects its pods"),
            ("poddisruptionbudgets.policy", "guard", "selects its pods"),
        }
        service = await reading.used_by("svc", "web", here)
        assert [(use.by.kind, use.how) for use in service.found] == [
            ("ingresses.networking.k8s.io", "backend of */")
        ]
        with pytest.raises(NotFoundError):
            await reading.used_by("secrets", "gone", here)
        with pytest.raises(UsageError, match="cannot be told"):
            await reading.used_by("events", "x", here)


async def test_kinds_that_may_not_be_listed_are_named_instead_of_passing_for_no_users(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """That nothing uses it must not mean that one was not allowed to look."""
    await cluster.create(
        await cluster.resource("configmaps"), _made("ConfigMap", "v1", "settings", cluster_namespace)
    )
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "eve"}
    role = {"rules": [{"apiGroups": [""], "resources": ["configmaps", "pods"], "verbs": ["get", "list"]}]}
    binding = {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reads"},
        "subjects": [subject],
    }
    group = "rbac.authorization.k8s.io"
    for kind, body in (("Role", role), ("RoleBinding", binding)):
        manifest = _made(kind, f"{group}/v1", "reads", cluster_namespace, **body)
        await cluster.create(await cluster.resource(f"{kind.lower()}s.{group}"), manifest)
    for resource in ("configmaps", "pods"):
        request = AccessRequest(verb="list", resource=resource, namespace=cluster_namespace)
        await until_allowed(cluster, "eve", request)
    config = config_of({"kubeconfig": (kubeconfig,), "namespace": cluster_namespace, "as": "eve"})
    async with open_ops(config) as ops:
        uses = await (await ops.reading()).used_by("configmaps", "settings", cluster_namespace)
    assert uses.found == ()
    assert "deployments.apps" in uses.unread
    assert "pods" not in uses.unread
