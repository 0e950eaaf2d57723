"""What an administrator does with the store: look, migrate, copy. Each that changes or copies it is put on record."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import msgspec

from k8sops.core.audit import AuditEntry
from k8sops.core.clock import Clock, IdSource, SystemClock, UlidSource
from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject
from k8sops.service.audit_trail import os_actor
from k8sops.service.config import Config
from k8sops.service.storing import Storage
from k8sops.store.administration import Migrated, backup_store, migrate_store, migration_sql
from k8sops.store.database import Tx, open_database
from k8sops.store.migrations import STEPS
from k8sops.store.opening import parse_url
from k8sops.store.overview import Overview, overview_of
from k8sops.store.roles import RoleNames

_MIB: Final = 1024 * 1024


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Where a store is, and what is in it."""

    url: str
    """Without its password."""
    dialect: str
    newest_revision: str
    """That this program knows."""
    overview: Overview

    @property
    def document(self) -> JsonObject:
        """As JSON."""
        fields: JsonObject = msgspec.to_builtins(self.overview)
        return {
            "url": self.url,
            "dialect": self.dialect,
            "newest_revision": self.newest_revision,
            **fields,
        }

    @property
    def lines(self) -> tuple[str, ...]:
        """As text."""
        seen = self.overview
        states = ", ".join(f"{count} {state}" for state, count in seen.runs.items())
        head = f"record {seen.audit_head}, {seen.audit_hash[:12]}…" if seen.audit_head else "no records yet"
        signed = f"record {seen.last_checkpoint}" if seen.last_checkpoint else "none yet"
        return (
            f"store       {self.url} ({self.dialect})",
            f"id          {seen.store_id}",
            f"revision    {seen.revision} (this program knows up to {self.newest_revision})",
            f"size        {seen.bytes / _MIB:.1f} MiB",
            f"runs        {states or 'none'}",
            f"audit       {head}",
            f"checkpoint  {signed}",
            f"reviews     {seen.open_reviews} open",
        )


async def show(config: Config) -> Shown:
    """Look at the store as it is; nothing is made or migrated. Raises UsageError where there is none yet."""
    path = _file_of(config)
    if path is not None and not await asyncio.to_thread(_exists, path):
        raise UsageError(f"there is no store at {path} yet", hint="it is made when the first run is proposed")
    database = await open_database(config.store_url, clock=SystemClock(), migrate=False)
    try:
        overview = await database.read(overview_of)
    finally:
        await database.aclose()
    return Shown(
        url=database.url_shown, dialect=database.dialect, newest_revision=STEPS.head, overview=overview
    )


async def migrate(config: Config, *, roles: RoleNames) -> Migrated:
    """Bring the store up to this program. Raises what opening a store raises, and StorePermissionError."""
    clock = SystemClock()
    migrated = await asyncio.to_thread(migrate_store, config.store_url, clock=clock, roles=roles)
    if migrated.before != migrated.after:
        code = "store.migrated" if migrated.before else "store.created"
        data = {"from": migrated.before, "to": migrated.after}
        await _record(config, clock, UlidSource(), code, data)
    return migrated


def role_names(door: str, carrier: str) -> RoleNames:
    """The PostgreSQL roles, by name."""
    return RoleNames(door=door, carrier=carrier)


def sql_to_migrate(config: Config, *, start: str, roles: RoleNames) -> str:
    """What `migrate` would run after revision `start`, or from nothing, for somebody else to run."""
    return migration_sql(config.store_url, start=start or None, roles=roles)


async def backup(config: Config, target: Path) -> None:
    """Copy a SQLite store to a new file, 0600; the copy holds the record of its making.

    Raises UsageError where the file exists, and for PostgreSQL, naming the command that does it there.
    """
    if await asyncio.to_thread(_exists, target):
        raise UsageError(f"{target} is there already", hint="name a file that is not")
    clock = SystemClock()
    if _file_of(config) is not None:
        await _record(config, clock, UlidSource(), "store.backed_up", {"to": target.name})
    await asyncio.to_thread(backup_store, config.store_url, target, clock=clock)


def _file_of(config: Config) -> Path | None:
    """The SQLite file; None where the store is a server's."""
    parts = parse_url(config.store_url)
    return Path(parts.database) if parts.drivername.startswith("sqlite") and parts.database else None


def _exists(path: Path) -> bool:
    return path.expanduser().exists()


async def _record(config: Config, clock: Clock, ids: IdSource, code: str, data: JsonObject) -> None:
    storage = Storage(config, clock, ids)
    try:
        database, books = await storage.database(), await storage.books()

        def work(tx: Tx) -> None:
            entry = AuditEntry(
                code=code, at=tx.now(), actor=os_actor(), outcome=code.partition(".")[2], data=data
            )
            books.chain(tx, [entry])

        await database.write(work, name=code)
    finally:
        await storage.aclose()
