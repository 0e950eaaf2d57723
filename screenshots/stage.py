"""The stage of every picture: one seeded sandbox with its history, as it was at one moment, kept beside the pictures.

What is kept is etcd's keys with their values and the files of the history. Certificates are not: each use makes its
own. The keys in it open nothing but this stage. Names of pods, times and placements are thus the same wherever pictures
are taken, which is what lets a test tell whether a picture is still true. Times of the cluster are moved to the last
morning, when the history's night has just ended, whenever it was that somebody made it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
import zstandard

from k8sops.core.clock import SystemClock, parse_rfc3339, rfc3339
from k8sops.core.errors import SandboxError
from k8sops.sandbox.etcdapi import open_etcd
from k8sops.sandbox.manager import SandboxManager
from k8sops.sandbox.people import kubeconfigs
from k8sops.sandbox.seed import seed
from k8sops.sandbox.state import SandboxFolder
from k8sops.service.history import Place, make_history
from screenshots import helm_releases
from screenshots.control_plane import ControlPlane, read_all
from screenshots.moving import moved

KEPT: Final = Path(__file__).parent / "company.stage"
SANDBOX: Final = "demo"
"""As `make demo` has it: the context is then the one a reader sees there."""
NODES: Final = 5
HISTORY: Final = "k8sops"
DATABASE: Final = "data/k8sops.db"
HARDEST: Final = 19
TEMPORARY: Final = "/tmp"  # noqa: S108 - of one length everywhere: screens show it, and wrap it
PREFIX: Final = "k8sops-shots-"
SETTLING_S: Final = 150.0
"""For containers that end again and again to have done so a few times."""
MORNING: Final = timedelta(hours=9, minutes=20)
"""The time of every picture (UTC)."""

Say = Callable[[str], None]


class Stage(msgspec.Struct, frozen=True):
    """What is kept."""

    moment: str
    """When it was taken, RFC 3339: the time of every picture."""
    entries: tuple[tuple[bytes, bytes], ...]
    """etcd's keys and values, in their order."""
    files: dict[str, bytes]
    """The history's files, by their path within its folder."""

    @property
    def now(self) -> datetime:
        """The moment."""
        return parse_rfc3339(self.moment)


class Standing(msgspec.Struct, frozen=True):
    """A stage that has been set up."""

    stage: Stage
    plane: ControlPlane
    place: Place


def kept() -> Stage:
    """The stage in the repository."""
    return msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(KEPT.read_bytes()), type=Stage)


def keep(stage: Stage) -> int:
    """Put a stage in the repository; returns its size in bytes."""
    data = zstandard.ZstdCompressor(level=HARDEST).compress(msgspec.msgpack.encode(stage))
    KEPT.write_bytes(data)
    return len(data)


async def make_stage(say: Say) -> Stage:
    """Seed a sandbox, play its history, and take what it then holds; nothing of the sandbox is left."""
    begun = SystemClock().now()
    moment = begun.replace(hour=0, minute=0, second=0, microsecond=0) + MORNING
    moment -= timedelta(days=moment > begun)
    with tempfile.TemporaryDirectory(prefix="k8sops-stage-", ignore_cleanup_errors=True) as home:
        manager = SandboxManager(Path(home))
        handle = await manager.up(SANDBOX, nodes=NODES, say=say)
        try:
            await seed(handle.kubeconfig, progress=say)
            place = Place(handle.folder / HISTORY)
            people = {"admin": handle.kubeconfig, **kubeconfigs(manager, SANDBOX)}
            await make_history(place, people, now=moment, say=say)
            files = await asyncio.to_thread(_files, place)
            await asyncio.sleep(SETTLING_S)
            entries = await _entries(Path(home))
        finally:
            await manager.down(SANDBOX)
    taken = SystemClock().now()
    together = (begun, taken, moment - taken)
    return Stage(rfc3339(moment), tuple((key, moved(value, *together)) for key, value in entries), files)


async def _entries(home: Path) -> list[tuple[bytes, bytes]]:
    folder = SandboxFolder(home, SANDBOX)
    state = folder.load()
    if state is None:
        raise SandboxError("the stage's sandbox has gone")
    async with open_etcd(folder, state.ports) as etcd:
        return await read_all(etcd)


@asynccontextmanager
async def set_up(stage: Stage) -> AsyncIterator[Standing]:
    """An API server on what the stage holds, and its history beside it, until the block ends."""
    home = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=PREFIX, dir=TEMPORARY))
    try:
        place = Place(home / HISTORY)
        await asyncio.to_thread(_lay_out, stage, place)
        entries = (*stage.entries, *helm_releases.entries(stage.now))
        async with ControlPlane.standing(home, SANDBOX, NODES, entries, stage.now) as plane:
            yield Standing(stage, plane, place)
    finally:
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)


def _files(place: Place) -> dict[str, bytes]:
    """The history's files, the database as one file."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        with (
            contextlib.closing(sqlite3.connect(place.root / DATABASE)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
            target.execute("VACUUM")
        found = {DATABASE: copy.read_bytes()}
    for path in sorted(place.root.rglob("*")):
        name = path.relative_to(place.root).as_posix()
        if path.is_file() and not name.startswith(DATABASE) and path != place.config:
            found[name] = path.read_bytes()
    return found


def _lay_out(stage: Stage, place: Place) -> None:
    for name, content in stage.files.items():
        path = place.root / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_bytes(content)
    settings: dict[str, Any] = {
        "database_url": place.database_url,
        "policy": str(place.policy),
        "repositories": [place.repository()],
    }
    place.config.write_text(yaml.safe_dump(settings), encoding="utf-8")
