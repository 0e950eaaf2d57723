"""Following a run from any process: its stored events from any number on, until it has ended.

Whoever writes in this process wakes its followers at once; what other processes write is found within half a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final

from k8sops.core.errors import K8sOpsError
from k8sops.core.events import Event
from k8sops.core.run import RunId
from k8sops.store.database import Database, Tx
from k8sops.store.events import events_after
from k8sops.store.runs import state_of

LOOK_EVERY_S: Final = 0.4
STORE_AWAY_S: Final = 60.0


async def follow(
    database: Database,
    run: RunId,
    after: int,
    changed: asyncio.Event | None = None,
    *,
    look_every_s: float = LOOK_EVERY_S,
) -> AsyncGenerator[Event, None]:
    """Events with a greater number than `after`; ends once the run has ended and all were given.

    A store that is away for up to a minute is waited for. Raises NoSuchRunError.
    """

    def look(tx: Tx) -> tuple[list[Event], bool]:
        # The state is read first: an event that came with the end is then never missed.
        state, last = state_of(tx, run)
        return events_after(tx, run, after) if last > after else [], state.ended

    away = 0.0
    while True:
        try:
            events, ended = await database.read(look)
        except K8sOpsError as error:
            if not error.transient or away >= STORE_AWAY_S:
                raise
            away += LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            continue
        away = 0.0
        for event in events:
            after = event.seq
            yield event
        if events:
            continue
        if ended:
            return
        if changed is None:
            await asyncio.sleep(look_every_s)
            continue
        with suppress(TimeoutError):
            async with asyncio.timeout(look_every_s):
                await changed.wait()
        changed.clear()
