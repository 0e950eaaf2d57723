"""Fetches release binaries from a mirror instead of building them, each one whole or not at all.

A file is streamed into a draft folder, held against its SHA-256, asked for its version, and moved into place at one
stroke; a file lock makes parallel processes wait for each other. The checksum comes from the mirror itself: it guards
against damage, not against a mirror that lies.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import os
import shutil
import signal
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from yarl import URL

from k8sops.core.clock import Clock
from k8sops.core.errors import SandboxError
from k8sops.sandbox.build import DRAFT_PREFIX, BuildProgress, Report, one_at_a_time, sweep
from k8sops.sandbox.mirror import MOST_BYTES, Mirror, Patience, open_mirror
from k8sops.sandbox.releases import VERSION_ARGUMENTS, Release, checksum_in, release_of, says_version
from k8sops.sandbox.versions import Binary

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

REPORT_SECONDS: Final = 0.25
VERSION_DEADLINE_SECONDS: Final = 120.0
_MEND: Final = "mend the mirror, or unset K8SOPS_ASSETS_URL to build the binaries instead"


async def fetch(
    wanted: Sequence[Binary],
    folder: Path,
    address: URL,
    machine: str,
    clock: Clock,
    report: Report,
    patience: Patience | None = None,
) -> None:
    """Fetch what `folder` does not have yet; what is complete stays, whatever fails after it.

    Raises SandboxError where a file is missing, cut off, not what its checksum says or of another version;
    UnreachableError where the mirror does not answer.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with one_at_a_time(folder, clock, report, "fetches"):
        missing = [binary.name for binary in wanted if not (folder / binary.name).exists()]
        if not missing:
            return
        sweep(folder)
        draft = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=DRAFT_PREFIX, dir=folder))
        try:
            async with open_mirror(address, patience) as mirror:
                for index, name in enumerate(missing):
                    if (folder / name).exists():
                        # It came in the archive of one before it.
                        continue
                    told = _teller(name, index + 1, len(missing), clock, report)
                    told(0, 0)
                    await _fetch_release(mirror, release_of(name, machine), draft, folder, told)
        finally:
            await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)


async def _fetch_release(
    mirror: Mirror, release: Release, draft: Path, folder: Path, told: Callable[[int, int], None]
) -> None:
    """One file, and all the binaries in it. The checksum comes first: without one nothing is downloaded."""
    expected = checksum_in(await mirror.text(release.checksums), release.file)
    if expected is None:
        raise SandboxError(
            f"{release.checksums} of the mirror {mirror.name} holds no SHA-256 of {release.file}", hint=_MEND
        )
    file = draft / release.file
    found = await mirror.download(release.path, file, told)
    if found != expected:
        raise SandboxError(
            f"{release.path} of the mirror {mirror.name} does not have the checksum that stands beside it",
            hint=f"it has {found[:12]}…, not {expected[:12]}…; {_MEND}",
        )
    if release.folder:
        unpacked = draft / "unpacked"
        await asyncio.to_thread(unpack, file, release, unpacked)
        await asyncio.to_thread(file.unlink)
    else:
        unpacked = draft
        await asyncio.to_thread(file.replace, unpacked / release.binaries[0])
    for name in release.binaries:
        await asyncio.to_thread((unpacked / name).chmod, 0o755)
        await _check_version(unpacked / name, release, mirror)
    for name in release.binaries:
        await asyncio.to_thread(_put_in_place, unpacked / name, folder / name)


def unpack(archive: Path, release: Release, into: Path, most: int = MOST_BYTES) -> None:
    """Take the release's binaries out of its archive, and nothing else: no name in the archive becomes a path.

    Blocking. Raises SandboxError for an archive that lacks one, cannot be read, or unpacks to more than `most` bytes.
    """
    into.mkdir()
    wanted = {f"{release.folder}/{name}": name for name in release.binaries}
    try:
        with (
            gzip.open(archive) as packed,
            tarfile.open(fileobj=_Bounded(packed, release, most), mode="r|") as tar,
        ):
            for member in tar:
                # A link may point anywhere, so only what is itself a file is taken.
                if member.isreg() and (name := wanted.pop(member.name, None)) is not None:
                    source = tar.extractfile(member)
                    with (into / name).open("xb") as target:
                        if source is not None:
                            shutil.copyfileobj(source, target)
                        target.flush()
                        os.fsync(target.fileno())
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise SandboxError(
            f"{release.path} is no archive that can be unpacked: {error}", hint=_MEND
        ) from error
    except OSError as error:
        raise SandboxError(
            f"{release.path} cannot be unpacked to {into.parent.parent}: {error.strerror or error}",
            hint="K8SOPS_CACHE moves the cache",
        ) from error
    if wanted:
        raise SandboxError(f"{release.path} holds no file {min(wanted)}, which its release has", hint=_MEND)


class _Bounded(io.RawIOBase):
    """What comes out of a packed file, up to a limit: a small archive can unpack to any size."""

    def __init__(self, packed: gzip.GzipFile, release: Release, most: int) -> None:
        super().__init__()
        self._packed: Final = packed
        self._release: Final = release
        self._most: Final = most
        self._left = most

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """As RawIOBase has it. Raises SandboxError once the limit is passed."""
        count = self._packed.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise SandboxError(f"{self._release.path} unpacks to more than {self._most} bytes", hint=_MEND)
        return count


async def _check_version(binary: Path, release: Release, mirror: Mirror) -> None:
    """Have the binary say its version: another one under our key would be found much later, and by nobody."""
    try:
        process = await asyncio.create_subprocess_exec(
            binary,
            *VERSION_ARGUMENTS.get(binary.name, ("--version",)),
            cwd=binary.parent,
            env={"HOME": str(binary.parent), "PATH": os.defpath},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxError(
            f"{binary.name} of the mirror {mirror.name} does not run on this machine: {error.strerror}",
            hint=_MEND,
        ) from error
    output = b""
    try:
        with contextlib.suppress(TimeoutError):
            output, _ = await asyncio.wait_for(process.communicate(), VERSION_DEADLINE_SECONDS)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
    if process.returncode != 0 or not says_version(output.decode("utf-8", "replace"), release.version):
        raise SandboxError(
            f"{binary.name} of the mirror {mirror.name} does not say that it is version {release.version}",
            hint=_MEND,
        )


def _put_in_place(draft: Path, final: Path) -> None:
    draft.replace(final)
    descriptor = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _teller(name: str, index: int, count: int, clock: Clock, report: Report) -> Callable[[int, int], None]:
    """Passes progress on, not more often than somebody can read it."""
    last = 0.0

    def told(received: int, size: int) -> None:
        nonlocal last
        now = clock.monotonic()
        if received and received < size and now - last < REPORT_SECONDS:
            return
        last = now
        report(
            BuildProgress(
                binary=name, index=index, count=count, fetching=True, received_bytes=received, size_bytes=size
            )
        )

    return told
