"""An object by its name across a cluster's backups, with its history: when it came, changed, went and was made again.

Each listing is read once, and of each only the rows that are wanted are kept. That an object is missing from a backup
means that it was gone only where the backup would have had it: of the same selection as one that had it, without a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from k8sops.backup.bodies import BackupBody, FileRef
from k8sops.backup.canonical import canonical
from k8sops.backup.chain import Chain
from k8sops.backup.errors import RepositoryError, RepositoryKeyError
from k8sops.backup.listing import Kind, Listing, Row
from k8sops.backup.vault.contents import load_listing
from k8sops.backup.vault.diffing import Wanted, kind_is_in_gap
from k8sops.backup.vault.items import Key
from k8sops.backup.vault.manifests import body_of
from k8sops.backup.vault.opening import Vault
from k8sops.core.errors import K8sOpsError

What = Literal["first seen", "changed", "recreated", "gone", "back"]


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of backups in which an object was the same, or not there; from one to another, both included.

    `what` is how it came to be so. `first_at` and `last_at` are when those backups had been read (RFC 3339). Of a gone
    object uid, version and id are empty.
    """

    what: What
    first: int
    last: int
    first_at: str
    last_at: str
    uid: str = ""
    resource_version: str = ""
    id: bytes = b""


class FoundObject(msgspec.Struct, frozen=True):
    """An object and its history, oldest first."""

    key: Key
    kind: Kind
    history: tuple[Episode, ...]


class Found(msgspec.Struct, frozen=True):
    """What was found, sorted, in how many backups it was looked for, and those that cannot be read, with the reason."""

    objects: tuple[FoundObject, ...]
    backups: int
    unreadable: tuple[tuple[int, K8sOpsError], ...]


async def find_objects(
    vault: Vault, chain: Chain, wanted: Wanted, *, on_progress: Callable[[int, int], None] | None = None
) -> Found:
    """Look for objects in all backups of a cluster. Raises what the storage raises when it is away."""
    search = _Search(vault, wanted)
    unreadable: list[tuple[int, K8sOpsError]] = []
    for done, seq in enumerate(chain.live, 1):
        try:
            body = await body_of(vault, chain, seq)
            search.take(seq, body, await search.rows(chain.cluster, body))
        except (RepositoryError, RepositoryKeyError) as error:
            unreadable.append((seq, error))
        if on_progress is not None:
            on_progress(done, len(chain.live))
    return Found(search.found(), len(chain.live) - len(unreadable), tuple(unreadable))


class _Seen(msgspec.Struct, frozen=True):
    """What one listing says of the wanted objects, and which kinds it has."""

    name: str
    cluster: str
    base: str
    kinds: frozenset[tuple[str, str]]
    rows: dict[Key, tuple[Kind, Row]]


class _Search:
    def __init__(self, vault: Vault, wanted: Wanted) -> None:
        self._vault: Final = vault
        self._wanted: Final = wanted
        self._seen: Final[dict[FileRef, _Seen]] = {}
        self._kinds: Final[dict[Key, Kind]] = {}
        self._episodes: Final[dict[Key, list[Episode]]] = {}
        self._selections: Final[dict[Key, set[bytes]]] = {}

    async def rows(self, cluster: str, body: BackupBody) -> dict[Key, tuple[Kind, Row]]:
        """The wanted rows of one backup, merged as `listing.resolve` merges all."""
        found: dict[Key, tuple[Kind, Row]] = {}
        standing: frozenset[tuple[str, str]] | None = None
        for ref in (body.listing, *body.bases):
            seen = await self._listing(ref)
            if seen.cluster != cluster:
                raise RepositoryError(f"{seen.name} is of another cluster, {seen.cluster}")
            standing = seen.kinds if standing is None else standing & seen.kinds
            for key, row in seen.rows.items():
                if (key.group, key.resource) in standing:
                    found.setdefault(key, row)
        return {key: row for key, row in found.items() if not row[1].gone}

    def take(self, seq: int, body: BackupBody, rows: dict[Key, tuple[Kind, Row]]) -> None:
        """Go on with every history."""
        selection = canonical(body.selection)
        for key, (kind, row) in rows.items():
            self._kinds[key] = kind
            self._selections.setdefault(key, set()).add(selection)
            self._there(key, seq, body.cut.last_at, row)
        for key, history in self._episodes.items():
            if key in rows or selection not in self._selections[key]:
                continue
            if kind_is_in_gap(body, (key.group, key.resource), key.namespace):
                continue
            if history[-1].what == "gone":
                history[-1] = msgspec.structs.replace(history[-1], last=seq, last_at=body.cut.last_at)
            else:
                at = body.cut.last_at
                history.append(Episode(what="gone", first=seq, last=seq, first_at=at, last_at=at))

    def found(self) -> tuple[FoundObject, ...]:
        """All of them, sorted."""
        return tuple(
            FoundObject(key, self._kinds[key], tuple(history))
            for key, history in sorted(self._episodes.items())
        )

    def _there(self, key: Key, seq: int, at: str, row: Row) -> None:
        history = self._episodes.setdefault(key, [])
        last = history[-1] if history else None
        if last is not None and (last.id, last.uid) == (row.id, row.uid):
            history[-1] = msgspec.structs.replace(last, last=seq, last_at=at)
            return
        history.append(
            Episode(
                what=_how(history, row),
                first=seq,
                last=seq,
                first_at=at,
                last_at=at,
                uid=row.uid,
                resource_version=row.resource_version,
                id=row.id,
            )
        )

    async def _listing(self, ref: FileRef) -> _Seen:
        if ref not in self._seen:
            listing = await load_listing(self._vault, ref)
            self._seen[ref] = await asyncio.to_thread(_scan, listing, self._wanted)
        return self._seen[ref]


def _scan(listing: Listing, wanted: Wanted) -> _Seen:
    """For a thread."""
    kinds = listing.head.kinds
    rows = {
        Key(*kinds[row.kind].key, row.namespace, row.name): (kinds[row.kind], row)
        for row in listing.rows()
        if wanted(kinds[row.kind], row)
    }
    return _Seen(
        listing.name, listing.head.cluster, listing.head.base, frozenset(kind.key for kind in kinds), rows
    )


def _how(history: list[Episode], row: Row) -> What:
    if not history:
        return "first seen"
    before = [episode for episode in history if episode.what != "gone"][-1]
    if before.uid != row.uid:
        return "recreated"
    return "back" if history[-1].what == "gone" else "changed"
