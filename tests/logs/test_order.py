"""Lines of many streams in one order: within a window as they come, in all where they have come, in bounded memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.logs import LogEntry, LogStream
from k8sops.logs.spool import Spool, SpoolError
from k8sops.logs.window import SPAN_S, TICK_S, Window
from tests.tui.feeds import START, FixedClock

A, B = LogStream("shop", "web-1", "app"), LogStream("shop", "web-2", "app")
MS = 1_000_000


class Waiting(FixedClock):
    """Time passes where somebody waits."""

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds)


def entry(stream: LogStream, at: int, text: str = "") -> LogEntry:
    return LogEntry(stream, at, text or f"{stream.pod} {at}")


async def test_a_line_that_comes_a_little_late_comes_in_its_place() -> None:
    """Two pods answer one request; who asked first is seen first, whichever connection was quicker."""
    window = Window(Waiting())
    batches = window.batches()
    await window.put(0, [entry(A, 100 * MS), entry(A, 300 * MS)])
    await window.put(1, [entry(B, 200 * MS)])
    assert [one.at for one in await anext(batches)] == [100 * MS, 200 * MS, 300 * MS]
    await batches.aclose()


async def test_within_a_stream_the_order_is_the_files() -> None:
    """A clock that goes back must not turn a stack trace upside down."""
    window = Window(Waiting())
    await window.put(0, [entry(A, 5, "one"), entry(A, 3, "two"), entry(A, 9, "three")])
    await window.put(1, [entry(B, 4, "other")])
    window.close()
    found = [one.text for batch in [batch async for batch in window.batches()] for one in batch]
    assert found == ["other", "one", "two", "three"]


class Written(NamedTuple):
    """A line's times in milliseconds: when it was written, how long it took to come, and its node's error."""

    at: int
    takes: int
    ahead: int


class Playing:
    """A clock that is off by `off` ms, in whose waiting the lines come that a test has written."""

    def __init__(self, streams: Mapping[str, Sequence[Written]], off: int = 0) -> None:
        self.window = Window(self)
        self.came: dict[str, list[LogEntry]] = {name: [] for name in streams}
        self.ms = 0
        self.waited: list[int] = []
        self._off = off
        self._came_at: dict[tuple[str, str], int] = {}
        # A connection keeps its lines' order, however long one of them takes.
        self._coming = sorted(
            (max(other.at + other.takes for other in lines[: place + 1]), number, place, name, one)
            for number, (name, lines) in enumerate(streams.items())
            for place, one in enumerate(lines)
        )

    def now(self) -> datetime:
        return START + timedelta(milliseconds=self.ms + self._off)

    def monotonic(self) -> float:
        return self.ms / 1_000

    async def sleep(self, seconds: float) -> None:
        until = self.ms + round(seconds * 1_000)
        while self._coming and self._coming[0][0] <= until:
            await self._come()
        self.ms = until

    async def _come(self) -> None:
        self.ms, number, place, name, one = self._coming.pop(0)
        at = round((START + timedelta(milliseconds=one.at + one.ahead)).timestamp() * 1_000) * MS
        line = LogEntry(LogStream("shop", name, "app"), at, f"{one.at} {place}")
        self.came[name].append(line)
        self._came_at[name, line.text] = self.ms
        await self.window.put(number, [line])

    async def played(self) -> list[LogEntry]:
        """All lines as they leave; `waited` has how long each was held."""
        found: list[LogEntry] = []
        reading = asyncio.create_task(self._read(found))
        while self._coming or len(found) < len(self._came_at):
            # Whoever reads sleeps while anything waits; where nothing does, the next one comes.
            if len(found) == len(self._came_at):
                await self._come()
            await asyncio.sleep(0)
        self.window.close()
        await reading
        return found

    async def _read(self, found: list[LogEntry]) -> None:
        async for batch in self.window.batches():
            found += batch
            self.waited += [self.ms - self._came_at[one.stream.pod, one.text] for one in batch]


def healthy(found: Sequence[LogEntry]) -> list[int]:
    """When the lines of nodes whose clocks are right were written, as they left."""
    return [one.at for one in found if one.stream.pod.startswith("right")]


def written(most: int, ahead: st.SearchStrategy[int]) -> st.SearchStrategy[list[Written]]:
    """A stream's lines: some at once, some after a pause, each at most `most` ms on its way."""
    steps = st.lists(st.tuples(st.integers(0, 400), st.integers(0, most)), min_size=1, max_size=25)
    return st.builds(
        lambda found, off: [
            Written(sum(pause for pause, _ in found[: place + 1]), takes, off)
            for place, (_, takes) in enumerate(found)
        ],
        steps,
        ahead,
    )


def rights(most: int) -> st.SearchStrategy[list[list[Written]]]:
    """Streams of nodes whose clocks are right."""
    return st.lists(written(most, st.just(0)), min_size=2, max_size=4)


AHEAD = st.one_of(st.integers(1, 500), st.sampled_from([2_000, 60_000, 3_600_000]))


@given(rights(199), written(199, AHEAD), st.lists(written(199, AHEAD.map(lambda off: -off)), max_size=3))
async def test_a_node_whose_clock_is_off_disorders_nobody_else_s_lines_as_they_come(
    right: list[list[Written]], ahead: list[Written], behind: list[list[Written]]
) -> None:
    """One bad clock in a cluster must not turn the story of all others around; nor does anything wait for it."""
    streams = {f"right-{number}": lines for number, lines in enumerate(right)} | {"ahead": ahead}
    playing = Playing(streams | {f"behind-{number}": lines for number, lines in enumerate(behind)})
    found = await playing.played()
    assert healthy(found) == sorted(healthy(found))
    assert max(playing.waited) <= (SPAN_S + TICK_S) * 1_000
    for name, lines in playing.came.items():
        assert [one for one in found if one.stream.pod == name] == lines


@given(rights(99), written(99, AHEAD), st.sampled_from([-3_600_000, -5_000, -300, 300, 5_000, 3_600_000]))
async def test_our_own_clock_may_be_the_one_that_is_off(
    right: list[list[Written]], ahead: list[Written], off: int
) -> None:
    """A laptop that slept tells the wrong time; the pods' lines still come in their order."""
    streams = {f"right-{number}": lines for number, lines in enumerate(right)}
    playing = Playing(streams | ({"ahead": ahead} if off < 0 else {}), off)
    found = await playing.played()
    assert healthy(found) == sorted(healthy(found))
    assert max(playing.waited) <= (SPAN_S + TICK_S) * 1_000


async def test_what_failed_is_raised_behind_what_had_come() -> None:
    """The lines before a failure are often its reason."""
    window = Window(Waiting())
    await window.put(0, [entry(A, 1)])
    window.close(ValueError("no more"))
    batches = window.batches()
    assert len(await anext(batches)) == 1
    with pytest.raises(ValueError, match="no more"):
        await anext(batches)


Stamps = st.lists(st.integers(1, 50), max_size=60)


@given(st.lists(Stamps, max_size=5), st.sampled_from([0, 100, 1 << 20]))
async def test_a_spool_gives_all_lines_in_one_order_in_memory_or_not(
    streams: list[list[int]], room: int
) -> None:
    """Total order by time; each stream's own order where stamps go back; nothing lost on the way through the disk."""
    spool = Spool(1 << 30, in_memory=room)
    for number, stamps in enumerate(streams):
        stream = LogStream("shop", f"web-{number}", "app")
        for place, at in enumerate(stamps):
            await spool.put(
                number, [LogEntry(stream, at, f"{place:03d} " + "x" * 600, place % 2, place % 3 == 0)]
            )
    found = [one async for batch in spool.batches() for one in batch]
    spool.close()
    assert len(found) == sum(map(len, streams))
    for number, stamps in enumerate(streams):
        own = [one for one in found if one.stream.pod == f"web-{number}"]
        assert [one.at for one in own] == stamps
        assert [one.text[:3] for one in own] == [f"{place:03d}" for place in range(len(stamps))]
        assert [one.cut for one in own] == [place % 2 for place in range(len(stamps))]
    if all(stamps == sorted(stamps) for stamps in streams):
        assert [one.at for one in found] == sorted(one.at for one in found)


async def test_what_is_spooled_lies_in_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logs hold secrets: nobody else may find them, not even after a crash."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    spool = Spool(1 << 30, in_memory=0)
    await spool.put(0, [entry(A, number, "x" * 1_000) for number in range(1, 20)])
    assert not await asyncio.to_thread(os.listdir, tmp_path)
    assert len([one async for batch in spool.batches() for one in batch]) == 19
    spool.close()


async def test_a_full_disk_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback would name neither the folder nor the flag."""
    monkeypatch.setattr(os, "pwrite", lambda *_: 0)
    spool = Spool(1 << 30, in_memory=0)
    with pytest.raises(SpoolError, match="No space left") as caught:
        await spool.put(0, [entry(A, number, "x" * 1_000) for number in range(1, 20)])
    assert "--tail" in caught.value.hint
    spool.close()
