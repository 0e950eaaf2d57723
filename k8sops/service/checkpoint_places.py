"""Where checkpoints of the audit trail are kept outside the store: a folder, and the backup repository.

Both take a file once and never give it back to be changed. A repository takes them only once it has been made: a place
with other files in it could not become one.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

from k8sops.audit.checkpoints import CheckpointSink, SignedCheckpoint
from k8sops.core.clock import SystemClock
from k8sops.core.errors import AuditError

if TYPE_CHECKING:
    from k8sops.backup.storage.port import Storage
    from k8sops.service.config import Config


class CheckpointPlaces:
    """The places of one process. What was put in a place once is not sent there again."""

    def __init__(self, config: Config) -> None:
        self._config: Final = config
        self._done: Final[set[tuple[str, str]]] = set()
        self._storage: Storage | None = None

    async def put(self, signed: SignedCheckpoint) -> None:
        """Keep a checkpoint in every place. Raises AuditError, and what a storage raises."""
        name, data = signed.name, signed.line + b"\n"
        if self._config.checkpoints is not None and ("folder", name) not in self._done:
            from k8sops.audit.folder import FolderSink

            folder: CheckpointSink = FolderSink(self._config.checkpoints)
            await asyncio.to_thread(folder.put, name, data)
            self._done.add(("folder", name))
        if self._wants_repository and ("repository", name) not in self._done:
            await self._into_repository(name, data)

    @property
    def _wants_repository(self) -> bool:
        return bool(self._config.repository or self._config.repositories)

    async def _into_repository(self, name: str, data: bytes) -> None:
        from k8sops.backup.names import REPOSITORY, checkpoint_name
        from k8sops.backup.storage.errors import NameTakenError
        from k8sops.backup.storage.opening import open_storage
        from k8sops.service.repositories import where

        there = where(self._config)
        if there.location.read_only or (there.settings is not None and not there.settings.checkpoints):
            return
        if self._storage is None:
            self._storage = await open_storage(there.location, environ=os.environ, clock=SystemClock())
        if await self._storage.stat(REPOSITORY) is None:
            return
        try:
            await self._storage.put(checkpoint_name(name), data)
        except NameTakenError as error:
            raise AuditError(
                f"{there.shown} holds another checkpoint under the name {name}",
                hint="compare the two: a name that is taken with other bytes means two histories",
            ) from error
        self._done.add(("repository", name))
