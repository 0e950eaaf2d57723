"""The tables of step 0001 that hold runs and all that belongs to one; `versions/0001_first.py` makes them.

Beside `versions/`, since every file in there has to be a step.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("action_version", sa.Integer(), nullable=False),
        sa.Column("plan_format", sa.Integer(), nullable=False),
        sa.Column("cluster_uid", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("risk", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("person", sa.String(length=255), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("execute_as", sa.String(length=512), nullable=False),
        sa.Column("hold", sa.Boolean(), nullable=False),
        sa.Column("emergency", sa.Boolean(), nullable=False),
        sa.Column("schedule", sa.String(length=253), server_default="", nullable=False),
        sa.Column("grant_digest", sa.String(length=64), server_default="", nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("progress", sa.Text(), server_default="{}", nullable=False),
        sa.Column("last_seq", sa.Integer(), server_default="0", nullable=False),
        sa.Column("wake_at", sa.BigInteger(), nullable=True),
        sa.Column("locks_held", sa.Boolean(), nullable=False),
        sa.Column("cancel_by", sa.Text(), nullable=True),
        sa.Column("lease_owner", sa.String(length=26), nullable=True),
        sa.Column("lease_fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.Float(precision=53), nullable=True),
        sa.Column("lease_boot", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_proposed_at", "runs", ["proposed_at"])
    op.create_index("ix_runs_state_expires_at", "runs", ["state", "expires_at"])
    op.create_index("ix_runs_state_wake_at", "runs", ["state", "wake_at"])


def _run_events() -> None:
    op.create_table(
        "run_events",
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_run_events_run"),
        sa.PrimaryKeyConstraint("run", "seq", name="pk_run_events"),
    )


def _run_steps() -> None:
    op.create_table(
        "run_steps",
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("path", sa.String(length=1024), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_run_steps_run"),
        sa.PrimaryKeyConstraint("run", "path", name="pk_run_steps"),
    )


def _signals() -> None:
    op.create_table(
        "signals",
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("path", sa.String(length=1024), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_signals_run"),
        sa.PrimaryKeyConstraint("run", "path", name="pk_signals"),
    )


def _votes() -> None:
    op.create_table(
        "votes",
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("nonce", sa.String(length=26), nullable=False),
        sa.Column("person", sa.String(length=255), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_votes_run"),
        sa.PrimaryKeyConstraint("run", "nonce", name="pk_votes"),
        sa.UniqueConstraint("run", "person", name="uq_votes_run_person"),
    )


def _statements() -> None:
    op.create_table(
        "statements",
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("run", sa.String(length=262), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("person", sa.String(length=255), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name="pk_statements"),
    )
    op.create_index("ix_statements_run", "statements", ["run"])


def _target_locks() -> None:
    op.create_table(
        "target_locks",
        sa.Column("key", sa.String(length=1024), nullable=False),
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_target_locks_run"),
        sa.PrimaryKeyConstraint("key", name="pk_target_locks"),
    )
    op.create_index("ix_target_locks_run", "target_locks", ["run"])


def _reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(length=255), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_reviews_run"),
        sa.PrimaryKeyConstraint("run", name="pk_reviews"),
    )


RUN_TABLES = (
    _runs,
    _run_events,
    _run_steps,
    _signals,
    _votes,
    _statements,
    _target_locks,
    _reviews,
)
