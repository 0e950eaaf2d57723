"""One request for a log: which lines it is given, by the options of core/v1's PodLogOptions.

As a kubelet does it: of the lines that are kept the last `tailLines`, of these the ones since `sinceTime` (its very
moment included), of their text `limitBytes`; and when it follows, each line that comes, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from k8sops.sandbox.logs.lives import NEVER_NS, SECOND_NS, Life, moment_ns
from k8sops.sandbox.logs.voices import Ended, Voice, voice_of


class Reading:
    """What a client asked for, and how far it has been answered."""

    def __init__(self, life: Life, options: Mapping[str, str], now_ns: int) -> None:
        """Raises ValueError for a `sinceTime` that is no time."""
        self.life = life
        self._voice = _voice(life)
        self._stamped: Final = options.get("timestamps") == "true"
        self._since: Final = _since(options, now_ns)
        self._left = _number(options, "limitBytes")
        end = self._said(now_ns)
        first = max(0, end - self._voice.keep)
        if (tail := _number(options, "tailLines")) is not None:
            first = max(first, end - tail)
        if not self._voice.skewed:
            first = max(first, min(end, self._voice.said(self._since - 1)))
        self._next, self._end = first, end

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return self._left == 0 or (self.life.ended_ns is not None and self._next >= self._end)

    @property
    def next_ns(self) -> int:
        """When the next line comes, in nanoseconds since the epoch."""
        return self._voice.moment(self._next)

    def lines(self) -> Iterator[bytes]:
        """What there is, as blocks of text."""
        first, self._next = self._next, self._end
        for block in self._voice.blocks(first, self._end, stamped=self._stamped, since_ns=self._since):
            yield self._within_limit(block)
            if self._left == 0:
                return

    def more(self, now_ns: int) -> Iterator[bytes]:
        """What has come since."""
        self._end = max(self._end, self._said(now_ns))
        return self.lines()

    def ended(self, life: Life) -> None:
        """The container's life is over, and this is all that is known of it."""
        self.life, self._voice = life, _voice(life)
        self._end = max(self._next, self._said(NEVER_NS))

    def _said(self, now_ns: int) -> int:
        # Whoever knows of a life's end is given all of it, also what it would have said in the rest of that second.
        return self._voice.said(now_ns if self.life.ended_ns is None else NEVER_NS)

    def _within_limit(self, block: bytes) -> bytes:
        if self._left is None:
            return block
        block = block[: self._left]
        self._left -= len(block)
        return block


def _voice(life: Life) -> Voice:
    voice = voice_of(life)
    return voice if life.ended_ns is None else Ended(life, life.ended_ns, voice)


def _since(options: Mapping[str, str], now_ns: int) -> int:
    since = 0
    if (seconds := _number(options, "sinceSeconds")) is not None:
        since = now_ns - seconds * SECOND_NS
    return max(since, moment_ns(options["sinceTime"])) if "sinceTime" in options else since


def _number(options: Mapping[str, str], name: str) -> int | None:
    value = options.get(name)
    return int(value) if value is not None and value.isdecimal() else None
