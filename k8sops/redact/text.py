"""Takes secrets out of text: a sentence, a file, a stream of bytes. What the doors, the audit and the bundles use.

In place of a secret stands `redacted:` and a keyed digest of it: the same secret is the same token wherever it stands,
and without the key a token can be compared with nothing. Works line by line, so that it does not matter how a stream is
cut; a secret that spans lines is followed from line to line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from k8sops.redact.finding import Following, Hit
from k8sops.redact.redactor import MARK, KeyedRedactor
from k8sops.redact.scan import Scanner

# As much of a digest as keeps two secrets of one bundle apart; it begins like the one in the audit.
_DIGITS: Final = 12
LINE_LIMIT: Final = 16 << 20
_WITHHELD: Final = b"[a line of more than 16 MiB was withheld]\n"


class Found(NamedTuple):
    """That a secret was taken out: its kind and the line, from 1. Never the secret."""

    kind: str
    line: int


class TextRedactor:
    """Takes secrets out of texts, under the key of a `KeyedRedactor`. One for many texts and threads."""

    def __init__(self, digests: KeyedRedactor) -> None:
        self._digests: Final = digests
        self._scanner: Scanner | None = None

    def redact(self, text: str) -> str:
        """The text without its secrets; once redacted, it stays as it is."""
        stream = self.stream()
        done = stream.feed(text.encode("utf-8", "surrogatepass")) + stream.finish()
        return done.decode("utf-8", "surrogatepass")

    def stream(self) -> RedactingStream:
        """For one file or stream: fed piece by piece."""
        if self._scanner is None:
            self._scanner = Scanner()
        return RedactingStream(self._scanner, self._token)

    def _token(self, secret: bytes) -> bytes:
        digest = self._digests.digest(secret.decode("utf-8", "surrogateescape"))
        return digest[: len(MARK) + _DIGITS].encode()


class RedactingStream:
    """One stream of bytes. What comes out is the same however it was cut on the way in."""

    def __init__(self, scanner: Scanner, token: Callable[[bytes], bytes]) -> None:
        self.found: Final[list[Found]] = []
        """What was taken out so far, in order."""
        self._scanner: Final = scanner
        self._token: Final = token
        self._kept: Final[list[bytes]] = []
        self._kept_size = 0
        self._line = 1
        self._following: Following | None = None

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; what is certain by now comes back: every line that has ended."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._keep(data)
            return b""
        block = b"".join((*self._kept, data[:end]))
        self._kept.clear()
        self._kept_size = 0
        self._keep(data[end:])
        return self._lines(block)

    def finish(self) -> bytes:
        """The stream is over: what was kept of its last line comes back."""
        block = b"".join(self._kept)
        self._kept.clear()
        return self._lines(block) if block else b""

    def _keep(self, data: bytes) -> None:
        if data:
            self._kept.append(data)
            self._kept_size += len(data)

    def _lines(self, data: bytes) -> bytes:
        """Whole lines, of which only the stream's last may be without an end."""
        out: list[bytes] = []
        done = at = counted = 0
        size = len(data)
        while at < size:
            if self._following is not None:
                # `at` is where a line begins.
                end = data.find(b"\n", at) + 1 or size
                following = self._following
                hits = following.hits(data[at:end])
                if hits is None or following.once:
                    self._following = None
                if hits is not None:
                    for one in hits:
                        moved = one._replace(start=one.start + at, end=one.end + at)
                        counted = self._count(data, counted, moved.start)
                        done = self._put(out, data, done, moved)
                    at = end
                    continue
            at, done, counted = self._scan(data, at, done, counted, out)
        out.append(data[done:])
        self._line += data.count(b"\n", counted)
        return b"".join(out)

    def _scan(self, data: bytes, at: int, done: int, counted: int, out: list[bytes]) -> tuple[int, int, int]:
        """From `at` to the end, or to the end of a line of which something follows on the next."""
        size = limit = len(data)
        line_end = -1
        following: Following | None = None
        while (place := self._scanner.next_place(data, at, limit)) is not None:
            start, stop = place
            if stop > line_end:
                line_end = data.find(b"\n", stop - 1) + 1 or size
            looked = self._scanner.look(data, place, done, line_end)
            for one in looked.hits:
                if one.start < done:
                    continue
                counted = self._count(data, counted, one.start)
                done = self._put(out, data, done, one)
            if looked.following is not None:
                following, limit = looked.following, line_end
            at = max(done, stop if looked.hits or looked.following else _next(data, start, stop))
        self._following = following
        return limit, done, counted

    def _count(self, data: bytes, counted: int, at: int) -> int:
        self._line += data.count(b"\n", counted, at)
        return max(counted, at)

    def _put(self, out: list[bytes], data: bytes, done: int, one: Hit) -> int:
        out += (data[done : one.start], one.quote, self._token(one.secret), one.quote)
        self.found.append(Found(one.kind, self._line))
        return one.end


def _next(data: bytes, start: int, stop: int) -> int:
    """Where to look on after a place that was nothing: inside it, since it may hide the beginning of something."""
    return max(start + 1, stop - 1) if data[stop - 1] not in b":=" else stop
