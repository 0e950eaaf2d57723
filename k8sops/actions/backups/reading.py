"""Reading a cluster into a backup: kind by kind, whole or only what changed, and every trouble kept as a gap.

An object is taken over by its id where uid, resourceVersion and served version are those of the last backup; the rest
is fetched singly, or the kind listed again where much of it changed. What is read whole is held against the last backup
too: bytes that changed under an unchanged resourceVersion show that this way of telling cannot be relied on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from k8sops.actions.backups.incremental import BaseRows, Known, Place
from k8sops.actions.backups.kinds import CLAIMS, RELATED, ChosenKind, Judge
from k8sops.actions.backups.related import Related
from k8sops.actions.backups.sources import (
    UNREADABLE,
    Source,
    Stream,
    Trouble,
    each_of,
    in_turn,
    no_more,
    raw_or_gone,
)
from k8sops.actions.backups.watching import WATCHED_FROM, Watcher
from k8sops.backup.bodies import Gap
from k8sops.backup.selection import Selection
from k8sops.backup.vault.items import Item, Key
from k8sops.backup.vault.writing import BackupWriter
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.ports import ClusterReader
from k8sops.core.raw import RawObject, RawPage

SINGLY: Final = 50
"""So many changed objects of a kind are fetched singly whatever their part."""
SINGLY_PART: Final = 0.08
"""Above this part of a kind one more list is less work than single requests (docs/performance.md)."""
REWRITTEN_NAMED: Final = 20


class What(msgspec.Struct, frozen=True, kw_only=True):
    """What is read: these kinds, in these namespaces (one empty name for all), every object or what changed."""

    selection: Selection
    kinds: tuple[ChosenKind, ...]
    namespaces: tuple[str, ...] = ("",)
    full: bool = True
    watched_from: int = WATCHED_FROM
    """Kinds of so many objects are watched once they were listed, smaller ones listed twice."""

    @property
    def label_selector(self) -> str:
        """What the server itself can select by; of several selectors each object is judged here."""
        selectors = self.selection.selectors
        return selectors[0] if len(selectors) == 1 else ""


class Reading:
    """One reading of a cluster into one backup: `read`, then `SecondLook`; what it came to is in its attributes."""

    def __init__(
        self,
        cluster: ClusterReader,
        clock: Clock,
        writer: BackupWriter,
        what: What,
        told: Callable[[], Awaitable[None]],
    ) -> None:
        self.cluster: Final = cluster
        self.what: Final = what
        self.related: Final = Related(what.selection)
        self.gaps: Final[list[Gap]] = []
        self.claims: Final[set[Place]] = set()
        self.resource_versions: Final[dict[tuple[str, str], str]] = {}
        """Of each kind that was read, as of its first list."""
        self.unread: Final[set[tuple[str, str]]] = set()
        """Kinds with a gap."""
        self.rewritten: Final[list[Key]] = []
        """Objects whose bytes changed under an unchanged resourceVersion."""
        self.read_bytes = 0
        self.kinds_done = 0
        self.objects = 0
        self.watchers: Final[dict[tuple[str, str], Watcher]] = {}
        """Of the large kinds, since they were listed."""
        self._judges: Final[dict[tuple[str, str], Judge]] = {}
        self._clock: Final = clock
        self._writer: Final = writer
        self._told: Final = told
        self.first_at = clock.now()
        self.last_at = self.first_at

    async def read(self) -> None:
        """Read every kind. Raises what the repository raises; what the cluster refuses becomes a gap.

        Raises it all the same where nothing could be read at all.
        """
        self.first_at = self._clock.now()
        plain = [kind for kind in self.what.kinds if not self.related.judges(kind)]
        base = BaseRows(self._writer.base, plain)
        await self._all(plain, base)
        # Who they belong to is known only now.
        judged = [kind for kind in self.what.kinds if self.related.judges(kind)]
        await self._all(sorted(judged, key=lambda kind: RELATED.index(kind.key)), None)
        self.last_at = self._clock.now()

    def source_of(self, kind: ChosenKind, *, metadata_only: bool = False) -> Source:
        """Where a kind is read."""
        namespaces = self.what.namespaces if kind.resource.namespaced else ("",)
        # What belongs to other objects is taken whatever its own labels are.
        selector = "" if self.related.judges(kind) else self.what.label_selector
        return Source(kind=kind, namespaces=namespaces, metadata_only=metadata_only, label_selector=selector)

    def takes(self, kind: ChosenKind, found: RawObject) -> bool:
        """Whether an object is part of the backup. Notes what others are judged by."""
        if self.related.judges(kind):
            return self.related.belongs(kind, found)
        judge = self._judges.get(kind.key)
        if judge is None:
            judge = self._judges[kind.key] = Judge(kind, self.what.selection)
        taken = judge.takes(found.namespace, found.name, found.labels)
        if taken and self.related.wanted and kind.resource.namespaced:
            self.related.took(kind, found)
        if taken and kind.key == CLAIMS:
            self.claims.add((found.namespace, found.name))
        return taken

    def gap(self, kind: ChosenKind, namespace: str, why: str) -> None:
        """Something of a kind could not be read."""
        self.gaps.append(Gap(group=kind.key[0], resource=kind.key[1], namespace=namespace, why=why[:500]))
        self.unread.add(kind.key)

    async def fetched(
        self, kind: ChosenKind, places: Sequence[Place]
    ) -> AsyncGenerator[RawObject | Place, None]:
        """These objects, one request each; the place of one that is gone. What cannot be read becomes a gap."""

        async def one(place: Place) -> RawObject | Place | K8sOpsError:
            try:
                return await raw_or_gone(self.cluster, kind, place[1], place[0]) or place
            except UNREADABLE as error:
                return error

        answers = each_of(places, one)
        async with aclosing(answers):
            async for answer in answers:
                if isinstance(answer, K8sOpsError):
                    self.gap(kind, "", answer.message)
                else:
                    yield answer

    async def close(self) -> None:
        """End what watches."""
        for watcher in self.watchers.values():
            await watcher.close()

    async def _all(self, kinds: Sequence[ChosenKind], base: BaseRows | None) -> None:
        incremental = base is not None and not self.what.full
        sources = [
            self.source_of(kind, metadata_only=incremental and not self.related.needs_bytes(kind))
            for kind in kinds
        ]
        streams = in_turn(self.cluster, sources)
        async with aclosing(streams):
            async for stream in streams:
                source = stream.source
                known = await base.of(source.kind) if base is not None else {}
                await self._one(stream, known)
                if not source.metadata_only and known:
                    found = await asyncio.to_thread(self._rewritten, source.kind, known)
                    self.rewritten.extend(found)
                self.kinds_done += 1
                await self._told()

    async def _one(self, stream: Stream, known: dict[Place, Known]) -> None:
        kind, watched = stream.source.kind, len(stream.source.namespaces) == 1
        changed: list[Place] = []
        count, since = 0, ""
        async for part in stream.parts():
            if isinstance(part, Trouble):
                watched = False
                if not await no_more(self.cluster, kind, part.error):
                    self.gap(kind, part.namespace, part.error.message)
                continue
            # Pages that are void were taken: only a second list shows what is no more.
            watched = watched and not part.restarted
            since = part.resource_version
            self.resource_versions.setdefault(kind.key, since)
            self.read_bytes += part.read_bytes
            count += len(part.objects)
            await self._writer.take(self._page(stream.source, part, known, changed))
            self.objects += len(part.objects)
            await self._told()
        if watched and count >= self.what.watched_from and "watch" in kind.resource.verbs:
            self.watchers[kind.key] = Watcher(self.cluster, stream.source, since)
        if changed:
            many = len(changed) > max(SINGLY, SINGLY_PART * count)
            rest = self._listed_again(kind, known) if many else self._singly(kind, changed)
            await self._writer.add(rest)

    def _page(
        self, source: Source, page: RawPage, known: dict[Place, Known], changed: list[Place]
    ) -> list[Item]:
        """What is taken of a page; with metadata only, what has to be fetched is added to `changed`."""
        kind = source.kind
        taken = [found for found in page.objects if self.takes(kind, found)]
        if not source.metadata_only:
            return [item_of(kind, found) for found in taken]
        items = []
        for found in taken:
            before = _unchanged(known, found)
            if before is None:
                changed.append((found.namespace, found.name))
            else:
                items.append(item_of(kind, found, known=before.id))
        return items

    async def _singly(self, kind: ChosenKind, places: Sequence[Place]) -> AsyncIterator[Item]:
        async for found in self.fetched(kind, places):
            if isinstance(found, RawObject) and self.takes(kind, found):
                self.read_bytes += len(found.data)
                yield item_of(kind, found)

    async def _listed_again(self, kind: ChosenKind, known: dict[Place, Known]) -> AsyncIterator[Item]:
        """The whole kind, of which only what changed is given on."""
        source = self.source_of(kind)
        for namespace in source.namespaces:
            try:
                pages = source.pages(self.cluster, namespace, metadata_only=False)
                async with aclosing(pages):
                    async for page in pages:
                        self.read_bytes += page.read_bytes
                        for found in page.objects:
                            if self.takes(kind, found) and _unchanged(known, found) is None:
                                yield item_of(kind, found)
            except UNREADABLE as error:
                self.gap(kind, namespace, error.message)

    def _rewritten(self, kind: ChosenKind, known: dict[Place, Known]) -> list[Key]:
        found = []
        for (namespace, name), before in known.items():
            key = Key(*kind.key, namespace, name)
            now = self._writer.rows.get(key)
            if now is not None and (before.uid, before.resource_version) == now[:2] and before.id != now[2]:
                found.append(key)
        return found


def item_of(kind: ChosenKind, found: RawObject, *, known: bytes | None = None) -> Item:
    """An object as a backup takes it: with its bytes, or by the id of bytes that are held."""
    key = Key(*kind.key, found.namespace, found.name)
    data = None if known is not None else found.data
    return Item(key, found.uid, found.resource_version, data=data, known=known)


def _unchanged(known: dict[Place, Known], found: RawObject) -> Known | None:
    before = known.get((found.namespace, found.name))
    if before is None or (before.uid, before.resource_version) != (found.uid, found.resource_version):
        return None
    # Without a version of its own an object cannot be told from what it was (some aggregated APIs).
    return before if found.resource_version else None
