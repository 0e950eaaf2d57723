"""What the backup has beside what the cluster has, object by object, a few hundred at a time.

The preview, the restore itself and the comparison after it all go through here, so that they cannot see different
things. Lists are read by pages and objects by frames; nothing holds a kind whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Any, Final

import msgspec

from k8sops.actions.backups.restoring.groups import VOLUMES_KIND, Chosen, Group
from k8sops.actions.backups.restoring.judging import Judgement, judge
from k8sops.actions.backups.restoring.mapping import put_elsewhere
from k8sops.actions.backups.restoring.ownership import Reference, left_to, references_of
from k8sops.actions.backups.restoring.source import Source
from k8sops.actions.backups.restoring.stripping import Rewrite, strip
from k8sops.backup.listing import Row
from k8sops.core.errors import NotFoundError, UsageError
from k8sops.core.plan import JsonObject, Target
from k8sops.core.ports import ClusterReader
from k8sops.core.raw import RawObject
from k8sops.core.tasks import all_of

BATCH: Final = 400
FEW: Final = 12
"""So many objects of a kind are read one by one; of more, their list is."""
FEW_NAMESPACES: Final = 16
"""So many namespaces are listed one by one; of more, the list of all is."""

_JSON: Final = msgspec.json.Decoder(dict[str, Any])

Place = tuple[str, str]


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """An object as it is on the cluster: what to compare, and what identifies it."""

    uid: str
    resource_version: str
    body: JsonObject
    owners: tuple[Reference, ...]
    deleting: bool
    released_from: str = ""
    """Of a volume: the uid of the claim that it was released from."""


class Pair(msgspec.Struct, kw_only=True):
    """One object of the backup as it is to be, and the one on the cluster, if any."""

    row: Row
    target: Target
    wanted: JsonObject
    owners: tuple[Reference, ...]
    left: str = ""
    """Who makes it anew, or why it is not restored; empty where it is."""
    live: Live | None = None
    judgement: Judgement | None = None
    """Of a live one."""


class Survey:
    """Pairs of one restore. `gone` are namespaces that are not there, or on their way out: nothing in them counts."""

    def __init__(self, source: Source, cluster: ClusterReader, chosen: Chosen, rewrite: Rewrite) -> None:
        self._source: Final = source
        self._cluster: Final = cluster
        self._chosen: Final = chosen
        self.rewrite: Final = rewrite
        self.gone: set[str] = set()
        self.unserved: set[str] = {group.qualified for group in chosen.groups if not group.served}
        """Kinds that the cluster does not serve now."""

    async def pairs(
        self, group: Group, rows: Sequence[Row] | None = None
    ) -> AsyncGenerator[list[Pair], None]:
        """Every chosen object of a kind, or these; those that are there first."""
        waiting = {self.place(group, row): row for row in (group.rows if rows is None else rows)}
        if group.qualified not in self.unserved:
            async with aclosing(self._live(group, list(waiting))) as pages:
                async for page in pages:
                    found: list[tuple[Row, RawObject | None]] = [
                        (waiting.pop(key), one) for key, one in page if key in waiting
                    ]
                    if found:
                        yield await self._paired(group, found)
        rest = list(waiting.values())
        for at in range(0, len(rest), BATCH):
            yield await self._paired(group, [(row, None) for row in rest[at : at + BATCH]])

    def place(self, group: Group, row: Row) -> Place:
        """Namespace and name to be."""
        target = group.target(row, self.rewrite.mapping)
        return target.namespace, target.name

    async def again(self, group: Group, pair: Pair) -> Pair:
        """The same object, looked at once more."""
        async with aclosing(self.pairs(group, [pair.row])) as batches:
            async for batch in batches:
                return batch[0]
        raise AssertionError("a row has a pair")

    async def _live(
        self, group: Group, places: Sequence[Place]
    ) -> AsyncGenerator[list[tuple[Place, RawObject]], None]:
        there = [place for place in places if place[0] not in self.gone]
        if not there:
            return
        if len(there) <= FEW:
            yield await self._one_by_one(group, there)
            return
        spaces = sorted({namespace for namespace, _ in there})
        whole = not group.kind.namespaced or len(spaces) > FEW_NAMESPACES
        # Discovery may lag behind: a kind that is not served any more has no objects.
        with suppress(NotFoundError):
            for namespace in [""] if whole else spaces:
                async with aclosing(self._cluster.pages(group.resource, namespace)) as pages:
                    async for page in pages:
                        yield [
                            ((one.namespace, one.name), one)
                            for one in page.objects
                            if one.namespace not in self.gone
                        ]

    async def _one_by_one(self, group: Group, places: Iterable[Place]) -> list[tuple[Place, RawObject]]:
        found: list[tuple[Place, RawObject]] = []

        async def one(place: Place) -> None:
            try:
                found.append((place, await self._cluster.raw(group.resource, place[1], place[0])))
            except (NotFoundError, UsageError):
                # What cannot be asked for by its name cannot be made either, and is refused when it is tried.
                return

        await all_of(one(place) for place in places)
        return found

    async def _paired(self, group: Group, found: list[tuple[Row, RawObject | None]]) -> list[Pair]:
        data = await self._source.read(row.id for row, _ in found)
        return await asyncio.to_thread(
            lambda: [self._pair(group, row, data[row.id], live) for row, live in found]
        )

    def _pair(self, group: Group, row: Row, data: bytes, raw: RawObject | None) -> Pair:
        wanted = _JSON.decode(data)
        left = group.left or left_to(group.qualified, wanted, self._chosen.uids)
        owners = references_of(wanted)
        wanted["metadata"].pop("ownerReferences", None)
        if group.stored_as:
            wanted["apiVersion"] = group.resource.api_version
        wanted = put_elsewhere(
            group.qualified, strip(group.qualified, wanted, self.rewrite), self.rewrite.mapping
        )
        target = group.target(row, self.rewrite.mapping)
        pair = Pair(row=row, target=target, wanted=wanted, owners=owners, left=left)
        if raw is not None:
            pair.live = self.live(group, raw.data)
            pair.judgement = self._judged(group, wanted, pair.live.body)
        return pair

    def _judged(self, group: Group, wanted: JsonObject, live: JsonObject) -> Judgement:
        if group.qualified not in self.rewrite.status_of and group.qualified in self.rewrite.plain_status:
            # Whoever reports it does so again, sooner or later than we look.
            wanted, live = _without_status(wanted), _without_status(live)
        return judge(wanted, live)

    def live(self, group: Group, data: bytes) -> Live:
        """An object as the server sent it."""
        found = _JSON.decode(data)
        metadata = found["metadata"]
        owners = references_of(found)
        uid, version = str(metadata.get("uid", "")), str(metadata.get("resourceVersion", ""))
        deleting = "deletionTimestamp" in metadata
        released = ""
        if group.qualified == VOLUMES_KIND and (found.get("status") or {}).get("phase") == "Released":
            released = str(((found.get("spec") or {}).get("claimRef") or {}).get("uid", ""))
        metadata.pop("ownerReferences", None)
        return Live(
            uid=uid,
            resource_version=version,
            body=strip(group.qualified, found, self.rewrite),
            owners=owners,
            deleting=deleting,
            released_from=released,
        )


def _without_status(found: JsonObject) -> JsonObject:
    return {key: value for key, value in found.items() if key != "status"}
