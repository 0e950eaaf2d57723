"""A Velero backup made into one of ours: every object as it lies in the tarball, its claims named, nothing invented.

What Velero could not read it did not write down in the tarball, so an imported backup is as complete as that was. It is
of a selection of its own, so that no backup rests on it and no rule of another removes it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from k8sops.backup.bodies import Cut
from k8sops.backup.errors import RepositoryBrokenError
from k8sops.backup.listing import Kind
from k8sops.backup.names import is_cluster
from k8sops.backup.selection import Selection, selection_json
from k8sops.backup.vault.items import Facts, Item, Key, Written
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.writing import Writer, write_backup
from k8sops.backup.velero.archive import VeleroObject, VeleroVersion, read_archive
from k8sops.core.clock import rfc3339
from k8sops.core.errors import DriftedError

SELECTION: Final = selection_json(Selection(imported="velero"))
AT_ONCE: Final = 64


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = msgspec.field(default="", name="resourceVersion")


class _Head(msgspec.Struct):
    kind: str = ""
    api_version: str = msgspec.field(default="", name="apiVersion")
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_HEAD: Final = msgspec.json.Decoder(_Head)


class VeleroSummary(msgspec.Struct, kw_only=True):
    """What an archive holds: objects by kind, claims by namespace and name, first and last moment of Velero's reading.

    `cluster` is the uid of its namespace kube-system; empty where that is not in it.
    """

    sha256: str
    objects: int = 0
    kinds: dict[str, int] = msgspec.field(default_factory=dict)
    cluster: str = ""
    claims: list[tuple[str, str]] = msgspec.field(default_factory=list)


def summarise(path: Path) -> VeleroSummary:
    """Read an archive to its end and say what is in it. For a thread. Raises what `read_archive` raises."""
    summary = VeleroSummary(sha256="")
    gathered = _Gathered(path.name)
    for item in gathered.items(path):
        key = item.key
        summary.objects += 1
        kind = f"{key.resource}.{key.group}" if key.group else key.resource
        summary.kinds[kind] = summary.kinds.get(kind, 0) + 1
        if key == Key("", "namespaces", "", "kube-system") and is_cluster(item.uid):
            summary.cluster = item.uid
    summary.claims = sorted(gathered.claims)
    summary.sha256 = gathered.sha256
    return summary


async def import_archive(
    vault: Vault,
    who: Writer,
    path: Path,
    *,
    name: str,
    run: str,
    sha256: str = "",
    on_objects: Callable[[int], None] | None = None,
) -> Written:
    """A backup, under `who`'s cluster, of all that the archive holds. `who.selection` should be `SELECTION`.

    `sha256` is what the very bytes that are read must come to, if it is given. Raises what `read_archive` raises, and
    DriftedError for another file; nothing counts until the whole of it was read.
    """
    gathered = _Gathered(path.name)

    async def items() -> AsyncIterator[Item]:
        found = gathered.items(path)
        count = 0
        while batch := await asyncio.to_thread(lambda: list(islice(found, AT_ONCE))):
            for item in batch:
                yield item
            count += len(batch)
            if on_objects is not None:
                on_objects(count)

    async def facts() -> Facts:
        if sha256 and gathered.sha256 != sha256:
            raise DriftedError(
                f"{path.name} is another file than the one that was planned for", hint="plan the import again"
            )
        now = vault.clock.now()
        # An archive that says it is of tomorrow would be `latest` for as long.
        first, last = (min(at, now) for at in gathered.span or (now, now))
        return Facts(
            name=name,
            run=run,
            began_at=first,
            cluster_name="",
            server_version="",
            kinds=gathered.kinds(),
            cut=Cut(first_at=rfc3339(first), last_at=rfc3339(last), changed=0, read_again=0),
            full_read=True,
            volumes_not_captured=tuple(sorted(gathered.claims)),
        )

    return await write_backup(vault, who, items(), facts)


class _Gathered:
    """What is known of an archive once its items were taken."""

    def __init__(self, where: str) -> None:
        self._where: Final = where
        self._kinds: Final[dict[tuple[str, str], tuple[str, str, bool]]] = {}
        self._versions: Final[dict[tuple[str, str], set[str]]] = {}
        self._preferred: Final[dict[tuple[str, str], str]] = {}
        self._first = self._last = 0.0
        self.claims: Final[set[tuple[str, str]]] = set()
        self.sha256 = ""
        """Of the archive, once it was read to its end."""

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """First and last moment, if the archive tells any that can be."""
        try:
            first, last = (datetime.fromtimestamp(at, UTC) for at in (self._first, self._last))
        except (ValueError, OverflowError, OSError):
            return None
        return (first, last) if self._first > 0 else None

    def items(self, path: Path) -> Iterator[Item]:
        """Every object. For a thread."""
        digest = hashlib.sha256()
        for found in read_archive(path, digest):
            if isinstance(found, VeleroVersion):
                self._versions.setdefault((found.group, found.resource), set()).add(found.version)
                if found.preferred:
                    self._preferred[found.group, found.resource] = found.version
            else:
                yield self._item(found)
        self.sha256 = digest.hexdigest()

    def kinds(self) -> tuple[Kind, ...]:
        """Sorted, as a listing has them."""
        found = []
        for key, (version, kind, namespaced) in sorted(self._kinds.items()):
            found.append(
                Kind(
                    group=key[0],
                    version=version,
                    resource=key[1],
                    kind=kind,
                    namespaced=namespaced,
                    served=tuple(sorted({version, *self._versions.get(key, ())})),
                    preferred=self._preferred.get(key, version),
                    resource_version="",
                )
            )
        return tuple(found)

    def _item(self, found: VeleroObject) -> Item:
        key = Key(found.group, found.resource, found.namespace, found.name)
        label = f"{found.resource} {found.namespace}/{found.name}"[:200]
        try:
            head = _HEAD.decode(found.data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._wrong(f"{label!r} cannot be read") from error
        group, _, version = head.api_version.rpartition("/")
        if group != found.group or not version or not head.kind:
            raise self._wrong(f"{label!r} says it is of {head.api_version[:80]!r}")
        if (head.metadata.name, head.metadata.namespace) != (found.name, found.namespace):
            raise self._wrong(f"{label!r} lies under another name than its own")
        known = self._kinds.setdefault(
            (found.group, found.resource), (version, head.kind, found.namespace != "")
        )
        if known[1:] != (head.kind, found.namespace != ""):
            raise self._wrong(f"{label!r} is of another kind than those beside it")
        if (found.group, found.resource) == ("", "persistentvolumeclaims"):
            self.claims.add((found.namespace, found.name))
        self._first = min(self._first or found.at, found.at)
        self._last = max(self._last, found.at)
        return Item(key, head.metadata.uid, head.metadata.resource_version, data=found.data)

    def _wrong(self, what: str) -> RepositoryBrokenError:
        return RepositoryBrokenError(
            f"{self._where}: {what}", hint="take the <backup>.tar.gz that `velero backup download` gives"
        )
