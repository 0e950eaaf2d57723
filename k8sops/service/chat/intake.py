"""What was asked for, on record before anybody is told that it was heard: in as few commits as it comes in.

While one commit is under way, what comes meanwhile gathers for the next. A hundred commands at once are two commits
then, not a hundred that wait for the disk one after the other while Slack counts its three seconds.
"""

from __future__ import annotations

import asyncio

from k8sops.service.storing import Storage
from k8sops.store.inbox_rows import take_in


class Intake:
    """Keeps under `door` what is asked for."""

    def __init__(self, storage: Storage, door: str) -> None:
        self._storage = storage
        self._door = door
        self._one = asyncio.Lock()
        self._gathering: list[tuple[str, str]] = []
        self._next: asyncio.Task[list[bool]] | None = None

    async def keep(self, key: str, asked: str) -> bool:
        """Whether it is new, once it is on record. Raises what the commit raises."""
        place = len(self._gathering)
        self._gathering.append((key, asked))
        if self._next is None:
            self._next = asyncio.create_task(self._commit(), name="intake")
        # Whoever waits may be cancelled; the others' commit goes on.
        return (await asyncio.shield(self._next))[place]

    async def _commit(self) -> list[bool]:
        async with self._one:
            together, self._gathering, self._next = self._gathering, [], None
            database = await self._storage.database()
            return await database.write(lambda tx: take_in(tx, self._door, together), name="slack.take_in")
