"""How a life of a container becomes numbered lines, each with its moment: the part of a log that is arithmetic.

Lines come in groups (mostly of one), a group in each period, at a moment inside it that a hash decides. `bulk` has a
voice of its own, made for volume.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import lru_cache
from time import gmtime, strftime
from typing import Final, Protocol

from k8sops.sandbox.logs.bulk import BULK, Bulk
from k8sops.sandbox.logs.lives import KEPT_LINES, NEVER_NS, SECOND_NS, SILENT, Life
from k8sops.sandbox.logs.scripts import Script, last_words, script_for

BATCH_BYTES: Final = 64 * 1024
LAST_WORDS_NS: Final = 1_000


class Voice(Protocol):
    """Numbered lines from 0, in the order in which they were said."""

    @property
    def keep(self) -> int:
        """How many of the last ones can be read."""
        ...

    @property
    def skewed(self) -> bool:
        """Whether the node's clock jumps: stamps say nothing about the order."""
        ...

    def said(self, now_ns: int) -> int:
        """How many lines were said up to this moment."""
        ...

    def moment(self, index: int) -> int:
        """When a line is said, in nanoseconds since the epoch."""
        ...

    def blocks(self, first: int, last: int, *, stamped: bool, since_ns: int = 0) -> Iterator[bytes]:
        """Lines first ≤ i < last as text, without those stamped before `since_ns`."""
        ...


def voice_of(life: Life) -> Voice:
    """The voice of a container in one of its lives, without its last words."""
    if life.script == SILENT:
        return Silence()
    if life.script == BULK:
        return Bulk(life.seed, life.started_ns, life.size, life.keep)
    return Speaker(life, script_for(life.script))


class Silence:
    """Of a container that somebody types into."""

    keep: Final = 0
    skewed: Final = False

    def said(self, now_ns: int) -> int:
        """Nothing."""
        return 0

    def moment(self, index: int) -> int:
        """There is no line to come."""
        return NEVER_NS

    def blocks(self, first: int, last: int, *, stamped: bool, since_ns: int = 0) -> Iterator[bytes]:
        """Nothing."""
        return iter(())


class Speaker:
    """Of a container that follows a script, line by line."""

    def __init__(self, life: Life, script: Script) -> None:
        self._base: Final = life.seed.encode()
        self._script: Final = script
        self._started: Final = life.started_ns
        self._group_ns: Final = life.period_ns * script.group
        # A group may begin half a period late and take the other half, so that none runs into the next.
        self._jitter_ns: Final = self._group_ns if script.group == 1 else self._group_ns // 2
        self._apart_ns: Final = min(script.apart_ns, life.period_ns // 2)
        self.keep: Final = life.keep or script.keep or KEPT_LINES
        self.skewed: Final = script.skew is not None

    def said(self, now_ns: int) -> int:
        """How many lines were said up to this moment."""
        group = (now_ns - self._started) // self._group_ns
        if group < 0:
            return 0
        size, before = self._script.group, group * self._script.group
        late = now_ns - self.moment(before)
        if late < 0:
            return before
        return before + (min(size, late // self._apart_ns + 1) if self._apart_ns else size)

    def moment(self, index: int) -> int:
        """When a line is said, in nanoseconds since the epoch."""
        group, within = divmod(index, self._script.group)
        jitter = (self._number(group) & 0xFFFF) * self._jitter_ns >> 16 if group else 0
        return self._started + group * self._group_ns + jitter + within * self._apart_ns

    def blocks(self, first: int, last: int, *, stamped: bool, since_ns: int = 0) -> Iterator[bytes]:
        """Lines first ≤ i < last as text, without those stamped before `since_ns`."""
        said, skew = self._script.said, self._script.skew
        batch: list[bytes] = []
        size = 0
        for index in range(first, last):
            at = self.moment(index)
            shown = at if skew is None else at + skew(index)
            if shown < since_ns:
                continue
            line = said(index, self._number(index), at) + b"\n"
            batch.append(stamp(shown) + line if stamped else line)
            size += len(line)
            if size >= BATCH_BYTES:
                yield b"".join(batch)
                batch.clear()
                size = 0
        if batch:
            yield b"".join(batch)

    def _number(self, index: int) -> int:
        return zlib.crc32(b"%b:%d" % (self._base, index))


class Ended:
    """The whole of a life that is over: what was said in it, and its last words."""

    def __init__(self, life: Life, ended_ns: int, voice: Voice) -> None:
        self._voice: Final = voice
        self._ended: Final = ended_ns
        self._lines: Final = voice.said(ended_ns)
        self._words: Final = [word.encode() for word in _last_words(life)]
        self.keep: Final = voice.keep
        self.skewed: Final = voice.skewed

    def said(self, now_ns: int) -> int:
        """How many lines were said up to this moment, the last words among them."""
        late = now_ns - self._ended
        words = 0 if late < 0 else min(len(self._words), late // LAST_WORDS_NS + 1)
        return self._voice.said(min(now_ns, self._ended)) + words

    def moment(self, index: int) -> int:
        """When a line was said; the last words were at the end."""
        return self._voice.moment(index) if index < self._lines else self._word_at(index)

    def blocks(self, first: int, last: int, *, stamped: bool, since_ns: int = 0) -> Iterator[bytes]:
        """Lines first ≤ i < last as text, without those stamped before `since_ns`."""
        yield from self._voice.blocks(first, min(last, self._lines), stamped=stamped, since_ns=since_ns)
        words = [
            (stamp(self._word_at(index)) if stamped else b"") + self._words[index - self._lines] + b"\n"
            for index in range(max(first, self._lines), last)
            if self._word_at(index) >= since_ns
        ]
        if words:
            yield b"".join(words)

    def _word_at(self, index: int) -> int:
        return self._ended + (index - self._lines) * LAST_WORDS_NS


def stamp(at_ns: int) -> bytes:
    """A kubelet's timestamp before a line: RFC 3339 with nine digits, and the blank."""
    second, rest = divmod(at_ns, SECOND_NS)
    return b"%b.%09dZ " % (whole_second(second), rest)


@lru_cache(4096)
def whole_second(second: int) -> bytes:
    """RFC 3339 up to the second."""
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(second)).encode()


def _last_words(life: Life) -> tuple[str, ...]:
    silent = life.script == SILENT or life.reason == "Completed"
    return () if silent else last_words(life.reason, life.script)
