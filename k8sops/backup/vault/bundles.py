"""Storing a log bundle in a repository: an archive as sealed parts under a signed manifest (FORMAT.md, Bundles).

Memory is bounded by a few parts, however large the archive. The manifest is put last and is the commit: what a writer
that died leaves are parts that nothing names, which a prune clears.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import IO, Final

import msgspec

from k8sops.backup.bundle_manifest import (
    PARTS,
    BundleBody,
    BundleFile,
    BundlePart,
    BundlePlace,
    bundle_body,
    write_bundle,
)
from k8sops.backup.errors import RepositoryError, RepositoryUntrustedError
from k8sops.backup.names import bundle_part_name, check_cluster
from k8sops.backup.sealed import Entropy, FileKind, SealedFile, seal_contents
from k8sops.backup.signed import Signer
from k8sops.backup.storage.errors import NameTakenError
from k8sops.backup.vault.bundles_reading import PART, OnBytes, read_file
from k8sops.backup.vault.committing import LONGEST, check_epoch
from k8sops.backup.vault.manifests import load_chain
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.transfer import put_surely
from k8sops.core.clock import rfc3339
from k8sops.core.errors import UsageError

UPLOADS: Final = 3


class BundleWriter(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes or removes bundles, for which run."""

    signer: Signer
    run: str
    entropy: Entropy = os.urandom


class NewBundle(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive is, for its manifest; `cluster` is the uid, `since` and `until` the window it covers."""

    id: str
    name: str
    cluster: str
    cluster_name: str
    since: datetime
    until: datetime
    redacted: bool
    requested_by: str


class BundleStored(msgspec.Struct, frozen=True):
    """A bundle that is in the repository: what it is, and the SHA-256 of its manifest."""

    body: BundleBody
    sha256: str


async def store_bundle(
    vault: Vault, who: BundleWriter, wanted: NewBundle, archive: Path, on_progress: OnBytes | None = None
) -> BundleStored:
    """Store an archive under its id; one that is there already with the same bytes is done.

    Raises UsageError where other bytes have the id or it was removed, RepositoryError where the manifest came too late
    after the first part, OSError for the archive, and what a chain that cannot be believed raises.
    """
    check_cluster(wanted.cluster)
    if who.signer.key_id not in vault.trusted:
        raise RepositoryUntrustedError(
            f"{who.signer.key_id} would sign the bundle, and the configuration does not trust that key",
            hint="add it to the repository's `trusted_signers`",
        )
    place = BundlePlace(vault.id, wanted.cluster, wanted.id)
    if await read_file(vault, place, "removal") is not None:
        raise UsageError(f"bundle {wanted.id} was removed from this repository, and is not stored again")
    if (there := await read_file(vault, place, "bundle")) is not None:
        return await _same(vault, there, archive)
    began = vault.clock.monotonic()
    # As with a backup: under no older keys than the newest manifest's, or than were seen.
    await check_epoch(vault, await load_chain(vault, wanted.cluster))
    parts, size, sha256 = await _put_parts(vault, who, wanted, archive, on_progress)
    if vault.clock.monotonic() - began > LONGEST:
        raise RepositoryError(
            "the bundle was not committed: a prune may have taken its first parts by now",
            hint="store it again; what was written is cleared by a prune",
        )
    body = BundleBody(
        id=wanted.id,
        name=wanted.name,
        run=who.run,
        requested_by=wanted.requested_by,
        made_at=rfc3339(vault.clock.now()),
        since=rfc3339(wanted.since),
        until=rfc3339(wanted.until),
        cluster_name=wanted.cluster_name,
        redacted=wanted.redacted,
        bytes=size,
        sha256=sha256,
        parts=tuple(parts),
    )
    file = await asyncio.to_thread(write_bundle, body, place, who.signer, vault.keyring, who.entropy)
    try:
        await put_surely(vault.storage, file.name, file.data, vault.clock)
    except NameTakenError:
        # Another carrier of the run was faster; its parts are as good.
        found = await read_file(vault, place, "bundle")
        if found is None:
            raise
        return await _same(vault, found, archive)
    await vault.seen.saw_epoch(vault.id, vault.keyring.newest)
    return BundleStored(body, file.sha256)


async def _put_parts(
    vault: Vault, who: BundleWriter, wanted: NewBundle, archive: Path, on_progress: OnBytes | None
) -> tuple[list[BundlePart], int, str]:
    """The parts in their order, and the archive's size and SHA-256."""
    total = (await asyncio.to_thread(archive.stat)).st_size
    parts: list[BundlePart] = []
    uploads: set[asyncio.Task[None]] = set()
    hashed, size, stored = hashlib.sha256(), 0, 0

    async def upload(file: SealedFile, content: int) -> None:
        nonlocal stored
        name = bundle_part_name(wanted.cluster, wanted.id, file.id)
        await put_surely(vault.storage, name, file.data, vault.clock)
        stored += content
        if on_progress is not None:
            on_progress(stored, max(total, stored))

    def next_part(source: IO[bytes]) -> tuple[SealedFile, int] | None:
        content = source.read(PART)
        if not content and parts:
            return None
        hashed.update(content)
        return seal_contents(FileKind.BUNDLE_PART, [content], vault.keyring, who.entropy), len(content)

    source = await asyncio.to_thread(archive.open, "rb")
    try:
        while (made := await asyncio.to_thread(next_part, source)) is not None:
            file, content = made
            if len(parts) == PARTS:
                raise UsageError(f"{archive.name} is larger than a bundle may be ({PARTS * PART:,} bytes)")
            parts.append(BundlePart(file.id, file.sha256, len(file.data), content))
            size += content
            uploads.add(asyncio.create_task(upload(file, content)))
            await _wait(uploads, UPLOADS - 1)
        await _wait(uploads, 0)
    finally:
        for task in uploads:
            task.cancel()
        await asyncio.gather(*uploads, return_exceptions=True)
        await asyncio.to_thread(source.close)
    return parts, size, hashed.hexdigest()


async def _wait(uploads: set[asyncio.Task[None]], most: int) -> None:
    """Until at most so many go on; raises what the first that failed raised."""
    while True:
        for task in [task for task in uploads if task.done()]:
            uploads.discard(task)
            task.result()
        if len(uploads) <= most:
            return
        await asyncio.wait(uploads, return_when=asyncio.FIRST_COMPLETED)


async def _same(vault: Vault, there: BundleFile, archive: Path) -> BundleStored:
    """What is stored under the id already. Raises UsageError where that is another archive."""
    body = await asyncio.to_thread(bundle_body, there, vault.keyring)
    if await asyncio.to_thread(file_sha256, archive) != body.sha256:
        raise UsageError(f"{there.name} is the bundle of another archive than {archive.name}")
    return BundleStored(body, there.sha256)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file. For a thread."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
