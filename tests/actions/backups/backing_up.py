"""Backups of a namespace of a real control plane into a repository in memory, and what is in them."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from k8sops.actions.backups.backup import Backup, BackupParams
from k8sops.backup.bodies import BackupBody
from k8sops.backup.canonical import canonical_object
from k8sops.backup.vault.contents import load_contents
from k8sops.backup.vault.items import Key
from k8sops.backup.vault.manifests import body_of, load_chain
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.packing import Pace
from k8sops.cluster.client import KubeCluster
from k8sops.core.clock import SystemClock
from k8sops.core.plan import JsonObject, Plan
from tests.backup.vault.clusters import read_back
from tests.support.journals import NotedJournal
from tests.support.repositories import RepositoriesHere, in_memory

QUIET_KINDS = ("configmaps", "secrets", "serviceaccounts")
"""Kinds that nothing on the control plane changes by itself."""


class Desk:
    """One namespace, one repository."""

    def __init__(
        self, cluster: KubeCluster, namespace: str, repositories: RepositoriesHere | None = None
    ) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.repositories = repositories or in_memory()
        self.clock = SystemClock()
        self.runs = 0

    def params(self, **said: Any) -> BackupParams:
        """Of the namespace, unless it is said."""
        given: dict[str, Any] = {"include_namespaces": [self.namespace], "include_kinds": QUIET_KINDS}
        return BackupParams.model_validate(given | said)

    async def plan(self, **said: Any) -> Plan:
        """What would be done: which makes nothing, no key either."""
        before = self.repositories.asked_to_write
        plan = await Backup(self.repositories).plan(self.params(**said), self.cluster, self.clock)
        assert self.repositories.asked_to_write == before
        return plan

    async def back_up(
        self, *, journal: NotedJournal | None = None, pace: Pace | None = None, **said: Any
    ) -> NotedJournal:
        """Plan and do it, as a run of its own unless a journal is given."""
        self.runs += 1
        journal = journal or NotedJournal(f"01JD7Q8Z4N5X6Y7V8W9ARVN{self.runs:03d}")
        plan = await self.plan(**said)
        await Backup(self.repositories, pace).apply(plan, self.cluster, journal)
        return journal

    async def vault(self) -> Vault:
        """The repository."""
        return (await self.repositories.open()).vault

    async def seqs(self) -> tuple[int, ...]:
        """The numbers of the backups that count."""
        return tuple((await load_chain(await self.vault(), self.cluster.info.uid)).live)

    async def body(self, seq: int = 0) -> BackupBody:
        """What a backup says of itself; the newest if no number is given."""
        vault = await self.vault()
        chain = await load_chain(vault, self.cluster.info.uid)
        return await body_of(vault, chain, seq or chain.live[-1])

    async def objects(self, seq: int = 0) -> dict[Key, tuple[str, str, bytes]]:
        """Everything a backup holds: uid, resourceVersion, canonical bytes."""
        chain = await load_chain(await self.vault(), self.cluster.info.uid)
        return await read_back(await self.vault(), seq or chain.live[-1], self.cluster.info.uid)

    async def ids(self, seq: int) -> dict[Key, bytes]:
        """The id of each object of a backup."""
        vault = await self.vault()
        contents = await load_contents(vault, self.cluster.info.uid, await self.body(seq))
        return {
            Key(*contents.kinds[row.kind].key, row.namespace, row.name): row.id for row in contents.rows()
        }

    async def there(self, kind: str, name: str) -> tuple[str, str, bytes]:
        """An object as the cluster has it now, in the form of `objects`."""
        resource = await self.cluster.resource(kind)
        found = await self.cluster.raw(resource, name, self.namespace if resource.namespaced else "")
        return found.uid, found.resource_version, canonical_object(found.data)

    async def make(self, kind: str, name: str, **more: Any) -> JsonObject:
        """An object in the namespace."""
        resource = await self.cluster.resource(kind)
        metadata = {"name": name, "namespace": self.namespace} | more.pop("metadata", {})
        manifest = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata} | more
        return await self.cluster.create(resource, manifest)

    async def config_map(self, name: str, text: str = "a", labels: dict[str, str] | None = None) -> None:
        """A ConfigMap."""
        await self.make("configmaps", name, data={"text": text}, metadata={"labels": labels or {}})

    async def change(self, name: str, text: str) -> None:
        """Change a ConfigMap."""
        resource = await self.cluster.resource("configmaps")
        await self.cluster.patch(resource, name, self.namespace, body={"data": {"text": text}})

    async def secret(self, name: str, value: str) -> None:
        """A Secret."""
        await self.make("secrets", name, data={"value": base64.b64encode(value.encode()).decode()})

    async def claim(self, name: str) -> None:
        """A PersistentVolumeClaim that nobody binds."""
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "none",
            "resources": {"requests": {"storage": "1Gi"}},
        }
        await self.make("persistentvolumeclaims", name, spec=spec)


def names(found: dict[Key, Any], resource: str) -> set[str]:
    """The names of the objects of a kind."""
    return {key.name for key in found if key.resource == resource}


def said(plan: Plan) -> str:
    """All that a plan shows."""
    return msgspec.json.encode(plan).decode()
