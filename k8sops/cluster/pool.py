"""The connections of a transport and of its views, made with the first request that takes them.

Whoever asks the cluster nothing does not load the HTTP client, and a screen loads it once its first rows are shown.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Final

from k8sops.cluster.credentials import Credentials
from k8sops.cluster.early import EarlyReads

if TYPE_CHECKING:
    from k8sops.cluster.wire import Wire


class Pool:
    """One for a transport and its views. Made inside a running event loop, closed by `aclose`."""

    def __init__(self, credentials: Credentials, early: EarlyReads | None) -> None:
        self._credentials: Final = credentials
        self._early: Final = early
        self._making: Final = asyncio.Lock()
        self._wire: Wire | None = None
        self._closed = False

    async def wire(self) -> Wire:
        """The connections; made first where there are none, once nothing is read early any more."""
        if self._wire is None:
            if self._early is not None:
                await self._early.over()
            async with self._making:
                if self._wire is None:
                    self._wire = await self._made()
        return self._wire

    async def aclose(self) -> None:
        """Close them all. Idempotent."""
        self._closed = True
        if self._wire is not None:
            await self._wire.aclose()

    async def _made(self) -> Wire:
        # In a thread, since it takes so long that a screen would stand still.
        module = await asyncio.to_thread(importlib.import_module, "k8sops.cluster.wire")
        if self._closed:
            raise RuntimeError("the transport is closed")
        wire: Wire = module.Wire(self._credentials)
        return wire
