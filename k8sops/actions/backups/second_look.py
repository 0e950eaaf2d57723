"""A second look at every kind once all were read: what changed meanwhile is read again, what is gone is taken out.

So the backup shows each kind as it was near the end, not as it was when its turn came, and says how much changed and
how far first and last moment lie apart. It is one look: what changes while it is taken is the next backup's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from contextlib import aclosing
from typing import Final

from k8sops.actions.backups.incremental import Place
from k8sops.actions.backups.kinds import CLAIMS, RELATED, ChosenKind
from k8sops.actions.backups.reading import Reading, item_of
from k8sops.actions.backups.sources import UNREADABLE, each_of, no_more
from k8sops.backup.vault.items import Item, Key
from k8sops.backup.vault.writing import BackupWriter
from k8sops.core.clock import Clock
from k8sops.core.raw import RawObject

KINDS_AT_ONCE: Final = 6

Rows = Mapping[Place, tuple[str, str]]
"""uid and resourceVersion of what was taken of a kind."""
Difference = tuple[ChosenKind, list[Place], list[Place]]
"""Of a kind, what changed or is new, and what is gone."""


class SecondLook:
    """Compares what was taken with what is there now."""

    def __init__(self, reading: Reading, writer: BackupWriter, clock: Clock) -> None:
        self._reading: Final = reading
        self._writer: Final = writer
        self._clock: Final = clock
        self.changed = 0
        self.read_again = 0

    async def settle(self) -> None:
        """Look, and bring the backup up to what was seen. Raises what the repository raises."""
        kinds = [kind for kind in self._reading.what.kinds if kind.key not in self._reading.unread]
        watched = [kind for kind in kinds if kind.key in self._reading.watchers]
        judged = [kind for kind in kinds if self._reading.related.judges(kind)]
        plain = [
            kind
            for kind in kinds
            if kind not in judged and kind not in watched and not self._reading.is_fresh(kind)
        ]
        looked_at = {kind.key for kind in (*plain, *judged)}
        rows = await asyncio.to_thread(self._by_kind, looked_at) if looked_at else {}
        differing = await self._looks(plain, rows, KINDS_AT_ONCE)
        # Bindings before the roles that they give.
        judged.sort(key=lambda kind: RELATED.index(kind.key))
        differing += await self._looks(judged, rows, 1)
        for kind in watched:
            told = await self._reading.watchers[kind.key].changes()
            if told is None:
                differing += await self._looks([kind], {kind.key: self._of(kind)}, 1)
            else:
                self._reading.resource_versions[kind.key] = told[1]
                await self._writer.take(self._told(kind, told[0]))
        for kind, changed, gone in differing:
            self.changed += len(changed) + len(gone)
            await self._writer.add(self._items(kind, changed, gone))
        self._reading.last_at = self._clock.now()

    def _told(self, kind: ChosenKind, changes: Mapping[Place, RawObject | None]) -> list[Item]:
        """What a watch told, as far as it differs from what was taken: it may tell again what was read."""
        items = []
        for place, found in changes.items():
            key = Key(*kind.key, *place)
            before = self._writer.rows.get(key)
            if found is None or not self._reading.takes(kind, found):
                if before is None:
                    continue
                items.append(self._gone(kind, place))
            elif before is not None and before[:2] == (found.uid, found.resource_version):
                continue
            else:
                self.read_again += 1
                items.append(item_of(kind, found))
        self.changed += len(items)
        return items

    async def _looks(
        self, kinds: Sequence[ChosenKind], rows: Mapping[tuple[str, str], Rows], at_once: int
    ) -> list[Difference]:
        looks = each_of(kinds, lambda kind: self._look(kind, rows.get(kind.key, {})), at_once=at_once)
        async with aclosing(looks):
            return [look async for look in looks if look[1] or look[2]]

    def _by_kind(self, kinds: Set[tuple[str, str]]) -> dict[tuple[str, str], dict[Place, tuple[str, str]]]:
        """What was taken of these kinds."""
        found: dict[tuple[str, str], dict[Place, tuple[str, str]]] = {kind: {} for kind in kinds}
        for key, (uid, version, _) in self._writer.rows.items():
            if (of_kind := found.get((key.group, key.resource))) is not None:
                of_kind[key.namespace, key.name] = (uid, version)
        return found

    def _of(self, kind: ChosenKind) -> Rows:
        return {
            (key.namespace, key.name): row[:2]
            for key, row in self._writer.rows.items()
            if (key.group, key.resource) == kind.key
        }

    async def _look(self, kind: ChosenKind, rows: Rows) -> Difference:
        changed: dict[Place, None] = {}
        seen: set[Place] = set()
        whole = self._reading.related.needs_bytes(kind)
        source = self._reading.source_of(kind)
        for namespace in source.namespaces:
            try:
                pages = source.pages(self._reading.cluster, namespace, metadata_only=not whole)
                async with aclosing(pages):
                    async for page in pages:
                        self._reading.resource_versions[kind.key] = page.resource_version
                        if page.restarted:
                            seen = {place for place in seen if namespace and place[0] != namespace}
                        for found in page.objects:
                            place = (found.namespace, found.name)
                            if self._reading.takes(kind, found):
                                seen.add(place)
                                if rows.get(place) != (found.uid, found.resource_version):
                                    changed[place] = None
            except UNREADABLE as error:
                if await no_more(self._reading.cluster, kind, error):
                    continue
                self._reading.gap(kind, namespace, f"it was read, but not a second time: {error.message}")
                return kind, [], []
        return (
            kind,
            [place for place in changed if place in seen],
            [place for place in rows if place not in seen],
        )

    async def _items(self, kind: ChosenKind, changed: list[Place], gone: list[Place]) -> AsyncIterator[Item]:
        for place in gone:
            yield self._gone(kind, place)
        since = self._reading.resource_versions.get(kind.key, "")
        async for found in self._reading.fetched(kind, changed, since):
            if isinstance(found, RawObject):
                if self._reading.takes(kind, found):
                    self.read_again += 1
                    yield item_of(kind, found)
            else:
                yield self._gone(kind, found)

    def _gone(self, kind: ChosenKind, place: Place) -> Item:
        if kind.key == CLAIMS:
            self._reading.claims.discard(place)
        return Item(Key(*kind.key, *place))
