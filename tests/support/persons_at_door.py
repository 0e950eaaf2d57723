"""Persons at the command line against the sandbox: kubeconfigs of their own, rights, and a team's policy that knows
them.

For commands that run in this process, each in an event loop of its own; so all of this is arranged outside of any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Identity
from k8sops.core.errors import NotFoundError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import AccessRequest
from k8sops.policy.keys import PublicKey
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.pytest_plugin import in_thread
from tests.support.clients import client_of

T = TypeVar("T")
RBAC = "rbac.authorization.k8s.io"

PEOPLE = {"alice": ["shop-team"], "bob": ["sre"], "carol": ["sre"], "dave": ["shop-team"]}


class HasKubeconfig(Protocol):
    """A sandbox, for its administrator; or a person."""

    @property
    def kubeconfig(self) -> Path:
        """Where it lies."""


def on_cluster(whose: HasKubeconfig, do: Callable[[KubeCluster], Coroutine[Any, Any, T]]) -> T:
    """Do something with these credentials, outside of the test's loop."""

    async def go() -> T:
        async with client_of(whose.kubeconfig) as client:
            return await do(client)

    return in_thread(go)


def kubeconfig_of(sandbox: SandboxHandle, folder: Path, user: str, groups: Sequence[str] = ()) -> Path:
    """A kubeconfig with a certificate in this user's name."""
    path = folder / f"{user}.kubeconfig"
    path.touch(mode=0o600)
    path.write_bytes(SandboxManager(sandbox.folder.parent).kubeconfig_for(sandbox.name, user, groups))
    return path


def apply_all(sandbox: SandboxHandle, manifests: Sequence[JsonObject], *users: str) -> None:
    """Apply what `k8sops rbac` printed, and wait until the API server's authorizer knows of it for these users."""
    rules = [
        (rule, str(manifest["metadata"].get("namespace", "")))
        for manifest in manifests
        for rule in manifest.get("rules", ())
        if rule["verbs"]
    ]

    async def do(cluster: KubeCluster) -> None:
        for manifest in manifests:
            resource = await cluster.resource(f"{manifest['kind']}.{RBAC}")
            await cluster.apply(resource, manifest, field_manager="tests", force=True)
        async with asyncio.timeout(60):
            for user in users:
                for rule, namespace in rules:
                    await _until_allowed(cluster, Identity(username=user), _request(rule, namespace))

    on_cluster(sandbox, do)


async def _until_allowed(cluster: KubeCluster, who: Identity, request: AccessRequest) -> None:
    # The authorizer watches, and lags a moment behind; it tells nobody when it has seen a role.
    while not (await cluster.can_they(who, request)).allowed:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def remove_all(sandbox: SandboxHandle, manifests: Sequence[JsonObject]) -> None:
    """Take it back."""

    async def do(cluster: KubeCluster) -> None:
        for manifest in reversed(manifests):
            resource = await cluster.resource(f"{manifest['kind']}.{RBAC}")
            metadata = manifest["metadata"]
            with suppress(NotFoundError):
                await cluster.delete(resource, metadata["name"], metadata.get("namespace", ""))

    on_cluster(sandbox, do)


def _request(rule: JsonObject, namespace: str) -> AccessRequest:
    resource, _, subresource = rule["resources"][0].partition("/")
    return AccessRequest(
        verb=rule["verbs"][0],
        group=rule["apiGroups"][0],
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=rule.get("resourceNames", [""])[0],
    )


def cluster_uid(sandbox: SandboxHandle) -> str:
    """The uid the policy knows the sandbox by."""

    async def do(cluster: KubeCluster) -> str:
        return cluster.info.uid

    return on_cluster(sandbox, do)


def team_policy(
    path: Path, uid: str, users: dict[str, str], *, keys: dict[str, PublicKey] | None = None, **more: Any
) -> Path:
    """A policy file: a cluster as production, these users as its people, their keys, and whatever else is given."""
    pins = {person: {"keys": [{"id": key.key_id, "key": key.text}]} for person, key in (keys or {}).items()}
    document = {
        "format": 1,
        "clusters": [{"uid": uid, "name": "prod", "environment": "production"}],
        "people": {
            person: {"groups": PEOPLE[person], "cluster": [{"cluster": "prod", "username": user}]}
            | pins.get(person, {})
            for person, user in users.items()
        },
        **more,
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path
