"""The audit trail takes records and gives none back, whoever asks; and what each PostgreSQL role may do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import insert, text

from k8sops.audit.record import genesis
from k8sops.core.clock import SystemClock
from k8sops.core.errors import StorePermissionError, UsageError
from k8sops.store.administration import migrate_store
from k8sops.store.database import Database, open_database
from k8sops.store.roles import CARRIER, DOOR, RoleNames
from k8sops.store.schema import audit, checkpoints, metadata
from tests.store.rows import keys, put, run
from tests.support.postgres import PostgresTestServer

RECORD = {"seq": 1, "hash": "a" * 64, "record": b"{}", "at": 0, "code": "x"} | dict.fromkeys(
    ("run", "person", "action", "outcome"), ""
)
CHECKPOINT = {"seq": 1, "key_id": "k", "body": b"b", "signature": b"s", "at": 0}


@pytest.fixture
async def recorded(store: Database) -> Database:
    """A store with one record and one checkpoint."""
    await store.write(run(insert(audit), RECORD), name="test")
    await store.write(run(insert(checkpoints), CHECKPOINT), name="test")
    return store


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET record = record",
        "UPDATE audit SET person = 'mallory'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 1",
        "UPDATE checkpoints SET at = 1",
        "DELETE FROM checkpoints",
    ],
)
async def test_nobody_changes_or_takes_away_a_record(recorded: Database, statement: str) -> None:
    """Not even the owner of the tables."""
    with pytest.raises(StorePermissionError, match="insert-only"):
        await recorded.write(run(statement), name="test")
    assert await recorded.read(lambda tx: tx.execute(text("SELECT person FROM audit")).scalar_one()) == ""


@pytest.mark.parametrize("seq_and_hash", [(1, "b" * 64), (2, "a" * 64)])
async def test_sqlite_s_replace_is_no_way_around_it(
    recorded: Database, seq_and_hash: tuple[int, str]
) -> None:
    """INSERT OR REPLACE deletes the old row without calling the trigger for deletions."""
    if recorded.dialect != "sqlite":
        return
    replacement = RECORD | dict(zip(("seq", "hash"), seq_and_hash, strict=True))
    with pytest.raises(StorePermissionError, match="insert-only"):
        await recorded.write(run(insert(audit).prefix_with("OR REPLACE"), replacement), name="test")


async def test_truncate_is_no_way_around_it(postgres_url: str) -> None:
    """It fires no trigger for rows."""
    store = await open_database(postgres_url, clock=SystemClock())
    for table in ("audit", "checkpoints"):
        with pytest.raises(StorePermissionError, match="insert-only"):
            await store.write(run(f"TRUNCATE {table}"), name="test")
    await store.aclose()


async def test_the_chain_begins_at_the_genesis_of_the_store_s_own_id(store: Database) -> None:
    """The migration cannot import the audit's code, so this holds the two together."""
    head = await store.read(
        lambda tx: tx.execute(text("SELECT seq, hash, store_id FROM audit_head WHERE id = 1")).one()
    )
    assert (head.seq, head.hash) == (0, genesis(head.store_id))


@pytest.fixture
async def logins(postgres: PostgresTestServer, postgres_url: str) -> AsyncIterator[dict[str, str]]:
    """A login for each role."""
    for role in ("door", "carrier"):
        postgres.run(f"CREATE ROLE test_{role} LOGIN IN ROLE k8sops_{role}")
    yield {role: postgres_url.replace("postgres@", f"test_{role}@") for role in ("door", "carrier")}
    for role in ("door", "carrier"):
        postgres.run(f"DROP ROLE test_{role}")


async def test_a_door_and_a_carrier_can_open_and_write_the_store(
    logins: dict[str, str], postgres_url: str
) -> None:
    """With nothing granted beyond the roles; what they wrote is there for them, and for others."""
    for role, url in logins.items():
        store = await open_database(url, clock=SystemClock())
        await store.write(put(role), name="test")
        assert role in await keys(store)
        await store.aclose()
    administrator = await open_database(postgres_url, clock=SystemClock())
    assert await keys(administrator) == sorted(logins)
    await administrator.aclose()


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("door", "UPDATE audit SET at = 0"),
        ("door", "DELETE FROM audit"),
        ("door", "TRUNCATE audit"),
        ("door", "DELETE FROM runs"),
        ("door", "UPDATE votes SET verdict = 'approve'"),
        ("door", "DELETE FROM votes"),
        ("door", "UPDATE statements SET person = 'alice'"),
        ("door", "UPDATE run_events SET text = ''"),
        ("door", "INSERT INTO run_steps SELECT * FROM run_steps"),
        ("door", "UPDATE run_steps SET fence = 0"),
        ("door", "DELETE FROM run_steps"),
        ("door", "UPDATE signals SET payload = '{}'"),
        ("door", "DELETE FROM signals"),
        ("door", "UPDATE audit_head SET store_id = ''"),
        ("door", "DELETE FROM audit_head"),
        ("door", "UPDATE attachments SET body = ''"),
        ("door", "DELETE FROM carriers"),
        ("door", "UPDATE k8sops_revision SET version_num = 'x'"),
        ("door", "ALTER TABLE audit DISABLE TRIGGER ALL"),
        ("door", "DROP TABLE audit"),
        ("door", "CREATE TABLE mine (x int)"),
        ("carrier", "UPDATE audit SET at = 0"),
        ("carrier", "DELETE FROM checkpoints"),
        ("carrier", "TRUNCATE checkpoints"),
        ("carrier", "DELETE FROM runs"),
        ("carrier", "UPDATE votes SET verdict = 'approve'"),
        ("carrier", "UPDATE signals SET payload = '{}'"),
        ("carrier", "UPDATE k8sops_revision SET version_num = 'x'"),
    ],
)
async def test_what_a_role_may_not(logins: dict[str, str], role: str, statement: str) -> None:
    """Each of these would change what happened, or what others believe."""
    store = await open_database(logins[role], clock=SystemClock())
    with pytest.raises(StorePermissionError):
        await store.write(run(statement), name="test")
    await store.aclose()


def test_the_rights_name_tables_that_exist_and_every_table_is_thought_of() -> None:
    """A new table without a line here could be written by nobody, and a misspelt one fails the migration."""
    assert set(CARRIER) == set(metadata.tables)
    assert set(DOOR) < set(CARRIER)


def test_roles_take_the_names_they_are_given(postgres: PostgresTestServer) -> None:
    """Several installations may share one server; and names are no way to smuggle SQL."""
    with postgres.database() as url:
        migrate_store(url, clock=SystemClock(), roles=RoleNames(door="shop_door", carrier="shop_carrier"))
        with psycopg.connect(url) as connection:
            asked = "SELECT has_table_privilege(%s, 'run_steps', 'INSERT')"
            assert connection.execute(asked, ["shop_carrier"]).fetchone() == (True,)
            assert connection.execute(asked, ["shop_door"]).fetchone() == (False,)
            assert connection.execute(asked, ["k8sops_carrier"]).fetchone() == (False,)
    with pytest.raises(UsageError, match="no name for a role"):
        migrate_store(url, clock=SystemClock(), roles=RoleNames(door='x"; DROP TABLE runs; --'))
    for role in ("shop_door", "shop_carrier"):
        postgres.run(f"DROP ROLE {role}")
