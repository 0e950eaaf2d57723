"""Copies of the store: SQLite's by its online backup, PostgreSQL's by the server's own tools."""

from __future__ import annotations

import os
import shlex
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import URL

from k8sops.core.errors import StorePermissionError, UsageError


def copy_sqlite(source: Path, target: Path, *, replace: bool = False) -> None:
    """Copy a SQLite file, 0600, as it is at one moment, while others go on using it.

    The copy has its name only once it is whole and on disk. Raises UsageError where `target` is there already and
    may not be replaced, and library errors.
    """
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    try:
        handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorePermissionError(
            f"{partial} cannot be made: {error.strerror}", hint="choose a folder you may write"
        ) from error
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(partial)) as new,
        ):
            old.backup(new)
            # A copy is one file: it needs no -wal beside it.
            new.execute("PRAGMA journal_mode=DELETE")
        os.fsync(handle)
        if replace:
            partial.replace(target)
        else:
            _name_once(partial, target)
    finally:
        os.close(handle)
        with suppress(FileNotFoundError):
            partial.unlink()
    _sync_folder(target.parent)


def _name_once(partial: Path, target: Path) -> None:
    try:
        os.link(partial, target)
    except FileExistsError:
        raise UsageError(f"{target} is there already", hint="name a file that is not") from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def pg_dump_command(url: URL, target: Path) -> str:
    """The command that backs a PostgreSQL store up; it asks for the password, or finds it in ~/.pgpass."""
    safe = url.set(drivername="postgresql", password=None).difference_update_query(
        ["password", "sslpassword"]
    )
    return shlex.join(
        ["pg_dump", "--format=custom", f"--file={target}", safe.render_as_string(hide_password=True)]
    )
