"""Clusters of the tests: what they hold, backups of them, and what comes out of a backup again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from k8sops.backup.bodies import BackupBody, Cut, FileRef
from k8sops.backup.canonical import canonical_object
from k8sops.backup.listing import Kind
from k8sops.backup.vault.contents import load_catalogue, load_contents
from k8sops.backup.vault.items import Facts, Item, Key, Written
from k8sops.backup.vault.manifests import body_of, load_chain
from k8sops.backup.vault.objects import Objects
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.packing import Pace
from k8sops.backup.vault.writing import Writer, write_backup
from k8sops.core.clock import parse_rfc3339
from tests.backup.files import ALICE, CLUSTER, counted, kind_of
from tests.backup.vault.world import CountedIds

MOMENT = "2026-11-21T03:00:00.000Z"
SMALL = Pace(uploads=2, packs_per_index=2, pack_bytes=900, batch_items=3)
"""Packs of a few objects, so that a handful of them makes several packs and indexes."""

KINDS = (
    kind_of("", "nodes", namespaced=False),
    kind_of("", "pods"),
    kind_of("apps", "deployments"),
)
State = Mapping[Key, Item]
"""What a cluster holds."""


def item(resource: str, name: str, *, version: int = 1, size: int = 0, data: bytes | None = None) -> Item:
    """An object, of more than `size` bytes that do not compress; another version has other bytes."""
    group = "apps" if resource == "deployments" else ""
    namespace = "" if resource == "nodes" else "shop"
    fill = counted(f"{name} {version}")(size).hex()
    shown: dict[str, Any] = {
        "metadata": {"name": name, "managedFields": []},
        "version": version,
        "fill": fill,
    }
    made = json.dumps(shown).encode() if data is None else data
    return Item(Key(group, resource, namespace, name), f"uid-{name}", str(version), data=made)


def state(*items: Item) -> dict[Key, Item]:
    """A cluster that holds these."""
    return {each.key: each for each in items}


def shop(pods: int = 12, *, version: int = 1, size: int = 300) -> dict[Key, Item]:
    """Some pods, a node, a deployment."""
    return state(
        item("nodes", "n1"),
        *(item("pods", f"web-{number}", version=version, size=size) for number in range(pods)),
        item("deployments", "web"),
    )


async def each(items: Iterable[Item]) -> AsyncIterator[Item]:
    """The items, one after the other."""
    for one in items:
        yield one


def writer(vault: Vault, **other: Any) -> Writer:
    """Alice's writer, who writes small packs."""
    said: dict[str, Any] = {
        "cluster": CLUSTER,
        "signer": ALICE,
        "ids": CountedIds(),
        "encrypt": vault.keyring.encrypted,
        "selection": {"namespaces": ["*"]},
        "pace": SMALL,
    }
    return Writer(**(said | other))


async def facts() -> Facts:
    """What a backup says besides."""
    return Facts(
        name="nightly",
        run="run-1",
        began_at=parse_rfc3339(MOMENT),
        cluster_name="shop",
        server_version="v1.37.0",
        kinds=KINDS,
        cut=Cut(first_at=MOMENT, last_at=MOMENT, changed=0, read_again=0),
        full_read=True,
    )


async def backup(
    vault: Vault, cluster: State, *, first_id: int = 0, uid: str = CLUSTER, **other: Any
) -> Written:
    """A backup of the whole cluster."""
    who = writer(vault, cluster=uid, ids=CountedIds(first_id), **other)
    return await write_backup(vault, who, each(cluster.values()), facts)


async def body(vault: Vault, seq: int, cluster: str = CLUSTER) -> BackupBody:
    """What a backup is made of, as a reader finds it."""
    return await body_of(vault, await load_chain(vault, cluster), seq)


async def read_back(vault: Vault, seq: int, cluster: str = CLUSTER) -> dict[Key, tuple[str, str, bytes]]:
    """Everything a backup holds, by every check a reader makes."""
    found = await body(vault, seq, cluster)
    contents = await load_contents(vault, cluster, found)
    objects = Objects(vault, await load_catalogue(vault, found), at_once=2, cache_bytes=4000)
    rows = list(contents.rows())
    held = {id_: data async for id_, data in objects.get_all(row.id for row in rows)}
    kinds: Sequence[Kind] = contents.kinds
    return {
        Key(*kinds[row.kind].key, row.namespace, row.name): (row.uid, row.resource_version, held[row.id])
        for row in rows
    }


def expected(cluster: State) -> dict[Key, tuple[str, str, bytes]]:
    """What a backup of it has to hold."""
    return {
        key: (found.uid, found.resource_version, canonical_object(found.data or b""))
        for key, found in cluster.items()
    }


class Notes:
    """The indexes a run told of, as its record would keep them."""

    def __init__(self) -> None:
        self.refs: list[FileRef] = []

    async def keep(self, ref: FileRef) -> None:
        """One more."""
        self.refs.append(ref)
