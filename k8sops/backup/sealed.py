"""The envelope of packs, indexes, listings, parts of bundles and the bodies of manifests (FORMAT.md, Sealed files).

Frames are AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015) under a key that is the
file's own; the header, which carries that key wrapped, is every frame's associated data. So a frame cannot be dropped,
repeated, moved or taken from elsewhere, and a file that ends early is known to before anything of it is handed out.
In a plain file frames are only compressed: whether they are right is then for the digests above and below to say.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from k8sops.backup.compression import FRAME_LIMIT, compress, expand, greatest_frame, stated_size
from k8sops.backup.errors import RepositoryNewerError, broken
from k8sops.backup.keyring import KEY_BYTES, Keyring

MAGIC: Final = b"k8sopsB1"
PLAIN_HEADER: Final = 30
SEALED_HEADER: Final = 90
TAG: Final = 16
LENGTH: Final = 4
GREATEST_FRAME: Final = greatest_frame(FRAME_LIMIT) + TAG
"""The most bytes of one frame as it lies in a file, without its length field."""

_FAMILY: Final = MAGIC[:7]
_NONCE: Final = 12
_FIXED: Final = struct.Struct(">8sBB16sI")
_LENGTH: Final = struct.Struct(">I")

Entropy = Callable[[int], bytes]
"""So many random bytes, fit for keys: `os.urandom`, except where a test wants the same file twice."""


class FileKind(IntEnum):
    """What a sealed file is."""

    PACK = 1
    INDEX = 2
    LISTING = 3
    MANIFEST = 4
    BUNDLE_PART = 5
    BUNDLE = 6

    @property
    def label(self) -> str:
        """The kind as a word in a sentence."""
        return "manifest body" if self is FileKind.MANIFEST else self.name.lower().replace("_", " ")


class What(msgspec.Struct, frozen=True):
    """What is about to be read: the name for messages, its kind, and the id it must have (None: any)."""

    name: str
    kind: FileKind
    id: str | None = None


class Span(msgspec.Struct, frozen=True, array_like=True):
    """Where a frame lies: the offset of its length field, its length without that, and its content's size."""

    at: int
    length: int
    content: int


class SealedFile(msgspec.Struct, frozen=True):
    """A whole file, to be put once under the name its id gives; `sha256` is of all its bytes."""

    id: str
    data: bytes
    sha256: str
    spans: tuple[Span, ...]


class Header(msgspec.Struct, frozen=True):
    """A header that was checked against what was expected; `raw` are its bytes."""

    raw: bytes
    id: str
    epoch: int
    sealed: bool


def seal(
    kind: FileKind, frames: Sequence[bytes], keyring: Keyring, entropy: Entropy = os.urandom
) -> SealedFile:
    """A file of these zstd frames, of which there is at least one, under a key of its own and a fresh id."""
    if not frames:
        raise ValueError("a sealed file has at least one frame")
    id_ = entropy(16)
    fixed = _FIXED.pack(MAGIC, kind, keyring.encrypted, id_, keyring.newest)
    header, cipher = fixed, None
    if keyring.encrypted:
        key, nonce = entropy(KEY_BYTES), entropy(_NONCE)
        wrapping = AESGCM(keyring.epoch_key(keyring.newest, "a new file"))
        header = fixed + nonce + wrapping.encrypt(nonce, key, fixed)
        cipher = AESGCM(key)
    parts, spans, at = [header], [], len(header)
    for number, frame in enumerate(frames):
        content = stated_size(frame, "a frame to be written")
        if cipher is not None:
            frame = cipher.encrypt(_nonce(number, number == len(frames) - 1), frame, header)  # noqa: PLW2901
        parts += (_LENGTH.pack(len(frame)), frame)
        spans.append(Span(at, len(frame), content))
        at += LENGTH + len(frame)
    data = b"".join(parts)
    return SealedFile(id_.hex(), data, hashlib.sha256(data).hexdigest(), tuple(spans))


def seal_contents(
    kind: FileKind, contents: Sequence[bytes], keyring: Keyring, entropy: Entropy = os.urandom
) -> SealedFile:
    """A file of these contents, a frame for each; none may be larger than 16 MiB."""
    return seal(kind, [compress(content) for content in contents], keyring, entropy)


def check_digest(data: bytes, sha256: str, where: str) -> None:
    """Refuse a file whose bytes are not those that were signed for; raises RepositoryBrokenError."""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise broken(where, "is not the file that was written: its SHA-256 is another")


def read_header(data: bytes, what: What, keyring: Keyring) -> Header:
    """The header at the beginning of `data`, which must be the expected file's.

    Raises RepositoryBrokenError for another kind, id or protection than expected, RepositoryNewerError for another
    version.
    """
    if len(data) < PLAIN_HEADER:
        raise broken(what.name, f"ends after {len(data)} bytes, within its header")
    magic, kind, sealed, id_, epoch = _FIXED.unpack_from(data)
    _check_magic(magic, what)
    if kind != what.kind:
        found = FileKind(kind).label if kind in iter(FileKind) else f"{kind}, which is unknown"
        raise broken(what.name, f"should be of kind {what.kind.label} and is of kind {found}")
    if sealed > 1:
        raise broken(what.name, f"has an unknown protection ({sealed})")
    if bool(sealed) != keyring.encrypted:
        raise broken(what.name, f"is {'sealed' if sealed else 'not sealed'}, and the repository is otherwise")
    if what.id is not None and id_.hex() != what.id:
        raise broken(what.name, f"holds the file {id_.hex()}")
    if bool(epoch) != bool(sealed):
        raise broken(what.name, f"is of epoch {epoch}, which cannot be")
    size = SEALED_HEADER if sealed else PLAIN_HEADER
    if len(data) < size:
        raise broken(what.name, f"ends after {len(data)} bytes, within its header")
    return Header(data[:size], id_.hex(), epoch, bool(sealed))


class FrameReader:
    """Opens frames of one file in any order, for whoever reads parts of it; knows where none of them lies."""

    def __init__(self, header: Header, what: What, keyring: Keyring) -> None:
        self._header = header.raw
        self._what = what
        self._cipher: AESGCM | None = None
        if header.sealed:
            wrapping = AESGCM(keyring.epoch_key(header.epoch, what.name))
            nonce, wrapped = header.raw[PLAIN_HEADER : PLAIN_HEADER + _NONCE], header.raw[-KEY_BYTES - TAG :]
            try:
                key = wrapping.decrypt(nonce, wrapped, header.raw[:PLAIN_HEADER])
            except InvalidTag:
                raise broken(
                    what.name, f"was altered: its key does not open under epoch {header.epoch}"
                ) from None
            self._cipher = AESGCM(key)

    def open(self, data: bytes, number: int, *, last: bool) -> bytes:
        """The content of frame `number` (from 0), of its bytes without the length field.

        Raises RepositoryBrokenError where they are not this file's frame of that number, or more than may be.
        """
        where = f"{self._what.name}, frame {number},"
        if len(data) > GREATEST_FRAME:
            raise broken(where, f"has {len(data):,} bytes; at most {GREATEST_FRAME:,} are read")
        if self._cipher is not None:
            try:
                data = self._cipher.decrypt(_nonce(number, last), data, self._header)
            except InvalidTag:
                raise broken(where, "was altered, moved, or is not where the file should end") from None
        return expand(data, where)

    def open_at(self, data: bytes, number: int, *, last: bool) -> bytes:
        """The same, of the bytes from the frame's length field to its end, as a ranged get answers them."""
        stated = _LENGTH.unpack_from(data)[0] if len(data) >= LENGTH else -1
        if stated != len(data) - LENGTH:
            raise broken(f"{self._what.name}, frame {number},", "is not where the index says it is")
        return self.open(data[LENGTH:], number, last=last)


def open_sealed(data: bytes, what: What, keyring: Keyring, *, most: int) -> Iterator[bytes]:
    """The contents of a whole file, frame by frame; of more than `most` bytes of content in all, none.

    Lengths are checked from the first to the last, and the last frame is opened, before the first is handed out.
    Raises RepositoryBrokenError, RepositoryNewerError or RepositoryKeyError.
    """
    header = read_header(data, what, keyring)
    reader = FrameReader(header, what, keyring)
    frames = list(_frames(data, len(header.raw), what))
    end = len(frames) - 1
    last = reader.open(data[slice(*frames[end])], end, last=True)
    left = most - len(last)
    for number, place in enumerate(frames[:end]):
        content = reader.open(data[slice(*place)], number, last=False)
        left -= len(content)
        if left < 0:
            break
        yield content
    if left < 0:
        raise broken(what.name, f"has more than {most:,} bytes of content")
    yield last


def _frames(data: bytes, at: int, what: What) -> Iterator[tuple[int, int]]:
    """Where each frame begins and ends; the last must end with the file."""
    while True:
        if at + LENGTH > len(data):
            raise broken(what.name, f"ends after {len(data):,} bytes, before its last frame")
        begin = at + LENGTH
        at = begin + _LENGTH.unpack_from(data, at)[0]
        if at > len(data):
            raise broken(what.name, f"ends after {len(data):,} bytes, within a frame that goes to {at:,}")
        yield begin, at
        if at == len(data):
            return


def _check_magic(magic: bytes, what: What) -> None:
    if magic == MAGIC:
        return
    if magic.startswith(_FAMILY):
        raise RepositoryNewerError(
            f"{what.name} is of format {magic[7:].decode('ascii', 'backslashreplace')}; this program reads format 1",
            hint="use the version of k8sops that wrote it, or a newer one",
        )
    raise broken(what.name, "is not a file of a backup repository")


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(_NONCE - 1, "big") + (b"\1" if last else b"\0")
