"""Log bundles for the chat: whose turn it is to be sent, and the files, if they are here and may leave.

A bundle leaves redacted or not at all, and only as the very bytes that its run told of: what an event says of a path
is compared with the file's size and SHA-256 before anything of it is sent. One that the repository has is brought from
there; only repositories of this bot's own configuration are opened.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

from k8sops.core.artifacts import Artifact, ArtifactFile, artifact_of
from k8sops.core.audit import AuditEntry
from k8sops.core.clock import Clock, IdSource
from k8sops.core.errors import DeniedError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.run import Run
from k8sops.core.sizes import size_text
from k8sops.service.bundle_desk import BundleDesk
from k8sops.service.config import Config
from k8sops.service.repositories import ConfiguredRepositories
from k8sops.service.storing import Storage
from k8sops.store.database import Tx

MEGABYTE: Final = 1_000_000


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """A file that may be sent, open at its beginning."""

    name: str
    size: int
    content: IO[bytes]


class Bundles:
    """What one bot can hand over."""

    def __init__(
        self, config: Config, storage: Storage, clock: Clock, ids: IdSource, *, host: str = ""
    ) -> None:
        """`host` is what carriers on this machine call it."""
        self.config: Final = config
        self._storage: Final = storage
        self._clock: Final = clock
        self._ids: Final = ids
        self._host: Final = host or socket.gethostname()

    @asynccontextmanager
    async def opened(self, run: Run) -> AsyncIterator[tuple[Handed, ...]]:
        """The files of a run's bundle, proven to be those that it told of; closed when the block ends.

        Raises DeniedError for one that is not redacted, UsageError for one that is too large, not here or not what
        was told, with where it lies; and what the repository raises when it is away.
        """
        artifact = artifact_of(run.events)
        if artifact is None:
            raise UsageError(f"run {run.id} left no log bundle")
        if not artifact.redacted:
            raise _not_redacted(artifact)
        if artifact.repository:
            async with self._brought(artifact) as brought:
                yield brought
            return
        self._check_here(artifact)
        self._check_size(artifact, artifact.bytes)
        with ExitStack() as stack:
            found = []
            for file in artifact.files:
                content = await asyncio.to_thread(_proven, file, artifact)
                stack.callback(content.close)
                found.append(Handed(name=Path(file.path).name, size=file.bytes, content=content))
            yield tuple(found)

    async def note_sent(self, run: Run, to: str) -> None:
        """Put on record, before it happens, that the bundle goes to the chat."""
        artifact = artifact_of(run.events)
        database, books = await self._storage.database(), await self._storage.books()
        data: JsonObject = {"to": to, "bundle": artifact.id if artifact is not None else ""}
        if artifact is not None and artifact.files:
            data |= {"sha256": [file.sha256 for file in artifact.files]}

        def work(tx: Tx) -> None:
            entry = AuditEntry(
                code="bundle.exported",
                at=tx.now(),
                actor=run.actor,
                person=run.person,
                run=run.id,
                cluster_uid=run.plan.cluster.uid,
                cluster_name=run.plan.cluster.name,
                outcome="begun",
                data=data,
            )
            books.chain(tx, [entry])

        await database.write(work, name="bundle.exported")

    @asynccontextmanager
    async def _brought(self, artifact: Artifact) -> AsyncIterator[tuple[Handed, ...]]:
        """Out of a repository, into a folder that is gone afterwards."""
        known = {self.config.repository, *(one.name for one in self.config.repositories)}
        known |= {one.url for one in self.config.repositories}
        if artifact.repository not in known:
            raise UsageError(
                f"the bundle is in repository {artifact.repository}, which this bot does not know",
                hint=f"`k8sops bundles get {artifact.id} --repo {artifact.repository}` brings it",
            )
        repositories = ConfiguredRepositories(self.config, self._storage, self._clock, self._ids)
        desk = BundleDesk(await repositories.open(artifact.repository), self._storage)
        chosen = await desk.one(artifact.id)
        if not chosen.view.redacted:
            raise _not_redacted(artifact)
        self._check_size(artifact, chosen.view.bytes)
        with tempfile.TemporaryDirectory(prefix="k8sops-bundle-") as folder:
            path = Path(folder) / "bundle"
            await desk.write(chosen, path)
            with _open(path) as content:
                yield (Handed(name=chosen.file_name, size=chosen.view.bytes, content=content),)

    def _check_here(self, artifact: Artifact) -> None:
        if artifact.folder:
            raise UsageError(
                f"the bundle is a folder, {artifact.folder} on {artifact.host}; only an archive is sent",
                hint="collect it as tar.zst",
            )
        if artifact.host != self._host or not artifact.files:
            raise UsageError(
                f"the bundle lies on {artifact.host}, where its run was carried, and not where this bot runs: "
                f"{_paths(artifact)}",
                hint="`--to repository` keeps it where every bot finds it",
            )

    def _check_size(self, artifact: Artifact, size: int) -> None:
        most = self.config.slack.bundle_mb
        if size > most * MEGABYTE:
            raise UsageError(
                f"the bundle has {size_text(size)}, and no more than {most} MB are sent here; {lies(artifact)}",
                hint=how_to_get(artifact),
            )


def lies(artifact: Artifact) -> str:
    """Where it is, as the end of a sentence."""
    if artifact.repository:
        return f"it is in repository {artifact.repository}"
    return f"it lies on {artifact.host}: {_paths(artifact)}"


def how_to_get(artifact: Artifact) -> str:
    """What to type for it."""
    if artifact.repository:
        return f"`k8sops bundles get {artifact.id} --repo {artifact.repository}` brings it"
    return "copy it from there; `--to repository` keeps the next one where `k8sops bundles get` finds it"


def _not_redacted(artifact: Artifact) -> DeniedError:
    return DeniedError(
        f"the bundle was made with its secrets in it (--no-redact) and is never sent here; {lies(artifact)}",
        hint="collect it again without --no-redact",
    )


def _paths(artifact: Artifact) -> str:
    if artifact.folder:
        return artifact.folder
    more = f" and {len(artifact.files) - 1} more" if len(artifact.files) > 1 else ""
    return f"{artifact.files[0].path}{more}" if artifact.files else "at no path that it told"


def _proven(file: ArtifactFile, artifact: Artifact) -> IO[bytes]:
    """The file, open, once all of it is what was told. What is sent is read from this very opening. For a thread."""
    path = Path(file.path)
    try:
        # Looked at first: neither a pipe that nobody writes to nor something endless is opened and read.
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size != file.bytes:
            raise _another(file, artifact)
        content = path.open("rb")
    except OSError as error:
        raise UsageError(
            f"the bundle at {file.path} cannot be read: {error.strerror}",
            hint="was it moved? it was made by the run's carrier on this machine",
        ) from error
    try:
        if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256 or content.tell() != file.bytes:
            raise _another(file, artifact)
        content.seek(0)
    except BaseException:
        content.close()
        raise
    return content


def _another(file: ArtifactFile, artifact: Artifact) -> UsageError:
    return UsageError(
        f"the file at {file.path} is not bundle {artifact.id} as it was made, and is not sent",
        hint="see who changed it; collect it again",
    )


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as content:
        yield content
