"""What the bot need not remember any longer: done once long ago, or about a run that ended long ago."""

from __future__ import annotations

from typing import Final

from k8sops.service.chat.doors import ASKED, CARDS, HELD, LINES, NEWS_TOLD, ONCE, TOGETHER
from k8sops.store.database import Tx
from k8sops.store.door_rows import forget, forget_before, forget_keys_before, remembered

_DAY_MS: Final = 86_400_000
DONE_KEPT_MS: Final = 90 * _DAY_MS
"""Far longer than anything is asked again: approvals take 32 days at most."""
CARDS_KEPT_MS: Final = 365 * _DAY_MS
"""An older card stands in Slack as it was left; it is not found by its message any more."""


def forget_old(tx: Tx) -> None:
    """Forget it."""
    from ulid import ULID

    now = tx.now_ms()
    for door in (ONCE, HELD, LINES, NEWS_TOLD):
        forget_before(tx, door, now - DONE_KEPT_MS)
    first = str(ULID.from_timestamp((now - CARDS_KEPT_MS) / 1000))[:10]
    for door in (ASKED, CARDS):
        forget_keys_before(tx, door, first)
    for row in remembered(tx, TOGETHER):
        if row.key.rpartition("/")[2] < first:
            forget(tx, TOGETHER, row.key)
