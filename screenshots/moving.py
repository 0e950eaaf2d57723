"""Moves the times within objects as etcd holds them: those of a sandbox's life, by one span, to another moment.

Built-in kinds are stored as protobuf, where a `metav1.Time` is a Timestamp that always has both its fields, custom ones
as JSON. Neither becomes longer or shorter by it, so nothing around them changes (compare `sandbox.preload`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_STAMP: Final = re.compile(rb"\x08([\x80-\xff]{4}[\x00-\x7f])\x10")
"""Timestamp: field 1, seconds since the epoch, five bytes as a varint until 2514; then field 2, nanoseconds."""
_WRITTEN: Final = re.compile(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d")
_FORMAT: Final = "%Y-%m-%dT%H:%M:%S"
_SEVEN_BITS: Final = 0x7F


def moved(value: bytes, begun: datetime, ended: datetime, by: timedelta) -> bytes:
    """The value with every time between `begun` and `ended` moved by so much."""
    first, last, seconds = int(begun.timestamp()), int(ended.timestamp()) + 1, int(by.total_seconds())

    def stamp(found: re.Match[bytes]) -> bytes:
        was = sum((byte & _SEVEN_BITS) << 7 * place for place, byte in enumerate(found.group(1)))
        if not first <= was <= last:
            return found.group()
        parts = [was + seconds >> 7 * place & _SEVEN_BITS for place in range(5)]
        return bytes((8, *(part | 0x80 for part in parts[:4]), parts[4], 16))

    def written(found: re.Match[bytes]) -> bytes:
        try:
            was = datetime.strptime(found.group().decode(), _FORMAT).replace(tzinfo=UTC)
        except ValueError:
            return found.group()
        if not first <= was.timestamp() <= last:
            return found.group()
        return (was + timedelta(seconds=seconds)).strftime(_FORMAT).encode()

    return _WRITTEN.sub(written, _STAMP.sub(stamp, value))
