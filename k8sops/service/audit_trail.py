"""The audit trail as doors use it: finding records, and signing checkpoints. Checking is `audit_check`, leaving is
`audit_leaving`.

All of it works on the store alone, without a cluster; who does it is the user of this machine, recorded as such.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from k8sops.audit.checkpoints import SignedCheckpoint
from k8sops.audit.record import Record, open_record
from k8sops.core.actor import Actor, Surface
from k8sops.core.audit import AuditFilter
from k8sops.core.clock import Clock
from k8sops.core.errors import AuditError
from k8sops.core.plan import JsonObject
from k8sops.engine.books import Books
from k8sops.service.checkpoint_places import CheckpointPlaces
from k8sops.service.checkpointing import checkpoint_key, write_checkpoint
from k8sops.service.config import Config
from k8sops.service.storing import Storage
from k8sops.store.audit_search import FoundRecord, search
from k8sops.store.database import Database, Tx

__all__ = ["AuditTrail", "Found", "KeyShown", "open_audit", "os_actor", "write_checkpoint"]

_PLURALS: Final = ("", "s", "es")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was looked for. `record` is None where its bytes are not a record's."""

    seq: int
    hash: str
    record: Record | None
    trouble: str = ""

    @property
    def document(self) -> JsonObject:
        """The record as JSON, with its hash."""
        if self.record is None:
            return {"seq": self.seq, "hash": self.hash, "trouble": self.trouble}
        fields: JsonObject = msgspec.to_builtins(self.record)
        return {"seq": self.seq, "hash": self.hash, **fields}


class KeyShown(msgspec.Struct, frozen=True, kw_only=True):
    """A public key, as it is pinned."""

    id: str
    key: str

    @property
    def policy_lines(self) -> str:
        """What an administrator adds to the policy."""
        return f'checkpoint_keys:\n  - {{id: "{self.id}", key: "{self.key}"}}'


class AuditTrail:
    """The chain of one store."""

    def __init__(self, storage: Storage, config: Config, clock: Clock) -> None:
        self.config: Final = config
        self.clock: Final = clock
        self._storage = storage

    async def database(self) -> Database:
        """The open store."""
        return await self._storage.database()

    async def books(self) -> Books:
        """What records changes in it."""
        return await self._storage.books()

    async def find(self, wanted: AuditFilter) -> tuple[Found, ...]:
        """The latest records that fit, oldest first."""
        return (await find(await self.database(), wanted))[::-1]

    async def checkpoint(self) -> SignedCheckpoint | None:
        """Sign what the chain is now; None where nothing has come since."""
        return await write_checkpoint(
            await self.database(), await self.books(), actor=os_actor(), places=CheckpointPlaces(self.config)
        )

    async def key(self) -> KeyShown:
        """The public half of this installation's key, which is made where there is none."""
        public = (await asyncio.to_thread(checkpoint_key)).public
        return KeyShown(id=public.key_id, key=public.text)


async def find(database: Database, wanted: AuditFilter) -> tuple[Found, ...]:
    """The latest records that fit, newest first."""

    def work(tx: Tx) -> list[Found]:
        found: list[Found] = []
        for kept in search(tx, wanted):
            one = _opened(kept)
            if one.record is None or fits(one.record, wanted):
                found.append(one)
            if len(found) == wanted.limit:
                break
        return found

    return tuple(await database.read(work))


@asynccontextmanager
async def open_audit(config: Config) -> AsyncIterator[AuditTrail]:
    """The audit trail of the configured store. Raises what opening a store raises."""
    from k8sops.core.clock import SystemClock, UlidSource

    clock = SystemClock()
    storage = Storage(config, clock, UlidSource())
    try:
        yield AuditTrail(storage, config, clock)
    finally:
        await storage.aclose()


def os_actor(surface: Surface = "cli") -> Actor:
    """Who is at this machine, where no cluster is asked: a name the operating system gives, and no proof."""
    name = getpass.getuser()
    return Actor(name=name, os_user=name, surface=surface, auth="os_user")


def _opened(kept: FoundRecord) -> Found:
    try:
        return Found(seq=kept.seq, hash=kept.hash, record=open_record(kept.data))
    except AuditError as error:
        return Found(seq=kept.seq, hash=kept.hash, record=None, trouble=error.message)


def fits(record: Record, wanted: AuditFilter) -> bool:
    """What the columns beside a record cannot tell: the cluster, the actor's name, and the objects."""
    if wanted.cluster_uid and wanted.cluster_uid != record.cluster_uid:
        return False
    if wanted.person and wanted.person not in {record.person, record.actor.name if record.actor else ""}:
        return False
    if not wanted.object:
        return True
    namespace, _, rest = wanted.object.rpartition("/")[0].rpartition("/")
    name = wanted.object.rpartition("/")[2]
    return any(
        about.name == name
        and (not namespace or about.namespace == namespace)
        and (not rest or _is_kind(about.kind, rest))
        for about in record.objects
    )


def _is_kind(recorded: str, wanted: str) -> bool:
    wanted = wanted.lower()
    plural = recorded.partition(".")[0]
    return recorded == wanted or plural in {f"{wanted}{ending}" for ending in _PLURALS}
