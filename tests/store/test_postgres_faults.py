"""A PostgreSQL server that restarts, refuses, blocks or fills up, and what is said about it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text

from k8sops.core.clock import SystemClock
from k8sops.core.errors import (
    CredentialsError,
    K8sOpsError,
    StoreBusyError,
    StoreCorruptError,
    StoreFullError,
    StoreOutcomeError,
    StorePermissionError,
    StorePlaceError,
    StoreUnreachableError,
    TlsError,
)
from k8sops.store import postgresql
from k8sops.store.database import Database, Tx, open_database
from tests.store.rows import PUT, SET, keys, put, row, run
from tests.support.certificates import Authority
from tests.support.postgres import LOCKED_PASSWORD, LOCKED_USER, PostgresTestServer


@pytest.fixture
async def shared(postgres_url: str) -> AsyncIterator[Database]:
    """A store on the server, open."""
    store = await open_database(postgres_url, clock=SystemClock(), busy_timeout_s=0.5)
    yield store
    await store.aclose()


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the server's few seconds may pass between two statements, and it would end the connection."""
    monkeypatch.setattr(postgresql, "IDLE_TIMEOUT_S", 120.0)


@pytest.mark.parametrize("kill", [False, True])
async def test_a_restarted_server_costs_an_open_store_nothing(
    shared: Database, postgres: PostgresTestServer, kill: bool
) -> None:
    """All its connections are dead, and each finds out by itself; nobody sees an error."""
    await asyncio.gather(*(shared.write(put(f"before {number}"), name="test") for number in range(8)))
    await asyncio.gather(*(keys(shared) for _ in range(8)))
    await asyncio.to_thread(postgres.restart, kill=kill)
    assert len(await keys(shared)) == 8
    await asyncio.gather(*(shared.write(put(f"after {number}"), name="test") for number in range(8)))
    assert len(await keys(shared)) == 16


async def test_while_the_server_is_away_it_is_unreachable_and_then_the_same_store_goes_on(
    shared: Database, postgres: PostgresTestServer
) -> None:
    """Carriers wait for it and need not be restarted."""
    await shared.write(put("a"), name="test")
    await asyncio.to_thread(postgres.stop)
    try:
        for work in (keys(shared), shared.write(put("b"), name="test")):
            with pytest.raises(StoreUnreachableError, match="cannot be reached") as raised:
                await work
            assert raised.value.transient
            assert raised.value.exit_code == 6
        with pytest.raises(StoreUnreachableError):
            await open_database(shared.url_shown, clock=SystemClock())
    finally:
        await asyncio.to_thread(postgres.start)
    await shared.write(put("b"), name="test")
    assert await keys(shared) == ["a", "b"]


@pytest.mark.usefixtures("unhurried")
async def test_a_connection_that_breaks_before_the_commit_has_its_work_done_again(
    shared: Database, postgres: PostgresTestServer
) -> None:
    """From the start, on a fresh one: what the broken one had written is gone."""
    tries: list[int] = []

    def work(tx: Tx) -> None:
        tx.execute(PUT, row(f"{len(tries)}"))
        tries.append(_pid(tx))
        if len(tries) == 1:
            postgres.run(f"SELECT pg_terminate_backend({tries[0]}, 5000)")
        tx.execute(PUT, row("last"))

    await shared.write(work, name="test")
    assert len(tries) == 2
    assert await keys(shared) == ["1", "last"]


@pytest.mark.usefixtures("unhurried")
async def test_a_connection_that_breaks_in_the_commit_leaves_it_open_whether_it_was_made(
    postgres_url: str, postgres: PostgresTestServer
) -> None:
    """Doing it again could do it twice; the caller looks first."""
    pids: list[int] = []

    def cut(point: str) -> None:
        if point == "before:cut":
            postgres.run(f"SELECT pg_terminate_backend({pids[-1]}, 5000)")

    def work(tx: Tx) -> None:
        pids.append(_pid(tx))
        tx.execute(PUT, row("a"))

    store = await open_database(postgres_url, clock=SystemClock(), boundary=cut)
    with pytest.raises(StoreOutcomeError, match="while a change was being committed") as raised:
        await store.write(work, name="cut")
    assert raised.value.transient
    assert len(pids) == 1
    assert await keys(store) == []  # here it was cut before the server heard of it
    await store.write(put("b"), name="test")
    await store.aclose()


@pytest.mark.usefixtures("unhurried")
async def test_two_changes_that_wait_for_each_other_are_both_made(shared: Database) -> None:
    """The server ends one of them; it is done again, and again where it comes before the other has woken up."""
    await shared.write(lambda tx: _put_all(tx, "ab"), name="test")
    # Longer than the server takes to see a deadlock, which it looks for after one second.
    patient = await open_database(shared.url_shown, clock=SystemClock(), busy_timeout_s=10)
    met = threading.Barrier(2)
    tries: list[str] = []

    def crossing(order: str) -> Callable[[Tx], None]:
        def work(tx: Tx) -> None:
            tries.append(order)
            tx.execute(SET, {"which": order[0], "now_cursor": 1})
            if tries.count(order) == 1:
                met.wait(120)
            tx.execute(SET, {"which": order[1], "now_cursor": 1})

        return work

    await asyncio.gather(
        patient.write(crossing("ab"), name="test"), patient.write(crossing("ba"), name="test")
    )
    assert set(tries) == {"ab", "ba"}
    assert len(tries) > 2
    await patient.aclose()


async def test_a_row_locked_for_too_long_is_a_busy_store(shared: Database, postgres_url: str) -> None:
    """Whoever holds it is not waited for without end."""
    await shared.write(put("a"), name="test")
    with psycopg.connect(postgres_url) as other:
        other.execute("UPDATE door_state SET cursor = 7")
        with pytest.raises(StoreBusyError, match="busy for longer than allowed"):
            await shared.write(run(SET, {"which": "a", "now_cursor": 1}), name="test")
        assert await keys(shared) == ["a"]
        other.rollback()
    await shared.write(run(SET, {"which": "a", "now_cursor": 1}), name="test")


async def test_a_stopped_process_does_not_hold_its_locks_for_ever(shared: Database) -> None:
    """The server ends a transaction that has said nothing for a few seconds; takeover must not wait for a person."""

    def settings(tx: Tx) -> list[str]:
        names = ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout")
        return [tx.execute(text(f"SHOW {name}")).scalar_one() for name in names]

    assert await shared.write(settings, name="test") == ["3s", "500ms", "15s"]


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("53100", StoreFullError),
        ("XX001", StoreCorruptError),
        ("25006", StorePermissionError),
        ("42501", StorePermissionError),
        ("57014", StoreBusyError),
        ("53300", StoreUnreachableError),
        ("57P01", StoreUnreachableError),
    ],
)
async def test_what_the_server_reports_becomes_an_error_of_ours(
    shared: Database, state: str, kind: type[K8sOpsError]
) -> None:
    """Raised by the server itself, as it would with its disk full; the store goes on afterwards."""
    work = run(f"DO $$ BEGIN RAISE EXCEPTION 'as if' USING ERRCODE = '{state}'; END $$")
    with pytest.raises(kind, match="as if"):
        await shared.write(work, name="test")
    await shared.write(put("a"), name="test")


async def test_a_wrong_password_is_refused_credentials_and_never_shown(
    postgres: PostgresTestServer, postgres_url: str
) -> None:
    """Neither the wrong one nor, in the URL that is shown, the right one."""
    database = make_url(postgres_url).database or ""
    postgres.run(f"GRANT k8sops_door TO {LOCKED_USER}")
    wrong = postgres.url(database, user=LOCKED_USER, password="geheim")
    for url in (wrong, postgres.url(database, user=LOCKED_USER)):
        with pytest.raises(CredentialsError, match="refused the login") as raised:
            await open_database(url, clock=SystemClock())
        assert "geheim" not in f"{raised.value.message} {raised.value.hint}"
        assert raised.value.exit_code == 6
    right = postgres.url(database, user=LOCKED_USER, password=LOCKED_PASSWORD)
    store = await open_database(right, clock=SystemClock())
    assert await keys(store) == []
    assert "***" in store.url_shown
    assert "sesame" not in store.url_shown
    await store.aclose()


async def test_a_database_that_is_not_there_is_told_apart_from_a_server_that_is_not(
    postgres: PostgresTestServer,
) -> None:
    """One is a slip in the configuration, the other passes."""
    with pytest.raises(StorePlaceError, match="is not there"):
        await open_database(postgres.url("nowhere"), clock=SystemClock())
    with pytest.raises(StoreUnreachableError, match="cannot be reached"):
        await open_database("postgresql://anna@127.0.0.1:1/x?connect_timeout=2", clock=SystemClock())


async def test_the_url_s_tls_settings_are_obeyed(tmp_path: Path) -> None:
    """A server whose certificate another authority signed is not talked to, and no retry would help.

    With the right authority the handshake is done; the server here ends there.
    """
    right, other = Authority("right"), Authority("other")
    for name, authority in (("right", right), ("other", other)):
        (tmp_path / f"{name}.crt").write_bytes(authority.pem)
    async with _tls_only(right.issue("postgres").server_context(tmp_path)) as (port, handshakes):
        base = f"postgresql://anna:geheim@127.0.0.1:{port}/x?sslmode=verify-full&sslrootcert={tmp_path}"
        with pytest.raises(TlsError, match="certificate verify failed") as raised:
            await open_database(f"{base}/other.crt", clock=SystemClock())
        assert not raised.value.transient
        assert "geheim" not in raised.value.message
        assert handshakes == []
        with pytest.raises(StoreUnreachableError):
            await open_database(f"{base}/right.crt", clock=SystemClock())
        assert handshakes == ["done"]


async def test_a_setting_of_the_url_takes_the_place_of_ours(postgres_url: str) -> None:
    """An administrator looks for the name that was configured."""
    store = await open_database(f"{postgres_url}&application_name=shop", clock=SystemClock())
    assert await store.read(lambda tx: tx.execute(text("SHOW application_name")).scalar_one()) == "shop"
    await store.aclose()


@asynccontextmanager
async def _tls_only(context: ssl.SSLContext) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that agrees to TLS as PostgreSQL does, and hangs up after the handshake."""
    handshakes: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)  # SSLRequest
        writer.write(b"S")
        with suppress(OSError):
            await writer.start_tls(context)
            handshakes.append("done")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], handshakes


def _put_all(tx: Tx, names: str) -> None:
    tx.execute(PUT, [row(name) for name in names])


def _pid(tx: Tx) -> int:
    pid: int = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
    return pid
