"""One piece of content as one zstd frame, and back without trusting a byte of it (RFC 8878).

A frame states the size of its content and is refused, before any memory is taken, where that is more than allowed:
16 MiB of zeros fit into half a kilobyte. What follows a frame, a frame of the skippable kind, one that needs a
dictionary and one without a size are refused too: the writer makes none of them.
"""

from __future__ import annotations

from typing import Final

import zstandard

from k8sops.backup.errors import broken

LEVEL: Final = 3
FRAME_LIMIT: Final = 16 * 1024 * 1024
"""The most content of one frame, in bytes."""

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
# A single block may be raw, and then is larger than its content by header and block headers (RFC 8878, 3.1.1).
_OVERHEAD: Final = 64


def compress(content: bytes) -> bytes:
    """One zstd frame that states its content's size."""
    return zstandard.ZstdCompressor(level=LEVEL, write_content_size=True).compress(content)


def stated_size(frame: bytes, where: str) -> int:
    """The size of the content as the frame states it, at most 16 MiB; raises RepositoryBrokenError."""
    if not frame.startswith(_MAGIC):
        raise broken(where, "holds something that is not a zstd frame")
    try:
        found = zstandard.get_frame_parameters(frame)
    except zstandard.ZstdError as error:
        raise broken(where, f"holds a zstd frame that cannot be read: {error}") from error
    if found.content_size == zstandard.CONTENTSIZE_UNKNOWN:
        raise broken(where, "holds a zstd frame that does not state its content's size")
    for what, size in (("content", found.content_size), ("window", found.window_size)):
        if size > FRAME_LIMIT:
            raise broken(
                where, f"holds a frame with {size:,} bytes of {what}; at most {FRAME_LIMIT:,} are taken"
            )
    if found.dict_id:
        raise broken(where, "holds a zstd frame that needs a dictionary")
    return int(found.content_size)


def expand(frame: bytes, where: str) -> bytes:
    """The content of one zstd frame, exactly as large as stated; raises RepositoryBrokenError."""
    size = stated_size(frame, where)
    try:
        content = zstandard.ZstdDecompressor(max_window_size=FRAME_LIMIT).decompress(
            frame, max_output_size=size, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise broken(where, f"holds a zstd frame that cannot be read: {error}") from error
    if len(content) != size:
        raise broken(where, f"holds a frame of {len(content):,} bytes that was said to have {size:,}")
    return content


def greatest_frame(content: int) -> int:
    """The most bytes a frame with so much content takes, compressed: what cannot shrink grows a little."""
    return content + content // 128 + _OVERHEAD
