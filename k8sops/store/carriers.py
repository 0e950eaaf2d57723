"""Carriers as they announce themselves, under a lease: who could take over whose runs, and whose process is alive."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update

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
    version: str = ""
    """Of the program it runs."""
    os_user: str = ""
    """Whom the operating system runs it as."""


_CARD: Final = msgspec.json.Decoder(CarrierCard)


def keep_carrier(tx: Tx, card: CarrierCard, ttl_s: float) -> bool:
    """Announce, or say again, that the carrier lives; true where it was not on the list."""
    now = tx.lease_time()
    said = {
        "lease_until": now.seconds + ttl_s,
        "lease_boot": now.boot,
        "capabilities": msgspec.json.encode(card).decode(),
    }
    if tx.execute(update(carriers).where(carriers.c.id == card.id).values(**said)).rowcount:
        return False
    tx.execute(
        insert(carriers).values(
            id=card.id, host=card.host, pid=card.pid, surface=card.surface, started_at=tx.now_ms(), **said
        )
    )
    return True


def forget_carrier(tx: Tx, id_: str) -> bool:
    """The carrier has gone in good order; false where it was off the list already."""
    return bool(tx.execute(delete(carriers).where(carriers.c.id == id_)).rowcount)


def live_carriers(tx: Tx) -> list[CarrierCard]:
    """Carriers whose announcement still stands."""
    now = tx.lease_time()
    alive = (carriers.c.lease_boot == now.boot) & (carriers.c.lease_until > now.seconds)
    rows = tx.execute(select(carriers.c.capabilities).where(alive)).scalars()
    return [_CARD.decode(row) for row in rows]


def silent_carriers(tx: Tx, *, for_s: float) -> list[CarrierCard]:
    """Those on the list whose announcement ended so many seconds ago, or on a machine that has since been restarted."""
    rows = tx.execute(
        select(carriers.c.capabilities).where(_silent(tx, for_s)).order_by(carriers.c.id)
    ).scalars()
    return [_CARD.decode(row) for row in rows]


def forget_silent(tx: Tx, *, for_s: float) -> list[CarrierCard]:
    """Take those off the list, and return them. One that lives after all announces itself again."""
    return [
        card
        for card in silent_carriers(tx, for_s=for_s)
        # Asked again row by row: another process may sweep at the same moment, or the carrier come back.
        if tx.execute(delete(carriers).where(and_(carriers.c.id == card.id, _silent(tx, for_s)))).rowcount
    ]


def _silent(tx: Tx, for_s: float) -> ColumnElement[bool]:
    now = tx.lease_time()
    return or_(carriers.c.lease_boot != now.boot, carriers.c.lease_until <= now.seconds - for_s)
