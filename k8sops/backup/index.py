"""Indexes: which objects lie where in some packs, and the catalogue made of all that hold (FORMAT.md, Indexes).

An index is read only if a manifest stands for it, by id and SHA-256. All the same nothing in it is believed that can be
checked: frames must follow each other from the header to the end of the pack, objects must fill their frame exactly.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from typing import Final

import msgspec

from k8sops.backup.canonical import ID_BYTES
from k8sops.backup.compression import FRAME_LIMIT
from k8sops.backup.errors import RepositoryBrokenError, broken
from k8sops.backup.keyring import Keyring
from k8sops.backup.names import file_name, is_digest, is_id
from k8sops.backup.packs import GREATEST_PACK, PackEntry
from k8sops.backup.sealed import (
    LENGTH,
    PLAIN_HEADER,
    SEALED_HEADER,
    Entropy,
    FileKind,
    SealedFile,
    What,
    check_digest,
    open_sealed,
    seal_contents,
)

CONTENT_LIMIT: Final = 1024 * 1024 * 1024
"""The most content of one index, in bytes: some 25 million objects."""


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    packs: int
    replaces: tuple[str, ...]


class Index(msgspec.Struct, frozen=True):
    """The packs of one index, and the indexes it stands in place of."""

    packs: tuple[PackEntry, ...]
    replaces: tuple[str, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """Where an object lies: its pack, the frame's number there, and the object's number in the frame."""

    pack: PackEntry
    frame: int
    number: int

    @property
    def range(self) -> tuple[int, int]:
        """First byte and end of the frame in the pack, its length field included: what a ranged get asks for."""
        frame = self.pack.frames[self.frame]
        return frame.at, frame.at + LENGTH + frame.length


_ENCODER: Final = msgspec.msgpack.Encoder()
_HEAD: Final = msgspec.msgpack.Decoder(_Head)
_ENTRY: Final = msgspec.msgpack.Decoder(PackEntry)


def write_index(index: Index, keyring: Keyring, entropy: Entropy = os.urandom) -> SealedFile:
    """The file of an index: one frame for what it is, one for each pack. Raises ValueError for what no reader takes."""
    try:
        _check(index, keyring, "the index to be written")
    except RepositoryBrokenError as error:
        raise ValueError(error.message) from error
    head = _ENCODER.encode(_Head(len(index.packs), index.replaces))
    contents = [head, *(_ENCODER.encode(entry) for entry in index.packs)]
    return seal_contents(FileKind.INDEX, contents, keyring, entropy)


def read_index(data: bytes, id_: str, sha256: str, keyring: Keyring) -> Index:
    """An index of that id and digest, from the bytes of its file.

    Raises RepositoryBrokenError, RepositoryNewerError or RepositoryKeyError.
    """
    where = file_name("indexes", id_)
    check_digest(data, sha256, where)
    contents = open_sealed(data, What(where, FileKind.INDEX, id_), keyring, most=CONTENT_LIMIT)
    try:
        head = _HEAD.decode(next(contents))
        index = Index(tuple(map(_ENTRY.decode, contents)), head.replaces)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise broken(where, f"cannot be read as an index: {error}") from error
    if len(index.packs) != head.packs:
        raise broken(where, f"describes {len(index.packs):,} packs and says {head.packs:,}")
    _check(index, keyring, where)
    return index


class Catalogue:
    """Where every object lies, out of all indexes that hold. Some 200 bytes of memory for each object.

    Packs in `absent` (doomed or gone) are left out, so what only they hold is not found and gets stored again.
    """

    def __init__(self, indexes: Iterable[Index] = (), *, absent: Collection[str] = frozenset()) -> None:
        self._absent = frozenset(absent)
        self._packs: dict[str, int] = {}
        self._entries: list[PackEntry] = []
        self._places: dict[bytes, int] = {}
        for index in indexes:
            self.add(index)

    def add(self, index: Index) -> None:
        """Take an index in; of an object that lies in several packs, the first place is kept."""
        keep = self._places.setdefault
        for entry in index.packs:
            if entry.id in self._absent or entry.id in self._packs:
                continue
            pack = self._packs[entry.id] = len(self._entries)
            self._entries.append(entry)
            for number, frame in enumerate(entry.frames):
                base, ids = pack << 48 | number << 24, frame.ids
                for place, at in enumerate(range(0, len(frame.lengths) * ID_BYTES, ID_BYTES), base):
                    keep(ids[at : at + ID_BYTES], place)

    def find(self, id_: bytes) -> Place | None:
        """Where the object lies, if any pack holds it."""
        found = self._places.get(id_)
        if found is None:
            return None
        return Place(self._entries[found >> 48], found >> 24 & 0xFFFFFF, found & 0xFFFFFF)

    def lacking(self, ids: Iterable[bytes]) -> set[bytes]:
        """Those of these objects that no pack holds."""
        return set(ids).difference(self._places)

    def size_of(self, ids: Iterable[bytes]) -> int:
        """How many bytes these objects have together; what no pack holds has none."""
        entries, places = self._entries, self._places
        return sum(
            entries[found >> 48].frames[found >> 24 & 0xFFFFFF].lengths[found & 0xFFFFFF]
            for id_ in ids
            if (found := places.get(id_)) is not None
        )

    def packs_of(self, ids: Iterable[bytes]) -> dict[str, PackEntry]:
        """The packs these objects lie in; those that none holds are passed over."""
        places = self._places
        numbers = {found >> 48 for id_ in ids if (found := places.get(id_)) is not None}
        return {self._entries[number].id: self._entries[number] for number in sorted(numbers)}

    @property
    def packs(self) -> Iterator[PackEntry]:
        """Every pack, in the order in which indexes named them."""
        return iter(self._entries)

    def __contains__(self, id_: bytes) -> bool:
        return id_ in self._places

    def __len__(self) -> int:
        return len(self._places)


def _check(index: Index, keyring: Keyring, where: str) -> None:
    seen: set[str] = set()
    for entry in index.packs:
        reason = next(_faults(entry, SEALED_HEADER if keyring.encrypted else PLAIN_HEADER), "")
        if reason or entry.id in seen:
            raise broken(where, f"describes pack {entry.id[:32]!r} wrongly: {reason or 'it comes twice'}")
        seen.add(entry.id)
    if not all(map(is_id, index.replaces)):
        raise broken(where, "names an index it replaces by something that is no id")


def _faults(entry: PackEntry, header: int) -> Iterator[str]:
    """What cannot be in the description of a pack. Only the first is meant to be asked for: later ones rest on it."""
    if not is_id(entry.id) or not is_digest(entry.sha256):
        yield "its id or digest is none"
    if not entry.frames or not 0 < entry.size <= GREATEST_PACK:
        yield "it has no frames, or a size that no pack has"
    if entry.frames[0].at != header:
        yield "its first frame does not follow its header"
    if any(before.at + LENGTH + before.length != after.at for before, after in pairwise(entry.frames)):
        yield "its frames do not follow each other"
    last = entry.frames[-1]
    if last.at + LENGTH + last.length != entry.size:
        yield "its last frame does not end with it"
    for frame in entry.frames:
        if frame.length <= 0 or not 0 <= frame.content <= FRAME_LIMIT:
            yield "a frame has a size that none has"
        if len(frame.ids) != ID_BYTES * len(frame.lengths) or min(frame.lengths, default=0) < 0:
            yield "a frame has another number of ids than of objects"
        if sum(frame.lengths) != frame.content:
            yield "the objects of a frame do not fill it"
