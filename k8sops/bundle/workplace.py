"""The folder in which a bundle is made, beside where it will lie: hidden, locked while somebody works in it, then gone.

What a process that was killed leaves behind holds no lock: the next bundle that is made in the same place clears it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from k8sops.bundle.errors import not_written

_ENDING: Final = ".partial"
_LOCK: Final = "lock"


class Workplace:
    """A working folder under `target`, for the bundle of this name. Blocks. Raises BundleError."""

    def __init__(self, target: Path, name: str) -> None:
        self.target: Final = target
        self.name: Final = name
        self.folder: Final = target / f".{name}{_ENDING}"
        try:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left in abandoned(target):
                shutil.rmtree(left)
            self.folder.mkdir(mode=0o700)
            self._lock: Final = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise not_written(target, error) from error

    def close(self) -> None:
        """Take it away with all that is still in it. Idempotent."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
            os.close(self._lock)


def abandoned(target: Path) -> Iterator[Path]:
    """Working folders that nobody works in any more. Blocks."""
    for folder in sorted(target.glob(f".*{_ENDING}")):
        try:
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            yield folder
        finally:
            os.close(descriptor)
