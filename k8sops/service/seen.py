"""What was seen of backup repositories, kept in the store and told in the audit trail: `backup.vault.seen.Seen`.

Whoever holds the bucket can hide its newest part; whoever holds the store could lower a mark. The audit trail, which is
chained and signed elsewhere, has every mark that ever rose, so that the second is found out, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from k8sops.backup.chain import Mark
from k8sops.backup.vault.seen import Seen
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.service.storing import Storage
from k8sops.store.database import Database, Tx
from k8sops.store.repository_rows import (
    MarkRow,
    Spot,
    epoch_of,
    forget_epoch,
    forget_mark,
    keep_repository_at,
    mark_of,
    marked_clusters,
    put_mark,
    raise_epoch,
    raise_mark,
    repository_at,
)


class Remembered(Seen, Protocol):
    """A `Seen` that also knows which repository was where: one that was emptied must not be begun anew unnoticed."""

    def at(self, place: str) -> Remembered:
        """The same of a copy, for which alone counts what was seen there."""
        ...

    async def repository_at(self, place: str) -> str:
        """The id of the repository that was seen at a place; empty if none was."""
        ...

    async def found_at(self, place: str, repository: str) -> None:
        """Keep it."""
        ...


class StoredSeen:
    """A `Seen` that lasts as long as the store; every process that shares it knows the same."""

    def __init__(self, storage: Storage, actor: Callable[[], Actor], place: str = "") -> None:
        """`actor` is in whose name it goes on record; `place` is that of a copy, which may lag behind."""
        self._place: Final = place
        self._storage: Final = storage
        self._actor: Final = actor

    def at(self, place: str) -> StoredSeen:
        """The same of a copy, for which alone counts what was seen there."""
        return StoredSeen(self._storage, self._actor, place)

    async def newest(self, repository: str, cluster: str) -> Mark | None:
        """The newest manifest that was seen, or None."""
        database = await self._storage.database()
        found = await database.read(lambda tx: mark_of(tx, Spot(repository, cluster, self._place)))
        return None if found is None else Mark(found.seq, found.sha256)

    async def saw(self, repository: str, cluster: str, mark: Mark) -> None:
        """Keep it, unless a greater number is kept."""
        kept = await self.newest(repository, cluster)
        if kept is not None and kept.seq >= mark.seq:
            return
        books = await self._storage.books()

        def work(tx: Tx) -> None:
            if raise_mark(tx, Spot(repository, cluster, self._place), MarkRow(mark.seq, mark.sha256)):
                data = {"repository": repository, "seq": mark.seq, "sha256": mark.sha256}
                books.chain(tx, [self._entry(tx, "backup.seen", "seen", data, cluster)])

        await (await self._storage.database()).write(work, name="backup.seen")

    async def clusters(self, repository: str) -> tuple[str, ...]:
        """The clusters of which a manifest was seen."""
        database = await self._storage.database()
        return await database.read(lambda tx: marked_clusters(tx, repository, self._place))

    async def greatest_epoch(self, repository: str) -> int:
        """The greatest epoch that was seen; 0 if none was."""
        return await (await self._storage.database()).read(lambda tx: epoch_of(tx, repository, self._place))

    async def saw_epoch(self, repository: str, epoch: int) -> None:
        """Keep it, unless a greater one is kept."""
        if await self.greatest_epoch(repository) >= epoch:
            return
        books = await self._storage.books()

        def work(tx: Tx) -> None:
            if raise_epoch(tx, repository, epoch, self._place):
                data = {"repository": repository, "epoch": epoch}
                books.chain(tx, [self._entry(tx, "backup.epoch_seen", "seen", data)])

        await (await self._storage.database()).write(work, name="backup.seen")

    async def repository_at(self, place: str) -> str:
        """The id of the repository that was seen at a place; empty if none was."""
        return await (await self._storage.database()).read(lambda tx: repository_at(tx, place))

    async def found_at(self, place: str, repository: str) -> None:
        """Keep it."""
        if await self.repository_at(place) != repository:
            database = await self._storage.database()
            await database.write(lambda tx: keep_repository_at(tx, place, repository), name="backup.seen")

    async def accept_place(self, place: str, repository: str, reason: str) -> None:
        """Take what is at a place now for what is meant, although another was seen: a person says so."""
        books = await self._storage.books()

        def work(tx: Tx) -> None:
            data = {"place": place, "repository": repository, "was": repository_at(tx, place)}
            keep_repository_at(tx, place, repository)
            entry = self._entry(tx, "backup.rollback_accepted", "accepted", data, reason=reason)
            books.chain(tx, [entry])

        await (await self._storage.database()).write(work, name="backup.rollback_accepted")

    async def accept(self, repository: str, cluster: str, shown: Mark, reason: str) -> None:
        """Take what the repository shows now for the newest, although more was seen: a person says so."""
        books = await self._storage.books()

        def work(tx: Tx) -> None:
            before = mark_of(tx, Spot(repository, cluster, self._place))
            put_mark(tx, Spot(repository, cluster, self._place), MarkRow(shown.seq, shown.sha256))
            data = {
                "repository": repository,
                "seq": shown.seq,
                "sha256": shown.sha256,
                "was": _shown(before),
            }
            entry = self._entry(tx, "backup.rollback_accepted", "accepted", data, cluster, reason)
            books.chain(tx, [entry])

        await (await self._storage.database()).write(work, name="backup.rollback_accepted")

    async def accept_nothing(self, repository: str, cluster: str, reason: str) -> None:
        """Take it that there is no backup of a cluster, although some were seen: a person says so."""
        books = await self._storage.books()

        def work(tx: Tx) -> None:
            spot = Spot(repository, cluster, self._place)
            before = mark_of(tx, spot)
            forget_mark(tx, spot)
            data = {"repository": repository, "seq": 0, "sha256": "", "was": _shown(before)}
            books.chain(tx, [self._entry(tx, "backup.rollback_accepted", "accepted", data, cluster, reason)])

        await (await self._storage.database()).write(work, name="backup.rollback_accepted")

    async def accept_epoch(self, repository: str, shown: int, reason: str) -> None:
        """Take an epoch for the newest, although keys of a later one were seen: a person says that they are lost."""
        books = await self._storage.books()

        def work(tx: Tx) -> None:
            data = {
                "repository": repository,
                "epoch": shown,
                "was": {"epoch": epoch_of(tx, repository, self._place)},
            }
            forget_epoch(tx, repository, self._place)
            raise_epoch(tx, repository, shown, self._place)
            entry = self._entry(tx, "backup.rollback_accepted", "accepted", data, reason=reason)
            books.chain(tx, [entry])

        await (await self._storage.database()).write(work, name="backup.rollback_accepted")

    def _entry(
        self, tx: Tx, code: str, outcome: str, data: Mapping[str, object], cluster: str = "", reason: str = ""
    ) -> AuditEntry:
        return AuditEntry(
            code=code,
            at=tx.now(),
            actor=self._actor(),
            cluster_uid=cluster,
            reason=reason,
            outcome=outcome,
            data=dict(data),
        )


def _shown(mark: MarkRow | None) -> dict[str, object]:
    return {"seq": mark.seq, "sha256": mark.sha256} if mark else {}


class SeenOnlyRead:
    """A `Seen` that keeps nothing: what the store has, for whoever only looks; nothing where there is no store yet."""

    def __init__(self, database: Database | None, place: str = "") -> None:
        self._database: Final = database
        self._place: Final = place

    def at(self, place: str) -> SeenOnlyRead:
        """The same of a copy, for which alone counts what was seen there."""
        return SeenOnlyRead(self._database, place)

    async def newest(self, repository: str, cluster: str) -> Mark | None:
        """The newest manifest that was seen, or None."""
        if self._database is None:
            return None
        found = await self._database.read(lambda tx: mark_of(tx, Spot(repository, cluster, self._place)))
        return None if found is None else Mark(found.seq, found.sha256)

    async def saw(self, repository: str, cluster: str, mark: Mark) -> None:
        """Not kept."""

    async def clusters(self, repository: str) -> tuple[str, ...]:
        """The clusters of which a manifest was seen."""
        if self._database is None:
            return ()
        return await self._database.read(lambda tx: marked_clusters(tx, repository, self._place))

    async def greatest_epoch(self, repository: str) -> int:
        """The greatest epoch that was seen; 0 if none was."""
        if self._database is None:
            return 0
        return await self._database.read(lambda tx: epoch_of(tx, repository, self._place))

    async def saw_epoch(self, repository: str, epoch: int) -> None:
        """Not kept."""

    async def repository_at(self, place: str) -> str:
        """The id of the repository that was seen at a place; empty if none was."""
        if self._database is None:
            return ""
        return await self._database.read(lambda tx: repository_at(tx, place))

    async def found_at(self, place: str, repository: str) -> None:
        """Not kept."""
