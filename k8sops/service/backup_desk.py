"""A backup repository as people look at it: its clusters, its backups, and which of them is meant.

Reading needs no cluster: after a disaster there is none. Only where the repository holds several, and none is named,
the cluster of the present context is asked for its uid.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.actions.backups.ports import OpenRepository
from k8sops.backup.bodies import BackupBody
from k8sops.backup.chain import Chain
from k8sops.backup.errors import RepositoryError, RepositoryKeyError
from k8sops.backup.vault.manifests import (
    ManifestFiles,
    body_of,
    clusters_of,
    load_chain_to_read,
    resolve_backup,
)
from k8sops.core.backups import BackupView, ClusterView, MissingView
from k8sops.core.errors import K8sOpsError, UsageError
from k8sops.service.backup_views import view_of

if TYPE_CHECKING:
    from k8sops.core.clock import Clock
    from k8sops.service.config import Config
    from k8sops.service.seen import StoredSeen
    from k8sops.service.storing import Storage

SHORTEST_UID: Final = 4


class Chosen(msgspec.Struct, frozen=True):
    """A backup that was named: its cluster and number there, and what it is made of."""

    cluster: str
    seq: int
    body: BackupBody
    view: BackupView


class BackupDesk:
    """What can be seen of one repository."""

    def __init__(
        self,
        opened: OpenRepository,
        present: Callable[[], Awaitable[str]],
        storage: Storage,
        seen: StoredSeen,
        clock: Clock,
        on_doubt: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`present` tells the uid of the cluster of the present context; `seen` is what the repository is held to."""
        self.opened: Final = opened
        self.vault: Final = opened.vault
        self.storage: Final = storage
        self.seen: Final = seen
        self.clock: Final = clock
        self._present: Final = present
        self._on_doubt: Final = on_doubt
        self._chains: Final[dict[str, Chain]] = {}

    async def clusters(self) -> tuple[ClusterView, ...]:
        """The clusters that have backups here."""
        return tuple([await self._named(await self.chain(uid)) for uid in await self.uids()])

    async def _shown(self) -> tuple[ClusterView, ...]:
        """The same of what is there now, whatever was seen before: names are signed all the same."""
        return tuple(
            [await self._named(await ManifestFiles(self.vault, uid).chain()) for uid in await self.uids()]
        )

    async def _named(self, chain: Chain) -> ClusterView:
        """By the newest backup that opens here."""
        name = ""
        for seq in reversed(chain.live):
            with suppress(RepositoryError, RepositoryKeyError):
                name = (await body_of(self.vault, chain, seq)).cluster_name
                break
        return ClusterView(uid=chain.cluster, name=name, backups=len(chain.live))

    async def uids(self) -> list[str]:
        """Those that have a file here, and those that had: one whose folder is gone was rolled back to nothing."""
        seen = await self.vault.seen.clusters(self.vault.id)
        return sorted({*seen, *await clusters_of(self.vault)})

    async def chain(self, cluster: str) -> Chain:
        """A cluster's manifests, read once; of what is lost `on_doubt` hears. Raises a rollback first."""
        if cluster not in self._chains:
            chain = self._chains[cluster] = await load_chain_to_read(self.vault, cluster)
            for problem in chain.problems:
                self._on_doubt(problem.message)
        return self._chains[cluster]

    async def cluster(self, text: str = "", *, believing: bool = True) -> str:
        """The uid of the cluster that is meant by a name, a uid or its beginning; the only or the present one if none.

        `believing` is false where one that was rolled back is to be named. Raises UsageError naming those there are.
        """
        uids = await self.uids()
        if not uids:
            raise UsageError(
                f"there is no backup yet in {self.opened.location}", hint="`k8sops backup` makes one"
            )
        if not text:
            if len(uids) == 1:
                return uids[0]
            # A cluster that is away is no reason: what is there is named below.
            with suppress(K8sOpsError):
                present = await self._present()
                if present in uids:
                    return present
        by_uid = [uid for uid in uids if text and len(text) >= SHORTEST_UID and uid.startswith(text.lower())]
        if len(by_uid) == 1:
            return by_uid[0]
        clusters = await (self.clusters() if believing else self._shown())
        found = by_uid or [one.uid for one in clusters if text and one.name == text]
        if len(found) == 1:
            return found[0]
        known = ", ".join(f"{one.name or 'no name'} ({one.uid})" for one in clusters)
        said = f"is called {text[:60]!r}" if text else "is meant"
        raise UsageError(
            f"it cannot be told which cluster {said}: {self.opened.location} has backups of {known}",
            hint="name one with --cluster, by its name or the beginning of its uid",
        )

    async def listed(self, cluster: str = "") -> tuple[Sequence[BackupView], Sequence[MissingView]]:
        """The backups of one cluster, or of all, newest first; and those that are lost or do not open here."""
        uids = [await self.cluster(cluster)] if cluster else await self.uids()
        found: list[BackupView] = []
        missing: list[MissingView] = []
        for uid in uids:
            chain = await self.chain(uid)
            for seq in reversed(chain.live):
                try:
                    body = await body_of(self.vault, chain, seq)
                except (RepositoryError, RepositoryKeyError) as error:
                    missing.append(MissingView(seq=seq, cluster=uid, why=error.message))
                    continue
                found.append(_view(chain, seq, body))
            missing += [
                MissingView(seq=seq, cluster=uid, why=problem.message)
                for seq, problem in zip(chain.problem_numbers, chain.problems, strict=True)
            ]
        return sorted(found, key=lambda one: one.made_at, reverse=True), missing

    async def one(self, backup: str = "latest", cluster: str = "") -> Chosen:
        """The backup that is meant. Raises UsageError where none or several are."""
        uid = await self.cluster(cluster)
        chain = await self.chain(uid)
        seq = await resolve_backup(self.vault, chain, backup or "latest")
        body = await body_of(self.vault, chain, seq)
        return Chosen(uid, seq, body, _view(chain, seq, body))


@asynccontextmanager
async def open_backups(
    config: Config, repository: str = "", on_doubt: Callable[[str], None] = lambda _: None
) -> AsyncIterator[BackupDesk]:
    """Open a configured repository to look at it, and the store for what was seen of it before.

    `on_doubt` hears a sentence of each manifest that is damaged or gone, beside which the others can be read.
    Raises UsageError where none is configured, RepositoryError where none is there, and what cannot be believed.
    """
    from k8sops.core.clock import SystemClock, UlidSource
    from k8sops.service.audit_trail import os_actor
    from k8sops.service.repositories import ConfiguredRepositories, where
    from k8sops.service.seen import StoredSeen
    from k8sops.service.storing import Storage

    clock, ids = SystemClock(), UlidSource()
    storage = Storage(config, clock, ids)
    try:
        repositories = ConfiguredRepositories(config, storage, clock, ids)
        opened = await repositories.open(repository)
        there, seen = where(config, repository), StoredSeen(storage, os_actor)
        seen = seen.at(there.location.shown) if there.is_copy else seen
        yield BackupDesk(opened, lambda: _present(config, clock), storage, seen, clock, on_doubt)
    finally:
        await storage.aclose()


async def _present(config: Config, clock: Clock) -> str:
    from k8sops.cluster.connect import connect

    cluster = await connect(
        context=config.context or None,
        kubeconfig=config.kubeconfig or None,
        impersonate=config.impersonation(),
        clock=clock,
        cluster_names=config.cluster_names(),
    )
    try:
        return cluster.info.uid
    finally:
        await cluster.aclose()


def _view(chain: Chain, seq: int, body: BackupBody) -> BackupView:
    file = chain.files[seq]
    return view_of(chain.cluster, seq, body, signer=file.manifest.signer, sha256=file.sha256)
