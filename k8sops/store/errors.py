"""What the databases' own errors mean, decided in one place.

SQLite's are told apart by their result codes (https://www.sqlite.org/rescode.html), PostgreSQL's by SQLSTATE
(https://www.postgresql.org/docs/current/errcodes-appendix.html). A password never comes along: messages are built from
the URL as it is shown, and what a server said is searched for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy.exc import DBAPIError

from k8sops.core.errors import (
    CredentialsError,
    K8sOpsError,
    SchemaOutdatedError,
    StoreBusyError,
    StoreConstraintError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StorePermissionError,
    StorePlaceError,
    StoreUnreachableError,
    TlsError,
)


class Failure(NamedTuple):
    """A database's error in our words."""

    error: K8sOpsError
    again: bool = False
    """The same transaction may succeed at once, from its start."""
    lost: bool = False
    """The connection is of no more use."""


def driver_error(error: BaseException) -> BaseException:
    """The driver's own error inside one of SQLAlchemy's."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig
    return error


def one_line(text: object, *, without: Sequence[str] = ()) -> str:
    """A library's message on one line, without the passwords should it hold one."""
    line = " ".join(str(text).split())
    for secret in without:
        line = line.replace(secret, "***")
    return line


_WRITE_FAILED: Final = (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE)
_PRIMARY: Final = 0xFF


def sqlite_failure(code: int, text: str, shown: str, waited_s: float) -> Failure:
    """What SQLite's (extended) result code means for the file `shown`."""
    primary = code & _PRIMARY
    if code in _WRITE_FAILED:
        primary = sqlite3.SQLITE_FULL
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return _constraint(text, shown)
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        text = f"{waited_s:g} s"
    found = _SQLITE.get(primary)
    if found is None:
        return Failure(StoreError(f"the store {shown} refused a statement: {text}"))
    kind, message, hint = found
    # The file may have been replaced, or be fit again, when the next transaction opens it.
    return Failure(kind(message.format(shown=shown, text=text), hint=hint), lost=kind is not StoreBusyError)


_BUSY: Final = (
    StoreBusyError,
    "the store {shown} was locked by another process for more than {text}",
    "try again; a stopped process that holds it shows in `fuser` on the file",
)
_DAMAGED: Final = (
    StoreCorruptError,
    "the store {shown} is damaged or no database: {text}",
    "stop every k8sops, put a copy back (of `store backup`, or the file's .before-… copy), "
    "and check it with `audit verify`",
)
_FORBIDDEN: Final = (
    StorePermissionError,
    "the store {shown} cannot be opened or written: {text}",
    "its file and folder must belong to you and be writable, -wal and -shm too",
)
_SQLITE: Final[dict[int, tuple[type[K8sOpsError], str, str]]] = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: (
        StoreFullError,
        "the store {shown} cannot be written: {text}",
        "free space on its disk, or raise the quota or file size limit; nothing of the change was kept",
    ),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_PERM: _FORBIDDEN,
    sqlite3.SQLITE_READONLY: _FORBIDDEN,
    sqlite3.SQLITE_CANTOPEN: _FORBIDDEN,
    sqlite3.SQLITE_AUTH: _FORBIDDEN,
    sqlite3.SQLITE_IOERR: (StoreError, "the store {shown} cannot be read: {text}", "check its disk"),
}


def _constraint(text: str, shown: str) -> Failure:
    if "insert-only" in text:
        return Failure(StorePermissionError(f"the store {shown} refused: {text}"))
    return Failure(StoreConstraintError(f"the store {shown} refused a row: {text}"))


def postgres_failure(state: str, text: str, shown: str, *, lost: bool) -> Failure:
    """What a SQLSTATE means at the server `shown`; an empty one comes from the connection, not the server."""
    if state in {"40001", "40P01"}:
        return Failure(
            StoreBusyError(f"the store {shown} could not order two changes: {text}", hint="try again"),
            again=True,
        )
    if state in {"55P03", "57014"}:
        return Failure(
            StoreBusyError(
                f"the store {shown} was busy for longer than allowed: {text}",
                hint="try again; pg_stat_activity shows who holds the lock",
            )
        )
    if state.startswith("53"):
        return _no_room(state, text, shown)
    if lost or state.startswith(("08", "57P")) or state == "25P03":
        return Failure(
            StoreUnreachableError(
                f"the connection to the store {shown} broke: {text}", hint="check the server, then try again"
            ),
            again=True,
            lost=True,
        )
    return _refused(state, text, shown)


def _no_room(state: str, text: str, shown: str) -> Failure:
    if state == "53100":
        return Failure(
            StoreFullError(
                f"the store {shown} cannot be written: {text}",
                hint="free space on the server's disk; nothing of the change was kept",
            )
        )
    return Failure(
        StoreUnreachableError(
            f"the store {shown} has no room for this client: {text}", hint="try again later"
        ),
        lost=True,
    )


def _refused(state: str, text: str, shown: str) -> Failure:
    if state.startswith("28"):
        return Failure(refused_login(text, shown), lost=True)
    if state.startswith("23"):
        return _constraint(text, shown)
    kind, message, hint = _POSTGRES.get(state, _POSTGRES.get(state[:2], _STATEMENT))
    return Failure(kind(message.format(shown=shown, text=text), hint=hint))


_STATEMENT: Final[tuple[type[K8sOpsError], str, str]] = (
    StoreError,
    "the store {shown} refused a statement: {text}",
    "",
)
_LACKS: Final = (
    SchemaOutdatedError,
    "the store {shown} lacks a table or column: {text}",
    "run: k8sops store migrate",
)
_POSTGRES: Final[dict[str, tuple[type[K8sOpsError], str, str]]] = {
    "42501": (
        StorePermissionError,
        "the store {shown} refused: {text}",
        "docs/store.md says what each role may do",
    ),
    "25006": (
        StorePermissionError,
        "the store {shown} is read-only: {text}",
        "a standby cannot be written; name the primary",
    ),
    "42P01": _LACKS,
    "42703": _LACKS,
    "XX": (
        StoreCorruptError,
        "the store {shown} is damaged: {text}",
        "restore the database from its last backup",
    ),
}


def refused_login(text: str, shown: str) -> CredentialsError:
    """The server knows us and does not let us in."""
    return CredentialsError(
        f"the store {shown} refused the login: {text}", hint="check user and password of K8SOPS_DATABASE_URL"
    )


def connect_failure(text: str, shown: str) -> Failure:
    """What a failed attempt to connect means; libpq gives no code for it, only the server's words."""
    text = text.removeprefix("connection failed: ")
    if any(word in text for word in ("authentication failed", "no password supplied", "pg_hba.conf")):
        return Failure(refused_login(text, shown), lost=True)
    if "certificate" in text or "does not support SSL" in text:
        return Failure(
            TlsError(
                f"the store {shown} cannot be verified: {text}",
                hint="sslrootcert in K8SOPS_DATABASE_URL names the authority",
            ),
            lost=True,
        )
    if "FATAL" in text and "does not exist" in text:
        return Failure(
            StorePlaceError(
                f"the store {shown} is not there: {text}", hint="create the database or role first"
            ),
            lost=True,
        )
    return Failure(
        StoreUnreachableError(
            f"the store {shown} cannot be reached: {text.partition(' Is the server running')[0]}",
            hint="check K8SOPS_DATABASE_URL and the server; reads of clusters work without it",
        ),
        lost=True,
    )
