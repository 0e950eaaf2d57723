"""Packs: many objects in one file, and any of them out again by one small read (FORMAT.md, Packs).

Objects are given in the order of their kinds and names, because alike ones side by side are what makes a pack small.
A frame is the least that is read, a pack what is put at once; both are bounded, and so is what a writer holds in
memory: one frame's content, and the frames of one pack. An object that does not have its id is never handed out.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from typing import Final

import msgspec

from k8sops.backup.canonical import ID_BYTES, OBJECT_LIMIT, object_id
from k8sops.backup.compression import FRAME_LIMIT, compress
from k8sops.backup.errors import broken
from k8sops.backup.keyring import Keyring
from k8sops.backup.names import file_name
from k8sops.backup.sealed import (
    GREATEST_FRAME,
    LENGTH,
    SEALED_HEADER,
    TAG,
    Entropy,
    FileKind,
    FrameReader,
    SealedFile,
    What,
    check_digest,
    open_sealed,
    read_header,
    seal,
)

FRAME_TARGET: Final = 4 * 1024 * 1024
"""Content at which a frame is closed; an object of more has a frame of its own."""
PACK_TARGET: Final = 16 * 1024 * 1024
"""Bytes of frames at which a pack is closed: below what object stores want several requests for."""
FRAME_OBJECTS: Final = 16_384
PACK_OBJECTS: Final = 131_072
GREATEST_PACK: Final = SEALED_HEADER + max(PACK_TARGET, LENGTH + GREATEST_FRAME)

if OBJECT_LIMIT > FRAME_LIMIT:
    raise AssertionError("an object fits into a frame")


class PackedFrame(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One frame of a pack: where it lies, and the ids (joined) and lengths of its objects, which fill it in order."""

    at: int
    length: int
    content: int
    ids: bytes
    lengths: tuple[int, ...]

    def objects(self, content: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Each object's id and bytes out of the frame's content, unchecked."""
        at = 0
        for number, length in enumerate(self.lengths):
            yield self.ids[number * ID_BYTES : (number + 1) * ID_BYTES], content[at : at + length]
            at += length


class PackEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an index says of one pack."""

    id: str
    size: int
    sha256: str
    frames: tuple[PackedFrame, ...]

    @property
    def name(self) -> str:
        """The pack's file name."""
        return file_name("packs", self.id)

    @property
    def what(self) -> What:
        """What a reader of the pack expects."""
        return What(self.name, FileKind.PACK, self.id)

    @property
    def objects(self) -> int:
        """How many objects it holds."""
        return sum(len(frame.lengths) for frame in self.frames)


class Pack(msgspec.Struct, frozen=True):
    """A finished pack: the file to put, and what the index has to say of it."""

    file: SealedFile
    entry: PackEntry


class Packer:
    """Takes objects in order and gives packs as they fill. Compresses as it goes: call it in a thread."""

    def __init__(
        self, keyring: Keyring, entropy: Entropy = os.urandom, *, pack_target: int = PACK_TARGET
    ) -> None:
        self._keyring = keyring
        self._entropy = entropy
        self._pack_target = min(pack_target, PACK_TARGET)
        self._frame_target = min(pack_target, FRAME_TARGET)
        self._ids: list[bytes] = []
        self._objects: list[bytes] = []
        self._content = 0
        self._frames: list[tuple[bytes, bytes, tuple[int, ...]]] = []
        self._size = 0
        self._seen: set[bytes] = set()

    def add(self, id_: bytes, data: bytes) -> Pack | None:
        """Take one object; a pack, if that closed one. What this pack already holds is taken once."""
        if id_ in self._seen:
            return None
        if len(id_) != ID_BYTES or len(data) > OBJECT_LIMIT:
            raise ValueError("no object of a repository: its id has 32 bytes, and it has at most 16 MiB")
        full = self._content + len(data) > self._frame_target or len(self._ids) >= FRAME_OBJECTS
        pack = self._close_frame() if self._ids and full else None
        self._ids.append(id_)
        self._objects.append(data)
        self._content += len(data)
        self._seen.add(id_)
        return pack

    def finish(self) -> list[Pack]:
        """What is left, as no, one or two packs; the packer is empty then."""
        packs = [self._close_frame()] if self._ids else []
        if self._frames:
            packs.append(self._close_pack())
        return [pack for pack in packs if pack is not None]

    def _close_frame(self) -> Pack | None:
        ids, lengths = b"".join(self._ids), tuple(map(len, self._objects))
        frame = compress(b"".join(self._objects))
        size = LENGTH + len(frame) + TAG
        held = sum(len(frame_lengths) for _, _, frame_lengths in self._frames)
        pack = None
        if self._frames and (self._size + size > self._pack_target or held + len(lengths) > PACK_OBJECTS):
            pack = self._close_pack()
            self._seen.update(self._ids)
        self._frames.append((frame, ids, lengths))
        self._size += size
        self._ids, self._objects, self._content = [], [], 0
        return pack

    def _close_pack(self) -> Pack:
        frames = self._frames
        file = seal(FileKind.PACK, [frame for frame, _, _ in frames], self._keyring, self._entropy)
        entry = PackEntry(
            id=file.id,
            size=len(file.data),
            sha256=file.sha256,
            frames=tuple(
                PackedFrame(span.at, span.length, span.content, ids, lengths)
                for span, (_, ids, lengths) in zip(file.spans, frames, strict=True)
            ),
        )
        self._frames, self._size, self._seen = [], 0, set()
        return Pack(file, entry)


class PackReader:
    """Reads frames of one pack out of ranged gets: first its header, then any frame the index names."""

    def __init__(self, entry: PackEntry, header: bytes, keyring: Keyring) -> None:
        self._entry = entry
        self._id_key = keyring.id_key
        self._frames = FrameReader(read_header(header, entry.what, keyring), entry.what, keyring)

    def frame(self, number: int, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The id and bytes of each object of a frame; `data` begins at its length field.

        Raises RepositoryBrokenError for bytes that are not this frame's, and for an object that does not have its id.
        """
        content = self._frames.open_at(data, number, last=number == len(self._entry.frames) - 1)
        yield from _checked(self._entry, number, content, self._id_key)


def pack_objects(data: bytes, entry: PackEntry, keyring: Keyring) -> Iterator[tuple[bytes, bytes]]:
    """The id and bytes of each object of a whole pack, after everything about the file was checked.

    Raises RepositoryBrokenError, RepositoryNewerError or RepositoryKeyError.
    """
    if len(data) != entry.size:
        raise broken(entry.name, f"has {len(data):,} bytes; {entry.size:,} were written")
    check_digest(data, entry.sha256, entry.name)
    most = sum(frame.content for frame in entry.frames)
    number = -1
    for number, content in enumerate(open_sealed(data, entry.what, keyring, most=most)):
        if number >= len(entry.frames):
            break
        yield from _checked(entry, number, content, keyring.id_key)
    if number != len(entry.frames) - 1:
        raise broken(entry.name, "has another number of frames than the index says")


def _checked(entry: PackEntry, number: int, content: bytes, id_key: bytes) -> Iterator[tuple[bytes, bytes]]:
    frame = entry.frames[number]
    if len(content) != frame.content:
        raise broken(
            f"{entry.name}, frame {number},",
            f"has {len(content):,} bytes of content; the index says {frame.content:,}",
        )
    for id_, data in frame.objects(content):
        if not hmac.compare_digest(object_id(id_key, data), id_):
            raise broken(
                f"{entry.name}, frame {number},", f"holds another object in the place of {id_.hex()}"
            )
        yield id_, data
