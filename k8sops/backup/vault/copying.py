"""A repository copied to another place, file by file: the second and third copy of 3-2-1 (FORMAT.md, Copies).

A copy is the same repository, under the same keys and signatures, and whoever holds them reads it. It only ever grows
towards what it is made of: where it has a manifest that the source has not, or another one, nothing is copied, since
one of the two was rolled back or written to. Every file is held against its digest before it is put.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec

from k8sops.backup.bundle_manifest import BUNDLE_LIMIT
from k8sops.backup.chain import Chain
from k8sops.backup.errors import RepositoryBrokenError, RepositoryError, RepositoryRolledBackError, broken
from k8sops.backup.keys import KEY_FILE_LIMIT
from k8sops.backup.manifest import MANIFEST_LIMIT
from k8sops.backup.names import REPOSITORY, manifest_name, parse_name
from k8sops.backup.packs import GREATEST_PACK
from k8sops.backup.repository import REPOSITORY_LIMIT
from k8sops.backup.storage.errors import NameTakenError, NotThereError
from k8sops.backup.storage.port import Storage
from k8sops.backup.storage.probing import prove_create_only, storage_now
from k8sops.backup.vault.bundles_reading import PART_LIMIT, files_to_copy
from k8sops.backup.vault.contents import INDEX_LIMIT, LISTING_LIMIT
from k8sops.backup.vault.needs import Needing
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.sweeping import GRACE, marks_of
from k8sops.backup.vault.transfer import each_of, names_below, put_surely, read_all
from k8sops.core.errors import K8sOpsError

ROUNDS: Final = 3
MARGIN: Final = timedelta(hours=1)
"""So long before a mark is due no manifest is put any more that needs its file: a prune is to see it."""
CHECKPOINT_LIMIT: Final = 16 * 1024 * 1024
_PLAIN: Final = {"keys": KEY_FILE_LIMIT, "checkpoints": CHECKPOINT_LIMIT}
_LIMITS: Final = {
    "packs": GREATEST_PACK,
    "indexes": INDEX_LIMIT,
    "listings": LISTING_LIMIT,
    "bundles": max(PART_LIMIT, BUNDLE_LIMIT),
}


class CopyProspect(msgspec.Struct, frozen=True, kw_only=True):
    """What the copy lacks: files with their sizes in bytes, and manifests in the order in which they will be put.

    `fresh` is a place without a repository. `digests` are those the files must have.
    """

    fresh: bool
    files: Mapping[str, int]
    plain: tuple[str, ...]
    """Key files and checkpoints."""
    manifests: tuple[str, ...]
    digests: Mapping[str, str]
    bundles: tuple[str, ...] = ()
    """Manifests and removals of log bundles, put once their parts are there."""
    unreadable: Mapping[str, K8sOpsError] = {}
    """Log bundles that cannot be copied, with why."""
    going: tuple[str, ...] = ()
    """Files that are needed and that a prune there is about to delete, if there are manifests to be put."""

    @property
    def bytes(self) -> int:
        """How many bytes of packs, indexes, listings and parts of bundles there are to be copied."""
        return sum(self.files.values())

    @property
    def nothing(self) -> bool:
        """Whether the copy is as the source is."""
        return not (self.fresh or self.files or self.plain or self.manifests or self.bundles)


class Copied(msgspec.Struct, kw_only=True):
    """What was copied, and which files were not: damaged or gone at the source, or other ones at the target."""

    files: int = 0
    bytes: int = 0
    manifests: int = 0
    damaged: dict[str, K8sOpsError] = msgspec.field(default_factory=dict)


OnProgress = Callable[[Copied, CopyProspect], None]


async def survey_copy(source: Vault, target: Storage) -> CopyProspect:
    """What there is to be copied. Changes nothing; what is about to be deleted there is told by this machine's clock.

    Raises RepositoryError for a place that holds something else, RepositoryRolledBackError where the copy has more
    than its source, and what is wrong with the source's manifests.
    """
    fresh = await _is_fresh(source, target)
    needs = await Needing(source).every({})
    bundles = await files_to_copy(source)
    wanted = {**needs.files, **bundles.parts}
    digests = {**wanted, **bundles.manifests}
    manifests: list[str] = []
    for cluster, chain in needs.chains.items():
        there = await _manifests_there(target, cluster)
        _check_same(chain, there, target)
        for seq, sha256 in chain.digests.items():
            name = manifest_name(cluster, seq)
            digests[name] = sha256
            if name not in there:
                manifests.append(name)
    here = await _files(source.storage)
    there_files = await _files(target)

    def lacking(names: Iterable[str]) -> list[str]:
        return [name for name in sorted(names) if there_files.get(name) != here.get(name, -1)]

    return CopyProspect(
        fresh=fresh,
        files={name: here.get(name, 0) for name in lacking(wanted)},
        plain=await _plain(source, target),
        manifests=tuple(manifests),
        digests=digests,
        bundles=tuple(lacking(bundles.manifests)),
        unreadable=bundles.unreadable,
        going=await _going(target, needs.files, source.clock.now()) if manifests else (),
    )


async def copy_repository(source: Vault, target: Storage, *, on_progress: OnProgress | None = None) -> Copied:
    """Bring the copy up to its source, manifests last; cut off anywhere, the next goes on.

    Files that are damaged at the source are named in what is returned, and not copied; all else is. Raises what
    `survey_copy` raises, and RepositoryError where the target loses files while they are put, or soon will.
    """
    prospect = await survey_copy(source, target)
    copied = Copied(damaged=dict(prospect.unreadable))
    if prospect.fresh:
        await prove_create_only(target)
    left = list(prospect.files)
    for _ in range(ROUNDS):
        await each_of(left, partial(_put, source, target, prospect, copied, on_progress))
        # Looked at anew: manifests stand for what is there, not for what was put.
        there = await _files(target)
        left = [name for name in prospect.files if name not in there and name not in copied.damaged]
        if not left:
            await each_of(prospect.plain, partial(_put_plain, source, target, copied))
            await each_of(prospect.bundles, partial(_put, source, target, prospect, copied, on_progress))
            await _put_manifests(source, target, prospect, copied)
            return copied
    raise RepositoryError(
        f"{target.location} lost files while they were copied",
        hint="see what else deletes files in this place",
    )


async def _put_manifests(source: Vault, target: Storage, prospect: CopyProspect, copied: Copied) -> None:
    """In the order of their numbers; `repository.json` last, so that a first copy is none until it is whole."""
    looked_at = float("-inf")
    for name in prospect.manifests:
        if source.clock.monotonic() - looked_at > MARGIN.total_seconds() / 2:
            looked_at = source.clock.monotonic()
            # A prune that asks its time from now on sees the manifests first, and spares what they need.
            if going := await _going(target, prospect.digests, await storage_now(target)):
                raise _deleted_soon(going, target)
        data = await source.storage.read(name, at_most=MANIFEST_LIMIT)
        _check(name, data, prospect.digests[name])
        await put_surely(target, name, data, source.clock)
        copied.manifests += 1
    if prospect.fresh:
        data = await source.storage.read(REPOSITORY, at_most=REPOSITORY_LIMIT)
        await put_surely(target, REPOSITORY, data, source.clock)


async def _put(
    source: Vault,
    target: Storage,
    prospect: CopyProspect,
    copied: Copied,
    on_progress: OnProgress | None,
    name: str,
) -> None:
    limit = _LIMITS[name.partition("/")[0]]
    try:
        data = await source.storage.read(name, at_most=limit)
        _check(name, data, prospect.digests[name])
        await put_surely(target, name, data, source.clock)
    except (RepositoryBrokenError, NotThereError, NameTakenError) as error:
        copied.damaged[name] = error
        return
    copied.files += 1
    copied.bytes += len(data)
    if on_progress is not None:
        on_progress(copied, prospect)


async def _plain(source: Vault, target: Storage) -> tuple[str, ...]:
    """Key files and checkpoints that are not there, or there in another size: somebody may have left one before."""
    here: dict[str, int] = {}
    there: dict[str, int] = {}
    for folder in _PLAIN:
        here |= await names_below(source.storage, folder)
        there |= await names_below(target, folder)
    return tuple(sorted(name for name, size in here.items() if there.get(name) != size and _is_ours(name)))


async def _put_plain(source: Vault, target: Storage, copied: Copied, name: str) -> None:
    """What is too large to be one, or has other bytes there, is named: anybody who may write can leave such a file."""
    try:
        data = await source.storage.read(name, at_most=_PLAIN[name.partition("/")[0]])
        await put_surely(target, name, data, source.clock)
    except (RepositoryBrokenError, NotThereError, NameTakenError) as error:
        copied.damaged[name] = error


async def _going(target: Storage, needed: Collection[str], now: datetime) -> tuple[str, ...]:
    """Which of these files have a mark that is due, or soon, by which a prune deletes them."""
    due = now - (GRACE - MARGIN)
    marks = await marks_of(target)
    return tuple(
        sorted(
            name
            for name, found in marks.items()
            if name in needed and min(mark.modified for mark in found) <= due
        )
    )


def _deleted_soon(going: Collection[str], target: Storage) -> RepositoryError:
    return RepositoryError(
        f"{target.location}: a prune is about to delete {len(going):,} files that the copy needs, "
        f"{min(going)} the first of them; its manifests were not copied",
        hint="let `k8sops backups prune --repo` finish there, and copy again",
    )


async def _is_fresh(source: Vault, target: Storage) -> bool:
    """Whether the place has no repository yet. Raises RepositoryError where it has another, or anything else."""
    ours = await source.storage.read(REPOSITORY, at_most=REPOSITORY_LIMIT)
    try:
        theirs = await target.read(REPOSITORY, at_most=REPOSITORY_LIMIT)
    except NotThereError:
        async for entry in target.entries():
            if not _is_ours(entry.name):
                raise RepositoryError(
                    f"{target.location} has files of something else ({entry.name[:80]})",
                    hint="take an empty place",
                ) from None
        return True
    if theirs != ours:
        raise RepositoryError(
            f"{target.location} holds another repository, which is no copy of {source.id}",
            hint="take an empty place for a copy",
        )
    return False


async def _manifests_there(target: Storage, cluster: str) -> dict[str, str]:
    names = [name for name in await names_below(target, f"backups/{cluster}") if _is_ours(name)]
    read = await read_all(target, names, at_most=MANIFEST_LIMIT)
    return {name: hashlib.sha256(data).hexdigest() for name, data in read.items()}


def _check_same(chain: Chain, there: Mapping[str, str], target: Storage) -> None:
    for name, sha256 in there.items():
        seq = parse_name(name).number
        known = chain.digest_of(seq)
        if known == sha256:
            continue
        newest = max(chain.digests, default=0)
        what = (
            f"is newer than all of the source, whose newest is {newest}"
            if seq > newest
            else "is another file"
        )
        raise RepositoryRolledBackError(
            f"{target.location}: {name} {what}; nothing was copied",
            hint="one of the two was rolled back or written to: find out which, and copy into an empty place",
        )


async def _files(storage: Storage) -> dict[str, int]:
    found: dict[str, int] = {}
    for folder in _LIMITS:
        found |= await names_below(storage, folder)
    return found


def _check(name: str, data: bytes, sha256: str) -> None:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise broken(name, "is not the file that was written: its SHA-256 is another")


def _is_ours(name: str) -> bool:
    try:
        parse_name(name)
    except RepositoryError:
        return False
    return True
