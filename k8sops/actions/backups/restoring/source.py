"""The backup that is restored: found in its repository, believed, and read by frames, a few at a time.

Everything on the way is checked where it is read (`k8sops.backup.vault`): signature and chain, that the repository was
not rolled back, the digests of listing and indexes, the id of each object. What does not hold is refused, not skipped;
that another backup is damaged is told, and takes nothing from this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing
from typing import Final

import msgspec

from k8sops.actions.backups.ports import OpenRepository, Repositories
from k8sops.backup.bodies import BackupBody
from k8sops.backup.names import is_cluster
from k8sops.backup.vault.contents import Contents, load_catalogue, load_contents
from k8sops.backup.vault.manifests import body_of, clusters_of, load_chain_to_read, resolve_backup
from k8sops.backup.vault.objects import Objects
from k8sops.backup.vault.opening import Vault
from k8sops.core.errors import UsageError

CACHE_BYTES: Final = 24 * 1024 * 1024


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A backup, open. `location` is the repository's, as the configuration names it."""

    location: str
    cluster: str
    seq: int
    body: BackupBody
    contents: Contents
    objects: Objects
    damaged: tuple[str, ...] = ()
    """Of each other backup of the cluster that is damaged or gone, what is wrong."""

    @property
    def label(self) -> str:
        """How a sentence names it: `backup 17 (01ABC…) of 2026-11-21T03:00:00.000Z`."""
        return f"backup {self.seq} ({self.body.id}) of {self.body.made_at}"

    async def read(self, ids: Iterable[bytes]) -> dict[bytes, bytes]:
        """The canonical bytes of some objects; as many as are asked for are in memory at once."""
        async with aclosing(self.objects.get_all(ids)) as objects:
            return {id_: data async for id_, data in objects}


async def open_source(
    repositories: Repositories, location: str, backup: str, *, cluster: str, from_cluster: str
) -> Source:
    """The backup that is meant: of `from_cluster` if it is said, else of `cluster`, else of the only one there is.

    Raises UsageError where none or several could be meant, RepositoryError and its subclasses for a repository that
    cannot be believed, and what a storage raises.
    """
    opened = await repositories.open(location)
    vault = opened.vault
    uid = await _cluster_of(opened, backup, cluster, from_cluster)
    chain = await load_chain_to_read(vault, uid)
    seq = await resolve_backup(vault, chain, backup)
    body = await body_of(vault, chain, seq)
    return Source(
        location=opened.location,
        cluster=uid,
        seq=seq,
        body=body,
        damaged=tuple(problem.message for problem in chain.problems),
        contents=await load_contents(vault, uid, body),
        objects=Objects(vault, await load_catalogue(vault, body), cache_bytes=CACHE_BYTES),
    )


async def _cluster_of(opened: OpenRepository, backup: str, cluster: str, from_cluster: str) -> str:
    vault = opened.vault
    # Those that were seen as well: one whose backups are all gone by now was rolled back, and is not another one.
    known = sorted({*await clusters_of(vault), *await vault.seen.clusters(vault.id)})
    if not from_cluster:
        if cluster in known:
            return cluster
        if len(known) == 1:
            return known[0]
        raise UsageError(
            f"the repository {opened.location} has no backup of this cluster, and {_several(known)}",
            hint="name one with --from-cluster" if known else "check --repo",
        )
    if is_cluster(from_cluster) and from_cluster in known:
        return from_cluster
    named = [uid for uid in known if await _newest_name(vault, uid) == from_cluster]
    if len(named) == 1:
        return named[0]
    raise UsageError(
        f"the repository {opened.location} has {'several clusters' if named else 'no backup of a cluster'} "
        f"called {from_cluster[:80]!r}",
        hint=f"its clusters are: {', '.join(known)}" if known else "check --repo",
    )


async def _newest_name(vault: Vault, cluster: str) -> str:
    chain = await load_chain_to_read(vault, cluster)
    return (await body_of(vault, chain, chain.live[-1])).cluster_name if chain.live else ""


def _several(known: list[str]) -> str:
    return f"those of {len(known)} others" if known else "none of any other"
