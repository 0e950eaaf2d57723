"""SQLite stores with this program's tables in them: made once in each process and copied, which costs a tenth."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from k8sops.audit.record import genesis
from k8sops.core.clock import SystemClock
from k8sops.store.administration import migrate_store

PRIVATE = 0o600
"""As the program makes its files."""


class SqliteStores:
    """Makes stores of their own for tests; how a store is begun is what tests/store tests."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "k8sops.db"

    def fresh(self, path: Path) -> str:
        """The URL of a new store at this path, with an id of its own and nothing else in it."""
        if not self._template.exists():
            migrate_store(f"sqlite:///{self._template}", clock=SystemClock())
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(self._template, path)
        path.chmod(PRIVATE)
        own = secrets.token_hex(16)
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            raw.execute("PRAGMA synchronous=OFF")
            raw.execute("UPDATE audit_head SET hash = ?, store_id = ?", (genesis(own), own))
        return f"sqlite:///{path}"
