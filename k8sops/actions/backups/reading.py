"""Reading a cluster into a backup: kind by kind, whole or only what changed, and every trouble kept as a gap.

An object is taken over by its id where uid, resourceVersion and served version are those of the last backup; the rest
is fetched singly, or the kind listed again where much of it changed. What is read whole is held against the last backup
too: bytes that changed under an unchanged resourceVersion show that this way of telling cannot be relied on.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from k8sops.actions.backups.ending import Ending
from k8sops.actions.backups.incremental import Place, size_of, sizes_of, states_of, versions_of
from k8sops.actions.backups.kinds import CLAIMS, RELATED, ChosenKind, Judge
from k8sops.actions.backups.related import Related
from k8sops.actions.backups.retelling import retold
from k8sops.actions.backups.sources import (
    KINDS_AT_ONCE,
    UNREADABLE,
    Source,
    each_of,
    no_more,
    raw_or_gone,
)
from k8sops.actions.backups.watching import WATCHED_FROM, Watcher
from k8sops.backup.bodies import Gap
from k8sops.backup.selection import Selection
from k8sops.backup.vault.items import Item, Key, Taken
from k8sops.backup.vault.writing import BackupWriter
from k8sops.cluster.pages import PAGE_SIZE
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.ports import ClusterReader
from k8sops.core.raw import RawObject, RawPage
from k8sops.core.tasks import all_of

SINGLY_PER_PAGE: Final = 10
"""Above so many changed objects for each page of a kind the list costs less than they do (docs/performance.md)."""
RETOLD_OF: Final = 2
"""Where more than one in so many changed the list costs less than to be told of each, one change after the other."""
FRESH_S: Final = 1.0
"""A second look at all kinds takes about as long, so what it shows of one is no younger."""
REWRITTEN_NAMED: Final = 20
TAKEN_AT_ONCE: Final = 64


class What(msgspec.Struct, frozen=True, kw_only=True):
    """What is read: these kinds, in these namespaces (one empty name for all), every object or what changed."""

    selection: Selection
    kinds: tuple[ChosenKind, ...]
    namespaces: tuple[str, ...] = ("",)
    full: bool = True
    watched_from: int = WATCHED_FROM
    """Kinds of so many objects are read first and watched once they were listed, smaller ones listed twice."""
    fresh_s: float = FRESH_S
    """But not those that were listed so short a time before the end."""

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
        self.seen = 0
        """Objects of pages that were read, meant or not."""
        self.watchers: Final[dict[tuple[str, str], Watcher]] = {}
        """Of the large kinds, since they were listed."""
        self._begun: Final[dict[tuple[str, str], float]] = {}
        """When the list of a kind that came in one page was begun."""
        self._ending: Final = Ending(clock, what.fresh_s / 2)
        self._judges: Final[dict[tuple[str, str], Judge]] = {}
        self._taking: Final = asyncio.Lock()
        self._clock: Final = clock
        self._writer: Final = writer
        self._told: Final = told
        self._versions: dict[tuple[str, str], str] = {}
        self._states: dict[tuple[str, str], str] = {}
        self.first_at = clock.now()
        self.last_at = self.first_at

    @property
    def objects(self) -> int:
        """How many are in the backup until now."""
        return len(self._writer.rows)

    async def read(self) -> None:
        """Read every kind. Raises what the repository raises; what the cluster refuses becomes a gap.

        Raises it all the same where nothing could be read at all.
        """
        self.first_at = self._clock.now()
        self._versions = versions_of(self._writer.base)
        self._states = states_of(self._writer.base)
        plain = [kind for kind in self.what.kinds if not self.related.judges(kind)]
        # Pages of one list come one after the other: the longest lists are begun first.
        sizes = sizes_of(self._writer.base)
        plain.sort(key=lambda kind: size_of(kind.key, sizes), reverse=True)
        many = sum(size_of(kind.key, sizes) >= self.what.watched_from for kind in plain)
        # Small kinds last: what was listed a moment before the end needs no second look.
        await self._all(plain[:many], plain[many:], KINDS_AT_ONCE)
        # Who they belong to is known only now.
        judged = [kind for kind in self.what.kinds if self.related.judges(kind)]
        await self._all((), sorted(judged, key=lambda kind: RELATED.index(kind.key)), 1)
        base = await self._writer.base_rows()
        self.rewritten.extend(await asyncio.to_thread(self._rewritten, base))
        self.last_at = self._clock.now()

    def is_fresh(self, kind: ChosenKind) -> bool:
        """Whether all of a kind was listed at once, so short a time ago that a second look would tell no more."""
        begun = self._begun.get(kind.key)
        return begun is not None and self._clock.monotonic() - begun < self.what.fresh_s

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
        taken = self._judge(kind).takes(found.namespace, found.name, found.labels)
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
        self, kind: ChosenKind, places: Sequence[Place], since: str = ""
    ) -> AsyncGenerator[RawObject | Place, None]:
        """These objects, one request each; the place of one that is gone. What cannot be read becomes a gap.

        `since` is the state of the list that showed them, the newest of several: nothing older will do.
        """

        async def one(place: Place) -> RawObject | Place | K8sOpsError:
            try:
                return await raw_or_gone(self.cluster, kind, place[1], place[0], since) or place
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

    async def _all(self, large: Sequence[ChosenKind], small: Sequence[ChosenKind], at_once: int) -> None:
        """Several kinds at once: while one's page is packed, the server is at work on others'.

        The small ones once little of the large ones is to come.
        """
        self._ending.expect([kind.key for kind in large])
        waiting, later = iter(large), iter(small)

        async def done(kind: ChosenKind) -> None:
            await self._one(kind)
            self._ending.ended(kind.key)
            self.kinds_done += 1
            await self._told()

        async def each() -> None:
            for kind in waiting:
                await done(kind)
            await self._ending.near()
            for kind in later:
                await done(kind)

        await all_of(each() for _ in range(at_once))

    async def _one(self, kind: ChosenKind) -> None:
        known = not self.what.full and self._versions.get(kind.key) == kind.resource.version
        source = self.source_of(kind, metadata_only=known and not self.related.needs_bytes(kind))
        changed: dict[Place, str] = {}
        count, since, watched = 0, "", len(source.namespaces) == 1
        pages, whole, begun = 0, True, self._clock.monotonic()
        for namespace in source.namespaces:
            parts = source.parts(self.cluster, namespace, metadata_only=source.metadata_only)
            async with aclosing(parts):
                async for part in parts:
                    if isinstance(part, K8sOpsError):
                        watched = whole = False
                        if not await no_more(self.cluster, kind, part):
                            self.gap(kind, namespace, part.message)
                        continue
                    # Pages that are void were taken: only a second list shows what is no more.
                    watched = watched and not part.restarted
                    since = part.resource_version
                    self.resource_versions.setdefault(kind.key, since)
                    count, pages = count + len(part.objects), pages + 1
                    if len(source.namespaces) == 1:
                        self._ending.came(kind.key, len(part.objects), part.remaining)
                    await self._take_page(source, part, changed)
        if whole and pages == len(source.namespaces):
            self._begun[kind.key] = begun
        if watched and count >= self.what.watched_from and "watch" in kind.resource.verbs:
            self.watchers[kind.key] = Watcher(self.cluster, source, since)
        if changed:
            await self._take_changed(source, changed, count, since)

    async def _take_changed(self, source: Source, changed: dict[Place, str], count: int, since: str) -> None:
        """What changed of a kind's `count` objects, each listed in that state: as the server tells it, else read."""
        kind = source.kind
        if len(changed) <= count // RETOLD_OF:
            for namespace in source.namespaces:
                before = self._states.get(kind.key, "")
                await self._keep(kind, retold(self.cluster, source, namespace, before, changed))
        if not changed:
            return
        many = len(changed) > SINGLY_PER_PAGE * math.ceil(count / PAGE_SIZE)
        await (self._list_again(kind) if many else self._fetch(kind, list(changed), since))

    async def _take_page(self, source: Source, page: RawPage, changed: dict[Place, str]) -> None:
        """Take a page; with metadata only, what has to be fetched is added to `changed`, as it was listed."""
        kind = source.kind
        taken = self._taken(kind, page.objects)
        if source.metadata_only:
            same: dict[Key, Taken] = {}
            base, (group, resource) = await self._writer.base_rows(), kind.key
            for found in taken:
                key = Key(group, resource, found.namespace, found.name)
                before = base.get(key)
                if before is not None and _unchanged(before, found):
                    same[key] = before
                else:
                    changed[found.namespace, found.name] = found.resource_version
            self._writer.keep(same)
        else:
            await self._take([item_of(kind, found) for found in taken])
        self.read_bytes += page.read_bytes
        self.seen += len(page.objects)
        await self._told()

    def _taken(self, kind: ChosenKind, objects: Sequence[RawObject]) -> list[RawObject]:
        """Those that `takes` takes, with what is the same for all of them asked once."""
        if self.related.wanted or kind.key == CLAIMS:
            return [found for found in objects if self.takes(kind, found)]
        takes = self._judge(kind).takes
        return [found for found in objects if takes(found.namespace, found.name, found.labels)]

    def _judge(self, kind: ChosenKind) -> Judge:
        judge = self._judges.get(kind.key)
        if judge is None:
            judge = self._judges[kind.key] = Judge(kind, self.what.selection)
        return judge

    async def _take(self, items: Sequence[Item]) -> None:
        async with self._taking:
            await self._writer.take(items)

    async def _fetch(self, kind: ChosenKind, places: Sequence[Place], since: str) -> None:
        """These objects, by single requests."""
        await self._keep(kind, self.fetched(kind, places, since))

    async def _keep(self, kind: ChosenKind, answers: AsyncGenerator[RawObject | Place, None]) -> None:
        """Objects as they come, those that are meant."""
        items: list[Item] = []
        async with aclosing(answers):
            async for found in answers:
                if isinstance(found, RawObject) and self.takes(kind, found):
                    self.read_bytes += len(found.data)
                    items.append(item_of(kind, found))
                    if len(items) >= TAKEN_AT_ONCE:
                        await self._take(items)
                        items = []
        await self._take(items)

    async def _list_again(self, kind: ChosenKind) -> None:
        """The whole kind, of which only what changed is taken."""
        source = self.source_of(kind)
        for namespace in source.namespaces:
            parts = source.parts(self.cluster, namespace, metadata_only=False)
            async with aclosing(parts):
                async for part in parts:
                    if isinstance(part, K8sOpsError):
                        self.gap(kind, namespace, part.message)
                        continue
                    self.read_bytes += part.read_bytes
                    items = [item_of(kind, found) for found in part.objects if self.takes(kind, found)]
                    base = await self._writer.base_rows()
                    await self._take([item for item in items if not _unchanged(base.get(item.key), item)])

    def _rewritten(self, base: Mapping[Key, Taken]) -> list[Key]:
        found = []
        for key, now in self._writer.rows.items():
            before = base.get(key)
            if before is None or before is now or before[:2] != now[:2] or before[2] == now[2]:
                continue
            if now[1] and self._like_before(key):
                found.append(key)
        return found

    def _like_before(self, key: Key) -> bool:
        """Whether the kind was read in the same version for the last backup."""
        kind = (key.group, key.resource)
        return any(
            one.key == kind and one.resource.version == self._versions.get(kind) for one in self.what.kinds
        )


def item_of(kind: ChosenKind, found: RawObject, *, known: bytes | None = None) -> Item:
    """An object as a backup takes it: with its bytes, or by the id of bytes that are held."""
    key = Key(*kind.key, found.namespace, found.name)
    data = None if known is not None else found.data
    return Item(key, found.uid, found.resource_version, data=data, known=known)


def _unchanged(before: Taken | None, found: RawObject | Item) -> bool:
    # Without a version of its own an object cannot be told from what it was (some aggregated APIs).
    if before is None or not found.resource_version:
        return False
    return before[1] == found.resource_version and before[0] == found.uid
