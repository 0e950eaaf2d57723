"""Backups put into a configured repository without a cluster, for commands that look at them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import pyrage

from k8sops.backup.bodies import Cut, Gap
from k8sops.backup.listing import Kind
from k8sops.backup.vault.items import Facts, Item, Key, Written
from k8sops.backup.vault.rekeying import Rekeying, begin_epoch
from k8sops.backup.vault.writing import Writer, write_backup
from k8sops.core.clock import SystemClock, UlidSource, rfc3339
from k8sops.service.config import load_config
from k8sops.service.repositories import ConfiguredRepositories
from k8sops.service.storing import Storage

SHOP: Final = "5a0c6f6e-0d5c-4a3e-9d5a-2f6f3f1c9e10"
DEPOT: Final = "6b1d7a7f-1e6d-4b4f-8e6b-3a7a4a2d8f21"

_KINDS: Final = {
    ("", "configmaps"): "ConfigMap",
    ("", "namespaces"): "Namespace",
    ("", "persistentvolumeclaims"): "PersistentVolumeClaim",
    ("", "secrets"): "Secret",
    ("apps", "deployments"): "Deployment",
}


def an_object(resource: str, name: str, namespace: str = "shop", **fields: Any) -> Item:
    """An object as an API server would have sent it."""
    group, kind = next((key[0], kind) for key, kind in _KINDS.items() if key[1] == resource)
    namespace = "" if resource == "namespaces" else namespace
    body = {
        "apiVersion": f"{group}/v1" if group else "v1",
        "kind": kind,
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {}), "uid": f"uid-{name}"},
        **fields,
    }
    return Item(Key(group, resource, namespace, name), f"uid-{name}", "1", data=json.dumps(body).encode())


def usual_objects(image: str = "web:1", password: str = "b3BlbnNlc2FtZQ==") -> list[Item]:  # noqa: S107
    """A namespace with a workload, its settings and a Secret."""
    return [
        an_object("namespaces", "shop"),
        an_object("configmaps", "settings", data={"colour": "green"}),
        an_object("secrets", "db", data={"password": password}, type="Opaque"),
        an_object("deployments", "web", spec={"replicas": 2, "template": {"image": image}}),
    ]


def make_backup(
    items: Iterable[Item] | None = None,
    *,
    repository: str = "",
    cluster: str = SHOP,
    name: str = "nightly",
    at: datetime | None = None,
    gaps: tuple[Gap, ...] = (),
    volumes: tuple[tuple[str, str], ...] = (),
    encrypt: bool = True,
    selection: Mapping[str, Any] = MappingProxyType({}),
) -> Written:
    """A backup in the repository that the environment configures, made outside any loop."""
    return asyncio.run(
        write(
            list(usual_objects() if items is None else items),
            repository=repository,
            cluster=cluster,
            name=name,
            at=at,
            gaps=gaps,
            volumes=volumes,
            encrypt=encrypt,
            selection=selection,
        )
    )


def begin_next_epoch(repository: str = "") -> int:
    """The next epoch of the repository, for those of the newest and a stranger; its number."""

    async def begin() -> int:
        config, clock, ids = load_config({}), SystemClock(), UlidSource()
        storage = Storage(config, clock, ids)
        try:
            opened = await ConfiguredRepositories(config, storage, clock, ids).open(repository, writing=True)
            assert opened.signer is not None
            vault = opened.vault
            stranger = str(pyrage.x25519.Identity.generate().to_public())
            recipients = {*vault.recipients[vault.keyring.newest], stranger}
            return await begin_epoch(vault, Rekeying(signer=opened.signer), recipients)
        finally:
            await storage.aclose()

    return asyncio.run(begin())


async def write(
    items: list[Item],
    *,
    repository: str,
    cluster: str,
    name: str,
    at: datetime | None,
    gaps: tuple[Gap, ...],
    volumes: tuple[tuple[str, str], ...],
    encrypt: bool,
    selection: Mapping[str, Any],
) -> Written:
    """The same within a loop."""
    config, clock, ids = load_config({}), SystemClock(), UlidSource()
    storage = Storage(config, clock, ids)
    moment = at or clock.now()

    async def facts() -> Facts:
        return Facts(
            name=name,
            run="",
            began_at=moment,
            cluster_name="shop" if cluster == SHOP else "depot",
            server_version="v1.37.0",
            kinds=_kinds(),
            cut=Cut(first_at=rfc3339(moment), last_at=rfc3339(moment), changed=0, read_again=0),
            full_read=True,
            gaps=gaps,
            volumes_not_captured=volumes,
        )

    async def each() -> AsyncIterator[Item]:
        for item in items:
            yield item

    try:
        opened = await ConfiguredRepositories(config, storage, clock, ids).make(repository, encrypt=encrypt)
        assert opened.signer is not None
        who = Writer(
            cluster=cluster, signer=opened.signer, ids=ids, encrypt=opened.encrypt, selection=dict(selection)
        )
        return await write_backup(opened.vault, who, each(), facts)
    finally:
        await storage.aclose()


def _kinds() -> tuple[Kind, ...]:
    return tuple(
        Kind(
            group=group,
            version="v1",
            resource=resource,
            kind=kind,
            namespaced=resource != "namespaces",
            served=("v1",),
            preferred="v1",
            resource_version="1",
        )
        for (group, resource), kind in sorted(_KINDS.items())
    )
