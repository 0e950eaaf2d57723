"""How lines leave the program: in batches, at the reader's pace, and with a word about what is not a line."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

import pytest

from k8sops.cli.logs_flow import show
from k8sops.cli.logs_output import AT_ONCE, Output
from k8sops.cli.logs_telling import Teller
from k8sops.core.clock import SystemClock
from k8sops.core.errors import ForbiddenError
from k8sops.core.log_selection import LogGap, LogProgress, LogSummary
from k8sops.core.logs import SECOND_NS, LogEntry, LogStream
from k8sops.service.loglines.folding import Folder
from k8sops.service.loglines.lines import Lines
from k8sops.service.loglines.printing import LineStyle

WEB = LogStream("shop", "web-1", "app")
DEADLINE_S = 60


def line(text: str, pod: str = "web-1") -> LogEntry:
    """A line of a pod."""
    return LogEntry(LogStream("shop", pod, "app"), 1_795_368_600 * SECOND_NS, text)


class Feed:
    """Batches that are there at once; after them it ends, fails or goes on in silence."""

    def __init__(
        self,
        *batches: Sequence[LogEntry],
        error: Exception | None = None,
        goes_on: bool = False,
        summary: LogSummary | None = None,
    ) -> None:
        self._batches = batches
        self._error = error
        self._goes_on = goes_on
        self.summary = summary or LogSummary()
        self.progress = LogProgress(streams=2, opened=2, follows=True)
        self.given = 0
        self.closed = False

    async def batches(self) -> AsyncGenerator[Sequence[LogEntry], None]:
        """Those."""
        try:
            for batch in self._batches:
                self.given += 1
                yield batch
            if self._error is not None:
                raise self._error
            if self._goes_on:
                await asyncio.Event().wait()
        finally:
            self.closed = True


class Paper:
    """Stdout that keeps each write."""

    def __init__(self) -> None:
        self.writes: list[str] = []

    async def write(self, text: str) -> None:
        """Keep it."""
        if text:
            self.writes.append(text)

    def check(self) -> None:
        """It is read."""


def teller(*, quiet: bool = False, follows: bool = True) -> Teller:
    """One that speaks."""
    return Teller(quiet=quiet, follows=follows, zone=None)


async def test_a_batch_is_one_write() -> None:
    """A write for each line is what makes a terminal slow."""
    paper = Paper()
    await show(Feed([line("a"), line("b")], [line("c")]), Lines(LineStyle()), paper, teller())
    assert paper.writes == ["web-1 app a\nweb-1 app b\n", "web-1 app c\n"]


async def test_streams_are_named_as_they_come_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Once each; of many at once their number, since 500 names say nothing."""
    crowd = [line("x", pod=f"web-{n}") for n in range(2, 40)]
    await show(Feed([line("a"), line("b")], crowd), Lines(LineStyle()), Paper(), teller())
    assert capsys.readouterr().err.splitlines() == [
        "+ shop/web-1 app",
        "+ 38 streams, shop/web-2 app among them",
    ]
    await show(Feed([line("a")]), Lines(LineStyle()), Paper(), teller(quiet=True))
    assert capsys.readouterr().err == ""


async def test_how_many_are_followed_is_said_when_nothing_comes(capsys: pytest.CaptureFixture[str]) -> None:
    """A screen that stays empty should say that it listens."""
    feed = Feed(goes_on=True)
    showing = asyncio.create_task(show(feed, Lines(LineStyle()), Paper(), teller()))
    said = ""
    async with asyncio.timeout(DEADLINE_S):
        while "following 2 streams" not in said:
            await asyncio.sleep(0.05)
            said += capsys.readouterr().err
    showing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await showing
    assert feed.closed


async def test_what_reading_raises_comes_after_the_lines_there_were() -> None:
    """The last lines before a failure are those that matter."""
    paper = Paper()
    with pytest.raises(ForbiddenError):
        await show(Feed([line("a")], error=ForbiddenError("no")), Lines(LineStyle()), paper, teller())
    assert paper.writes == ["web-1 app a\n"]


async def test_a_count_is_told_when_it_ends() -> None:
    """Folded lines are not lost at the end."""
    paper = Paper()
    await show(
        Feed([line("n 1"), line("n 2"), line("n 3")]),
        Lines(LineStyle(), folder=Folder(SystemClock())),
        paper,
        teller(),
    )
    assert "".join(paper.writes).splitlines() == [
        "web-1 app n 1",
        "web-1 app n 3 … 1 more like it",
    ]


def test_the_end_counts_and_names_every_gap(capsys: pytest.CaptureFixture[str]) -> None:
    """Which stream, from when to when, why; also when quiet."""
    gap = LogGap(stream=WEB, after_ns=1_795_368_600 * SECOND_NS, until_ns=0, why="rotated away")
    failed = teller(quiet=True).end(LogSummary(lines=1200, streams=3, reconnects=1, gaps=(gap,)), [])
    assert not failed
    first, second = capsys.readouterr().err.splitlines()
    assert first == "1200 lines, 3 streams, 1 reconnect, 1 gap:"
    assert second.startswith("  shop/web-1 app: from ")
    assert second.endswith(" to its end: rotated away")


def test_what_could_not_be_read_is_a_failure_even_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Partial is never success; -q silences comings and goings, not losses."""
    summary = LogSummary(lines=1, streams=2, errors=("shop/web-2 app: it is forbidden",))
    assert teller(quiet=True, follows=False).end(summary, [])
    assert capsys.readouterr().err == "not read: shop/web-2 app: it is forbidden\n"


async def test_what_cannot_be_read_is_said_while_the_others_are_followed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever follows for hours would hear of a typing error when they give up; twice is noise."""
    summary = LogSummary(errors=("namespace nope does not exist",))
    telling = teller()
    await show(Feed([line("a")], [line("b")], summary=summary), Lines(LineStyle()), Paper(), telling)
    assert telling.end(summary, [])
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == ["not read: namespace nope does not exist", "+ shop/web-1 app"]
    assert len([one for one in said if "nope" in one]) == 1


def test_nothing_selected_is_a_failure_where_nothing_is_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A typo in a pattern must not look like silence."""
    assert teller(follows=False).end(LogSummary(), [])
    assert capsys.readouterr().err.startswith("no container matches what was asked for;")
    assert not teller().end(LogSummary(), [])


async def test_a_reader_who_stands_still_stops_the_reading_and_ctrl_c_is_heard() -> None:
    """A pager that is not scrolled: nothing piles up here, and the program can still be ended."""
    readable, writable = os.pipe()
    feed = Feed(*[[line("x" * 1000)] * 100] * 1000, goes_on=True)
    showing = asyncio.create_task(show(feed, Lines(LineStyle()), Output(writable), teller(quiet=True)))
    try:
        async with asyncio.timeout(DEADLINE_S):
            before = -1
            while feed.given != before:
                before = feed.given
                await asyncio.sleep(0.2)
        assert feed.given < 10
        showing.cancel()
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(asyncio.CancelledError):
                await showing
    finally:
        os.close(readable)
        os.close(writable)


async def test_all_of_it_arrives_at_a_reader_who_is_slow() -> None:
    """Through a pipe that holds less than a write."""
    readable, writable = os.pipe()
    wanted = "größe\n" * 20_000
    got = bytearray()

    async def read() -> None:
        while len(got) < len(wanted.encode()):
            got.extend(await asyncio.to_thread(os.read, readable, AT_ONCE // 3))

    try:
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(Output(writable).write(wanted), read())
    finally:
        os.close(readable)
        os.close(writable)
    assert got.decode() == wanted


async def test_a_reader_who_has_gone_is_noticed_in_silence_too() -> None:
    """`| head -1` on a quiet log: without a line to write one would wait for ever."""
    readable, writable = os.pipe()
    out = Output(writable)
    out.check()
    os.close(readable)
    with pytest.raises(BrokenPipeError):
        out.check()
    with pytest.raises(BrokenPipeError):
        await out.write("x")
    with suppress(OSError):
        os.close(writable)
