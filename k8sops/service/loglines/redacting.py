"""Secrets taken out of log lines as they come: each stream is one text, so that a private key of many lines is found.

A line may be held back until the next of its stream tells what it belongs to; it then comes with that one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from k8sops.core.logs import LogEntry, LogStream
from k8sops.core.redaction import TextForm

if TYPE_CHECKING:
    from k8sops.service.config import Config


class ByteStream(Protocol):
    """What takes secrets out of one text, given piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; what is certain by now comes back."""
        ...

    def finish(self) -> bytes:
        """The rest."""
        ...


class LineRedactor:
    """Lines without their secrets, in the order they came in as far as none is held back."""

    def __init__(self, new_stream: Callable[[], ByteStream]) -> None:
        self._new_stream: Final = new_stream
        self._streams: Final[dict[LogStream, tuple[ByteStream, deque[tuple[int, LogEntry]]]]] = {}
        self._number = 0

    def redacted(self, batch: Sequence[LogEntry]) -> list[LogEntry]:
        """The batch, with what was held back before and is certain now."""
        done: list[tuple[int, LogEntry]] = []
        texts: dict[LogStream, list[str]] = {}
        for entry in batch:
            self._number += 1
            if entry.marker:
                done.append((self._number, entry))
                continue
            texts.setdefault(entry.stream, []).append(entry.text)
            self._of(entry.stream)[1].append((self._number, entry))
        for stream, lines in texts.items():
            redactor, held = self._of(stream)
            joined = "".join(f"{line}\n" for line in lines)
            done += _without(redactor.feed(joined.encode("utf-8", "replace")), held)
        done.sort(key=lambda numbered: numbered[0])
        return [entry for _, entry in done]

    def rest(self) -> list[LogEntry]:
        """What is still held back, at the end."""
        done = [one for redactor, held in self._streams.values() for one in _without(redactor.finish(), held)]
        self._streams.clear()
        done.sort(key=lambda numbered: numbered[0])
        return [entry for _, entry in done]

    def _of(self, stream: LogStream) -> tuple[ByteStream, deque[tuple[int, LogEntry]]]:
        found = self._streams.get(stream)
        if found is None:
            found = self._streams[stream] = (self._new_stream(), deque())
        return found


async def line_redactor(config: Config) -> LineRedactor:
    """By the configuration's rules, under this installation's key. Raises KeyFileError, UsageError."""
    from k8sops.core.clock import SystemClock, UlidSource
    from k8sops.service.redactors import text_redactor
    from k8sops.service.storing import Storage

    redactor = await text_redactor(config, Storage(config, SystemClock(), UlidSource()))
    return LineRedactor(partial(redactor.stream, TextForm.LOG))


def _without(data: bytes, held: deque[tuple[int, LogEntry]]) -> list[tuple[int, LogEntry]]:
    done = []
    for text in data.decode("utf-8", "replace").split("\n")[:-1]:
        number, entry = held.popleft()
        changed = entry if text == entry.text else msgspec.structs.replace(entry, text=text)
        done.append((number, changed))
    return done
