"""Files out of a container and into it, by the container's own `tar`. Bounded memory: archives go through a file.

What comes out of a container is not trusted: members that would land outside the folder, links that lead there,
devices and owners are refused or dropped (tarfile's "data" filter, PEP 706).
"""

from __future__ import annotations

import asyncio
import tarfile
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Final

from k8sops.cluster.one_line import one_line
from k8sops.cluster.websocket_exec import STDOUT, ExecSession, open_exec
from k8sops.core.errors import ClusterError, UsageError
from k8sops.core.sessions import Copied, SessionWanted

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

PIECE: Final = 256 << 10
_LONGEST_SAID: Final = 300
_NOT_FOUND: Final = 127


async def copied_from(transport: Transport, path: str, container: str, wanted: SessionWanted) -> Copied:
    """Copy `wanted.path` into the folder `wanted.local`. Raises UsageError, ClusterError with tar's own words."""
    inside = PurePosixPath(wanted.path)
    if not inside.name:
        raise UsageError(
            f"{wanted.path!r} names nothing that could be copied", hint="name a file or a folder"
        )
    command = ("tar", "cf", "-", "-C", str(inside.parent), "--", inside.name)
    with tempfile.TemporaryFile() as archive:
        async with open_exec(transport, path, command, container=container, subject=wanted.said) as session:
            said = await _drained(session, archive)
        _check(session, said, wanted)
        return await asyncio.to_thread(_extracted, archive, wanted.local)


async def copied_to(transport: Transport, path: str, container: str, wanted: SessionWanted) -> Copied:
    """Copy `wanted.local` into the container's folder `wanted.path`. Raises as `copied_from`."""
    with tempfile.TemporaryFile() as archive:
        done = await asyncio.to_thread(_packed, archive, wanted)
        archive.seek(0)
        command = ("tar", "xmf", "-", "-C", wanted.path or ".")
        opened = open_exec(transport, path, command, container=container, stdin=True, subject=wanted.said)
        async with opened as session, _fed(session, archive):
            said = await _drained(session, None)
        _check(session, said, wanted)
        return done


@asynccontextmanager
async def _fed(session: ExecSession, archive: IO[bytes]) -> AsyncIterator[None]:
    async def feed() -> None:
        while data := await asyncio.to_thread(archive.read, PIECE):
            await session.send(data)
        await session.close_stdin()

    feeding = asyncio.create_task(feed())
    try:
        yield
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


async def _drained(session: ExecSession, into: IO[bytes] | None) -> str:
    """Write what comes to a file; returns what tar complained of."""
    said = bytearray()
    async with aclosing(session.output()) as pieces:
        async for channel, data in pieces:
            if channel == STDOUT and into is not None:
                await asyncio.to_thread(into.write, data)
            elif channel != STDOUT and len(said) < _LONGEST_SAID:
                said += data
    return one_line(bytes(said).decode(errors="replace").strip(), _LONGEST_SAID)


def _check(session: ExecSession, said: str, wanted: SessionWanted) -> None:
    if session.exit_code == _NOT_FOUND:
        raise ClusterError(f"{wanted.said}: the container has no tar", hint="use a debug container (key: D)")
    if session.exit_code:
        raise ClusterError(f"{wanted.said}: {said or f'tar ended with exit code {session.exit_code}'}")


def _extracted(archive: IO[bytes], folder: Path) -> Copied:
    archive.seek(0)
    files = size = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=archive, mode="r:") as found:
            for member in found:
                found.extract(member, folder, filter="data")
                files += member.isfile()
                size += member.size if member.isfile() else 0
    except tarfile.FilterError as error:
        raise ClusterError(f"what came out of the container is refused: {error}") from error
    except tarfile.TarError as error:
        raise ClusterError(f"what came out of the container is no whole archive: {error}") from error
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}") from error
    return Copied(files=files, bytes=size, where=str(folder))


def _packed(archive: IO[bytes], wanted: SessionWanted) -> Copied:
    local = wanted.local.expanduser()
    try:
        with tarfile.open(fileobj=archive, mode="w:") as into:
            into.add(local, arcname=local.name)
            members = [member for member in into.getmembers() if member.isfile()]
    except OSError as error:
        raise UsageError(f"{local} cannot be read: {error.strerror or error}") from error
    return Copied(files=len(members), bytes=sum(member.size for member in members), where=wanted.path)
