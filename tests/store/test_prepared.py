"""What is prepared on a PostgreSQL connection: nobody may notice but by the time it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL, bindparam, create_engine, insert, literal, make_url, select, text, update
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

from k8sops.core.clock import SystemClock
from k8sops.core.errors import StoreError
from k8sops.store.database import Database, Tx, open_database
from k8sops.store.hot import HotStatements
from k8sops.store.prepared import PreparedStatements
from k8sops.store.schema import carriers, door_state, runs
from tests.store.rows import COUNT, PUT, keys, put, row

PREPARED = text(
    "SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements WHERE name ~ '^k8sops_[0-9]'"
)
ONE = select(door_state.c.value).where(door_state.c.key == bindparam("which"))
VALUE = update(door_state).where(door_state.c.key == bindparam("which")).values(value=bindparam("now_value"))
LEASES = select(
    literal(True).label("yes"), bindparam("a_float", type_=runs.c.lease_until.type).label("number")
)


async def test_a_statement_is_prepared_once_and_then_only_run(postgres_url: str) -> None:
    """By what the server says of itself: a step of a run is a handful of these, thousands of times."""
    store = await open_database(postgres_url, clock=SystemClock())

    def work(tx: Tx) -> list[Any]:
        for number in range(5):
            tx.execute(PUT, row(f"{number}"))
        return [tuple(found) for found in tx.execute(PREPARED)]

    ((statement, times),) = await store.write(work, name="test")
    # The first time a statement is met, SQLAlchemy runs it: it may never come again.
    assert (statement.startswith("INSERT INTO door_state"), times) == (True, 4)
    await store.aclose()


async def test_what_is_prepared_outlives_a_rollback(postgres_url: str) -> None:
    """psycopg has the server forget all statements at a rollback, once it has prepared one of its own."""
    store = await open_database(postgres_url, clock=SystemClock())

    def often(tx: Tx, then: Callable[[], None] = lambda: None) -> int:
        tx.execute(PUT, row(f"first-{id(then)}"))
        tx.execute(PUT, row(f"second-{id(then)}"))
        for _ in range(10):
            tx.execute(text("SELECT 1"))
        then()
        return len([tuple(found) for found in tx.execute(PREPARED)])

    assert await store.write(often, name="test") == 1
    with pytest.raises(InterruptedError):
        await store.write(lambda tx: often(tx, _interrupted), name="test")
    assert await store.write(lambda tx: often(tx, _nothing), name="test") == 1
    await store.aclose()


@pytest.mark.parametrize("value", ["a\0b", "\0"])
async def test_text_that_the_server_cannot_hold_is_refused_and_not_cut_short(
    store: Database, value: str
) -> None:
    """Where a text ends at its first NUL, what was signed and what is stored would be two things."""
    if store.dialect == "sqlite":
        return
    await store.write(put("x"), name="test")

    def work(tx: Tx) -> None:
        for text_ in ("first", "second", value):
            tx.execute(VALUE, {"which": "x", "now_value": text_})

    with pytest.raises(StoreError, match="NUL"):
        await store.write(work, name="test")
    assert await store.read(lambda tx: tx.execute(ONE, {"which": "x"}).scalar_one()) == ""


@pytest.mark.parametrize("value", ["", "größer 50 % :x $1 %(y)s \\ ' \"", "𝄞" * 300])
async def test_text_comes_back_as_it_was(store: Database, value: str) -> None:
    """Nothing in it is taken for a placeholder, a cast or an escape."""
    await store.write(put("x"), name="test")
    for _ in range(3):
        await store.write(lambda tx: tx.execute(VALUE, {"which": "x", "now_value": value}), name="test")
        assert await store.read(lambda tx: tx.execute(ONE, {"which": "x"}).scalar_one()) == value


@pytest.mark.parametrize("number", [0.0, -0.5, 1e300, 5e-324, 0.1 + 0.2, 1763700000.123456])
async def test_numbers_keep_every_digit(store: Database, number: float) -> None:
    """Leases are compared by them."""
    for _ in range(3):
        found = await store.read(lambda tx: tx.execute(LEASES, {"a_float": number}).one())
        assert tuple(found) == (True, number)


async def test_a_statement_the_server_refuses_leaves_the_connection_fit(store: Database) -> None:
    """The error is the one SQLAlchemy's own way gives, and the same statement works the next time."""

    def twice(tx: Tx) -> None:
        tx.execute(PUT, row("a"))
        tx.execute(PUT, row("b"))
        with pytest.raises(DBAPIError):
            tx.execute(PUT, row("a"))

    for _ in range(2):
        with pytest.raises(StoreError) if store.dialect == "postgresql" else _nothing():
            await store.write(twice, name="test")
        await store.write(lambda tx: tx.execute(text("DELETE FROM door_state")), name="test")
    await store.write(put("c"), name="test")
    assert await keys(store) == ["c"]


def _interrupted() -> None:
    raise InterruptedError


def _nothing() -> Any:
    """SQLite keeps a transaction in which a statement failed."""
    from contextlib import nullcontext

    return nullcontext()


def test_a_connection_prepares_no_more_than_it_may(postgres_url: str) -> None:
    """What is beyond goes the longer way: the server keeps what was prepared as long as the connection lasts."""
    url: URL = make_url(postgres_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    hot = HotStatements(engine.dialect, PGDialect_psycopg(paramstyle="numeric_dollar"))  # type: ignore[no-untyped-call]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        prepared = PreparedStatements(connection, at_most=1)
        answers = []
        for statement in (COUNT, select(carriers.c.id)):
            assert hot.find(statement, None) is None
            known = hot.find(statement, None)
            assert known is not None
            answers.append(prepared.run(known, None))
    assert [answer is None for answer in answers] == [False, True]


async def test_values_of_a_kind_libpq_is_not_told_of_go_the_longer_way(store: Database) -> None:
    """A subclass of text or of a number may have a form of its own."""

    class Word(str):
        __slots__ = ()

    for _ in range(3):
        await store.write(lambda tx: tx.execute(insert(door_state), [row(Word("w"))]), name="test")
        await store.write(lambda tx: tx.execute(PUT, row(Word("v"))), name="test")
        assert await keys(store) == ["v", "w"]
        await store.write(lambda tx: tx.execute(text("DELETE FROM door_state")), name="test")
