"""Carriers as they announce themselves, under a lease: who could take over whose runs, and whose process is alive."""

from __future__ import annotations

import msgspec
from sqlalchemy import delete, insert, or_, select, update

from k8sops.store.database import Tx
from k8sops.store.leases import Ability
from k8sops.store.schema import carriers


class CarrierCard(msgspec.Struct, frozen=True, kw_only=True):
    """One process that carries runs."""

    id: str
    host: str
    pid: int
    surface: str
    ability: Ability
    resident: bool
    """Whether it stays (a worker), or carries only while its door is open."""


def keep_carrier(tx: Tx, card: CarrierCard, ttl_s: float) -> None:
    """Announce, or say again, that the carrier lives."""
    now = tx.lease_time()
    said = {
        "lease_until": now.seconds + ttl_s,
        "lease_boot": now.boot,
        "capabilities": msgspec.json.encode(card).decode(),
    }
    if tx.execute(update(carriers).where(carriers.c.id == card.id).values(**said)).rowcount:
        return
    tx.execute(
        insert(carriers).values(
            id=card.id, host=card.host, pid=card.pid, surface=card.surface, started_at=tx.now_ms(), **said
        )
    )


def forget_carrier(tx: Tx, id_: str) -> None:
    """The carrier has gone in good order."""
    tx.execute(delete(carriers).where(carriers.c.id == id_))


def live_carriers(tx: Tx) -> list[CarrierCard]:
    """Carriers whose announcement still stands."""
    now = tx.lease_time()
    alive = (carriers.c.lease_boot == now.boot) & (carriers.c.lease_until > now.seconds)
    rows = tx.execute(select(carriers.c.capabilities).where(alive)).scalars()
    return [msgspec.json.decode(row, type=CarrierCard) for row in rows]


def forget_silent(tx: Tx) -> int:
    """Take those off the list that went without a word; returns how many. A live one announces itself again."""
    now = tx.lease_time()
    silent = or_(carriers.c.lease_boot != now.boot, carriers.c.lease_until <= now.seconds)
    return tx.execute(delete(carriers).where(silent)).rowcount
