"""The tables, in one place, the same on SQLite and PostgreSQL.

Times are whole milliseconds since 1970 in UTC, so that both databases compare them alike. JSON is text written by
msgspec; audit records are the exact bytes that were hashed. Migrations in `migrations/` bring a database here; a test
compares the two.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

metadata: Final = MetaData(naming_convention=NAMING)

runs = Table(
    "runs",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("action", String(64), nullable=False),
    Column("action_version", Integer, nullable=False),
    Column("plan_format", Integer, nullable=False),
    Column("cluster_uid", String(64), nullable=False),
    Column("state", String(20), nullable=False),
    Column("risk", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("plan", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("person", String(255), nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("execute_as", String(512), nullable=False),
    Column("hold", Boolean, nullable=False),
    Column("emergency", Boolean, nullable=False),
    Column("schedule", String(253), nullable=False, server_default=""),
    Column("grant_digest", String(64), nullable=False, server_default=""),
    Column("proposed_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("error", Text),
    Column("progress", Text, nullable=False, server_default="{}"),
    Column("last_seq", Integer, nullable=False, server_default="0"),
    # A parked run is claimed again at `wake_at`; nothing runs for it until then.
    Column("wake_at", BigInteger),
    Column("locks_held", Boolean, nullable=False),
    Column("cancel_by", Text),
    # The lease: `lease_boot` is the boot id lease time belongs to, empty where the server's clock is used.
    Column("lease_owner", String(26)),
    Column("lease_fence", Integer, nullable=False, server_default="0"),
    Column("lease_until", Float(53)),
    Column("lease_boot", String(64)),
    Index("ix_runs_state_wake_at", "state", "wake_at"),
    Index("ix_runs_state_expires_at", "state", "expires_at"),
    Index("ix_runs_proposed_at", "proposed_at"),
)

run_events = Table(
    "run_events",
    metadata,
    Column("run", String(26), ForeignKey("runs.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("step", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("data", Text, nullable=False),
)

run_steps = Table(
    "run_steps",
    metadata,
    Column("run", String(26), ForeignKey("runs.id"), primary_key=True),
    Column("path", String(1024), primary_key=True),
    # started, done, failed; a timer's row is `waiting` until it has passed
    Column("state", String(12), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("due_at", BigInteger),
    Column("result", Text, nullable=False, server_default=""),
)

signals = Table(
    "signals",
    metadata,
    Column("run", String(26), ForeignKey("runs.id"), primary_key=True),
    # Of the wait it is for; the first one of a path counts.
    Column("path", String(1024), primary_key=True),
    Column("payload", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

votes = Table(
    "votes",
    metadata,
    Column("run", String(26), ForeignKey("runs.id"), primary_key=True),
    Column("nonce", String(26), primary_key=True),
    Column("person", String(255), nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

statements = Table(
    "statements",
    metadata,
    Column("nonce", String(64), primary_key=True),
    # A run's id, a grant's, or `schedule:NAME`.
    Column("run", String(262), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("person", String(255), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_statements_run", "run"),
)

target_locks = Table(
    "target_locks",
    metadata,
    Column("key", String(1024), primary_key=True),
    Column("run", String(26), ForeignKey("runs.id"), nullable=False),
    Column("since", BigInteger, nullable=False),
    Index("ix_target_locks_run", "run"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("run", String(26), ForeignKey("runs.id"), primary_key=True),
    Column("kind", String(16), nullable=False),  # break_glass, emergency
    Column("opened_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("closed_by", String(255), nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
)

grants = Table(
    "grants",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("spec", Text, nullable=False),
    Column("state", String(12), nullable=False),  # awaiting, active, revoked
    Column("person", String(255), nullable=False),
    Column("actor", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("approvals", Text, nullable=False, server_default="[]"),
    Index("ix_grants_state_expires_at", "state", "expires_at"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("name", String(253), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("cluster_uid", String(64), nullable=False),
    Column("spec", Text, nullable=False),
    Column("standing", Text),  # the standing approval, null while none is valid
    Column("owner", String(255), nullable=False),
    Column("actor", Text, nullable=False),
    Column("execute_as", String(512), nullable=False),
    Column("state", String(12), nullable=False),  # active, paused
    Column("paused_why", Text, nullable=False, server_default=""),
    Column("next_due", BigInteger),
    Column("next_fire", BigInteger),  # next_due plus its jitter
    Column("last_due", BigInteger),
    Column("last_success", BigInteger),
    Column("made_at", BigInteger, nullable=False),
    Column(
        "alert_at", BigInteger
    ),  # when it will have gone too long without a success; moved on by each alert
    Column("alerted_at", BigInteger),
    Index("ix_schedules_state_next_fire", "state", "next_fire"),
    Index("ix_schedules_alert_at", "alert_at"),
)

firings = Table(
    "firings",
    metadata,
    Column("schedule", String(253), primary_key=True),
    Column("due", BigInteger, primary_key=True),
    Column("at", BigInteger, nullable=False),
    # Open: claimed (by `owner`), queued (waits); either is for anybody once the lease has ended. Settled: run, skipped,
    # replaced, failed.
    Column("outcome", String(16), nullable=False),
    Column("run", String(26)),
    Column("why", Text, nullable=False, server_default=""),
    Column("owner", String(26)),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("lease_until", Float(53)),
    Column("lease_boot", String(64)),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("retry_at", BigInteger),
    Index("ix_firings_outcome_due", "outcome", "due"),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("record", LargeBinary, nullable=False),
    # The columns below only find records; the bytes are what counts.
    Column("at", BigInteger, nullable=False),
    Column("code", String(48), nullable=False),
    Column("run", String(26), nullable=False),
    Column("person", String(255), nullable=False),
    Column("action", String(64), nullable=False),
    Column("outcome", String(24), nullable=False),
    Index("ix_audit_run", "run"),
    Index("ix_audit_at", "at"),
    Index("ix_audit_person", "person"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    # Random, made with the tables; the hash before the first record is the genesis of this id.
    Column("store_id", String(32), nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("key_id", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)

attachments = Table(
    "attachments",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("kind", String(48), nullable=False),
    Column("run", String(26), nullable=False),
    Column("payload", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger),
    Index("ix_outbox_delivered_at_id", "delivered_at", "id"),
)

door_state = Table(
    "door_state",
    metadata,
    Column("door", String(64), primary_key=True),
    Column("key", String(253), primary_key=True),
    Column("cursor", BigInteger, nullable=False),
    Column("value", Text, nullable=False),
)

carriers = Table(
    "carriers",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("host", String(253), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("surface", String(16), nullable=False),
    Column("capabilities", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("lease_until", Float(53), nullable=False),
    Column("lease_boot", String(64), nullable=False),
)

enrolments = Table(
    "enrolments",
    metadata,
    Column("key_id", String(64), primary_key=True),
    Column("public_key", Text, nullable=False),
    Column("person", String(255), nullable=False, server_default=""),
    Column("cluster_uid", String(64), nullable=False),
    Column("username", String(255), nullable=False),
    Column("groups", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# What was seen of backup repositories: without it nobody notices that one was rolled back.
repository_marks = Table(
    "repository_marks",
    metadata,
    Column("repository", String(26), primary_key=True),
    # Empty but for a copy that may lag behind: what was seen there counts for it alone.
    Column("place", String(253), primary_key=True),
    Column("cluster", String(36), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)

repository_epochs = Table(
    "repository_epochs",
    metadata,
    Column("repository", String(26), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
