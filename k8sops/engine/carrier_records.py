"""Carriers on record: when a process begins and when it stops to serve, each with its row in the list of carriers.

Only those that stay (workers) are recorded. A command that carries the run it started would double the trail's length
and say nothing: its run's own records say who carried it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.engine.books import Books
from k8sops.store.carriers import CarrierCard, forget_carrier, forget_silent, keep_carrier, silent_carriers
from k8sops.store.database import Database, Tx

SILENT_S: Final = 60.0
"""So long after its announcement has ended a carrier is held to be gone; its runs are taken over long before."""


def announce(tx: Tx, card: CarrierCard, ttl_s: float) -> list[AuditEntry]:
    """Say that the carrier lives; returns what is to be chained at the end of the transaction."""
    if not keep_carrier(tx, card, ttl_s) or not card.resident:
        return []
    return [_entry("carrier.started", card, tx.now(), outcome="started")]


def retire(tx: Tx, books: Books, card: CarrierCard) -> None:
    """The carrier has stopped in good order."""
    if forget_carrier(tx, card.id) and card.resident:
        books.chain(tx, [_entry("carrier.stopped", card, tx.now(), outcome="stopped")])


async def sweep_carriers(
    database: Database, books: Books, actor: Actor, *, silent_s: float = SILENT_S
) -> tuple[str, ...]:
    """Record those that went without a word, in the name of who noticed; returns their ids. Looks before it writes."""
    if not await database.read(lambda tx: silent_carriers(tx, for_s=silent_s)):
        return ()

    def work(tx: Tx) -> tuple[str, ...]:
        gone = forget_silent(tx, for_s=silent_s)
        why = f"not heard of for {silent_s:g} s and more, noticed by a worker"
        entries = [
            _entry("carrier.gone", card, tx.now(), actor=actor, reason=why, outcome="gone")
            for card in gone
            if card.resident
        ]
        books.chain(tx, entries)
        return tuple(card.id for card in gone)

    return await database.write(work, name="carrier.gone")


def _entry(
    code: str, card: CarrierCard, at: datetime, *, outcome: str, actor: Actor | None = None, reason: str = ""
) -> AuditEntry:
    itself = Actor(name=card.os_user or card.id, surface="worker", os_user=card.os_user, auth="os_user")
    return AuditEntry(
        code=code,
        at=at,
        actor=actor or itself,
        effective=next(iter(card.ability.execute_as), ""),
        reason=reason,
        outcome=outcome,
        data={
            "carrier": card.id,
            "host": card.host,
            "pid": card.pid,
            "version": card.version,
            "execute_as": list(card.ability.execute_as),
            "clusters": list(card.ability.cluster_uids),
        },
    )
