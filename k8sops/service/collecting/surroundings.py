"""The configured surroundings of an action that collects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from k8sops.actions.backups.ports import Repositories
from k8sops.core.plan import ClusterInfo
from k8sops.service.collecting.own_records import StoredRecords
from k8sops.service.config import Config
from k8sops.service.redactors import text_redactor
from k8sops.service.storing import Storage

if TYPE_CHECKING:
    from k8sops.bundle.port import Redacting

FOLDER: Final = "bundles"


class ConfiguredSurroundings:
    """`actions.collecting.ports.Surroundings` of this installation."""

    def __init__(self, config: Config, storage: Storage, repositories: Callable[[], Repositories]) -> None:
        self._config: Final = config
        self._storage: Final = storage
        self._repositories: Final = repositories

    @property
    def repositories(self) -> Repositories:
        """The configured repositories."""
        return self._repositories()

    @property
    def folder(self) -> Path:
        """Beside the store and its keys."""
        return self._storage.data / FOLDER

    async def redacting(self) -> Redacting:
        """Redaction by the configuration's rules. Raises KeyFileError, UsageError."""
        return (await text_redactor(self._config, self._storage)).stream

    def records(self, cluster: ClusterInfo) -> StoredRecords:
        """What the store has on a cluster."""
        return StoredRecords(self._storage, cluster.uid)
