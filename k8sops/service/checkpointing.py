"""Checkpoints of the audit chain: this installation's key, and where what it signs is kept.

The key is a file of its own, 0600, outside the database, made when it is first needed. A checkpoint is a row beside the
chain and, where a folder is configured, a file there that is made once: who owns the store cannot take that one back.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from k8sops.audit.checkpoints import (
    CheckpointKey,
    SignedCheckpoint,
    checkpoint_of_row,
    sign_checkpoint,
)
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.core.errors import KeyFileError
from k8sops.service.checkpoint_places import CheckpointPlaces
from k8sops.service.config import data_folder
from k8sops.store.audit_rows import audit_head_of
from k8sops.store.checkpoint_rows import checkpoints_at, has_signed, keep_checkpoint, locked_head, store_id_of
from k8sops.store.database import Database, Tx

if TYPE_CHECKING:
    from k8sops.engine.books import Books
    from k8sops.policy.keys import SigningKey

KEY_FILE: Final = "checkpoint.pem"


def key_file() -> Path:
    """Where this installation's checkpoint key lies."""
    return data_folder() / "keys" / KEY_FILE


def checkpoint_key(path: Path | None = None) -> SigningKey:
    """The key of this installation, made where there is none. Blocks. Raises KeyFileError."""
    from k8sops.policy.keys import create_key, load_key

    path = path or key_file()
    if path.exists():
        return load_key(path)
    try:
        return create_key(path)
    except KeyFileError:
        # Another process may have been quicker; any other trouble comes up again here.
        return load_key(path)


async def write_checkpoint(
    database: Database,
    books: Books,
    *,
    actor: Actor,
    places: CheckpointPlaces | None = None,
    key_at: Path | None = None,
) -> SignedCheckpoint | None:
    """Sign what the chain is now, and keep it; None where there are no records, or this key signed the last one.

    Workers call it from time to time; `key_at` is another key's file than this installation's. Raises KeyFileError,
    AuditError where a place holds another history, and what writing to the store or to a place raises. What a place
    could not take is put there by a later call.
    """
    key = await asyncio.to_thread(checkpoint_key, key_at)
    if await database.read(lambda tx: _nothing_new(tx, key.key_id)):
        if places is not None and (last := await database.read(lambda tx: _last_of(tx, key.key_id))):
            await places.put(last)
        return None

    def work(tx: Tx) -> SignedCheckpoint:
        introduce(tx, books, key.key_id, actor)
        seq, hash_ = locked_head(tx)
        signed = sign_checkpoint(key, origin=store_id_of(tx), seq=seq, hash_=hash_, at=tx.now())
        keep(tx, signed)
        return signed

    signed = await database.write(work, name="audit.checkpoint")
    if places is not None:
        await places.put(signed)
    return signed


def _nothing_new(tx: Tx, key_id: str) -> bool:
    seq, _ = audit_head_of(tx)
    return seq == 0 or has_signed(tx, key_id, seq)


def _last_of(tx: Tx, key_id: str) -> SignedCheckpoint | None:
    """The checkpoint of this key at the end of the chain."""
    seq, _ = audit_head_of(tx)
    found = (checkpoint_of_row(row.body, row.signature) for row in checkpoints_at(tx, seq))
    return next((one for one in found if one.checkpoint.key == key_id), None)


def introduce(tx: Tx, books: Books, key_id: str, actor: Actor) -> None:
    """Put on record that this key begins to sign, where it never has."""
    if not has_signed(tx, key_id):
        entry = AuditEntry(
            code="carrier.key", at=tx.now(), actor=actor, outcome="begun", data={"key": key_id}
        )
        books.chain(tx, [entry])


def keep(tx: Tx, signed: SignedCheckpoint) -> None:
    """The checkpoint as a row, unless this key has one at that record."""
    found = signed.checkpoint
    if not has_signed(tx, found.key, found.seq):
        keep_checkpoint(tx, seq=found.seq, key_id=found.key, body=signed.body, signature=signed.signature)


def keys_by_id(*keys: CheckpointKey) -> dict[str, CheckpointKey]:
    """Keys as verification takes them."""
    return {key.key_id: key for key in keys}
