"""What was seen of backup repositories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "repository_marks",
        sa.Column("repository", sa.String(length=26), nullable=False),
        sa.Column("place", sa.String(length=253), nullable=False),
        sa.Column("cluster", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("repository", "place", "cluster", name="pk_repository_marks"),
    )
    op.create_table(
        "repository_epochs",
        sa.Column("repository", sa.String(length=26), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("repository", name="pk_repository_epochs"),
    )
