"""Votes: a person who has voted in the chat may vote again at a terminal, where that counts for more."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Let the one unique pair go; who may vote again is decided under the run's row lock."""
    with op.batch_alter_table("votes") as votes:
        votes.drop_constraint("uq_votes_run_person", type_="unique")
