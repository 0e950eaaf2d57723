"""What has to come true after the pods are gone: replacements ready elsewhere, volumes detached from the node.

A controller's pods are counted against how many were ready when the first of them was to leave; what was scaled down or
deleted meanwhile is looked up and no longer waited for. A volume that is still attached keeps its pod from starting
elsewhere for minutes, and a machine switched off under it for longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from k8sops.actions.drain.departing import MADE_AGAIN, Departure
from k8sops.actions.drain.floor import Floor
from k8sops.cluster.structs import OwnerReference
from k8sops.core.clock import Clock
from k8sops.core.errors import ClusterError, K8sOpsError, NotFoundError
from k8sops.core.ports import Cluster
from k8sops.forecast.objects import Pod

LOOK_EVERY_S: Final = 5.0


class _Kin(msgspec.Struct):
    """A controller whose pods leave."""

    reference: OwnerReference
    namespace: str
    wanted: int
    looked_at: float


class Replacements:
    """How many pods of which controllers are not ready again."""

    def __init__(self, cluster: Cluster, floor: Floor, clock: Clock) -> None:
        self._cluster = cluster
        self._floor = floor
        self._clock = clock
        self._kin: dict[str, _Kin] = {}

    def expect(self, pod: Pod, *, homeless: bool, most: int | None = None) -> None:
        """A pod is to leave; of a `homeless` one the plan says that it will find no other node.

        No more than `most` of its controller's are waited for.
        """
        reference = pod.metadata.controller
        if reference is None or reference.kind not in MADE_AGAIN:
            return
        kin = self._kin.get(reference.uid)
        if kin is None:
            ready = self._floor.ready_of(reference.uid)
            ready = ready if most is None else min(ready, most)
            now = self._clock.monotonic()
            kin = _Kin(reference, pod.metadata.namespace, ready, now)
            self._kin[reference.uid] = kin
        if homeless and pod.ready:
            kin.wanted -= 1

    def missing(self, controller: str) -> int:
        """How many of its pods are not ready again."""
        kin = self._kin.get(controller)
        return max(0, kin.wanted - self._floor.ready_of(controller)) if kin else 0

    def missing_of(self, controllers: Iterable[str]) -> dict[str, int]:
        """The same of several, by a name to show."""
        found: dict[str, int] = {}
        for uid in dict.fromkeys(controllers):
            if number := self.missing(uid):
                kin = self._kin[uid]
                found[f"{kin.reference.kind.lower()} {kin.namespace}/{kin.reference.name}"] = number
        return found

    def total(self) -> int:
        """How many are missing in all."""
        return sum(self.missing(uid) for uid in self._kin)

    def due(self) -> list[str]:
        """Controllers that miss pods although none of theirs is ending or on its way, and not looked at for a while."""
        now = self._clock.monotonic()
        return [
            uid
            for uid, kin in self._kin.items()
            if now - kin.looked_at >= LOOK_EVERY_S and self.missing(uid) and self._at_rest(uid)
        ]

    def _at_rest(self, uid: str) -> bool:
        return all(pod.ready and not pod.ending for pod in self._floor.by_controller[uid].values())

    async def look(self, uid: str) -> None:
        """Ask how many pods the controller wants by now: what was scaled down is not waited for."""
        kin = self._kin[uid]
        kin.looked_at = self._clock.monotonic()
        group = kin.reference.api_version.rpartition("/")[0]
        kind = kin.reference.kind
        try:
            resource = await self._cluster.resource(f"{kind}.{group}" if group else kind)
            found = await self._cluster.get(resource, kin.reference.name, kin.namespace)
        except NotFoundError:
            kin.wanted = 0
            return
        except K8sOpsError:
            return
        if found["metadata"]["uid"] != uid:
            kin.wanted = 0
            return
        kin.wanted = min(kin.wanted, int((found.get("spec") or {}).get("replicas", 1)))


async def volumes_of(cluster: Cluster, pods: Iterable[Pod]) -> frozenset[str]:
    """Names of the PersistentVolumes that these pods use; those that stay on a drained node keep theirs."""
    found = set()
    for pod in pods:
        for volume in pod.spec.volumes:
            claim = volume.persistent_volume_claim
            name = (
                claim.claim_name
                if claim
                else f"{pod.metadata.name}-{volume.name}"
                if volume.ephemeral
                else ""
            )
            if not name:
                continue
            try:
                claims = await cluster.resource("persistentvolumeclaims")
                read = await cluster.get(claims, name, pod.metadata.namespace)
            except ClusterError:
                continue
            found.add(str((read.get("spec") or {}).get("volumeName") or ""))
    return frozenset(found)


def still_attached(
    attached: Mapping[str, tuple[str, str]], node: str, staying: frozenset[str]
) -> tuple[str, ...]:
    """PersistentVolumes attached to the node, other than those of pods that stay."""
    return tuple(sorted(volume for on, volume in attached.values() if on == node and volume not in staying))


def on_their_way(departures: Iterable[Departure], floor: Floor, replacements: Replacements) -> int:
    """How many pods are asked to leave and not yet replaced and ready (`--max-parallel` counts these)."""
    count = replacements.total()
    for one in departures:
        pod = floor.pods.get(one.uid)
        asked = one.state in {"trying", "leaving"}
        # A pod that is ready and not ending is not yet missing among its controller's.
        if asked and pod is not None and (not one.controller or (pod.ready and not pod.ending)):
            count += 1
    return count
