"""What came in, each thing once: rows of `door_state`, written where none stands under their key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.dialects import postgresql, sqlite

from k8sops.store.database import Tx
from k8sops.store.schema import door_state

_NEW: Final = {
    "postgresql": postgresql.insert(door_state).on_conflict_do_nothing().returning(door_state.c.key),
    "sqlite": sqlite.insert(door_state).on_conflict_do_nothing().returning(door_state.c.key),
}


def take_in(tx: Tx, door: str, things: Sequence[tuple[str, str]]) -> list[bool]:
    """Keep keys and values that are new; tells of each whether it was.

    In the order of their keys, so that two writers of the same ones cannot wait for each other for ever.
    """
    new, now = [False] * len(things), tx.now_ms()
    for place in sorted(range(len(things)), key=lambda place: things[place][0]):
        key, value = things[place]
        row = {"door": door, "key": key, "cursor": now, "value": value}
        new[place] = tx.execute(_NEW[tx.dialect], row).first() is not None
    return new
