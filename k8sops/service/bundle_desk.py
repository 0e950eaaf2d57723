"""The log bundles of a repository as people look at them: which there are, which is meant, and one brought out again.

Looking needs no cluster. What is brought out goes on record first, as a backup that is exported does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.actions.backups.ports import OpenRepository
from k8sops.backup.vault.bundles_reading import FoundBundle, bring_bundle, bundles_in
from k8sops.bundle.naming import safe_part
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.core.bundles import BundleView, MissingBundle
from k8sops.core.clock import parse_rfc3339
from k8sops.core.errors import UsageError

if TYPE_CHECKING:
    from k8sops.core.clock import Clock
    from k8sops.service.config import Config
    from k8sops.service.storing import Storage
    from k8sops.store.database import Tx

SHORTEST_PREFIX: Final = 6
SHORTEST_UID: Final = 4


class ChosenBundle(msgspec.Struct, frozen=True):
    """A bundle that was named."""

    found: FoundBundle
    view: BundleView

    @property
    def file_name(self) -> str:
        """A name for its file that leads nowhere else."""
        return safe_part(self.view.name)


class BundleDesk:
    """What can be seen of one repository's bundles."""

    def __init__(self, opened: OpenRepository, storage: Storage) -> None:
        self.opened: Final = opened
        self._storage: Final = storage

    @property
    def clock(self) -> Clock:
        """The repository's."""
        return self.opened.vault.clock

    async def listed(self, cluster: str = "") -> tuple[Sequence[BundleView], Sequence[MissingBundle]]:
        """The bundles of a cluster (by name, uid or its beginning) or of all, newest first; and those that do not open.

        Raises RepositoryError where the repository cannot be read.
        """
        views: list[BundleView] = []
        missing: list[MissingBundle] = []
        async for found in bundles_in(self.opened.vault):
            if found.body is None:
                why = found.wrong.message if found.wrong is not None else "it cannot be read"
                missing.append(MissingBundle(id=found.id, cluster=found.cluster, why=why))
            else:
                views.append(_view(found))
        if cluster:
            views = [one for one in views if _is_of(one, cluster)]
        return sorted(views, key=lambda one: (one.made_at, one.id), reverse=True), missing

    async def one(self, text: str) -> ChosenBundle:
        """The bundle that is meant: an id or six characters it begins with, or `latest`.

        Raises UsageError where none or several are meant, and what is wrong with one that cannot be read.
        """
        every = [found async for found in bundles_in(self.opened.vault)]
        if text == "latest":
            readable = [found for found in every if found.body is not None]
            meant = [max(readable, key=lambda found: (_view(found).made_at, found.id))] if readable else []
        else:
            wanted = text.upper()
            meant = [
                found for found in every if len(wanted) >= SHORTEST_PREFIX and found.id.startswith(wanted)
            ]
        if len(meant) != 1:
            what = (
                f"{len(meant)} bundles are called {text[:40]!r}"
                if meant
                else f"there is no bundle {text[:40]!r}"
            )
            raise UsageError(
                f"{what} in {self.opened.location}",
                hint="`k8sops bundles list` shows the ids; six characters or more are enough",
            )
        if meant[0].wrong is not None:
            raise meant[0].wrong
        return ChosenBundle(meant[0], _view(meant[0]))

    async def bring(
        self,
        chosen: ChosenBundle,
        to: Path,
        actor: Actor,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Write the archive to a new file, which goes on record first. Raises UsageError where it cannot be written."""
        await self._record(chosen.view, actor, to)
        await self.write(chosen, to, on_progress)

    async def write(
        self, chosen: ChosenBundle, to: Path, on_progress: Callable[[int, int], None] | None = None
    ) -> None:
        """The same for whoever has put it on record. Raises UsageError where it cannot be written."""
        try:
            await bring_bundle(self.opened.vault, chosen.found, to, on_progress)
        except OSError as error:
            raise UsageError(
                f"{to} cannot be written: {error.strerror}", hint="name another with --to"
            ) from error

    async def _record(self, view: BundleView, actor: Actor, to: Path) -> None:
        database, books = await self._storage.database(), await self._storage.books()
        data = {"bundle": view.id, "redacted": view.redacted, "bytes": view.bytes, "sha256": view.sha256}
        data |= {"from": self.opened.location, "to": str(to)}

        def work(tx: Tx) -> None:
            entry = AuditEntry(
                code="bundle.exported",
                at=tx.now(),
                actor=actor,
                cluster_uid=view.cluster,
                cluster_name=view.cluster_name,
                run=view.run,
                outcome="begun",
                data=data,
            )
            books.chain(tx, [entry])

        await database.write(work, name="bundle.exported")


@asynccontextmanager
async def open_bundle_desk(config: Config, repository: str = "") -> AsyncIterator[BundleDesk]:
    """Open a configured repository to look at its bundles.

    Raises UsageError where none is configured, RepositoryError where none is there, and what cannot be believed.
    """
    from k8sops.core.clock import SystemClock, UlidSource
    from k8sops.service.repositories import ConfiguredRepositories
    from k8sops.service.storing import Storage

    clock, ids = SystemClock(), UlidSource()
    storage = Storage(config, clock, ids)
    try:
        yield BundleDesk(await ConfiguredRepositories(config, storage, clock, ids).open(repository), storage)
    finally:
        await storage.aclose()


def _view(found: FoundBundle) -> BundleView:
    body = found.body
    if body is None:
        raise found.wrong or UsageError(f"bundle {found.id} cannot be read")
    return BundleView(
        id=body.id,
        name=body.name,
        cluster=found.cluster,
        cluster_name=body.cluster_name,
        run=body.run,
        requested_by=body.requested_by,
        made_at=parse_rfc3339(body.made_at),
        since=parse_rfc3339(body.since),
        until=parse_rfc3339(body.until),
        redacted=body.redacted,
        bytes=body.bytes,
        sha256=body.sha256,
    )


def _is_of(view: BundleView, cluster: str) -> bool:
    return view.cluster_name == cluster or (
        len(cluster) >= SHORTEST_UID and view.cluster.startswith(cluster.lower())
    )
