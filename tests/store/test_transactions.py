"""What a transaction promises, the same on both databases."""

from __future__ import annotations

import asyncio
import threading

import pytest

from k8sops.core.clock import SystemClock
from k8sops.core.errors import StoreConstraintError, StoreError, StorePermissionError
from k8sops.store.database import Database, Tx, open_database
from tests.store.rows import COUNT, KEYS, PUT, FixedClock, keys, put, row


async def test_what_was_written_is_read(store: Database) -> None:
    """And the work's own result comes back to the caller."""

    def work(tx: Tx) -> str:
        tx.execute(PUT, row("a"))
        return "done"

    assert await store.write(work, name="test") == "done"
    assert await keys(store) == ["a"]


async def test_an_exception_undoes_everything_and_comes_out_as_it_is(store: Database) -> None:
    """An audit record that cannot be sealed must take the state change down with it."""

    def work(tx: Tx) -> None:
        tx.execute(PUT, row("a"))
        tx.execute(PUT, row("b"))
        raise LookupError("not sealed")

    for _ in range(3):
        with pytest.raises(LookupError, match="not sealed"):
            await store.write(work, name="test")
    assert await keys(store) == []
    await store.write(put("c"), name="test")
    assert await keys(store) == ["c"]


async def test_a_reader_sees_only_what_is_committed_and_does_not_wait_for_the_writer(store: Database) -> None:
    """Screens go on while a run is being written."""
    inserted, go_on = threading.Event(), threading.Event()

    def work(tx: Tx) -> None:
        tx.execute(PUT, row("a"))
        tx.execute(COUNT).scalar_one()
        inserted.set()
        assert go_on.wait(30)

    writing = asyncio.create_task(store.write(work, name="test"))
    await asyncio.to_thread(inserted.wait, 30)
    async with asyncio.timeout(60):
        assert await keys(store) == []
    go_on.set()
    await writing
    assert await keys(store) == ["a"]


async def test_a_read_is_one_state_of_the_store(store: Database) -> None:
    """A run and its events, read by two statements, belong together."""
    first_read, go_on = threading.Event(), threading.Event()

    def work(tx: Tx) -> tuple[int, int]:
        before = tx.execute(COUNT).scalar_one()
        first_read.set()
        assert go_on.wait(30)
        return before, tx.execute(COUNT).scalar_one()

    reading = asyncio.create_task(store.read(work))
    await asyncio.to_thread(first_read.wait, 30)
    await store.write(put("a"), name="test")
    go_on.set()
    assert await reading == (0, 0)
    assert await store.read(lambda tx: tx.execute(COUNT).scalar_one()) == 1


async def test_reading_work_cannot_write(store: Database) -> None:
    """Else a write would bypass the one writer, the audit and the crash points."""
    with pytest.raises(StorePermissionError):
        await store.read(put("a"))
    assert await keys(store) == []


async def test_the_boundary_is_called_around_each_commit(store_url: str) -> None:
    """Crash tests kill the process there; reads and failed work have no commit."""
    calls: list[str] = []
    store = await open_database(store_url, clock=SystemClock(), boundary=calls.append)

    def fails(tx: Tx) -> None:
        raise LookupError

    await store.write(put("a"), name="run.proposed")
    await keys(store)
    with pytest.raises(LookupError):
        await store.write(fails, name="vote")
    await store.write(put("b"), name="step.started")
    await store.aclose()
    assert calls == ["before:run.proposed", "after:run.proposed", "before:step.started", "after:step.started"]


async def test_a_failure_just_before_the_commit_leaves_nothing(store_url: str) -> None:
    """And one just after it leaves everything: the commit is the only point between."""
    dying = ""

    def die(point: str) -> None:
        if point == dying:
            raise KeyError(point)

    store = await open_database(store_url, clock=SystemClock(), boundary=die)
    dying = "before:test"
    with pytest.raises(KeyError):
        await store.write(put("a"), name="test")
    assert await keys(store) == []
    dying = "after:test"
    with pytest.raises(KeyError):
        await store.write(put("a"), name="test")
    assert await keys(store) == ["a"]
    await store.aclose()


async def test_a_cancelled_write_is_made_wholly_and_the_caller_leaves_once_that_is_settled(
    store: Database,
) -> None:
    """A task cancelled in the middle of a commit must not come back to a store it half knows."""
    started, go_on = threading.Event(), threading.Event()

    def work(tx: Tx) -> None:
        tx.execute(PUT, row("a"))
        started.set()
        assert go_on.wait(30)
        tx.execute(PUT, row("b"))

    writing = asyncio.create_task(store.write(work, name="test"))
    await asyncio.to_thread(started.wait, 30)
    writing.cancel()
    done, _ = await asyncio.wait([writing], timeout=0)
    assert not done
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await keys(store) == ["a", "b"]


async def test_a_write_cancelled_while_it_waits_its_turn_is_never_made(store: Database) -> None:
    """Nobody is there any more who asked for it."""
    busy, go_on = threading.Semaphore(0), threading.Event()

    def block(_tx: Tx) -> None:
        busy.release()
        assert go_on.wait(30)

    blocking = [asyncio.create_task(store.write(block, name="test")) for _ in range(8)]
    await asyncio.to_thread(busy.acquire)
    waiting = asyncio.create_task(store.write(put("late"), name="test"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    await asyncio.gather(*blocking)
    assert await keys(store) == []


async def test_many_writes_at_once_are_all_made(store: Database) -> None:
    """More than there are threads for; none is lost and none sees another's half."""
    await asyncio.gather(*(store.write(put(f"{number:03}"), name="test") for number in range(100)))
    assert await keys(store) == [f"{number:03}" for number in range(100)]


async def test_a_broken_constraint_is_an_error_of_ours_and_undoes_the_rest(store: Database) -> None:
    """The second insert is the one that fails; the first must go with it."""
    await store.write(put("a"), name="test")

    def work(tx: Tx) -> None:
        tx.execute(PUT, row("b"))
        tx.execute(PUT, row("a"))

    for _ in range(3):
        with pytest.raises(StoreConstraintError, match="refused a row"):
            await store.write(work, name="test")
    assert await keys(store) == ["a"]


async def test_swallowing_a_failed_statement_does_not_commit_half(store: Database) -> None:
    """PostgreSQL answers the COMMIT of a failed transaction with a silent rollback; that must not look like success."""

    def work(tx: Tx) -> None:
        tx.execute(PUT, row("b"))
        try:
            tx.connection.exec_driver_sql("SELECT nothing FROM nowhere")
        except Exception:  # noqa: BLE001 - what the test is about
            return

    if store.dialect == "postgresql":
        with pytest.raises(StoreError, match="not passed on"):
            await store.write(work, name="test")
        assert await keys(store) == []
    else:  # SQLite undoes the statement alone
        await store.write(work, name="test")
        assert await keys(store) == ["b"]
    await store.write(put("c"), name="test")


async def test_a_closed_store_says_so(store_url: str) -> None:
    """Closing twice is harmless; what had been asked for before is still made."""
    store = await open_database(store_url, clock=SystemClock())
    writing = asyncio.create_task(store.write(put("a"), name="test"))
    await asyncio.sleep(0)
    await store.aclose()
    await store.aclose()
    await writing
    with pytest.raises(StoreError, match="is closed"):
        await keys(store)
    again = await open_database(store_url, clock=SystemClock())
    assert await keys(again) == ["a"]
    await again.aclose()


async def test_lease_time_goes_forward_and_no_process_sets_it(
    store: Database, fixed_clock: FixedClock
) -> None:
    """A laptop whose clock is five minutes off must not take a live carrier's run (DESIGN §8 Leases)."""
    before = await store.read(lambda tx: tx.lease_time())
    for _ in range(3):
        fixed_clock.move(minutes=-5)
        now = await store.write(lambda tx: (tx.lease_time(), tx.lease_time()), name="test")
        assert now[0].boot == now[1].boot == before.boot
        assert before.seconds <= now[0].seconds <= now[1].seconds < before.seconds + 60
        before = now[1]


async def test_wall_time_is_the_server_s_or_the_injected_clock_s(
    store: Database, fixed_clock: FixedClock
) -> None:
    """On a shared store all carriers see one clock; on a file, the one a test can set."""
    fixed_clock.move(days=-365)
    now, milliseconds = await store.read(lambda tx: (tx.now(), tx.now_ms()))
    if store.dialect == "sqlite":
        assert now == fixed_clock.moment
        assert milliseconds == int(now.timestamp() * 1000)
    else:
        assert abs((SystemClock().now() - now).total_seconds()) < 60
        assert abs(milliseconds - now.timestamp() * 1000) < 1000


async def test_statements_see_their_own_transaction_s_rows_before_the_commit(store: Database) -> None:
    """Known statements and others mixed, in the order they were written."""

    def work(tx: Tx) -> list[str]:
        found = []
        for number in range(5):
            tx.execute(PUT, row(f"{number}"))
            found.append(",".join(tx.execute(KEYS).scalars()))
        return found

    assert await store.write(work, name="test") == ["0", "0,1", "0,1,2", "0,1,2,3", "0,1,2,3,4"]
