"""Owner references that came too early: put in once the owners are there, and before anything is there to refuse that.

What this process made is known; what an earlier carrier of the run made is found by looking at everything.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import groupby
from typing import Final

import msgspec

from k8sops.actions.backups.restoring.groups import Group
from k8sops.actions.backups.restoring.ownership import Owners
from k8sops.actions.backups.restoring.pace import Pace
from k8sops.actions.backups.restoring.pairing import Live, Pair
from k8sops.actions.backups.restoring.preparing import Restore
from k8sops.backup.listing import Row
from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Cluster


class Linking:
    """Links objects of one restore to their owners."""

    def __init__(self, restore: Restore, cluster: Cluster, pace: Pace, owners: Owners) -> None:
        self._restore: Final = restore
        self._cluster: Final = cluster
        self._pace: Final = pace
        self._owners: Final = owners

    async def link_all(self, unlinked: list[tuple[Group, Row]]) -> None:
        """Link what can be linked by now; what cannot is told by the comparison."""
        ordered = sorted(unlinked, key=lambda found: found[0].qualified)
        for _, some in groupby(ordered, key=lambda found: found[0].qualified):
            members = list(some)
            await self.link_rows(members[0][0], [row for _, row in members])

    async def link_rows(self, group: Group, rows: list[Row]) -> None:
        """The same for objects of one kind."""

        async def one(pair: Pair) -> None:
            if pair.owners and not pair.left and pair.live is not None and not pair.live.deleting:
                with suppress(K8sOpsError):
                    await self.link(group, pair, pair.live)

        async for batch in self._restore.survey.pairs(group, rows):
            await self._pace.each(batch, one)

    async def link(self, group: Group, pair: Pair, live: Live) -> tuple[bool, bool]:
        """Whether it was linked just now, and whether an owner is not there. Raises what the patch raises."""
        wanted = await self._owners.look_up(pair.owners, pair.target.namespace)
        absent = len(wanted) < len(pair.owners)
        there = {(one.kind, one.name, one.uid) for one in live.owners}
        missing = [one for one in wanted if (one["kind"], one["name"], one["uid"]) not in there]
        if not missing:
            return False, absent
        uids = {one["uid"] for one in missing}
        known: list[JsonObject] = [msgspec.to_builtins(one) for one in live.owners if one.uid not in uids]
        body = {"metadata": {"uid": live.uid, "ownerReferences": [*known, *missing]}}
        await self._cluster.patch(group.resource, pair.target.name, pair.target.namespace, body=body)
        return True, absent
