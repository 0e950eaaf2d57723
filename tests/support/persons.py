"""Other persons on the sandbox: a client of their own, and the rights a test gives them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Identity
from k8sops.core.ports import AccessRequest
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from tests.support.clients import client_of

RBAC = "rbac.authorization.k8s.io"


@asynccontextmanager
async def client_as(
    sandbox: SandboxHandle, folder: Path, user: str, groups: Sequence[str] = ()
) -> AsyncIterator[KubeCluster]:
    """A client with a certificate of the person's own; they may do nothing until a test grants it."""
    path = folder / f"{user}-{uuid.uuid4().hex[:6]}.kubeconfig"
    path.touch(mode=0o600)
    path.write_bytes(SandboxManager(sandbox.folder.parent).kubeconfig_for(sandbox.name, user, groups))
    async with client_of(path) as client:
        yield client


@asynccontextmanager
async def granted(cluster: KubeCluster, user: str, *rules: dict[str, Any]) -> AsyncIterator[None]:
    """Rules for a user on the whole cluster, taken back at the end."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    roles = await cluster.resource(f"clusterroles.{RBAC}")
    bindings = await cluster.resource(f"clusterrolebindings.{RBAC}")
    role = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
    }
    await cluster.create(roles, role)
    await cluster.create(bindings, binding)
    try:
        await _in_force(cluster, user, rules)
        yield
    finally:
        await cluster.delete(bindings, name)
        await cluster.delete(roles, name)


async def _in_force(cluster: KubeCluster, user: str, rules: Sequence[dict[str, Any]]) -> None:
    """Wait until the API server's authorizer has seen the binding; it watches, hence lags a moment behind."""
    for each in rules:
        resource, _, subresource = each["resources"][0].partition("/")
        request = AccessRequest(
            verb=each["verbs"][0],
            group=each["apiGroups"][0],
            resource=resource,
            subresource=subresource,
            name=each.get("resourceNames", [""])[0],
        )
        await until_allowed(cluster, user, request)


async def until_allowed(cluster: KubeCluster, user: str, request: AccessRequest) -> None:
    """Return once the API server's authorizer lets the user do it."""
    async with asyncio.timeout(120):
        while not (await cluster.can_they(Identity(username=user), request)).allowed:  # noqa: ASYNC110 - told by being asked
            await asyncio.sleep(0.02)


def rule(group: str, resource: str, *verbs: str, names: Sequence[str] = ()) -> dict[str, Any]:
    """One rule of a role."""
    named = {"resourceNames": list(names)} if names else {}
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs), **named}
