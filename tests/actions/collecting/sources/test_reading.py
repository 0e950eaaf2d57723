"""Reads that fail in every way a read can, and what of them must end the run all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import msgspec
import pytest

from k8sops.actions.collecting.sources.reading import Reading, absent, each, kept, trouble_of
from k8sops.core.errors import ForbiddenError, K8sOpsError, NotFoundError, ServerError, UnknownKindError
from k8sops.core.ports import ClusterReader
from k8sops.core.redaction import TextForm
from tests.actions.collecting.sources.ground import gathering_of

NOBODY = cast("ClusterReader", None)


async def pieces(*found: bytes, then: K8sOpsError | None = None) -> AsyncGenerator[bytes, None]:
    """These, and then an error or the end."""
    for one in found:
        yield one
    if then is not None:
        raise then


async def test_what_came_before_an_error_stays_and_the_file_says_why_it_ends() -> None:
    """Half a log is worth more than none."""
    gathering, sink = gathering_of(NOBODY)
    reading = Reading(pieces(b"one\n", b"two\n", then=ServerError("it broke")))
    assert await kept(gathering, "a.log", "x", reading, bytes)
    assert sink.files["a.log"].data == b"one\ntwo\n"
    assert sink.files["a.log"].errors == ["it broke"]


async def test_an_error_before_the_first_byte_is_a_missing_file_and_not_an_empty_one() -> None:
    """An empty log reads as 'nothing happened'."""
    gathering, sink = gathering_of(NOBODY)
    reading = Reading(pieces(then=ForbiddenError("you may not")))
    assert not await kept(gathering, "a.log", "x", reading, bytes)
    assert sink.files == {}
    assert sink.absent == {"a.log": "you may not"}


async def test_an_empty_answer_is_an_empty_file() -> None:
    """No events is a fact."""
    gathering, sink = gathering_of(NOBODY)
    assert await kept(gathering, "a.log", "x", Reading(pieces()), bytes)
    assert sink.files["a.log"].data == b""


async def test_a_read_that_gives_nothing_for_too_long_ends_at_its_deadline() -> None:
    """A node that hangs must not hold up the bundle; the time a slow disk takes is not the node's."""
    hanging = asyncio.Event()

    async def silent() -> AsyncGenerator[bytes, None]:
        yield b"one\n"
        await hanging.wait()
        yield b"never\n"

    gathering, sink = gathering_of(NOBODY)
    await kept(gathering, "a.log", "x", Reading(silent(), seconds=0.05), bytes)
    assert sink.files["a.log"].data == b"one\n"
    assert sink.files["a.log"].errors == ["it was not there whole within 0.05 s"]


async def test_reading_ends_at_the_limit_of_the_file_and_closes_the_connection() -> None:
    """What nobody will keep is not fetched."""
    given, closed = [0], []

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                given[0] += 1
                yield b"x" * 70_000
        finally:
            closed.append(True)

    gathering, sink = gathering_of(NOBODY, limit=100_000)
    await kept(gathering, "a.log", "x", Reading(endless()), bytes)
    assert len(sink.files["a.log"].data) == 100_000
    assert sink.files["a.log"].cuts == ["the rest was not read"]
    assert given == [2]
    assert closed == [True]


async def test_what_was_looked_at_first_is_given_again_and_once() -> None:
    """Whether an answer is a log or a page is told by its beginning, which belongs to the log."""
    reading = Reading(pieces(b"one", b"two"))
    assert await reading.begin() == b"one"
    assert await reading.begin() == b"one"
    assert [one async for one in reading] == [b"one", b"two"]


async def test_a_sink_that_cannot_write_and_a_cancel_end_the_run() -> None:
    """A full disk must not be told as a cluster that refuses, a thousand times."""

    async def refuse(path: str) -> None:
        raise ServerError(f"no room for {path}")

    class Broken:
        @asynccontextmanager
        async def file(self, path: str, *, source: str, form: TextForm) -> AsyncGenerator[str, None]:
            await refuse(path)
            yield source

    gathering, _ = gathering_of(NOBODY)
    gathering = msgspec.structs.replace(gathering, sink=Broken())
    with pytest.raises(ServerError, match="no room"):
        await kept(gathering, "a.log", "x", Reading(pieces(b"one")), bytes)
    reading = Reading(pieces(then=cast("K8sOpsError", asyncio.CancelledError())))
    with pytest.raises(asyncio.CancelledError):
        await reading.begin()


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (NotFoundError("gone"), True),
        (UnknownKindError("not served"), True),
        (ForbiddenError("no"), False),
        (ServerError("broken"), False),
    ],
)
def test_what_is_not_there_is_a_note_and_what_failed_is_a_failure(error: K8sOpsError, note: bool) -> None:
    """A cluster without metrics makes no bundle partial; a refusal does."""
    gathering, sink = gathering_of(NOBODY)
    absent(gathering, "x", "y", trouble_of(error))
    assert ("x" in sink.not_here, "x" in sink.absent) == (note, not note)
    assert trouble_of(ForbiddenError("no"), spare=True).note
    assert not trouble_of(ServerError("broken"), spare=True).note


async def test_many_are_done_side_by_side_and_a_failure_ends_the_rest() -> None:
    """One after the other, five hundred nodes would take minutes; all at once they would flood the API server."""
    now, most, done = [0], [0], []

    async def work(number: int) -> None:
        now[0] += 1
        most[0] = max(most[0], now[0])
        await asyncio.sleep(0)
        now[0] -= 1
        if number == 50:
            raise ServerError("it broke")
        done.append(number)

    with pytest.raises(ServerError):
        await each(range(100), work)
    assert most == [8]
    assert len(done) < 70
