"""What the bot has still to hand over after a run has ended, for as long as it takes: minutes, and several attempts.

A row for each, kept in the store until it is settled. Whoever works on one says so again and again (`still_at`); one
whose process died is free for the next bot after a minute.
"""

from __future__ import annotations

from typing import Final

import msgspec

from k8sops.core.run import RunId
from k8sops.service.chat.doors import HELD, ONCE, OWED
from k8sops.service.storing import Storage
from k8sops.store.database import Tx
from k8sops.store.door_rows import forget, remember, remembered
from k8sops.store.told_rows import take_back, tell_once

ONCE_MS: Final = 32 * 86_400_000
HELD_MS: Final = 60_000


class Owed(msgspec.Struct, frozen=True):
    """Something to be handed over, and how often that was tried in vain."""

    run: RunId
    attempts: int

    @property
    def key(self) -> str:
        """What it is held under."""
        return f"owed/{self.run}"


class OwedMemory:
    """Kept for every replica of the bot. A row's cursor says before when it is not to be tried."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def owe(self, run: RunId) -> None:
        """Keep it to be done, once for a run however often that is told."""
        database = await self._storage.database()

        def work(tx: Tx) -> None:
            if tell_once(tx, ONCE, Owed(run, 0).key, "", again_ms=ONCE_MS):
                remember(tx, OWED, run, "0")

        await database.write(work, name="slack.owe")

    async def take(self) -> Owed | None:
        """One that is due and that nobody is at; the caller is at it from now on, for a minute."""
        database = await self._storage.database()
        if not await database.read(_due):
            return None

        def work(tx: Tx) -> Owed | None:
            for one in _due(tx):
                if not tell_once(tx, HELD, one.key, "", again_ms=HELD_MS):
                    continue
                # Looked at again while it is held: whoever held it before may have settled it.
                there = next((found for found in _due(tx) if found.run == one.run), None)
                if there is not None:
                    return there
                take_back(tx, HELD, one.key)
            return None

        return await database.write(work, name="slack.owed")

    async def still_at(self, owed: Owed) -> None:
        """It goes on: nobody else begins it for another minute."""
        database = await self._storage.database()
        await database.write(
            lambda tx: remember(tx, HELD, owed.key, "", cursor=tx.now_ms()), name="slack.owed_held"
        )

    async def again(self, owed: Owed, after_s: float) -> None:
        """It did not work: once more after so many seconds."""
        database = await self._storage.database()

        def work(tx: Tx) -> None:
            due = tx.now_ms() + int(after_s * 1000)
            remember(tx, OWED, owed.run, str(owed.attempts + 1), cursor=due)
            take_back(tx, HELD, owed.key)

        await database.write(work, name="slack.owed_again")

    async def settled(self, owed: Owed) -> None:
        """It is done, or was given up and said so."""
        database = await self._storage.database()

        def work(tx: Tx) -> None:
            forget(tx, OWED, owed.run)
            take_back(tx, HELD, owed.key)

        await database.write(work, name="slack.owed_settled")


def _due(tx: Tx) -> tuple[Owed, ...]:
    rows = remembered(tx, OWED)
    now = tx.now_ms() if rows else 0
    return tuple(Owed(row.key, int(row.value or 0)) for row in rows if row.cursor <= now)
