"""A tar archive as zstd frames, made piece by piece: headers here, contents compressed while they were gathered.

Frames one after the other are one zstd stream, and so are tar's blocks in them: `tar --zstd -x` reads it like any
other. Nothing in it tells of this machine: no owner, no time but the bundle's own.
"""

from __future__ import annotations

import tarfile
from typing import Final

import zstandard

LEVEL: Final = 1
"""Logs come out no larger than at 3, in three quarters of the time."""
FRAME: Final = 256 << 10
"""Bytes of a file that go into one frame: what makes the same content the same bytes, however it came."""
_BLOCK: Final = tarfile.BLOCKSIZE
_RECORD: Final = tarfile.RECORDSIZE


class Compressor:
    """Compresses frames; of one thread."""

    def __init__(self) -> None:
        self._zstd: Final = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)

    def frame(self, data: bytes | bytearray) -> bytes:
        """One whole frame, with its checksum."""
        return self._zstd.compress(data)


def header(path: str, size: int, at_s: int) -> bytes:
    """What stands before a file in a tar archive (POSIX pax); nobody but the owner may read what is unpacked."""
    info = tarfile.TarInfo(path)
    info.size, info.mtime, info.mode = size, at_s, 0o600
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def padding(size: int) -> bytes:
    """What stands behind a file of this size."""
    return bytes(-size % _BLOCK)


def ending(size: int) -> bytes:
    """What ends an archive that is this long until now."""
    end = 2 * _BLOCK
    return bytes(end + -(size + end) % _RECORD)
