"""Showing the values of a Secret of a cluster: on record before anybody sees them, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from k8sops.core.audit import AuditEntry, AuditObject
from k8sops.core.plan import JsonObject

if TYPE_CHECKING:
    from k8sops.core.actor import Actor
    from k8sops.core.ports import ClusterReader
    from k8sops.service.storing import Storage
    from k8sops.store.database import Tx

SECRET_VIEW = "session.secret_view"  # noqa: S105 - the code of a record


async def reveal(
    reader: ClusterReader, storage: Storage, name: str, namespace: str, actor: Actor
) -> JsonObject:
    """A Secret with its values. Raises what the cluster answers and what the store raises."""
    found = await reader.get(await reader.resource("secrets"), name, namespace)
    about = AuditObject(
        kind="secrets", name=name, namespace=namespace, uid=str(found["metadata"].get("uid", ""))
    )
    await record_view(storage, reader, about, actor, keys=sorted(found.get("data") or {}))
    return found


async def record_view(
    storage: Storage, reader: ClusterReader, about: AuditObject, actor: Actor, **data: Any
) -> None:
    """Put on record that somebody is shown secret values of an object; `data` never holds one."""
    database, books = await storage.database(), await storage.books()

    def work(tx: Tx) -> None:
        entry = AuditEntry(
            code=SECRET_VIEW,
            at=tx.now(),
            actor=actor,
            cluster_uid=reader.info.uid,
            cluster_name=reader.info.name,
            objects=(about,),
            outcome="shown",
            data=data,
        )
        books.chain(tx, [entry])

    await database.write(work, name=SECRET_VIEW)
