"""What `k8sops logs` says of itself on stderr: streams that come, how far it is, and at the end what it came to."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Final

from k8sops.cli.console import say
from k8sops.core.log_selection import LogGap, LogProgress, LogSummary
from k8sops.core.logs import LogEntry, LogStream
from k8sops.core.text import counted
from k8sops.service.loglines.times import Times

MOST_NAMED: Final = 10
"""Streams that are named when they come at once; of more their number is said."""
MOST_GAPS: Final = 50


class Teller:
    """Narrates one request; quiet, it only says what is missing."""

    def __init__(self, *, quiet: bool, follows: bool, zone: tzinfo | None) -> None:
        self._quiet: Final = quiet
        self._follows: Final = follows
        self._times: Final = Times("short", zone)
        self._seen: Final[set[LogStream]] = set()
        self._failed: Final[set[str]] = set()
        self._told = -1

    def came(self, batch: Sequence[LogEntry]) -> None:
        """Name streams of which this is the first."""
        fresh = {entry.stream: None for entry in batch if entry.stream not in self._seen}
        self._seen.update(fresh)
        if self._quiet or not self._follows:
            return
        if len(fresh) > MOST_NAMED:
            say(f"+ {len(fresh)} streams, {_named(next(iter(fresh)))} among them")
        else:
            for stream in fresh:
                say(f"+ {_named(stream)}")

    def progress(self, progress: LogProgress) -> None:
        """Say, while nothing comes, how many streams are open: once for each number of them."""
        if self._quiet or not self._follows or progress.streams == self._told:
            return
        self._told = progress.streams
        if not progress.streams:
            say("no container matches yet; it is waited for")
        elif progress.opened < progress.streams:
            say(f"following {progress.opened} of {counted(progress.streams, 'stream')}")
        else:
            say(f"following {counted(progress.streams, 'stream')}")

    def failed(self, errors: Iterable[str]) -> None:
        """Say what cannot be read, each once, as soon as it is known: a request may go on for hours."""
        for error in errors:
            if error not in self._failed:
                self._failed.add(error)
                say(f"not read: {error}")

    def aside(self, sentences: Iterable[str]) -> None:
        """Say what may not stand among the data."""
        for sentence in sentences:
            say(sentence)

    def interrupted(self) -> None:
        """The terminal has written `^C`; what comes next gets a line of its own."""
        if sys.stderr.isatty():
            say()

    def end(self, summary: LogSummary, remarks: Iterable[str]) -> bool:
        """Say what it came to; returns whether something could not be read."""
        self.failed(summary.errors)
        if not self._follows and not summary.streams and not summary.errors:
            say("no container matches what was asked for; `k8sops get pods` shows which there are")
        if summary.gaps or (self._follows and not self._quiet):
            said = [counted(summary.lines, "line"), counted(summary.streams, "stream")]
            if summary.reconnects:
                said.append(counted(summary.reconnects, "reconnect"))
            said.append(f"{counted(len(summary.gaps), 'gap')}{':' if summary.gaps else ''}")
            say(", ".join((*said[:-1], *remarks, said[-1])))
        else:
            self.aside(remarks)
        for gap in summary.gaps[:MOST_GAPS]:
            say(f"  {self._gap(gap)}")
        if len(summary.gaps) > MOST_GAPS:
            say(f"  and {len(summary.gaps) - MOST_GAPS} more")
        return bool(summary.errors) or (not self._follows and not summary.streams)

    def _gap(self, gap: LogGap) -> str:
        since = self._times.of(gap.after_ns) if gap.after_ns else "its beginning"
        until = self._times.of(gap.until_ns) if gap.until_ns else "its end"
        return f"{_named(gap.stream)}: from {since} to {until}: {gap.why}"


def _named(stream: LogStream) -> str:
    return f"{stream.namespace}/{stream.pod} {stream.container}".rstrip()
