"""Bringing a store to this program's tables: wholly, once, with a copy kept; and never backwards."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import column, create_engine, make_url, table, update

from k8sops.core.clock import SystemClock
from k8sops.core.errors import SchemaOutdatedError, StoreNewerError, StorePermissionError, UsageError
from k8sops.store.administration import Migrated, migrate_store, migration_sql
from k8sops.store.database import open_database
from k8sops.store.migrations import STEPS, VERSION_TABLE, Steps
from k8sops.store.schema import metadata
from k8sops.store.sqlite import SqliteStore
from tests.store.rows import keys, put, run
from tests.support.postgres import PostgresTestServer

ADDING = '''"""A step of the test's own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add a column."""
    op.add_column("door_state", sa.Column("added", sa.Text(), nullable=False, server_default="new"))
'''
FAILING = f"{ADDING}    op.drop_table('nowhere')\n"
REVISION = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant


@pytest.fixture
def empty_url(postgres: PostgresTestServer) -> Iterator[str]:
    """A database without tables."""
    with postgres.database() as url:
        yield url


def _steps(folder: Path, second: str) -> Steps:
    shutil.copytree(STEPS.folder / "versions", folder / "versions")
    (folder / "versions" / "0004_next.py").write_text(second)
    return Steps(folder, (*STEPS.revisions, "0004"))


def _store(path: Path, steps: Steps = STEPS) -> SqliteStore:
    return SqliteStore(make_url(f"sqlite:///{path}"), clock=SystemClock(), steps=steps)


def _ask(path: Path, question: str) -> list[tuple[object, ...]]:
    raw = sqlite3.connect(path)
    found = raw.execute(question).fetchall()
    raw.close()
    return found


def _fill(path: Path, table: str, **values: str) -> None:
    """Insert a row; what has to have a value and is given none is 0."""
    raw = sqlite3.connect(path)
    needed = [name for _, name, _, never_null, *_ in raw.execute(f"PRAGMA table_info({table})") if never_null]
    row = dict.fromkeys(needed, "0") | values
    try:
        with raw:
            raw.execute(
                f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",  # noqa: S608 - names of columns
                tuple(row.values()),
            )
    finally:
        raw.close()


async def test_the_steps_lead_to_the_tables_the_program_uses(store_url: str) -> None:
    """Else a statement would name a column that only new, or only old, stores have."""
    store = await open_database(store_url, clock=SystemClock())
    await store.aclose()
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                # SQLite's are compared below: Alembic takes each empty text for a difference.
                "compare_server_default": engine.dialect.name == "postgresql",
                "version_table": VERSION_TABLE,
            },
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_on_sqlite_the_steps_give_every_column_the_same_default(tmp_path: Path) -> None:
    """A statement that leaves a column out relies on it."""
    _store(tmp_path / "stepped.db").prepare(migrate=True)
    engine = create_engine(f"sqlite:///{tmp_path}/made.db")
    metadata.create_all(engine)
    engine.dispose()
    for name in metadata.tables:
        question = f"PRAGMA table_info({name})"
        assert _ask(tmp_path / "stepped.db", question) == _ask(tmp_path / "made.db", question)


def test_the_revisions_listed_are_those_of_the_files() -> None:
    """Opening a store relies on the list, so that it need not read the files."""
    config = Config()
    config.set_main_option("script_location", str(STEPS.folder))
    config.set_main_option("path_separator", "os")
    files = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(files)) == STEPS.revisions


async def test_an_older_file_is_brought_up_after_a_copy(tmp_path: Path) -> None:
    """The copy is a store the older program can open; rows are kept."""
    path = tmp_path / "k8sops.db"
    store = await open_database(f"sqlite:///{path}", clock=SystemClock())
    await store.write(put("a"), name="test")
    await store.aclose()
    _store(path, _steps(tmp_path / "steps", ADDING)).prepare(migrate=True)
    copy = tmp_path / "k8sops.db.before-0004"
    assert _ask(path, "SELECT key, added FROM door_state") == [("a", "new")]
    assert _ask(path, REVISION) == [("0004",)]
    assert copy.stat().st_mode & 0o777 == 0o600
    store = await open_database(f"sqlite:///{copy}", clock=SystemClock())
    assert await keys(store) == ["a"]
    await store.aclose()
    assert not [name for name in os.listdir(tmp_path) if "partial" in name]  # noqa: PTH208 - in a coroutine


def test_votes_are_kept_by_the_step_that_lets_a_person_vote_again(tmp_path: Path) -> None:
    """SQLite makes the table anew for it."""
    before = Steps(tmp_path / "steps", STEPS.revisions[:2])
    for name in ("0001_first.py", "0002_repositories.py"):
        (before.folder / "versions").mkdir(parents=True, exist_ok=True)
        shutil.copy(STEPS.folder / "versions" / name, before.folder / "versions" / name)
    path = tmp_path / "k8sops.db"
    _store(path, before).prepare(migrate=True)
    _fill(path, "runs", id="r")
    _fill(path, "votes", run="r", nonce="first", person="bob")
    with pytest.raises(sqlite3.IntegrityError):
        _fill(path, "votes", run="r", nonce="second", person="bob")
    _store(path).prepare(migrate=True)
    _fill(path, "votes", run="r", nonce="second", person="bob")
    assert _ask(path, "SELECT nonce FROM votes ORDER BY nonce") == [("first",), ("second",)]


async def test_a_step_that_fails_halfway_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """And the older program goes on working with it."""
    path = tmp_path / "k8sops.db"
    await (await open_database(f"sqlite:///{path}", clock=SystemClock())).aclose()
    with pytest.raises(Exception, match="nowhere"):
        _store(path, _steps(tmp_path / "steps", FAILING)).prepare(migrate=True)
    columns = [name for _, name, *_ in _ask(path, "PRAGMA table_info(door_state)")]
    assert "added" not in columns
    store = await open_database(f"sqlite:///{path}", clock=SystemClock())
    await store.write(put("a"), name="test")
    await store.aclose()


def test_many_that_open_an_old_file_at_once_all_succeed(tmp_path: Path) -> None:
    """One takes the steps, the others wait and find them taken."""
    path = tmp_path / "k8sops.db"
    _store(path).prepare(migrate=True)
    steps = _steps(tmp_path / "steps", ADDING)
    with ThreadPoolExecutor(6) as threads:
        done = [threads.submit(_store(path, steps).prepare, migrate=True) for _ in range(6)]
    assert [one.result() for one in done] == [None] * 6
    assert _ask(path, REVISION) == [("0004",)]


def test_two_new_stores_at_once_in_one_process_each_get_their_tables(tmp_path: Path) -> None:
    """Alembic keeps what it works on in globals; a second store's tables would be made in the first."""
    paths = [tmp_path / f"{number}.db" for number in range(6)]
    with ThreadPoolExecutor(len(paths)) as threads:
        for done in [threads.submit(_store(path).prepare, migrate=True) for path in paths]:
            done.result()
    tables = [_ask(path, "SELECT name FROM sqlite_master ORDER BY name") for path in paths]
    assert len(tables[0]) > 20
    assert tables == [tables[0]] * len(paths)


async def test_an_older_file_is_left_alone_where_that_is_asked_for(tmp_path: Path) -> None:
    """`doctor` looks without changing anything."""
    path = tmp_path / "k8sops.db"
    with pytest.raises(SchemaOutdatedError, match="has no tables yet"):
        await open_database(f"sqlite:///{path}", clock=SystemClock(), migrate=False)
    assert _ask(path, "SELECT name FROM sqlite_master") == []


@pytest.mark.parametrize("revision", ["0004", "next-year"])
async def test_a_newer_store_is_not_touched(store_url: str, revision: str) -> None:
    """By an older program on a colleague's laptop, which would write rows the newer one cannot read."""
    store = await open_database(store_url, clock=SystemClock())
    change = update(table(VERSION_TABLE, column("version_num"))).values(version_num=revision)
    await store.write(run(change), name="test")
    await store.aclose()
    with pytest.raises(StoreNewerError, match=f"is at revision {revision}, newer than this k8sops") as raised:
        await open_database(store_url, clock=SystemClock())
    assert raised.value.exit_code == 2
    with pytest.raises(StoreNewerError):
        migrate_store(store_url, clock=SystemClock())


async def test_postgresql_is_migrated_only_when_asked(empty_url: str) -> None:
    """Many processes share it; one of them must not change it under the others."""
    with pytest.raises(SchemaOutdatedError, match="has no tables yet") as raised:
        await open_database(empty_url, clock=SystemClock())
    assert "k8sops store migrate" in raised.value.hint
    assert raised.value.exit_code == 2
    with psycopg.connect(empty_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (0,)
    assert migrate_store(empty_url, clock=SystemClock()) == Migrated(before="", after=STEPS.head)
    assert migrate_store(empty_url, clock=SystemClock()) == Migrated(before=STEPS.head, after=STEPS.head)
    await (await open_database(empty_url, clock=SystemClock())).aclose()


def test_two_migrations_at_once_both_succeed(empty_url: str) -> None:
    """One waits for the other and finds nothing to do."""
    with ThreadPoolExecutor(3) as threads:
        done = [threads.submit(migrate_store, empty_url, clock=SystemClock()) for _ in range(3)]
    assert sorted(one.result().before for one in done) == ["", STEPS.head, STEPS.head]


async def test_the_sql_that_is_printed_makes_the_same_store(empty_url: str) -> None:
    """For an administrator who lets nobody else create roles and tables."""
    script = migration_sql(empty_url)
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(script.encode())
    store = await open_database(empty_url, clock=SystemClock())
    await store.write(put("a"), name="test")
    await store.aclose()
    with pytest.raises(UsageError, match="migrates itself"):
        migration_sql("sqlite:////tmp/x.db")


async def test_somebody_who_may_not_create_tables_is_told_so_and_changes_nothing(
    postgres: PostgresTestServer, empty_url: str
) -> None:
    """A member of the team with an ordinary login."""
    postgres.run("CREATE ROLE ordinary LOGIN")
    with pytest.raises(StorePermissionError):
        migrate_store(empty_url.replace("postgres@", "ordinary@"), clock=SystemClock())
    with pytest.raises(SchemaOutdatedError, match="has no tables yet"):
        await open_database(empty_url, clock=SystemClock())
    postgres.run("DROP ROLE ordinary")
