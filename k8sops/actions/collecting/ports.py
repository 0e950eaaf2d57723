"""What the action `logs` is given by whoever makes it: redaction, our own record, places where a bundle may go.

Implemented by the service, which knows keys, configuration and store. Actions are made with it where their declaration
says `surroundings=True`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from k8sops.actions.backups.ports import NoRepositories, Repositories
from k8sops.actions.collecting.gathering import OwnRecords
from k8sops.bundle.port import Redacting
from k8sops.core.errors import UsageError
from k8sops.core.plan import ClusterInfo


class Surroundings(Protocol):
    """What lies outside the cluster."""

    @property
    def repositories(self) -> Repositories:
        """The configured repositories."""
        ...

    @property
    def folder(self) -> Path:
        """Where bundles lie that nobody wanted elsewhere."""
        ...

    async def redacting(self) -> Redacting:
        """Redaction under this installation's key and rules. Raises KeyFileError, UsageError."""
        ...

    def records(self, cluster: ClusterInfo) -> OwnRecords:
        """Our own record of what concerns a cluster."""
        ...


class NoSurroundings:
    """`Surroundings` of an action that is only looked at, never planned."""

    @property
    def repositories(self) -> Repositories:
        """None is configured."""
        return NoRepositories()

    @property
    def folder(self) -> Path:
        """Refused."""
        raise UsageError("there is no folder for bundles here")

    async def redacting(self) -> Redacting:
        """Refused."""
        raise UsageError("there is no key for redaction here")

    def records(self, cluster: ClusterInfo) -> OwnRecords:
        """Refused."""
        raise UsageError("there is no record of our own here")
