"""The history of a seeded sandbox: runs, votes, schedules, backups and an audit trail, by real runs of the service.

`script` is the list of moments, `playing` has one function for each kind of them, `place` says where it all lies:
in a folder of its own, with its own store, policy and keys, so that nothing of the user's is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from k8sops.service.history.place import Place

__all__ = ["HistoryReport", "Place", "make_history"]


class HistoryReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the history holds."""

    made: bool
    """False where it was there already."""
    runs: dict[str, str]
    """Run id of each moment that made a run, by the moment's name in the script."""
    seconds: float = 0.0


async def make_history(
    place: Place,
    kubeconfigs: Mapping[str, Path],
    *,
    now: datetime | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> HistoryReport:
    """Play the script against a cluster that holds the company, unless it was played here before.

    `kubeconfigs` are those of alice, bob, carol and of the `admin` that the night's worker uses. `now` decides which
    night was the last one. An interrupted one leaves nothing and is played from its start. Raises HistoryError where
    a moment did not end as the script says, and what connecting raises.
    """
    from k8sops.service.history.making import made

    return await made(place, kubeconfigs, now, say)
