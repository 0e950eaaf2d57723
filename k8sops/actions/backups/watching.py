"""Watching the large kinds from the moment they were listed, instead of listing them a second time.

A watch tells changes in their order, so what it has told by the time it is closed makes the kind what it was at one
moment; what had not come by then is the next backup's. One that broke off, or told very much, counts for nothing, and
the kind is looked at again.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

from k8sops.actions.backups.incremental import Place
from k8sops.actions.backups.sources import Source
from k8sops.core.errors import K8sOpsError
from k8sops.core.ports import ClusterReader
from k8sops.core.raw import RawObject

WATCHED_FROM: Final = 1000
"""Objects of a kind: a smaller one is listed again with one request or two."""
MOST_CHANGES: Final = 5000


class Watcher:
    """One kind, watched since a list of it; `close` it however it ends."""

    def __init__(self, cluster: ClusterReader, source: Source, since: str) -> None:
        self.since: Final = since
        self._cluster: Final = cluster
        self._source: Final = source
        self._changes: Final[dict[Place, RawObject | None]] = {}
        self._broken = False
        self._last = since
        self._task: Final = asyncio.create_task(
            self._watch(), name=f"changes of {source.kind.resource.qualified}"
        )

    async def changes(self) -> tuple[dict[Place, RawObject | None], str] | None:
        """What changed (None: it is gone) until now, and the last resourceVersion told; None where it broke off."""
        await self.close()
        return None if self._broken else (self._changes, self._last)

    async def close(self) -> None:
        """End the watch."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        try:
            changes = self._cluster.changes(
                self._source.kind.resource,
                self._source.namespaces[0],
                since=self.since,
                label_selector=self._source.label_selector,
            )
            async with aclosing(changes):
                async for change in changes:
                    found = change.object
                    self._changes[found.namespace, found.name] = None if change.gone else found
                    self._last = found.resource_version
                    if len(self._changes) > MOST_CHANGES:
                        break
        except K8sOpsError:
            # Nothing is lost by it: the kind is listed a second time.
            pass
        self._broken = True
