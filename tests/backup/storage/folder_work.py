"""What tests of the folder do to the disk and with other processes, apart from the event loop."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

WRITE_ON = """
import asyncio, sys
from pathlib import Path
from k8sops.backup.storage.folder import FolderStorage

async def main():
    storage = FolderStorage(Path(sys.argv[1]))
    for number in range(10**6):
        await storage.put(f"packs/{number % 7:02d}/{number:032d}", b"%d" % number * 50_000)
        print(number, flush=True)

asyncio.run(main())
"""
TAKE_NAMES = """
import asyncio, sys
from pathlib import Path
from k8sops.backup.storage.errors import NameTakenError
from k8sops.backup.storage.folder import FolderStorage

async def main():
    storage, won = FolderStorage(Path(sys.argv[1])), 0
    for number in range(100):
        try:
            await storage.put(f"backups/c/{number:012d}", sys.argv[2].encode())
            won += 1
        except NameTakenError:
            pass
    print(won)

asyncio.run(main())
"""
FILL = """
import asyncio, resource, signal, sys
from pathlib import Path
from k8sops.backup.storage.folder import FolderStorage
from k8sops.core.errors import K8sOpsError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

async def main():
    try:
        await FolderStorage(Path(sys.argv[1])).put("packs/ab/one", b"x" * 200_000)
    except K8sOpsError as error:
        print(type(error).__name__, error)

asyncio.run(main())
"""

KEEP = """
import asyncio, concurrent.futures.thread, os, shutil, sys, tempfile
from pathlib import Path
from k8sops.backup.storage.folder import FolderStorage
from k8sops.core.errors import K8sOpsError

top = tempfile.mkdtemp()
try:
    if os.getuid() == 0:
        # Root may change every folder, so somebody else has to try.
        os.chown(top, 65534, 65534)
        os.setgid(65534)
        os.setuid(65534)
    folder = Path(top) / "packs"

    async def main():
        storage = FolderStorage(Path(top))
        await storage.put("packs/one", b"1")
        inner = FolderStorage(folder / "not" / "there")
        print(repr(await inner.unwritable()))
        folder.chmod(0o500)
        print((await inner.unwritable()).replace(top, "TOP").replace(str(os.getuid()), "N"))
        for attempt in (storage.delete("packs/one"), storage.put("packs/two", b"2")):
            try:
                await attempt
            except K8sOpsError as error:
                print(type(error).__name__, str(error).replace(top, "TOP").replace(str(os.getuid()), "N"))
        print(await storage.read("packs/one", at_most=1))

    asyncio.run(main())
finally:
    os.chmod(Path(top) / "packs", 0o700)
    shutil.rmtree(top, ignore_errors=True)
"""


class Killed(NamedTuple):
    """A writer's end: how many files it had said were kept."""

    acknowledged: int


def write_and_kill(root: Path, after: int) -> Killed:
    """Let a process write files until it has told of so many, and kill it with whatever it is doing then."""
    with subprocess.Popen([sys.executable, "-c", WRITE_ON, str(root)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        told = sum(1 for _ in zip(range(after), writer.stdout, strict=False))
        writer.kill()
        return Killed(told + len([line for line in writer.stdout.read().split(b"\n") if line]))


def take_names_at_once(root: Path, *who: str) -> list[int]:
    """Let processes put the same hundred names; how many each won."""
    command = [sys.executable, "-c", TAKE_NAMES, str(root)]
    writers = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in who]
    return [int(writer.communicate(timeout=300)[0]) for writer in writers]


def fill(root: Path) -> str:
    """Write more than the process may; what it says."""
    command = [sys.executable, "-c", FILL, str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.strip()


def keep() -> list[str]:
    """Delete and write in a folder that may not be changed; what is said of it."""
    done = subprocess.run(
        [sys.executable, "-c", KEEP], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.splitlines()


def files_in(root: Path) -> list[str]:
    """Every file below a folder, drafts too."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def modes_in(root: Path) -> dict[str, int]:
    """Every file and folder below this one, and it, with their permissions."""
    found = {"": root, **{path.relative_to(root).as_posix(): path for path in root.rglob("*")}}
    return {name: stat.S_IMODE(path.stat().st_mode) for name, path in found.items()}


def plant(path: Path, data: bytes, *, old: bool = False) -> Path:
    """Put a file there by other means; an old one is of 1970."""
    path.write_bytes(data)
    if old:
        os.utime(path, (1, 1))
    return path
