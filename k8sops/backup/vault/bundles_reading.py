"""Log bundles as they lie in a repository: which there are, and an archive out again (FORMAT.md, Bundles).

A bundle whose manifest cannot be believed or opened is named with why; the others can be read all the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Final

import msgspec

from k8sops.backup.bundle_manifest import (
    BUNDLE_LIMIT,
    BundleBody,
    BundleFile,
    BundleKind,
    BundlePart,
    BundlePlace,
    bundle_body,
    read_bundle_file,
)
from k8sops.backup.errors import RepositoryError, RepositoryKeyError, broken
from k8sops.backup.names import Name, bundle_name, bundle_part_name, check_cluster, parse_name
from k8sops.backup.sealed import FileKind, What, check_digest, open_sealed
from k8sops.backup.storage.errors import NotThereError
from k8sops.backup.storage.port import Entry
from k8sops.backup.vault.opening import Vault
from k8sops.core.errors import K8sOpsError, UsageError

PART: Final = 4 * 1024 * 1024
"""Bytes of the archive in one part: far below what an object store wants several requests for."""
PART_LIMIT: Final = PART + PART // 64 + 1024

OnBytes = Callable[[int, int], None]
"""Told how many bytes of the archive are stored, or brought, of how many."""


class FoundBundle(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle by its name in the repository: its manifest, or why that cannot be believed or opened here."""

    cluster: str
    id: str
    file: BundleFile | None = None
    body: BundleBody | None = None
    wrong: K8sOpsError | None = None


async def bundles_in(vault: Vault, cluster: str = "") -> AsyncIterator[FoundBundle]:
    """The bundles of a cluster, or of all, that nobody removed; those that cannot be read with why.

    Oldest first within a cluster, as their ids are.
    """
    made, removed = set[tuple[str, str]](), set[tuple[str, str]]()
    async for name, _ in files_of_bundles(vault, cluster):
        if name.kind == "bundle":
            (removed if name.removal else made).add((name.cluster, name.bundle))
    for uid, id_ in sorted(made):
        place = BundlePlace(vault.id, uid, id_)
        try:
            if (uid, id_) in removed and await _removal(vault, place):
                continue
            file = await read_file(vault, place, "bundle")
            if file is None:
                continue
            body = await asyncio.to_thread(bundle_body, file, vault.keyring)
        except (RepositoryError, RepositoryKeyError) as error:
            yield FoundBundle(cluster=uid, id=id_, wrong=error)
            continue
        yield FoundBundle(cluster=uid, id=id_, file=file, body=body)


async def files_of_bundles(vault: Vault, cluster: str = "") -> AsyncIterator[tuple[Name, Entry]]:
    """All files of bundles, their names taken apart. Names of another form are passed over."""
    if cluster:
        check_cluster(cluster)
    async for entry in vault.storage.entries(f"bundles/{cluster}" if cluster else "bundles"):
        try:
            yield parse_name(entry.name), entry
        except RepositoryError:
            continue


class BundleFiles(msgspec.Struct, frozen=True):
    """Parts, and the manifests and removals that stand for them, with their SHA-256; what cannot be read, with why."""

    parts: Mapping[str, str]
    manifests: Mapping[str, str]
    unreadable: Mapping[str, K8sOpsError]


async def files_to_copy(vault: Vault) -> BundleFiles:
    """The files of all bundles, as a copy of the repository has them."""
    parts: dict[str, str] = {}
    made: dict[str, str] = {}
    wrong: dict[str, K8sOpsError] = {}
    async for found in bundles_in(vault):
        name = bundle_name(found.cluster, found.id)
        if found.file is None or found.body is None:
            wrong[name] = found.wrong or broken(name, "cannot be read")
            continue
        made[name] = found.file.sha256
        for part in found.body.parts:
            parts[bundle_part_name(found.cluster, found.id, part.id)] = part.sha256
    async for name_, _ in files_of_bundles(vault):
        if not name_.removal:
            continue
        removal = await _removal(vault, BundlePlace(vault.id, name_.cluster, name_.bundle))
        if removal is not None:
            made[removal.name] = removal.sha256
    return BundleFiles(parts, made, wrong)


async def bundle_leftovers(vault: Vault, old: datetime) -> dict[str, int]:
    """Files of bundles that nothing needs, with their sizes: of removed ones all, of others parts no manifest names.

    The latter only from `old` or before, by the storage's clock: somebody may be about to name them.
    """
    files: dict[tuple[str, str], list[tuple[Name, Entry]]] = {}
    async for name, entry in files_of_bundles(vault):
        files.setdefault((name.cluster, name.bundle), []).append((name, entry))
    found: dict[str, int] = {}
    for (cluster, id_), own in sorted(files.items()):
        place = BundlePlace(vault.id, cluster, id_)
        try:
            removed = any(name.removal for name, _ in own) and bool(await _removal(vault, place))
            named = frozenset[str]() if removed else await _named(vault, place)
        except (RepositoryError, RepositoryKeyError):
            # What it needs cannot be told, so nothing of it goes.
            continue
        for name, entry in own:
            loose = name.kind == "bundle part" and entry.name not in named and entry.modified <= old
            if loose or (removed and not name.removal):
                found[entry.name] = entry.size
    return found


async def _removal(vault: Vault, place: BundlePlace) -> BundleFile | None:
    """Where somebody who is trusted took it away; what others leave there removes nothing."""
    try:
        return await read_file(vault, place, "removal")
    except RepositoryError:
        return None


async def _named(vault: Vault, place: BundlePlace) -> frozenset[str]:
    """The parts that a bundle's manifest names; none where there is no manifest."""
    file = await read_file(vault, place, "bundle")
    if file is None:
        return frozenset()
    body = await asyncio.to_thread(bundle_body, file, vault.keyring)
    return frozenset(bundle_part_name(place.cluster, place.bundle, part.id) for part in body.parts)


async def read_file(vault: Vault, place: BundlePlace, kind: BundleKind) -> BundleFile | None:
    """A bundle's manifest or removal, or None where there is none. Raises what cannot be believed."""
    name = bundle_name(place.cluster, place.bundle, "bundle" if kind == "bundle" else "removed")
    try:
        data = await vault.storage.read(name, at_most=BUNDLE_LIMIT)
    except NotThereError:
        return None
    return await asyncio.to_thread(read_bundle_file, data, place, kind, vault.trusted)


async def read_part(vault: Vault, cluster: str, bundle: str, part: BundlePart) -> bytes:
    """What is in a part. Raises RepositoryBrokenError where it is not what was written, NotThereError."""
    name = bundle_part_name(cluster, bundle, part.id)
    data = await vault.storage.read(name, at_most=PART_LIMIT)
    return await asyncio.to_thread(_open_part, data, name, part, vault)


async def bring_bundle(vault: Vault, found: FoundBundle, to: Path, on_progress: OnBytes | None = None) -> int:
    """Write a bundle's archive to a new file, for its owner alone; how many bytes it has.

    The name is only taken once all of it is there and is what was stored. Raises UsageError where there is such a
    file, RepositoryBrokenError for a part that is not what was written, OSError.
    """
    if found.body is None:
        raise found.wrong or broken(bundle_name(found.cluster, found.id), "cannot be read")
    body = found.body
    with _drafted(to) as draft:
        hashed, done = hashlib.sha256(), 0
        for part in body.parts:
            content = await read_part(vault, found.cluster, found.id, part)
            await asyncio.to_thread(draft.write, content)
            await asyncio.to_thread(hashed.update, content)
            done += len(content)
            if on_progress is not None:
                on_progress(done, body.bytes)
        if hashed.hexdigest() != body.sha256:
            raise broken(bundle_name(found.cluster, found.id), "is not the archive that was stored")
        await asyncio.to_thread(_flush, draft)
    return done


def _open_part(data: bytes, name: str, part: BundlePart, vault: Vault) -> bytes:
    check_digest(data, part.sha256, name)
    what = What(name, FileKind.BUNDLE_PART, part.id)
    content = b"".join(open_sealed(data, what, vault.keyring, most=PART))
    if len(content) != part.content:
        raise broken(name, f"holds {len(content):,} bytes, and the manifest says {part.content:,}")
    return content


@contextmanager
def _drafted(to: Path) -> Iterator[IO[bytes]]:
    """A file beside the wanted one, which takes its name at the end, if nothing else has."""
    _check_free(to)
    draft = to.with_name(f".{to.name}.part")
    draft.unlink(missing_ok=True)
    opened = os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        with opened:
            yield opened
        _check_free(to)
        draft.rename(to)
    finally:
        draft.unlink(missing_ok=True)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _check_free(to: Path) -> None:
    if to.exists():
        raise UsageError(f"{to} is there already", hint="name another file with --to")
