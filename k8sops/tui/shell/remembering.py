"""What is remembered from one start to the next: the last context, the namespace in each, columns chosen by kind.

Another context than the kubeconfig's current one is never opened by itself: the screen and kubectl would then mean
different clusters. The last one is only marked in the list of contexts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from k8sops.core.screen import ScreenMemory
from k8sops.tui.column_set import ColumnChoice

MOST_CONTEXTS: Final = 200
WAIT_S: Final = 1.0


class Remembered:
    """Held here while the program runs, and handed to the memory a moment after it has changed."""

    def __init__(self, memory: ScreenMemory) -> None:
        self._memory = memory
        self._writing: asyncio.Task[None] | None = None
        self.namespaces: dict[str, str] = {}
        """From context to namespace; empty is all of them."""
        self.columns: dict[str, ColumnChoice] = {}
        """From kind to what was chosen; shared with who lets people choose."""
        self.last_context = ""

    async def recall(self) -> None:
        """Read it; what cannot be understood is left out."""
        held = await self._memory.recall()
        self.namespaces |= _texts(held.get("namespaces"))
        self.last_context = str(held.get("context") or "")
        columns = held.get("columns")
        for kind, chosen in columns.items() if isinstance(columns, dict) else ():
            if isinstance(chosen, dict):
                shown, hidden = _titles(chosen.get("shown")), _titles(chosen.get("hidden"))
                self.columns[str(kind)] = ColumnChoice(shown, hidden)

    def visited(self, context: str, namespace: str) -> None:
        """Somebody looks at a namespace of a context."""
        if self.last_context == context and self.namespaces.get(context) == namespace:
            return
        self.namespaces.pop(context, None)
        self.namespaces[context] = namespace
        for oldest in list(self.namespaces)[:-MOST_CONTEXTS]:
            del self.namespaces[oldest]
        self.last_context = context
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_soon(), name="tui memory")

    async def keep(self) -> None:
        """Write it now: the program ends."""
        if self._writing is not None:
            self._writing.cancel()
        await self._write()

    async def _write_soon(self) -> None:
        await asyncio.sleep(WAIT_S)
        await self._write()

    async def _write(self) -> None:
        columns = {
            kind: {"shown": sorted(choice.shown), "hidden": sorted(choice.hidden)}
            for kind, choice in self.columns.items()
            if choice != ColumnChoice()
        }
        await self._memory.keep(context=self.last_context, namespaces=self.namespaces, columns=columns)


def _texts(found: Any) -> Mapping[str, str]:
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _titles(found: Any) -> frozenset[str]:
    return frozenset(str(title) for title in found) if isinstance(found, list) else frozenset()
