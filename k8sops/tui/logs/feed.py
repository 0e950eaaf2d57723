"""The worker behind the log screen: reads lines from the service, and says that there are some.

Touches no widget. At most `MOST_WAITING` lines wait for the screen; a screen that is slow slows the reading down. A
flood is told as one message, at most twenty times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from textual.message import Message

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.logs import LogEntry, LogWanted
from k8sops.tui.session import Session

MOST_WAITING: Final = 5_000
PAUSE_S: Final = 0.05


class LogNews(Message):
    """Lines came, or the stream ended."""

    def can_replace(self, message: Message) -> bool:
        """What there is to show is taken when it is handled."""
        return isinstance(message, LogNews)


class LogFeed:
    """One reading; another part of the log is another feed."""

    def __init__(
        self, connection: Session, wanted: LogWanted, clock: Clock, post: Callable[[Message], object]
    ) -> None:
        self.wanted: Final = wanted
        self.ended = False
        self.error: K8sOpsError | None = None
        self._connection = connection
        self._clock = clock
        self._post = post
        self._lines: list[LogEntry] = []
        self._room = asyncio.Event()
        self._room.set()

    def take(self) -> list[LogEntry]:
        """What came since the last time."""
        lines, self._lines = self._lines, []
        self._room.set()
        return lines

    async def read(self) -> None:
        """Until the stream ends, or the worker is cancelled."""
        try:
            async with aclosing(self._connection.ops.logs(self.wanted)) as batches:
                async for batch in batches:
                    self._lines += batch
                    self._post(LogNews())
                    if len(self._lines) >= MOST_WAITING:
                        self._room.clear()
                        await self._room.wait()
                    await self._clock.sleep(PAUSE_S)
        except K8sOpsError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - worker boundary: a task's failure must reach the screen
            self.error = K8sOpsError(f"reading the log failed unexpectedly: {type(error).__name__}: {error}")
        self.ended = True
        self._post(LogNews())
