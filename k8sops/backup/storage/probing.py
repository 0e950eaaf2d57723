"""Two questions that no storage answers directly: what time it has, and whether it really puts only what is absent.

Both are asked by putting a file of three bytes under `probes/`, which no reader looks at, and deleting it. A process
that dies in between leaves it to the next prune; a bucket with retention keeps it for as long as everything else.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import datetime

from k8sops.backup.names import probe_name
from k8sops.backup.storage.errors import NameTakenError, RetainedError
from k8sops.backup.storage.port import Storage
from k8sops.core.errors import UnreachableError, UsageError


async def storage_now(storage: Storage) -> datetime:
    """The present moment by the storage's own clock, to the second. Raises what `Storage.put` and `stat` raise."""
    name = _probe_name()
    await storage.put(name, b"now")
    try:
        found = await storage.stat(name)
    finally:
        await _remove(storage, name)
    if found is None:
        raise UnreachableError(f"{storage.location} does not show a file that was just put ({name})")
    return found.modified


async def prove_create_only(storage: Storage) -> None:
    """See that a second put under the same name is refused: without that two backups can take the same number.

    Raises UsageError for a storage that overwrites: some that speak S3 ignore `If-None-Match`.
    """
    name = _probe_name()
    await storage.put(name, b"one")
    try:
        await storage.put(name, b"two")
    except NameTakenError:
        return
    finally:
        await _remove(storage, name)
    raise UsageError(
        f"{storage.location} overwrites files although it was asked to put them only if absent",
        hint="use a storage that honours If-None-Match on PUT, as Amazon S3 does",
    )


def _probe_name() -> str:
    return probe_name(secrets.token_hex(16))


async def _remove(storage: Storage, name: str) -> None:
    with suppress(RetainedError):
        await storage.delete(name)
