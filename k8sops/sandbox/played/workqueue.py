"""Handles objects one at a time per name, many names at once, the newest version only, and again after a failure."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

from k8sops.core.errors import SandboxError

JsonObject = dict[str, Any]
AGAIN_SECONDS: Final = 2.0
AT_ONCE: Final = 8


class Retry(SandboxError):  # noqa: N818 - no error of anybody's: the world is not ready
    """Ask again in a while."""


class WorkQueue:
    """A controller's queue; `handle` has to be harmless to repeat."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        handle: Callable[[JsonObject], Awaitable[None]],
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        self._group: Final = group
        self._handle: Final = handle
        self._again_seconds: Final = again_seconds
        self._waiting: Final[dict[str, JsonObject]] = {}
        self._busy: Final[set[str]] = set()
        self._gate: Final = asyncio.Semaphore(AT_ONCE)

    def add(self, item: JsonObject) -> None:
        """Have an object handled, in place of an older version of it that still waits."""
        metadata = item["metadata"]
        key = f"{metadata.get('namespace', '')}/{metadata['name']}"
        self._waiting[key] = item
        if key not in self._busy:
            self._busy.add(key)
            self._group.create_task(self._work(key))

    async def _work(self, key: str) -> None:
        while item := self._waiting.pop(key, None):
            try:
                async with self._gate:
                    await self._handle(item)
            except SandboxError as error:
                if not isinstance(error, Retry):
                    print(f"{key}: {error.message}", file=sys.stderr, flush=True)  # noqa: T201 - its log
                await asyncio.sleep(self._again_seconds)
                self._waiting.setdefault(key, item)
        self._busy.discard(key)
