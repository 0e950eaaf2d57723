"""The first tables, with the guards that keep the audit trail from being changed."""

from __future__ import annotations

import hashlib
import secrets

import sqlalchemy as sa
from alembic import op

from k8sops.store.migrations.first_runs import RUN_TABLES

revision = "0001"
down_revision = None

GENESIS_DOMAIN = b"k8sops audit genesis 1\0"
APPLICATION_ID = int.from_bytes(b"k8so", "big")
GUARDED = ("audit", "checkpoints")


def upgrade() -> None:
    """Make them."""
    for make in TABLES:
        make()
    sqlite = op.get_context().dialect.name == "sqlite"
    if sqlite:
        op.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    op.execute(_head_of_sqlite() if sqlite else HEAD_OF_POSTGRESQL)
    for table in GUARDED:
        if sqlite:
            _guard_sqlite(table)
        else:
            _guard_postgresql(table)


# The database makes the id, so that SQL written out for an administrator gives every store one of its own.
HEAD_OF_POSTGRESQL = (
    "INSERT INTO audit_head (id, seq, hash, store_id) SELECT 1, 0, "  # noqa: S608 - constants
    f"encode(sha256(CAST('\\x{GENESIS_DOMAIN.hex()}' AS bytea) || convert_to(id, 'UTF8')), 'hex'), id "
    "FROM (SELECT replace(CAST(gen_random_uuid() AS text), '-', '') AS id) AS made"
)


def _head_of_sqlite() -> sa.Insert:
    store_id = secrets.token_hex(16)
    genesis = hashlib.sha256(GENESIS_DOMAIN + store_id.encode()).hexdigest()
    head = sa.table("audit_head", *map(sa.column, ("id", "seq", "hash", "store_id")))
    return sa.insert(head).values(id=1, seq=0, hash=genesis, store_id=store_id)


def _guard_sqlite(table: str) -> None:
    refusal = f"SELECT RAISE(ABORT, '{table} is insert-only')"
    for word in ("UPDATE", "DELETE"):
        name = f"{table}_no_{word.lower()}"
        op.execute(f"CREATE TRIGGER {name} BEFORE {word} ON {table} BEGIN {refusal}; END")
    # INSERT OR REPLACE deletes without calling the trigger for it.
    key = "seq = NEW.seq" if table == "audit" else "seq = NEW.seq AND key_id = NEW.key_id"
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "  # noqa: S608 - constants
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key}) BEGIN {refusal}; END"
    )
    if table == "audit":
        op.execute(
            f"CREATE TRIGGER {table}_no_replace_hash BEFORE INSERT ON {table} "  # noqa: S608 - constants
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE hash = NEW.hash) BEGIN {refusal}; END"
        )


def _guard_postgresql(table: str) -> None:
    op.execute(
        f"CREATE FUNCTION {table}_is_insert_only() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is insert-only' USING ERRCODE = '42501'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_insert_only()"
    )


def _attachments() -> None:
    op.create_table(
        "attachments",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_attachments"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=48), nullable=False),
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("person", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
        sa.UniqueConstraint("hash", name="uq_audit_hash"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_person", "audit", ["person"])
    op.create_index("ix_audit_run", "audit", ["run"])


def _audit_head() -> None:
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("store_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )


def _carriers() -> None:
    op.create_table(
        "carriers",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("surface", sa.String(length=16), nullable=False),
        sa.Column("capabilities", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.Float(precision=53), nullable=False),
        sa.Column("lease_boot", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_carriers"),
    )


def _checkpoints() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", "key_id", name="pk_checkpoints"),
    )


def _door_state() -> None:
    op.create_table(
        "door_state",
        sa.Column("door", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=253), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("door", "key", name="pk_door_state"),
    )


def _enrolments() -> None:
    op.create_table(
        "enrolments",
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("person", sa.String(length=255), server_default="", nullable=False),
        sa.Column("cluster_uid", sa.String(length=64), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_enrolments"),
    )


def _firings() -> None:
    op.create_table(
        "firings",
        sa.Column("schedule", sa.String(length=253), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("run", sa.String(length=26), nullable=True),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("owner", sa.String(length=26), nullable=True),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.Float(precision=53), nullable=True),
        sa.Column("lease_boot", sa.String(length=64), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("schedule", "due", name="pk_firings"),
    )
    op.create_index("ix_firings_outcome_due", "firings", ["outcome", "due"])


def _grants() -> None:
    op.create_table(
        "grants",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("person", sa.String(length=255), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("approvals", sa.Text(), server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
    )
    op.create_index("ix_grants_state_expires_at", "grants", ["state", "expires_at"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=48), nullable=False),
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_delivered_at_id", "outbox", ["delivered_at", "id"])


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("cluster_uid", sa.String(length=64), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=True),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("execute_as", sa.String(length=512), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("paused_why", sa.Text(), server_default="", nullable=False),
        sa.Column("next_due", sa.BigInteger(), nullable=True),
        sa.Column("next_fire", sa.BigInteger(), nullable=True),
        sa.Column("last_due", sa.BigInteger(), nullable=True),
        sa.Column("last_success", sa.BigInteger(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("alert_at", sa.BigInteger(), nullable=True),
        sa.Column("alerted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_schedules"),
    )
    op.create_index("ix_schedules_alert_at", "schedules", ["alert_at"])
    op.create_index("ix_schedules_state_next_fire", "schedules", ["state", "next_fire"])


TABLES = (
    _attachments,
    _audit,
    _audit_head,
    _carriers,
    _checkpoints,
    _door_state,
    _enrolments,
    _firings,
    _grants,
    _outbox,
    _schedules,
    *RUN_TABLES,
)
