"""Lines of many streams in one order: within a window as they come, in all where they have come, in bounded memory."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.logs import LogEntry, LogStream
from k8sops.logs.spool import Spool, SpoolError
from k8sops.logs.window import Window
from tests.tui.feeds import FixedClock

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
