"""Builds the control plane's binaries from their pinned Go modules, each one whole or not at all.

A binary is built into a draft folder inside the cache and moved into place at one stroke; a file lock makes parallel
builders wait for each other. The times of past builds are kept in the cache, for an honest estimate.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.errors import SandboxError
from k8sops.sandbox.locations import write_private
from k8sops.sandbox.toolchain import find_go
from k8sops.sandbox.versions import Binary, linker_flags

TICK_SECONDS: Final = 0.5
LOCK_DEADLINE_SECONDS: Final = 3600.0
TIMINGS: Final = "timings.json"
DRAFT_PREFIX: Final = ".draft-"


class BuildProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a build is, or a fetch in its place. All times in seconds."""

    note: str = ""
    """What happens instead of compiling: waiting for another builder, fetching a toolchain."""
    binary: str = ""
    index: int = 0
    count: int = 0
    elapsed: float = 0.0
    remaining: float = 0.0
    """Estimated from the last build on this machine, or else from the reference machine's."""
    fetching: bool = False
    received_bytes: int = 0
    size_bytes: int = 0
    """Of the file that is fetched; 0 while it is not known."""


Report = Callable[[BuildProgress], None]


async def build(wanted: Sequence[Binary], folder: Path, cache: Path, clock: Clock, report: Report) -> None:
    """Build what `folder` does not have yet. Raises SandboxError with the compiler's last words."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with one_at_a_time(folder, clock, report, "builds"):
        missing = [binary for binary in wanted if not (folder / binary.name).exists()]
        if not missing:
            return
        sweep(folder)
        go = await find_go(cache, lambda note: report(BuildProgress(note=note)))
        draft = Path(tempfile.mkdtemp(prefix=DRAFT_PREFIX, dir=folder))
        try:
            for name in ("go.mod", "go.sum"):
                source = files("k8sops.sandbox").joinpath("gomod", name)
                (draft / name).write_bytes(source.read_bytes())
            await _build_all(go, missing, draft, folder, clock, report)
        finally:
            await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)


async def _build_all(
    go: Path, missing: Sequence[Binary], draft: Path, folder: Path, clock: Clock, report: Report
) -> None:
    past = _timings(folder)
    began = clock.monotonic()
    for index, binary in enumerate(missing):
        after = sum(past.get(other.name, other.seconds) for other in missing[index + 1 :])
        expected = past.get(binary.name, binary.seconds)
        started = clock.monotonic()

        def tick(
            binary: Binary = binary,
            index: int = index,
            expected: float = expected,
            after: float = after,
            started: float = started,
        ) -> None:
            now = clock.monotonic()
            report(
                BuildProgress(
                    binary=binary.name,
                    index=index + 1,
                    count=len(missing),
                    elapsed=now - began,
                    remaining=max(expected - (now - started), 0.0) + after,
                )
            )

        await _compile(go, binary, draft, clock, tick)
        (draft / binary.name).replace(folder / binary.name)
        past[binary.name] = round(clock.monotonic() - started, 1)
        write_private(folder / TIMINGS, msgspec.json.encode(past))


async def _compile(go: Path, binary: Binary, draft: Path, clock: Clock, tick: Callable[[], None]) -> None:
    """Run the compiler in its own process group, so that an interruption ends all it started."""
    process = await asyncio.create_subprocess_exec(
        *(str(go), "build", "-trimpath", "-buildvcs=false", "-ldflags", linker_flags()),
        *("-o", str(draft / binary.name), binary.package),
        cwd=draft,
        env={
            **os.environ,
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-mod=readonly",
            "GOWORK": "off",
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    output = asyncio.ensure_future(process.communicate())
    try:
        while not (await asyncio.wait({output}, timeout=TICK_SECONDS))[0]:
            tick()
        _, complaint = output.result()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
            output.cancel()
    if process.returncode != 0 or not (draft / binary.name).exists():
        lines = [line for line in complaint.decode("utf-8", "replace").splitlines() if line.strip()]
        raise SandboxError(
            f"{binary.name} could not be built: {lines[-1] if lines else 'the compiler gave no reason'}",
            hint="Go needs its module proxy for the first build; or set KUBEBUILDER_ASSETS to a folder with the "
            "binaries, or K8SOPS_ASSETS_URL to a mirror of them. What is built already is kept",
        )


def expected_seconds(missing: Sequence[Binary], folder: Path) -> float:
    """How long building these takes, by the last build on this machine, or else by the reference machine's."""
    past = _timings(folder)
    return sum(past.get(binary.name, binary.seconds) for binary in missing)


@asynccontextmanager
async def one_at_a_time(folder: Path, clock: Clock, report: Report, does: str) -> AsyncIterator[None]:
    """Hold the folder's lock; while another process has it, say what that one `does`.

    Raises SandboxError after an hour.
    """
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = clock.monotonic() + LOCK_DEADLINE_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if clock.monotonic() >= deadline:
                    raise SandboxError(
                        f"another process has been filling {folder} for an hour",
                        hint="end that process and try again",
                    ) from error
                report(BuildProgress(note=f"waiting for another process that {does} the same binaries"))
                await asyncio.sleep(TICK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove what interrupted processes left; under the lock nobody else's draft can be meant."""
    for draft in folder.glob(f"{DRAFT_PREFIX}*"):
        shutil.rmtree(draft, ignore_errors=True)


def _timings(folder: Path) -> dict[str, float]:
    try:
        return msgspec.json.decode((folder / TIMINGS).read_bytes(), type=dict[str, float])
    except (OSError, msgspec.MsgspecError):
        # Only an estimate is lost.
        return {}
