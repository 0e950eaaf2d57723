"""What port forwarding needs of SPDY/3.1, as bytes to send and frames that came: streams, data, and the end of a side.

Kubernetes tunnels it through a WebSocket (KEP-4006). No flow control, as in kubectl; headers that come are not read.
Pure.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY = 1, 2, 3, 6, 7
FIN: Final = 1
LONGEST_FRAME: Final = 1 << 20
"""Servers send pieces of 32 KiB."""
_CONTROL: Final = 0x8000
_VERSION: Final = 3
_HEAD: Final = struct.Struct(">II")

_WORDS: Final = (
    "options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|a"
    "ge|allow|authorization|cache-control|connection|content-base|content-encoding|content-language|content-l"
    "ength|content-location|content-md5|content-range|content-type|date|etag|expect|expires|from|host|if-matc"
    "h|if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|location|max-forwards|pragm"
    "a|proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer|transfer-encoding|u"
    "pgrade|user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|version|HTTP/1.1|url|public"
    "|set-cookie|keep-alive|origin"
)
_REST: Final = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY: Final = (
    b"".join(struct.pack(">I", len(word)) + word.encode() for word in _WORDS.split("|")) + _REST.encode()
)
"""What headers are compressed with (SPDY/3, 2.6.10.1)."""


class Frame(NamedTuple):
    """One that came: `kind` is 0 for data, else the control frame's."""

    kind: int
    stream: int
    flags: int
    data: bytes


class BrokenFrameError(ValueError):
    """What came is no SPDY."""


class Sender:
    """Makes frames; one for each connection, since headers are compressed as one stream."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def open(self, stream: int, headers: Mapping[str, str]) -> bytes:
        """Begin a stream."""
        pairs = b"".join(_counted(key.lower()) + _counted(value) for key, value in headers.items())
        block = struct.pack(">I", len(headers)) + pairs
        packed = self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return control(SYN_STREAM, struct.pack(">IIH", stream, 0, 0) + packed)


def data(stream: int, payload: bytes, *, ends: bool = False) -> bytes:
    """Bytes of a stream; `ends` says that no more will follow on this side."""
    return _HEAD.pack(stream, (FIN if ends else 0) << 24 | len(payload)) + payload


def control(kind: int, payload: bytes, flags: int = 0) -> bytes:
    """A frame that is no data."""
    return _HEAD.pack((_CONTROL | _VERSION) << 16 | kind, flags << 24 | len(payload)) + payload


class Receiver:
    """Puts frames together from pieces of any size."""

    def __init__(self) -> None:
        self._held = bytearray()

    def frames(self, piece: bytes) -> Iterator[Frame]:
        """Those that are whole by now. Raises BrokenFrameError."""
        self._held += piece
        while len(self._held) >= _HEAD.size:
            first, second = _HEAD.unpack_from(self._held)
            flags, length = second >> 24, second & 0xFFFFFF
            if length > LONGEST_FRAME:
                raise BrokenFrameError(f"a frame of {length} bytes")
            if len(self._held) < _HEAD.size + length:
                return
            payload = bytes(self._held[_HEAD.size : _HEAD.size + length])
            del self._held[: _HEAD.size + length]
            yield _frame(first, flags, payload)


def _frame(first: int, flags: int, payload: bytes) -> Frame:
    if first >> 31 == 0:
        return Frame(0, first, flags, payload)
    if first >> 16 & 0x7FFF != _VERSION:
        raise BrokenFrameError(f"version {first >> 16 & 0x7FFF} of SPDY")
    stream = int.from_bytes(payload[:4], "big") & 0x7FFFFFFF
    return Frame(first & 0xFFFF, stream, flags, payload)


def _counted(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">I", len(encoded)) + encoded
