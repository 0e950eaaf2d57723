"""Statements sent without waiting for their answers: in order, wholly or not at all, and no error lost."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from typing import Any

import psycopg
import pytest
from sqlalchemy import delete, select, text

from k8sops.core.clock import SystemClock
from k8sops.core.errors import K8sOpsError, StoreConstraintError, StoreError, StoreOutcomeError
from k8sops.store.database import Database, Tx, open_database
from k8sops.store.prepared import LATER_AT_MOST
from k8sops.store.schema import door_state
from tests.store.rows import COUNT, KEYS, PUT, SET, keys, row

ALL = delete(door_state)


@pytest.fixture
async def warm(store: Database) -> Database:
    """A store that knows the statements: the first time each goes SQLAlchemy's way."""
    for _ in range(3):

        def once(tx: Tx) -> None:
            tx.execute(PUT, row("w"))
            tx.execute(SET, {"which": "w", "now_cursor": 1})
            tx.execute(COUNT)
            tx.execute(KEYS)
            tx.execute(ALL)

        await store.write(once, name="test")
    return store


async def test_what_was_sent_is_seen_by_the_next_statement_and_lasts(warm: Database) -> None:
    """Whether the next one is asked for rows, for a count of rows, or goes the longer way."""

    def work(tx: Tx) -> list[Any]:
        tx.send(PUT, [row("a"), row("b")])
        seen: list[Any] = [tx.execute(COUNT).scalar_one()]
        tx.send(PUT, row("c"))
        seen.append(tx.execute(SET, {"which": "c", "now_cursor": 5}).rowcount)
        tx.send(PUT, row("d"))
        seen.append(tx.execute(text("SELECT count(*) FROM door_state")).scalar_one())
        tx.send(PUT, row("e"))
        seen.append(tx.connection.execute(select(door_state.c.key)).scalars().all())
        tx.send(PUT, [row(key) for key in ("f", "g")])
        return seen

    assert await warm.write(work, name="test") == [2, 1, 4, ["a", "b", "c", "d", "e"]]
    assert await keys(warm) == list("abcdefg")


async def test_a_statement_that_fails_takes_all_with_it_wherever_that_is_noticed(warm: Database) -> None:
    """Its error comes later than it was asked for, but it comes, and nothing of the transaction stays."""

    def at_the_commit(tx: Tx) -> None:
        tx.send(PUT, [row("a"), row("a"), row("b")])

    def at_the_next(tx: Tx) -> None:
        tx.send(PUT, [row("a"), row("a")])
        tx.execute(COUNT).scalar_one()

    for work in (at_the_commit, at_the_next):
        with pytest.raises(StoreConstraintError):
            await warm.write(work, name="test")
        assert await keys(warm) == []
    await warm.write(lambda tx: tx.send(PUT, row("after")), name="test")
    assert await keys(warm) == ["after"]


async def test_what_was_sent_before_a_refusal_is_undone(warm: Database) -> None:
    """It may not even have left; the next transaction must not find it in its way."""

    def refused(tx: Tx) -> None:
        tx.send(PUT, row("a"))
        raise K8sOpsError("no")

    with pytest.raises(K8sOpsError, match="no"):
        await warm.write(refused, name="test")
    await warm.write(lambda tx: tx.send(PUT, row("b")), name="test")
    assert await keys(warm) == ["b"]


async def test_more_than_one_round_trip_takes_is_sent_in_several(warm: Database) -> None:
    """Else the server waits for somebody to read its answers while we wait for it to read more."""
    many = [row(f"{number:05}") for number in range(20 * LATER_AT_MOST + 7)]

    def work(tx: Tx) -> None:
        for one in many:
            tx.send(PUT, {**one, "value": "x" * 2000})

    await warm.write(work, name="test")
    assert await keys(warm) == [one["key"] for one in many]


@pytest.mark.parametrize("noticed", ["before the commit", "by the commit"])
async def test_a_connection_that_breaks_with_statements_kept_is_replaced(
    postgres_url: str, noticed: str
) -> None:
    """Before the commit the work is simply done again; a commit that was sent along may have come through."""
    store = await open_database(postgres_url, clock=SystemClock())
    killed: list[int] = []

    def work(tx: Tx) -> None:
        tx.send(PUT, row(f"a{len(killed)}"))
        if len(killed) == 2:
            return
        killed.append(tx.execute(text("SELECT pg_backend_pid()")).scalar_one())
        tx.send(PUT, row("b"))
        with_another(postgres_url, killed[-1])
        if noticed == "before the commit":
            tx.execute(COUNT)

    for _ in range(2):
        await store.write(lambda tx: (tx.execute(PUT, row("w")), tx.execute(ALL)), name="test")
    with nullcontext() if noticed == "before the commit" else pytest.raises(StoreOutcomeError):
        await store.write(work, name="test")
    assert await keys(store) == (["a2"] if noticed == "before the commit" else [])
    await store.aclose()


async def test_a_connection_that_broke_meanwhile_is_replaced_though_no_answer_is_wanted(
    postgres_url: str,
) -> None:
    """It has to show before the commit is sent: after that, nobody could say whether the change was made."""
    store = await open_database(postgres_url, clock=SystemClock())
    for number in range(4):
        pid = await store.write(
            lambda tx: tx.execute(text("SELECT pg_backend_pid()")).scalar_one(), name="test"
        )
        with_another(postgres_url, pid)
        await store.write(lambda tx, key=str(number): tx.send(PUT, row(key)), name="test")  # type: ignore[misc]
    assert await keys(store) == ["0", "1", "2", "3"]
    await store.aclose()


async def test_a_transaction_in_which_nothing_was_asked_for_is_none(postgres_url: str) -> None:
    """Work that finds out beforehand that there is nothing to do costs the server nothing, however often."""
    store = await open_database(postgres_url, clock=SystemClock())
    begun = text(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    )

    async def transactions() -> int:
        return int(await store.read(lambda tx: tx.execute(begun).scalar_one()))

    before = await transactions()
    for _ in range(200):
        await store.write(lambda tx: None, name="test")
    assert await transactions() - before < 100
    await store.aclose()


async def test_time_is_the_servers_whatever_is_asked_first(store: Database) -> None:
    """A clock that is asked before anything is sent has the transaction opened."""

    def work(tx: Tx) -> list[Any]:
        asked = [tx.now(), tx.lease_time().seconds, tx.now_ms()]
        tx.send(PUT, row("a"))
        return [*asked, tx.now()]

    for _ in range(3):
        first, lease, _, last = await store.write(work, name="test")
        assert last >= first
        assert lease > 0
        await store.write(lambda tx: tx.execute(ALL), name="test")


async def test_whoever_waits_for_a_row_lets_the_one_who_has_it_go_on(postgres_url: str) -> None:
    """Both in one process: to wait for the server must not keep the interpreter, which the other one needs."""
    store = await open_database(postgres_url, clock=SystemClock())
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    for _ in range(2):
        await store.write(lambda tx: tx.execute(SET, {"which": "a", "now_cursor": 0}), name="test")
    await store.write(lambda tx: tx.execute(PUT, row("a")), name="test")
    has_it = asyncio.Event()
    loop = asyncio.get_running_loop()

    def first(tx: Tx) -> None:
        tx.execute(SET, {"which": "a", "now_cursor": 1})
        loop.call_soon_threadsafe(has_it.set)
        while not tx.execute(waiting).scalar_one():
            pass

    def second(tx: Tx) -> int:
        # Prepared on this connection; then two together.
        tx.execute(SET, {"which": "b", "now_cursor": 2})
        tx.execute(PUT, row("c"))
        tx.send(PUT, row("d"))
        return tx.execute(SET, {"which": "a", "now_cursor": 2}).rowcount

    one = asyncio.create_task(store.write(first, name="test"))
    await has_it.wait()
    async with asyncio.timeout(60):
        assert await store.write(second, name="test") == 1
        await one
    await store.aclose()


def with_another(url: str, pid: int) -> None:
    """End the server's process of a connection."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


async def test_a_failed_statement_that_somebody_caught_still_fails_the_transaction(postgres_url: str) -> None:
    """PostgreSQL would answer such a COMMIT by undoing everything, without an error."""
    store = await open_database(postgres_url, clock=SystemClock())
    for _ in range(2):
        await store.write(lambda tx: (tx.execute(PUT, row("w")), tx.execute(ALL)), name="test")

    def swallowing(tx: Tx) -> None:
        tx.send(PUT, [row("a"), row("a")])
        with suppress(Exception):
            tx.execute(COUNT)

    with pytest.raises(StoreError):
        await store.write(swallowing, name="test")
    assert await keys(store) == []
    await store.aclose()
