"""Where a finished bundle goes: a folder of this machine, or a repository; and what is told of it afterwards."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Final

from k8sops.actions.backups.ports import OpenRepository
from k8sops.actions.backups.telling import signer_of
from k8sops.actions.collecting.gathering import Window
from k8sops.actions.collecting.params import LogsParams
from k8sops.actions.collecting.ports import Surroundings
from k8sops.backup.vault.bundles import BundleWriter, NewBundle, store_bundle
from k8sops.bundle.staging import Made
from k8sops.core.artifacts import Artifact, ArtifactFile
from k8sops.core.journal import Journal
from k8sops.core.logs import moment_of
from k8sops.core.plan import ClusterInfo
from k8sops.core.sizes import size_text
from k8sops.core.text import counted


class Place:
    """Where the Params say, or where bundles lie otherwise."""

    def __init__(self, params: LogsParams, surroundings: Surroundings) -> None:
        self._params: Final = params
        self._surroundings: Final = surroundings

    @property
    def staging(self) -> Path:
        """Where it is made, and where it stays unless it goes to a repository."""
        if self._params.to and not self._params.in_repository:
            return Path(self._params.to)
        return self._surroundings.folder

    async def location(self) -> str:
        """As it is shown. Raises what finding a repository raises."""
        if not self._params.in_repository:
            return str(self.staging)
        return f"repository {(await self._opened(writing=False)).location}"

    async def keep(
        self, made: Made, name: str, window: Window, cluster: ClusterInfo, journal: Journal
    ) -> tuple[str, Artifact]:
        """Hand it over; the sentence that says where it is now, and what is told of it."""
        redacted = not self._params.no_redact
        host = socket.gethostname()
        if made.folder is not None:
            artifact = Artifact(
                id=journal.errand.run, name=name, host=host, redacted=redacted, folder=str(made.folder)
            )
            return f"bundle in folder {made.folder}", artifact
        size = size_text(sum(part.bytes for part in made.parts))
        first = made.parts[0].path
        if not self._params.in_repository:
            files = tuple(
                ArtifactFile(path=str(part.path), bytes=part.bytes, sha256=part.sha256) for part in made.parts
            )
            parts = f" and {counted(len(files) - 1, 'more part')}" if len(files) > 1 else ""
            artifact = Artifact(
                id=journal.errand.run, name=first.name, host=host, redacted=redacted, files=files
            )
            return f"bundle {first}{parts} ({size})", artifact
        opened = await self._opened(writing=True)
        wanted = NewBundle(
            id=opened.ids.new(),
            name=first.name,
            cluster=cluster.uid,
            cluster_name=cluster.name,
            since=moment_of(window.since_ns),
            until=moment_of(window.until_ns),
            redacted=redacted,
            requested_by=journal.errand.actor,
        )
        who = BundleWriter(signer=signer_of(opened), run=journal.errand.run)
        try:
            await store_bundle(opened.vault, who, wanted, first)
        finally:
            await asyncio.to_thread(_remove, first)
        artifact = Artifact(
            id=wanted.id,
            name=first.name,
            host=host,
            redacted=redacted,
            repository=opened.location,
            sha256=made.parts[0].sha256,
        )
        return f"bundle {wanted.id} in repository {opened.location} ({size})", artifact

    async def _opened(self, *, writing: bool) -> OpenRepository:
        wanted = self._params.to.partition(":")[2]
        opened = await self._surroundings.repositories.open(wanted, writing=writing)
        opened.check_own()
        return opened


def _remove(archive: Path) -> None:
    archive.unlink(missing_ok=True)
    archive.with_name(f"{archive.name}.sha256").unlink(missing_ok=True)
