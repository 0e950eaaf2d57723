"""What a run made, on record object by object, so that it can be taken back whatever its size.

A plan lists only the first objects of a large step, and what was made is not always what was planned: so it is told as
it is made, a hundred at a time. A process that dies leaves its last ones off the record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from k8sops.core.events import MADE, QUIET, Emission
from k8sops.core.journal import Journal
from k8sops.core.plan import Step, Target
from k8sops.core.text import counted

AT_ONCE: Final = 100


class Made:
    """Of one run."""

    def __init__(self, journal: Journal) -> None:
        self._journal: Final = journal
        self._waiting: Final[dict[tuple[str, str], list[str]]] = {}
        self.anything = False

    async def add(self, step: Step, target: Target) -> None:
        """An object is there that was not."""
        self.anything = True
        key = (step.id, target.namespace)
        some = self._waiting.setdefault(key, [])
        some.append(f"{target.kind}/{target.name}")
        if len(some) >= AT_ONCE:
            await self._tell(key)

    async def flush(self, step: Step) -> None:
        """A step is over."""
        for key in [key for key in self._waiting if key[0] == step.id]:
            await self._tell(key)

    @asynccontextmanager
    async def kept(self, step: Step) -> AsyncIterator[None]:
        """What is made within is on record even if it is broken off."""
        try:
            yield
        except asyncio.CancelledError:
            await self.flush(step)
            raise

    async def _tell(self, key: tuple[str, str]) -> None:
        step, namespace = key
        targets = self._waiting.pop(key)
        data = {MADE: {"namespace": namespace, "targets": targets}} | QUIET
        text = f"{counted(len(targets), 'object')} made{f' in {namespace}' if namespace else ''}"
        await self._journal.tell(Emission(kind="note", step=step, text=text, data=data))
