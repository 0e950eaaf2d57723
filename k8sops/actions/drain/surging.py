"""A second pod for a workload of one, before the first has to leave (`--surge`), and back to one afterwards.

Only what can have two for a moment: Deployments and ReplicaSets. The run's id on the workload says that the second one
is this run's doing, so that whoever takes over, or clears up, takes back exactly that. Whom a controller ends when it
is set to one again is its own choice and asks no budget: what it has seen by then must leave it none but the first.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from k8sops.actions.drain.floor import Floor
from k8sops.core.errors import ConflictError, DriftedError, ForbiddenError, NotFoundError
from k8sops.core.journal import Journal
from k8sops.core.plan import JsonObject, Target
from k8sops.core.ports import Cluster
from k8sops.forecast.objects import FullMeta, Pod

SURGE: Final = "k8sops.dev/surge-run"
CONFLICT_TRIES: Final = 5
COST: Final = "controller.kubernetes.io/pod-deletion-cost"
"""Of two ready pods a ReplicaSet ends the cheaper one, else the newer one (KEP-2255; `ActivePodsWithRanks`)."""
CHEAPEST: Final = str(-(2**31))
LOOK_EVERY_S: Final = 0.5
_KINDS: Final = ("deployments.apps", "replicasets.apps")


class _Spec(msgspec.Struct, frozen=True, gc=False):
    replicas: int = 1


class _Workload(msgspec.Struct, frozen=True, gc=False):
    metadata: FullMeta = FullMeta()
    spec: _Spec = _Spec()


class Surges:
    """The singletons of one drain."""

    def __init__(self, cluster: Cluster, floor: Floor, journal: Journal, *, wanted: bool) -> None:
        self._wanted = wanted
        self._found = False
        self._cluster = cluster
        self._floor = floor
        self._journal = journal
        self._single: dict[str, Target] = {}
        """uid of the ReplicaSet that has the pod → what is scaled."""
        self._raised: dict[str, tuple[Target, str]] = {}
        """uid of what is scaled → it, and the step under which that was done."""

    async def find(self) -> None:
        """Learn which workloads have one pod, and which this run has given a second one already."""
        if not self._wanted:
            return
        found: dict[str, tuple[str, _Workload]] = {}
        for kind in _KINDS:
            resource = await self._cluster.resource(kind)
            async for workload in self._cluster.list_as(_Workload, resource):
                found[workload.metadata.uid] = (kind, workload)
        for uid, (kind, workload) in found.items():
            if kind != "replicasets.apps":
                continue
            above = workload.metadata.controller
            scaled_kind, scaled = found.get(above.uid, (kind, workload)) if above else (kind, workload)
            meta = scaled.metadata
            target = Target(kind=scaled_kind, name=meta.name, namespace=meta.namespace, uid=meta.uid)
            ours = meta.annotations.get(SURGE) == self._journal.errand.run
            if ours:
                # A raise writes the spec, so that each has a generation, and with it a part of the record, of its own.
                self._raised[meta.uid] = (target, f"drain/raised:{meta.generation}")
            if (ours or scaled.spec.replicas == 1) and workload.spec.replicas:
                self._single[uid] = target
        self._found = True

    def wants(self, pod: Pod) -> bool:
        """Whether a workload that can have two is up by this pod alone; beside a dead one none may ever be ready."""
        return self.is_single(pod) and pod.ready and not (pod.ending or pod.finished)

    def is_single(self, pod: Pod) -> bool:
        """Whether its workload is to have one pod, and can have two."""
        controller = pod.metadata.controller
        return controller is not None and controller.uid in self._single

    async def raise_for(self, pod: Pod, step: str, leaving: frozenset[str]) -> None:
        """Return once another pod of its workload is ready on a node that is not drained."""
        controller = pod.metadata.controller
        if controller is None:
            return
        target = self._single[controller.uid]
        path = f"{step}/surge:{target.namespace}.{target.name}"
        self._raised[target.uid] = (target, step)
        await self._journal.part(path, target, lambda: self._raise(target, pod))
        family = controller.uid

        def another() -> bool:
            if pod.metadata.uid not in self._floor.pods:
                return True
            return any(
                one.ready and not one.ending and one.spec.node_name not in leaving
                for uid, one in self._floor.by_controller[family].items()
                if uid != pod.metadata.uid
            )

        await self._floor.until(another)
        await self._counted(pod)

    async def _raise(self, target: Target, pod: Pod) -> str:
        """Make the pod the one its controller ends rather than the other, then have it make the other."""
        pods, meta = await self._cluster.resource("pods"), pod.metadata
        body = {"metadata": {"uid": meta.uid, "annotations": {COST: CHEAPEST}}}
        try:
            await self._cluster.patch(pods, meta.name, meta.namespace, body=body)
        except (NotFoundError, ConflictError):
            return f"pod {pod.key} is gone"
        except ForbiddenError as error:
            raise _without_right(error) from error
        return await self._scale(target, up=True)

    async def _counted(self, pod: Pod) -> None:
        """Return once the controller itself has counted two ready pods, hence knows which of them is the cheaper one.

        Its view may lag behind. With a second pod that is not ready there, or not known, it would end that one.
        """
        controller = pod.metadata.controller
        resource = await self._cluster.resource("replicasets.apps")
        while controller is not None and pod.metadata.uid in self._floor.pods:
            try:
                found = await self._cluster.get(resource, controller.name, pod.metadata.namespace)
            except NotFoundError:
                return
            status: dict[str, Any] = found.get("status") or {}
            if found["metadata"]["uid"] != controller.uid or int(status.get("readyReplicas") or 0) > 1:
                return
            await self._journal.clock.sleep(LOOK_EVERY_S)

    async def lower_for(self, pod: Pod, step: str) -> None:
        """The pod is asked to leave: one is enough again."""
        controller = pod.metadata.controller
        target = self._single.get(controller.uid) if controller else None
        if target is not None and target.uid in self._raised:
            await self._lower(target, step)

    async def lower_all(self) -> None:
        """Take back every second pod this run made, those of carriers before this one included."""
        if not self._found:
            await self.find()
        for target, step in list(self._raised.values()):
            await self._lower(target, step)

    async def _lower(self, target: Target, step: str) -> None:
        path = f"{step}/surge-end:{target.namespace}.{target.name}"
        await self._journal.part(path, target, lambda: self._scale(target, up=False))
        self._raised.pop(target.uid, None)

    async def _scale(self, target: Target, *, up: bool) -> str:
        """Write replicas and mark in one patch, under uid and resourceVersion."""
        resource = await self._cluster.resource(target.kind)
        for _ in range(CONFLICT_TRIES):
            try:
                found = await self._cluster.get(resource, target.name, target.namespace)
            except NotFoundError:
                return f"{target.label} is gone"
            if found["metadata"]["uid"] != target.uid:
                raise DriftedError(f"{target.label} was deleted and made again while it was being drained")
            body = self._raised_body(found) if up else self._lowered_body(found)
            if body is None:
                return f"{target.label} is left at {_replicas(found)}"
            lock = {key: found["metadata"][key] for key in ("uid", "resourceVersion")}
            body["metadata"] |= lock
            try:
                await self._cluster.patch(resource, target.name, target.namespace, body=body)
            except ConflictError:
                continue
            except ForbiddenError as error:
                raise _without_right(error) from error
            return f"{target.label} has {'two pods for the time being' if up else 'one pod again'}"
        raise ConflictError(
            f"{target.label} was changed by others {CONFLICT_TRIES} times in a row while being scaled"
        )

    def _raised_body(self, found: JsonObject) -> JsonObject | None:
        if _replicas(found) != 1:
            return None
        return {
            "metadata": {"annotations": {SURGE: self._journal.errand.run}},
            "spec": {"replicas": 2},
        }

    def _lowered_body(self, found: JsonObject) -> JsonObject | None:
        annotations: dict[str, Any] = found["metadata"].get("annotations") or {}
        if annotations.get(SURGE) != self._journal.errand.run:
            return None
        body: JsonObject = {"metadata": {"annotations": {SURGE: None}}}
        # Whoever set another number since meant that number.
        return body | {"spec": {"replicas": 1}} if _replicas(found) == 2 else body


def _replicas(found: JsonObject) -> int:
    return int((found.get("spec") or {}).get("replicas", 1))


def _without_right(error: ForbiddenError) -> ForbiddenError:
    return ForbiddenError(error.message, hint="drain without --surge, or get that right")
