"""The two PostgreSQL roles and what each may do.

A *door* reads, proposes, votes, signals and cancels; a *carrier* also carries. Neither may change or take away what was
recorded. A door's rights are not trusted: a carrier checks the signed statements before the first mutation (DESIGN §8
Persons). On SQLite there are no roles, only the file's owner.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from sqlalchemy import text

from k8sops.core.errors import UsageError
from k8sops.store.database import Tx
from k8sops.store.migrations import VERSION_TABLE
from k8sops.store.schema import metadata


class RoleNames(msgspec.Struct, frozen=True):
    """What the roles are called; a role that exists under its name is given the rights, else it is made."""

    door: str = "k8sops_door"
    carrier: str = "k8sops_carrier"


DOOR: Final[dict[str, str]] = {
    "runs": "INSERT, UPDATE",
    "run_events": "INSERT",
    # What a person says became of a step in doubt (`runs resume --as`); steps are begun by carriers alone.
    "run_steps": "UPDATE (state, ended_at, result)",
    "signals": "INSERT",
    "votes": "INSERT",
    "statements": "INSERT",
    "target_locks": "INSERT, DELETE",
    "reviews": "INSERT, UPDATE",
    "grants": "INSERT, UPDATE",
    "schedules": "INSERT, UPDATE, DELETE",
    "firings": "INSERT, UPDATE",
    "audit": "INSERT",
    "audit_head": "UPDATE (seq, hash)",
    "checkpoints": "INSERT",
    "attachments": "INSERT",
    "outbox": "INSERT, UPDATE",
    "door_state": "INSERT, UPDATE, DELETE",
    "enrolments": "INSERT",
    "repository_marks": "INSERT, UPDATE",
    "repository_epochs": "INSERT, UPDATE",
}
"""What a door may do to a table besides reading it."""

CARRIER: Final[dict[str, str]] = DOOR | {
    "run_steps": "INSERT, UPDATE",
    "firings": "INSERT, UPDATE, DELETE",
    "carriers": "INSERT, UPDATE, DELETE",
    "outbox": "INSERT, UPDATE, DELETE",
}

_MAY_CARRY: Final = text("SELECT has_table_privilege('run_steps', 'INSERT')")

_NAME: Final = re.compile(r"[a-z_][a-z0-9_$]{0,62}")


def role_statements(names: RoleNames) -> list[str]:
    """The SQL that makes the roles where they are missing, and gives each exactly its rights.

    Raises UsageError for a name that is none.
    """
    statements = []
    for name, rights in ((names.door, DOOR), (names.carrier, CARRIER)):
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name for a role", hint="use lower-case letters, digits and _")
        statements += [_made(name), _on_schema(name), *_granted(name, rights)]
    return statements


def may_carry(tx: Tx) -> bool:
    """Whether whoever is connected may write a run's journal; a door's role may not, and must not claim runs."""
    return tx.dialect != "postgresql" or bool(tx.execute(_MAY_CARRY).scalar_one())


def _made(name: str) -> str:
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') THEN "
        f'CREATE ROLE "{name}" NOLOGIN; END IF; '
        "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )


def _on_schema(name: str) -> str:
    return f"DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO \"{name}\"', current_schema()); END $$"


def _granted(name: str, rights: dict[str, str]) -> list[str]:
    tables = ", ".join([*metadata.tables, VERSION_TABLE])
    given = [f'GRANT {right} ON {table} TO "{name}"' for table, right in rights.items()]
    return [f'REVOKE ALL ON {tables} FROM "{name}"', f'GRANT SELECT ON {tables} TO "{name}"', *given]
