"""Rows that need no other rows, to write and to look for; and a clock that is set by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.sql.base import Executable

from k8sops.store.database import Database, Tx
from k8sops.store.schema import door_state

PUT = insert(door_state)
SET = (
    update(door_state)
    .where(door_state.c.door == "test", door_state.c.key == bindparam("which"))
    .values(cursor=bindparam("now_cursor"))
)
KEYS = select(door_state.c.key).order_by(door_state.c.key)
COUNT = select(func.count()).select_from(door_state)


def row(key: str, cursor: int = 0) -> dict[str, object]:
    """A row of `door_state`."""
    return {"door": "test", "key": key, "cursor": cursor, "value": ""}


def put(key: str) -> Callable[[Tx], None]:
    """Work that inserts one row."""

    def work(tx: Tx) -> None:
        tx.execute(PUT, row(key))

    return work


def run(statement: Executable | str, parameters: object = None) -> Callable[[Tx], None]:
    """Work that executes one statement."""

    def work(tx: Tx) -> None:
        tx.execute(text(statement) if isinstance(statement, str) else statement, parameters)

    return work


async def keys(store: Database) -> list[str]:
    """What a reader sees."""
    return await store.read(lambda tx: list(tx.execute(KEYS).scalars()))


class FixedClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)

    def move(self, **by: float) -> None:
        """Set it forward or back."""
        self.moment += timedelta(**by)

    def now(self) -> datetime:
        """The moment it was set to."""
        return self.moment

    def monotonic(self) -> float:
        """Seconds that follow the moment."""
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Moves the clock instead of waiting."""
        self.move(seconds=seconds)
        await asyncio.sleep(0)
