"""The watches that keep the floor true, through lost connections, and what is told of them.

The pods' watch is the one a drain cannot do without. Where another one is forbidden, the drain goes on without what it
would have shown, and says so: without budgets in view it learns of them from the API server's refusals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Final

import msgspec

from k8sops.actions.drain.floor import Floor
from k8sops.core.errors import ForbiddenError, K8sOpsError, ServerError, WaitError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Cluster, WatchEvent
from k8sops.forecast.objects import Budget, Node, Pod

FIRST_LOOK_S: Final = 60.0
PODS: Final = "pods"
BUDGETS: Final = "poddisruptionbudgets.policy"
NODES: Final = "nodes"
ATTACHMENTS: Final = "volumeattachments.storage.k8s.io"

Tell = Callable[[str], Awaitable[None]]
Take = Callable[[WatchEvent], None]


class Watching:
    """The watches of one drain; started one by one, ended together."""

    def __init__(self, cluster: Cluster, floor: Floor, tell: Tell) -> None:
        self._cluster = cluster
        self._floor = floor
        self._tell = tell
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._synced: dict[str, asyncio.Event] = {}
        self.selected: set[str] | None = None
        """uids of the pods that `--pod-selector` takes; None is all."""
        self.failure: K8sOpsError | None = None
        """Why the pods cannot be watched any more."""
        self.defect: BaseException | None = None
        """What a watch broke on that is not the cluster's doing."""
        self.blind: set[str] = set()
        """What may not be watched."""

    def begin(self, selector: str) -> None:
        """Start watching pods, budgets and nodes; `selector` is that of `--pod-selector`."""
        self._start(PODS, self._take_pod)
        self._start(BUDGETS, self._take_budget)
        self._start(NODES, self._take_node)
        if selector:
            self.selected = set()
            self._start(PODS, self._take_selected, selector)

    async def begin_attachments(self) -> None:
        """Watch VolumeAttachments too, if that is not done already; returns once they are known."""
        if ATTACHMENTS not in self._tasks:
            self._start(ATTACHMENTS, self._take_attachment)
        await self.synced()

    async def synced(self) -> None:
        """Return once all that is watched has been seen once. Raises WaitError naming what has not."""
        try:
            async with asyncio.timeout(FIRST_LOOK_S):
                for synced in list(self._synced.values()):
                    await synced.wait()
        except TimeoutError:
            unseen = ", ".join(name for name, synced in self._synced.items() if not synced.is_set())
            why = "; ".join(self._floor.lost.values())
            raise WaitError(
                f"the cluster's {unseen} could not be read within {FIRST_LOOK_S:g} s"
                + (f": {why}" if why else "")
            ) from None
        if self.defect is not None:
            raise self.defect
        if self.failure is not None:
            raise self.failure

    async def aclose(self) -> None:
        """End all watches."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _start(self, kind: str, take: Take, selector: str = "") -> None:
        name = f"{kind} with {selector}" if selector else kind
        self._synced[name] = asyncio.Event()
        task = asyncio.create_task(self._watch(kind, name, take, selector), name=f"watch {name}")
        task.add_done_callback(self._ended)
        self._tasks[name] = task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.defect = self.defect or error
            for synced in self._synced.values():
                synced.set()
            self._floor.wake()

    async def _watch(self, kind: str, name: str, take: Take, selector: str) -> None:
        try:
            resource = await self._cluster.resource(kind)
            async with aclosing(self._cluster.watch(resource, label_selector=selector)) as events:
                async for event in events:
                    if event.type in {"lost", "recovered"}:
                        await self._connection(name, event)
                    elif event.type == "synced":
                        self._synced[name].set()
                    else:
                        take(event)
                    self._floor.wake()
        except msgspec.ValidationError as error:
            await self._gave_up(kind, name, ServerError(f"the cluster's {name} cannot be read: {error}"))
        except K8sOpsError as error:
            await self._gave_up(kind, name, error)

    async def _gave_up(self, kind: str, name: str, error: K8sOpsError) -> None:
        self._floor.lost.pop(name, None)
        if kind != PODS and isinstance(error, ForbiddenError):
            self.blind.add(kind)
            await self._tell(f"goes on without seeing {kind.split('.', 1)[0]}: {error.message}")
        else:
            self.failure = self.failure or error
        self._synced[name].set()
        self._floor.wake()

    async def _connection(self, name: str, event: WatchEvent) -> None:
        if event.type == "lost":
            self._floor.lost[name] = event.message
        else:
            self._floor.lost.pop(name, None)
        await self._tell(event.message)

    def _take_pod(self, event: WatchEvent) -> None:
        if event.type == "deleted":
            self._floor.drop_pod(_uid(event.object))
        else:
            self._floor.put_pod(msgspec.convert(event.object, Pod))

    def _take_selected(self, event: WatchEvent) -> None:
        uid = _uid(event.object)
        if self.selected is None:
            return
        if event.type == "deleted":
            self.selected.discard(uid)
        else:
            self.selected.add(uid)
            self._floor.touched.add(uid)

    def _take_budget(self, event: WatchEvent) -> None:
        if event.type == "deleted":
            meta = event.object["metadata"]
            self._floor.drop_budget(f"{meta['namespace']}/{meta['name']}")
        else:
            self._floor.put_budget(msgspec.convert(event.object, Budget))

    def _take_node(self, event: WatchEvent) -> None:
        if event.type == "deleted":
            self._floor.nodes.pop(str(event.object["metadata"]["name"]), None)
        else:
            node = msgspec.convert(event.object, Node)
            self._floor.nodes[node.name] = node

    def _take_attachment(self, event: WatchEvent) -> None:
        name = str(event.object["metadata"]["name"])
        if event.type == "deleted":
            self._floor.attached.pop(name, None)
            return
        spec = event.object.get("spec") or {}
        volume = str((spec.get("source") or {}).get("persistentVolumeName") or "")
        self._floor.attached[name] = (str(spec.get("nodeName", "")), volume)


def _uid(found: JsonObject) -> str:
    return str(found["metadata"]["uid"])
