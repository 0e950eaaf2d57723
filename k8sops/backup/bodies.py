"""What a manifest says behind its signature, sealed: what a backup is made of, or what a prune took away.

Everything a backup rests on is here with its SHA-256, so one signature covers manifest, listings, indexes, packs and
objects. What a body says is checked against itself: a backup with a gap that calls itself complete is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any, Final, TypeVar

import msgspec

from k8sops.backup.canonical import canonical
from k8sops.backup.errors import RepositoryBrokenError, broken
from k8sops.backup.keyring import Keyring
from k8sops.backup.listing import GREATEST_DEPTH
from k8sops.backup.manifest import Manifest, ManifestFile
from k8sops.backup.names import is_digest, is_id, is_ulid
from k8sops.backup.sealed import PLAIN_HEADER, Entropy, FileKind, What, open_sealed, seal_contents
from k8sops.core.clock import parse_rfc3339, rfc3339

BODY_LIMIT: Final = 64 * 1024 * 1024
_CHUNK: Final = 4 * 1024 * 1024


class FileRef(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A listing or index by its id, and the SHA-256 of its file."""

    id: str
    sha256: str


class KindCount(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How many objects of a kind there are."""

    group: str
    resource: str
    count: int


class Gap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What could not be read, and why; an empty resource means the whole group, an empty namespace all of them."""

    group: str
    resource: str
    namespace: str
    why: str


class Cut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How near to one moment it was read: first and last moment, how much changed meanwhile and was read again."""

    first_at: str
    last_at: str
    changed: int
    read_again: int


class BackupBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backup is made of. Times are RFC 3339, sizes bytes; `volumes_not_captured` are namespaces and names."""

    id: str
    name: str
    run: str
    began_at: str
    made_at: str
    cluster_name: str
    server_version: str
    selection: dict[str, Any]
    listing: FileRef
    bases: tuple[FileRef, ...]
    indexes: tuple[FileRef, ...]
    kinds: tuple[KindCount, ...]
    objects: int
    bytes: int
    new_objects: int
    new_bytes: int
    gaps: tuple[Gap, ...]
    complete: bool
    cut: Cut
    volumes_not_captured: tuple[tuple[str, str], ...]
    full_read: bool
    files: tuple[str, ...] = ()


class TombstoneBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What nothing needs any more once the manifests that the tombstone names are gone, and the policy that said so."""

    id: str
    run: str
    made_at: str
    policy: dict[str, Any]
    packs: tuple[str, ...]
    indexes: tuple[str, ...]
    listings: tuple[str, ...]


Body = BackupBody | TombstoneBody
B = TypeVar("B", BackupBody, TombstoneBody)

_BACKUP: Final = msgspec.json.Decoder(BackupBody)
_TOMBSTONE: Final = msgspec.json.Decoder(TombstoneBody)


def seal_body(body: Body, keyring: Keyring, entropy: Entropy = os.urandom) -> bytes:
    """A body as a manifest carries it. Raises ValueError for what no reader would take."""
    try:
        _check(body, "the body to be written")
    except RepositoryBrokenError as error:
        raise ValueError(error.message) from error
    data = canonical(body)
    if len(data) > BODY_LIMIT:
        raise ValueError(f"a manifest's body of {len(data):,} bytes is larger than any that is read")
    chunks = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
    return seal_contents(FileKind.MANIFEST, chunks, keyring, entropy).data


def backup_body(file: ManifestFile, keyring: Keyring) -> BackupBody:
    """The body of a backup's manifest. Raises RepositoryBrokenError also where it is a tombstone."""
    return _opened(file, keyring, _BACKUP, "backup")


def tombstone_body(file: ManifestFile, keyring: Keyring) -> TombstoneBody:
    """The body of a tombstone. Raises RepositoryBrokenError also where it is a backup."""
    return _opened(file, keyring, _TOMBSTONE, "tombstone")


def epoch_of(manifest: Manifest) -> int:
    """The epoch under which a manifest was sealed, without any key: no later writer goes below it; 0 if plain."""
    return int.from_bytes(manifest.body[PLAIN_HEADER - 4 : PLAIN_HEADER], "big")


def _opened(file: ManifestFile, keyring: Keyring, decoder: msgspec.json.Decoder[B], kind: str) -> B:
    if file.manifest.kind != kind:
        raise broken(file.name, f"is a {file.manifest.kind} and no {kind}")
    what = What(f"the body of {file.name}", FileKind.MANIFEST)
    data = b"".join(open_sealed(file.manifest.body, what, keyring, most=BODY_LIMIT))
    try:
        body = decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise broken(what.name, f"cannot be read: {error}") from error
    _check(body, what.name)
    return body


def _check(body: Body, where: str) -> None:
    faults = _backup_faults(body) if isinstance(body, BackupBody) else _tombstone_faults(body)
    fault = next(faults, "")
    if fault:
        raise broken(where, f"cannot be: {fault}")


def _backup_faults(body: BackupBody) -> Iterator[str]:
    yield from _common_faults(body.id, body.made_at, body.began_at, body.cut.first_at, body.cut.last_at)
    for ref in chain((body.listing,), body.bases, body.indexes):
        if not is_id(ref.id) or not is_digest(ref.sha256):
            yield f"it names a file by {ref.id[:80]!r}"
    if body.files:
        yield "it names files, which format 1 only reserves"
    if len(body.bases) > GREATEST_DEPTH:
        yield f"its listing rests on {len(body.bases)} others"
    if body.complete != (not body.gaps):
        yield (
            "it is called complete and has gaps"
            if body.complete
            else "it is called incomplete and has no gap"
        )
    counts = (
        body.objects,
        body.bytes,
        body.new_objects,
        body.new_bytes,
        body.cut.changed,
        body.cut.read_again,
    )
    if min(*counts, *(kind.count for kind in body.kinds)) < 0:
        yield "a count is negative"
    if any((a.group, a.resource) >= (b.group, b.resource) for a, b in pairwise(body.kinds)):
        yield "its kinds are not in order"
    if sum(kind.count for kind in body.kinds) != body.objects:
        yield "its kinds do not come to its number of objects"


def _tombstone_faults(body: TombstoneBody) -> Iterator[str]:
    yield from _common_faults(body.id, body.made_at)
    for id_ in chain(body.packs, body.indexes, body.listings):
        if not is_id(id_):
            yield f"it names a file by {id_[:80]!r}"


def _common_faults(id_: str, *times: str) -> Iterator[str]:
    if not is_ulid(id_):
        yield f"its id is {id_[:80]!r}"
    for time in times:
        if not _is_time(time):
            yield f"it names a moment by {time[:80]!r}"


def _is_time(text: str) -> bool:
    try:
        return rfc3339(parse_rfc3339(text)) == text
    except ValueError:
        return False
