"""Whether more replicas would be made and find a node: quota, LimitRange and the scheduler, asked before.

Reading nodes and quotas may be forbidden to whoever scales; then the plan says what it could not foresee.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import Any, Final

import msgspec

from k8sops.actions.scaling.quota import room_for
from k8sops.actions.worlds import if_allowed, node_maker, read_world
from k8sops.core.errors import ForbiddenError, UsageError
from k8sops.core.plan import Finding, JsonObject
from k8sops.core.ports import ClusterReader
from k8sops.forecast.fit import preview, reasons_in_words
from k8sops.forecast.objects import Pod
from k8sops.forecast.world import World

OVERRIDE: Final = "--allow-pending"
MOST_PREVIEWED: Final = 500


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """A workload that is to have more replicas."""

    label: str
    workload: JsonObject
    more: int


class Rooms:
    """Reads the cluster at most once, and only if something is to grow."""

    def __init__(self, cluster: ClusterReader, *, allow_pending: bool) -> None:
        self._cluster = cluster
        self._level: Any = "warning" if allow_pending else "blocker"
        self._world: tuple[World, tuple[str, ...]] | None = None
        self._taken: list[Pod] = []
        """Pods that other growths of the same plan would place."""

    async def findings(self, growth: Growth) -> list[Finding]:
        """What stands in the way of a growth."""
        template: JsonObject = growth.workload["spec"].get("template") or {}
        if growth.more <= 0 or not template.get("spec"):
            return []
        return [*await self._by_quota(growth, template), *await self._by_nodes(growth, template)]

    async def _by_quota(self, growth: Growth, template: JsonObject) -> list[Finding]:
        namespace = str(growth.workload["metadata"]["namespace"])
        try:
            lists = []
            for kind in ("resourcequotas", "limitranges"):
                resource = await self._cluster.resource(kind)
                lists.append([one async for one in self._cluster.list(resource, namespace)])
        except ForbiddenError:
            return [
                _unknown(
                    growth, "quotas and limit ranges may not be read: whether they admit it is not known"
                )
            ]
        room = room_for(template, *lists)
        if room.pods >= growth.more:
            return []
        text = (
            f"{growth.label}: {growth.more} more pods are asked for, {room.pods} would be made "
            f"({room.why}); the others never are"
        )
        return [
            Finding(level=self._level, code="quota", text=text, subjects=(growth.label,), override=OVERRIDE)
        ]

    async def _by_nodes(self, growth: Growth, template: JsonObject) -> list[Finding]:
        if self._world is None:
            self._world = await read_world(self._cluster)
        world, unread = self._world
        if {"nodes", "pods"} & set(unread):
            return [_unknown(growth, "nodes or pods may not be read: whether there is room is not known")]
        pods = [_new_pod(growth, template, number) for number in range(min(growth.more, MOST_PREVIEWED))]
        try:
            moving = [*self._taken, *pods]
            # Thousands of pods take a second to place; other runs of this process go on meanwhile.
            told = await asyncio.to_thread(preview, world, leaving=frozenset(), moving=moving)
        except UsageError as error:
            return [_unknown(growth, f"whether there is room is not known: {error.message}")]
        self._taken += pods
        homeless = [fit for fit in told[-len(pods) :] if fit.verdict == "does_not_fit"]
        if not homeless:
            return []
        words = Counter(reasons_in_words(fit) for fit in homeless).most_common(1)[0][0]
        maker = await node_maker(self._cluster, partial(if_allowed, self._cluster))
        if maker:
            text = f"{growth.label}: {len(homeless)} of {growth.more} new pods need a new node from {maker}: {words}"
            return [Finding(level="warning", code="needs_nodes", text=text, subjects=(growth.label,))]
        text = f"{growth.label}: {len(homeless)} of {growth.more} new pods find no node: {words}"
        return [
            Finding(
                level=self._level, code="does_not_fit", text=text, subjects=(growth.label,), override=OVERRIDE
            )
        ]


def _new_pod(growth: Growth, template: JsonObject, number: int) -> Pod:
    metadata: dict[str, Any] = growth.workload["metadata"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    spec: dict[str, Any] = dict(template["spec"])
    claims = growth.workload["spec"].get("volumeClaimTemplates") or ()
    # A claim that does not exist yet is made with the pod, as an ephemeral volume's is.
    made = [
        {
            "name": claim["metadata"]["name"],
            "ephemeral": {"volumeClaimTemplate": {"metadata": {}, "spec": claim["spec"]}},
        }
        for claim in claims
    ]
    body = {
        "metadata": {
            "name": f"{metadata['name']}-new-{number}",
            "namespace": metadata["namespace"],
            "labels": labels,
        },
        "spec": {**spec, "volumes": [*(spec.get("volumes") or ()), *made]},
    }
    return msgspec.convert(body, Pod, strict=False)


def _unknown(growth: Growth, text: str) -> Finding:
    return Finding(
        level="note", code="room_unknown", text=f"{growth.label}: {text}", subjects=(growth.label,)
    )
