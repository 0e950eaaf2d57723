"""`k8sops store` on a SQLite file and on a real PostgreSQL server."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.command import Command
from tests.support.postgres import LOCKED_PASSWORD, LOCKED_USER, PostgresTestServer
from tests.support.records import an_entry, record


@pytest.fixture
def empty_database(
    postgres: PostgresTestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A PostgreSQL database without tables, which commands use."""
    with postgres.database() as url:
        monkeypatch.setenv("K8SOPS_DATABASE_URL", url)
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        yield url


def test_show_tells_where_and_what_without_making_or_changing_anything(
    command: Command, own_store: str, tmp_path: Path
) -> None:
    """A look must not create what it looks for."""
    shutil.rmtree(tmp_path / "store")
    told = command("store", "show")
    assert told.code == 2
    assert "there is no store at" in told.err
    assert not (tmp_path / "store").exists()
    record(own_store, [an_entry(), an_entry()])
    shown = command.done("store", "show", "-o", "json").document
    assert shown["dialect"] == "sqlite"
    assert shown["revision"] == shown["newest_revision"]
    assert shown["audit_head"] == 2
    assert shown["bytes"] > 0
    assert "record 2" in command.done("store", "show").out


def test_a_sqlite_store_is_copied_while_in_use_and_the_copy_knows_of_it(
    command: Command, own_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup that cannot be opened, or that anybody can read, is none."""
    record(own_store, [an_entry()])
    copy = tmp_path / "copy.db"
    command.done("store", "backup", str(copy))
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    again = command("store", "backup", str(copy))
    assert again.code == 2
    assert "is there already" in again.err
    monkeypatch.setenv("K8SOPS_DATABASE_URL", f"sqlite:///{copy}")
    found = command.done("audit", "list", "-o", "json").document
    assert [one["code"] for one in found] == ["step.outcome", "store.backed_up"]
    assert command("audit", "verify").code == 0


def test_postgresql_is_migrated_by_command_only_once_and_on_record(
    command: Command, empty_database: str
) -> None:
    """Nobody's laptop changes the team's database by looking at it."""
    told = command("audit", "list")
    assert told.code == 2
    assert "k8sops store migrate" in told.err
    done = command.done("store", "migrate", "-o", "json").document
    assert done["before"] == ""
    assert f"revision {done['after']} already" in command.done("store", "migrate").out
    found = command.done("audit", "list", "-o", "json").document
    assert [one["code"] for one in found] == ["store.created"]
    shown = command.done("store", "show", "-o", "json").document
    assert shown["dialect"] == "postgresql"
    assert shown["revision"] == done["after"]


def test_the_sql_for_an_administrator_makes_the_same_store(
    command: Command, empty_database: str, postgres: PostgresTestServer
) -> None:
    """Where nobody but a database administrator may create tables, they run what was printed."""
    sql = command.done("store", "migrate", "--sql", "--door-role", "team_door").out
    assert 'CREATE ROLE "team_door"' in sql
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(sql.encode())
    assert "already" in command.done("store", "migrate").out
    assert command("audit", "verify").code == 0


def test_a_postgresql_backup_names_the_command_and_no_password(
    command: Command, postgres: PostgresTestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is printed ends up in terminals and tickets."""
    url = postgres.url("postgres", user=LOCKED_USER, password=LOCKED_PASSWORD)
    monkeypatch.setenv("K8SOPS_DATABASE_URL", url)
    told = command("store", "backup", "copy.dump")
    assert told.code == 2
    assert "pg_dump" in told.err
    assert LOCKED_PASSWORD not in told.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("migrate", "--sql"), "a SQLite store migrates itself"),
        (("migrate", "--from", "0001"), "--from goes with --sql"),
        (("backup", "/nowhere/copy.db"), "/nowhere"),
    ],
)
def test_wrong_use_gets_one_sentence(
    command: Command, own_store: str, arguments: tuple[str, ...], sentence: str
) -> None:
    """And no traceback."""
    told = command("store", *arguments)
    assert told.code in {1, 2}
    assert sentence in told.err


def test_a_server_that_is_away_exits_6_and_says_which(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A script tells a database that is down from a command that is wrong."""
    monkeypatch.setenv("K8SOPS_DATABASE_URL", f"postgresql://someone:secret-word@/k8sops?host={tmp_path}")
    told = command("store", "show")
    assert told.code == 6
    assert "secret-word" not in told.err
