"""What goes with objects that are deleted to be made anew, and does not come back with them.

The garbage collector deletes what they own; ReplicaSets and pods their controllers make again. Claims of a StatefulSet
are owned by it where `persistentVolumeClaimRetentionPolicy.whenDeleted` is `Delete` (KEP-1847), and with a claim go
the data on its volume: a backup brings back the claim alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from k8sops.actions.backups.restoring.ownership import MADE_ANEW
from k8sops.actions.backups.restoring.preparing import CLAIMS
from k8sops.actions.choosing import Chosen
from k8sops.actions.objects.dependents import dependents_of
from k8sops.core.plan import Target
from k8sops.core.ports import ClusterReader

_COME_BACK: Final = frozenset({"pods", *(kind for kind, _ in MADE_ANEW)}) - {"jobs.batch"}


class Along(msgspec.Struct, frozen=True):
    """Objects that go along: claims, with what is on their volumes, and others; and kinds that may not be read."""

    claims: tuple[Target, ...] = ()
    others: tuple[Target, ...] = ()
    unread: tuple[str, ...] = ()


async def going_along(recreated: Sequence[Chosen], cluster: ClusterReader) -> Along:
    """Look for all that these objects own, directly or not."""
    if not recreated:
        return Along()
    found = await dependents_of(recreated, cluster)
    targets = [one.target for one in found.dependents]
    return Along(
        claims=tuple(target for target in targets if target.kind == CLAIMS),
        others=tuple(target for target in targets if target.kind not in {CLAIMS, *_COME_BACK}),
        unread=found.unread,
    )
