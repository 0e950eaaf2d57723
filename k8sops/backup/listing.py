"""Listings: which objects a backup is made of, whole or as the difference from another (FORMAT.md, Listings).

A listing is read and written as a stream of sorted rows, a frame at a time, so that a cluster of any size takes the
same memory. A difference rests on another listing, at most 31 of them on a whole one; `resolve` merges such a chain
back. Nothing a row says is used as a name before it was checked to be one that Kubernetes could have accepted.
"""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from operator import lt
from typing import Final, TypeVar

import msgspec

from k8sops.backup.canonical import ID_BYTES
from k8sops.backup.compression import FRAME_LIMIT, compress
from k8sops.backup.errors import RepositoryBrokenError, broken
from k8sops.backup.keyring import Keyring
from k8sops.backup.names import file_name, is_cluster, is_id
from k8sops.backup.sealed import (
    Entropy,
    FileKind,
    SealedFile,
    What,
    check_digest,
    open_sealed,
    seal,
)

GREATEST_DEPTH: Final = 31
"""How many listings one may rest on; the next is written whole."""
CONTENT_LIMIT: Final = 1024 * 1024 * 1024
"""The most content of one listing, in bytes: some seven million objects."""
FRAME_ROWS: Final = 8192

_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_GROUP: Final = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_NO_NAMES: Final = frozenset({"", ".", ".."})

RowKey = tuple[int, str, str]
T = TypeVar("T")


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of a backup: the version it was read in, the others the server knew, the resourceVersion of the list."""

    group: str
    version: str
    resource: str
    kind: str
    namespaced: bool
    served: tuple[str, ...]
    preferred: str
    resource_version: str

    @property
    def key(self) -> tuple[str, str]:
        """Group and resource: what tells kinds apart and sorts them."""
        return self.group, self.resource


class Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One object: the number of its kind, its names, its version on the cluster, and its id; gone if that is empty."""

    kind: int
    namespace: str
    name: str
    uid: str
    resource_version: str
    id: bytes

    @property
    def key(self) -> RowKey:
        """What tells objects apart and sorts them."""
        return self.kind, self.namespace, self.name

    @property
    def gone(self) -> bool:
        """Whether the row says that the base's object is no more."""
        return not self.id


class ListingHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a listing is: what it rests on, of which cluster, its kinds, its own rows, and the objects of it all."""

    base: str
    depth: int
    cluster: str
    kinds: tuple[Kind, ...]
    rows: int
    objects: int


class Listing:
    """A listing that was read: its head, and its rows as often as they are asked for."""

    def __init__(self, data: bytes, id_: str, sha256: str, keyring: Keyring) -> None:
        """Check digest and head; rows are checked as they are read.

        Raises RepositoryBrokenError, RepositoryNewerError or RepositoryKeyError.
        """
        self.id: Final = id_
        self.name: Final = file_name("listings", id_)
        check_digest(data, sha256, self.name)
        self._data = data
        self._keyring = keyring
        self.head: Final = _decoded(_HEAD, next(self._contents()), self.name)
        fault = next(_head_faults(self.head), "")
        if fault:
            raise broken(self.name, f"cannot be used: {fault}")

    def rows(self) -> Iterator[Row]:
        """Its own rows, sorted, each checked. Raises RepositoryBrokenError at the first that cannot be."""
        contents = self._contents()
        next(contents)
        count = 0
        frames = (_decoded(_ROWS, content, self.name) for content in contents)
        for rows in _checked(frames, self.head, self.name):
            count += len(rows)
            yield from rows
        if count != self.head.rows:
            raise broken(self.name, f"has {count:,} rows and says {self.head.rows:,}")

    def _contents(self) -> Iterator[bytes]:
        what = What(self.name, FileKind.LISTING, self.id)
        return open_sealed(self._data, what, self._keyring, most=CONTENT_LIMIT)


_ENCODER: Final = msgspec.msgpack.Encoder()
_HEAD: Final = msgspec.msgpack.Decoder(ListingHead)
_ROWS: Final = msgspec.msgpack.Decoder(list[Row])


def write_listing(
    rows: Iterable[Row],
    *,
    cluster: str,
    kinds: tuple[Kind, ...],
    objects: int,
    keyring: Keyring,
    base: Listing | None = None,
    entropy: Entropy = os.urandom,
) -> SealedFile:
    """The file of a listing: of all rows, or with a base of those that differ (`difference`). For a thread.

    `objects` is how many objects the listing and its bases come to. Raises ValueError for what no reader would take.
    """
    head = ListingHead(
        base=base.id if base else "",
        depth=base.head.depth + 1 if base else 0,
        cluster=cluster,
        kinds=kinds,
        rows=0,
        objects=objects,
    )
    frames, count = [], 0
    try:
        fault = next(_head_faults(head), "")
        if fault or (base and base.head.cluster != cluster):
            raise ValueError(fault or "its base is of another cluster")
        given = iter(rows)
        batches = iter(lambda: list(islice(given, FRAME_ROWS)), [])
        for batch in _checked(batches, head, "the listing to be written"):
            count += len(batch)
            frames += [compress(content) for content in _contents_of(batch)]
    except RepositoryBrokenError as error:
        raise ValueError(error.message) from error
    head = msgspec.structs.replace(head, rows=count)
    return seal(FileKind.LISTING, [compress(_ENCODER.encode(head)), *frames], keyring, entropy)


def resolve(chain: Sequence[Listing], kinds: Sequence[Kind] | None = None) -> Iterator[Row]:
    """Every object of a listing, sorted; `chain` is that listing, its base, the base's base, to a whole one.

    Rows are numbered by `kinds`, or by those of the listing itself; objects of kinds that are not there are left out.
    Raises RepositoryBrokenError where one does not rest on the next, or their rows do not come to what is said.
    """
    count, standing = 0, standing_kinds(chain)
    numbers = {kind.key: number for number, kind in enumerate(kinds or chain[0].head.kinds)}
    streams = [_leveled(listing, level, standing[level]) for level, listing in enumerate(chain)]
    last: tuple[str, str, str, str] | None = None
    for group, resource, namespace, name, _, row in heapq.merge(*streams):
        key = (group, resource, namespace, name)
        if key == last:
            continue
        last = key
        if row.gone:
            continue
        count += 1
        number = numbers.get((group, resource))
        if number is not None:
            yield row if row.kind == number else msgspec.structs.replace(row, kind=number)
    check_count(chain[0], count)


def check_count(listing: Listing, count: int) -> None:
    """Refuse a listing that with its bases has not so many objects. Raises RepositoryBrokenError."""
    if count != listing.head.objects:
        raise broken(
            listing.name, f"comes to {count:,} objects with its bases and says {listing.head.objects:,}"
        )


def standing_kinds(chain: Sequence[Listing]) -> list[frozenset[tuple[str, str]]]:
    """Of which kinds each listing's rows count: those that were never away in newer ones.

    Raises RepositoryBrokenError where one does not rest on the next.
    """
    _check_chain(chain)
    found, standing = [], {kind.key for kind in chain[0].head.kinds}
    for listing in chain:
        standing &= {kind.key for kind in listing.head.kinds}
        found.append(frozenset(standing))
    return found


def difference(old: Iterable[Row], new: Iterable[Row]) -> Iterator[Row]:
    """The rows of a listing of `new` that rests on one of `old`; both sorted, and numbered by the same kinds."""
    olds = iter(old)
    before = next(olds, None)
    for row in new:
        while before is not None and before.key < row.key:
            yield gone(before)
            before = next(olds, None)
        if before is None or before.key != row.key:
            yield row
            continue
        if before != row:
            yield row
        before = next(olds, None)
    while before is not None:
        yield gone(before)
        before = next(olds, None)


def gone(row: Row) -> Row:
    """The row that says that this object is no more."""
    return Row(row.kind, row.namespace, row.name, "", "", b"")


def _leveled(
    listing: Listing, level: int, standing: frozenset[tuple[str, str]]
) -> Iterator[tuple[str, str, str, str, int, Row]]:
    keys = [kind.key for kind in listing.head.kinds]
    for row in listing.rows():
        key = keys[row.kind]
        if key in standing:
            yield *key, row.namespace, row.name, level, row


def _check_chain(chain: Sequence[Listing]) -> None:
    if not chain:
        raise ValueError("a chain of listings has at least one")
    if chain[-1].head.base:
        raise broken(chain[-1].name, f"rests on {chain[-1].head.base}, which the backup does not name")
    for listing, base in pairwise(chain):
        if listing.head.base != base.id:
            raise broken(listing.name, f"rests on {listing.head.base or 'nothing'} and not on {base.id}")
        if listing.head.depth != base.head.depth + 1 or listing.head.cluster != base.head.cluster:
            raise broken(listing.name, f"cannot rest on {base.id}, which is of another depth or cluster")


def _contents_of(rows: list[Row]) -> Iterator[bytes]:
    content = _ENCODER.encode(rows)
    if len(content) <= FRAME_LIMIT:
        yield content
    elif len(rows) == 1:
        raise ValueError("the names of an object do not fit into a frame")
    else:
        yield from _contents_of(rows[: len(rows) // 2])
        yield from _contents_of(rows[len(rows) // 2 :])


def _decoded(decoder: msgspec.msgpack.Decoder[T], content: bytes, where: str) -> T:
    try:
        return decoder.decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise broken(where, f"cannot be read as a listing: {error}") from error


def _head_faults(head: ListingHead) -> Iterator[str]:
    if not is_cluster(head.cluster):
        yield "it names no cluster"
    if bool(head.base) != bool(head.depth) or not 0 <= head.depth <= GREATEST_DEPTH:
        yield f"its depth is {head.depth}"
    if head.base and not is_id(head.base):
        yield "its base is no id"
    if min(head.rows, head.objects) < 0:
        yield "a number of rows is negative"
    for before, after in pairwise(head.kinds):
        if before.key >= after.key:
            yield f"the kind {after.resource!r} is not where it should stand"
    for kind in head.kinds:
        versions = (kind.version, kind.preferred, *kind.served)
        if (
            (kind.group and _GROUP.fullmatch(kind.group) is None)
            or _GROUP.fullmatch(kind.resource) is None
            or not is_path_segment(kind.kind)
            or not all(_LABEL.fullmatch(version) for version in versions)
        ):
            yield f"it names a kind that cannot be: {kind.resource[:80]!r}"


def _checked(batches: Iterable[list[Row]], head: ListingHead, where: str) -> Iterator[list[Row]]:
    """The same rows, all of a batch checked before it is handed out."""
    last: RowKey = (-1, "", "")
    for rows in batches:
        keys = [(row.kind, row.namespace, row.name) for row in rows]
        if not _all_plain(rows, keys, last, head):
            _refuse_first(rows, last, head, where)
        last = keys[-1] if keys else last
        yield rows


def _all_plain(rows: Sequence[Row], keys: Sequence[RowKey], last: RowKey, head: ListingHead) -> bool:
    """Whether nothing is wrong with these rows, asked of all at once, which takes a fifth of asking each.

    False where something is, or may be: `_refuse_first` then goes by each.
    """
    if not keys:
        return True
    names = [key[2] for key in keys]
    together = "".join(names)
    return (
        last < keys[0]
        and all(map(lt, keys, islice(keys, 1, None)))
        and keys[0][0] >= 0
        and keys[-1][0] < len(head.kinds)
        and not any(_no_place(kind, namespace, head) for kind, namespace in {key[:2] for key in keys})
        and "/" not in together
        and "%" not in together
        and _NO_NAMES.isdisjoint(names)
        and {len(row.id) for row in rows} <= ({0, ID_BYTES} if head.base else {ID_BYTES})
    )


def _refuse_first(rows: Iterable[Row], last: RowKey, head: ListingHead, where: str) -> None:
    """Raises RepositoryBrokenError for the first row that cannot be, if there is one."""
    for row in rows:
        if not 0 <= row.kind < len(head.kinds):
            raise broken(where, f"has a row of kind {row.kind}, which it does not describe")
        if row.key <= last:
            raise broken(where, f"has {row.name[:80]!r} where it should not stand")
        if _no_place(row.kind, row.namespace, head):
            raise broken(
                where, f"has {row.name[:80]!r} in a namespace that cannot be: {row.namespace[:80]!r}"
            )
        last = row.key
        if not is_path_segment(row.name):
            raise broken(where, f"has an object of a name that cannot be: {row.name[:80]!r}")
        if len(row.id) != ID_BYTES and not (row.gone and head.base):
            raise broken(where, f"has {row.name[:80]!r} without an id")


def _no_place(kind: int, namespace: str, head: ListingHead) -> bool:
    """Whether nothing of this kind, which the head describes, can be in this namespace (empty: in none)."""
    return (namespace != "") != head.kinds[kind].namespaced or not (
        not namespace or _LABEL.fullmatch(namespace)
    )


def is_path_segment(name: str) -> bool:
    """Whether Kubernetes could have taken this name: not empty, `.` or `..`, and without `/` or `%`.

    Control characters are allowed (a ClusterRole may have them): whoever prints a name or makes a path of it escapes.
    Source: `IsValidPathSegmentName` in k8s.io/apimachinery/pkg/api/validation/path.
    """
    return name not in _NO_NAMES and "/" not in name and "%" not in name
