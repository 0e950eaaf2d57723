"""Checkpoints as rows: signed bytes beside the chain, inserted once and never changed."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import func, insert, select

from k8sops.store.audit_rows import audit_head_of
from k8sops.store.database import Tx
from k8sops.store.schema import audit_head, checkpoints

MOST: Final = 100_000


class CheckpointRow(msgspec.Struct, frozen=True):
    """The exact signed bytes, and the signature."""

    body: bytes
    signature: bytes


def locked_head(tx: Tx) -> tuple[int, str]:
    """The chain's end, which nobody else moves until this transaction ends."""
    if tx.dialect == "postgresql":
        tx.execute(select(audit_head.c.id).where(audit_head.c.id == 1).with_for_update())
    return audit_head_of(tx)


def store_id_of(tx: Tx) -> str:
    """The random id that this store's chain begins with."""
    return str(tx.execute(select(audit_head.c.store_id).where(audit_head.c.id == 1)).scalar_one())


def has_signed(tx: Tx, key_id: str, seq: int | None = None) -> bool:
    """Whether this key has signed a checkpoint here, or one at this very record."""
    statement = select(checkpoints.c.seq).where(checkpoints.c.key_id == key_id).limit(1)
    if seq is not None:
        statement = statement.where(checkpoints.c.seq == seq)
    return tx.execute(statement).first() is not None


def keep_checkpoint(tx: Tx, *, seq: int, key_id: str, body: bytes, signature: bytes) -> None:
    """Put a checkpoint on record."""
    row = {"seq": seq, "key_id": key_id, "body": body, "signature": signature, "at": tx.now_ms()}
    tx.execute(insert(checkpoints).values(row))


def all_checkpoints(tx: Tx) -> list[CheckpointRow]:
    """Every checkpoint, by sequence; at most a hundred thousand, the newest where there are more."""
    newest = select(checkpoints).order_by(checkpoints.c.seq.desc()).limit(MOST)
    found = [CheckpointRow(bytes(row.body), bytes(row.signature)) for row in tx.execute(newest)]
    return found[::-1]


def checkpoints_at(tx: Tx, seq: int) -> list[CheckpointRow]:
    """Those at one record."""
    statement = select(checkpoints).where(checkpoints.c.seq == seq).order_by(checkpoints.c.key_id)
    return [CheckpointRow(bytes(row.body), bytes(row.signature)) for row in tx.execute(statement)]


def last_checkpoint(tx: Tx) -> int:
    """The record the newest checkpoint is at; 0 for none."""
    return int(tx.execute(select(func.max(checkpoints.c.seq))).scalar_one() or 0)
