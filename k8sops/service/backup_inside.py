"""What is inside a backup, for a door: its objects by name, and one of them whole.

The values of a Secret are shown only where somebody asks for them, which goes on record before they are read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from k8sops.backup.listing import Kind, Row
from k8sops.backup.selection import KindNames
from k8sops.backup.vault.contents import Contents, load_catalogue, load_contents
from k8sops.backup.vault.objects import Objects
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry, AuditObject
from k8sops.core.backups import ObjectView
from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject
from k8sops.service.audit_trail import os_actor

if TYPE_CHECKING:
    from k8sops.service.backup_desk import BackupDesk, Chosen
    from k8sops.store.database import Tx

SECRETS: Final = ("", "secrets")
HIDDEN: Final = "(hidden: --reveal shows it, and is recorded)"
_SECRET_FIELDS: Final = ("data", "stringData")
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

# Listings name plurals and kinds; short names are known to a server alone, which may be gone.
_SHORT: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("", "configmaps"): ("cm",),
    ("", "limitranges"): ("limits",),
    ("", "namespaces"): ("ns",),
    ("", "nodes"): ("no",),
    ("", "persistentvolumeclaims"): ("pvc",),
    ("", "persistentvolumes"): ("pv",),
    ("", "pods"): ("po",),
    ("", "replicationcontrollers"): ("rc",),
    ("", "resourcequotas"): ("quota",),
    ("", "serviceaccounts"): ("sa",),
    ("", "services"): ("svc",),
    ("apiextensions.k8s.io", "customresourcedefinitions"): ("crd", "crds"),
    ("apps", "daemonsets"): ("ds",),
    ("apps", "deployments"): ("deploy",),
    ("apps", "replicasets"): ("rs",),
    ("apps", "statefulsets"): ("sts",),
    ("autoscaling", "horizontalpodautoscalers"): ("hpa",),
    ("batch", "cronjobs"): ("cj",),
    ("networking.k8s.io", "ingresses"): ("ing",),
    ("networking.k8s.io", "networkpolicies"): ("netpol",),
    ("policy", "poddisruptionbudgets"): ("pdb",),
    ("scheduling.k8s.io", "priorityclasses"): ("pc",),
    ("storage.k8s.io", "storageclasses"): ("sc",),
}


def names_of(kind: Kind) -> KindNames:
    """A backup's kind by every name people call it."""
    return KindNames(
        kind.group, kind.resource, kind.kind, kind.namespaced, _SHORT.get((kind.group, kind.resource), ())
    )


async def browse(
    desk: BackupDesk, chosen: Chosen, *, kinds: Iterable[str] = (), namespace: str = "", name: str = ""
) -> list[ObjectView]:
    """The objects of a backup, or of these kinds, this namespace or this name alone, sorted.

    Raises UsageError for a kind that the backup does not have, RepositoryBrokenError.
    """
    contents = await load_contents(desk.vault, chosen.cluster, chosen.body)
    wanted = _numbers(contents, kinds)

    def work() -> list[ObjectView]:
        return [
            ObjectView(
                kind=names_of(contents.kinds[row.kind]).qualified,
                namespace=row.namespace,
                name=row.name,
                uid=row.uid,
                resource_version=row.resource_version,
            )
            for row in _rows(contents, wanted, namespace, name)
        ]

    return await asyncio.to_thread(work)


async def cat(
    desk: BackupDesk,
    chosen: Chosen,
    kind: str,
    name: str,
    namespace: str,
    *,
    reveal: bool = False,
    actor: Actor | None = None,
) -> JsonObject:
    """One object as it was. A Secret's values are hidden unless `reveal`, which goes on record first.

    It is recorded of `actor`, or of the user of this machine where none is given.

    Raises UsageError where there is none of that name, or several.
    """
    contents = await load_contents(desk.vault, chosen.cluster, chosen.body)
    wanted = _numbers(contents, [kind])
    rows = await asyncio.to_thread(lambda: list(_rows(contents, wanted, namespace, name)))
    row = _only(contents, rows, f"{kind}/{name}", namespace)
    secret = contents.kinds[row.kind].key == SECRETS
    if secret and reveal:
        await _record_reveal(desk, chosen, row, actor or os_actor())
    objects = Objects(desk.vault, await load_catalogue(desk.vault, chosen.body))
    found: JsonObject = json.loads(await objects.get(row.id))
    return _without_values(found) if secret and not reveal else found


def split_object(text: str) -> tuple[str, str, str]:
    """KIND/NAME, and the backup behind an @, if one is named. Raises UsageError."""
    whole, _, backup = text.partition("@")
    kind, slash, name = whole.partition("/")
    if not (kind and slash and name):
        raise UsageError(f"{text[:80]!r} is no object", hint="write KIND/NAME or KIND/NAME@BACKUP")
    return kind, name, backup or "latest"


def _numbers(contents: Contents, kinds: Iterable[str]) -> set[int] | None:
    """The numbers of these kinds in the backup; None for all."""
    asked = list(kinds)
    if not asked:
        return None
    found: set[int] = set()
    for text in asked:
        numbers = {n for n, kind in enumerate(contents.kinds) if names_of(kind).called(text)}
        if not numbers:
            raise UsageError(
                f"the backup has no kind {text[:80]!r}",
                hint="`k8sops backups show` lists those it has; name one as in deployments or deployments.apps",
            )
        found |= numbers
    return found


def _rows(contents: Contents, kinds: set[int] | None, namespace: str, name: str) -> Iterator[Row]:
    for row in contents.rows():
        if (
            (kinds is None or row.kind in kinds)
            and (namespace in {"", row.namespace} or (name and not row.namespace))
            and name in {"", row.name}
        ):
            yield row


def _only(contents: Contents, rows: list[Row], what: str, namespace: str) -> Row:
    if len(rows) == 1:
        return rows[0]
    where = f" in namespace {namespace}" if namespace else ""
    if not rows:
        raise UsageError(
            f"the backup has no {what[:120]}{where}",
            hint="`k8sops backups find` looks for a name in all backups",
        )
    shown = ", ".join(
        f"{names_of(contents.kinds[row.kind]).qualified} in {row.namespace or 'no namespace'}"
        for row in rows[:4]
    )
    raise UsageError(
        f"the backup has {len(rows)} of {what[:120]}{where}: {shown}",
        hint="add -n NAMESPACE, or name the kind with its group",
    )


def _without_values(found: JsonObject) -> JsonObject:
    """A Secret with its keys and without what they hold."""
    shown: dict[str, Any] = dict(found)
    for field in _SECRET_FIELDS:
        if isinstance(shown.get(field), dict):
            shown[field] = dict.fromkeys(shown[field], HIDDEN)
    metadata = shown.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("annotations"), dict):
        annotations = metadata["annotations"]
        if _LAST_APPLIED in annotations:
            shown["metadata"] = {**metadata, "annotations": {**annotations, _LAST_APPLIED: HIDDEN}}
    return shown


async def _record_reveal(desk: BackupDesk, chosen: Chosen, row: Row, actor: Actor) -> None:
    database, books = await desk.storage.database(), await desk.storage.books()

    def work(tx: Tx) -> None:
        about = AuditObject(kind="secrets", name=row.name, namespace=row.namespace, uid=row.uid)
        entry = AuditEntry(
            code="session.secret_view",
            at=tx.now(),
            actor=actor,
            cluster_uid=chosen.cluster,
            cluster_name=chosen.body.cluster_name,
            objects=(about,),
            outcome="shown",
            data={"repository": desk.opened.location, "backup": chosen.body.id, "seq": chosen.seq},
        )
        books.chain(tx, [entry])

    await database.write(work, name="session.secret_view")
