"""What a drain sees of the cluster while it goes on: pods, nodes and budgets as watches tell them, nothing polled.

One watch of each kind. The views are plain dictionaries that only `watching` writes; `changed` wakes whoever decides,
`touched` says which pods to look at again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from k8sops.forecast.objects import Budget, Node, Pod


class Floor:
    """The present state, as of the last watch event."""

    def __init__(self) -> None:
        self.pods: Final[dict[str, Pod]] = {}
        """By uid."""
        self.on_node: Final[defaultdict[str, dict[str, Pod]]] = defaultdict(dict)
        self.by_controller: Final[defaultdict[str, dict[str, Pod]]] = defaultdict(dict)
        self.nodes: Final[dict[str, Node]] = {}
        self.budgets: Final[dict[str, Budget]] = {}
        self.attached: Final[dict[str, tuple[str, str]]] = {}
        """VolumeAttachment → (node, PersistentVolume)."""
        self.touched: Final[set[str]] = set()
        self.changed: Final = asyncio.Event()
        self.lost: Final[dict[str, str]] = {}
        """Which watches are cut off, and why: then nothing new is begun on what may be out of date."""
        self.budgets_moved = False
        """Whether a budget came, went or selects otherwise, so that who stands under which is to be found anew."""
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def wake(self) -> None:
        """Something changed: whoever waits for it looks."""
        self.changed.set()
        for true, waits in self._waiting:
            if not waits.done() and true():
                waits.set_result(None)
        self._waiting = [(true, waits) for true, waits in self._waiting if not waits.done()]

    async def until(self, true: Callable[[], bool]) -> None:
        """Return once it holds of what is seen here."""
        if not true():
            waits: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((true, waits))
            await waits

    def put_pod(self, pod: Pod) -> None:
        """A pod as it is now."""
        uid = pod.metadata.uid
        held = self.pods.get(uid)
        if held is not None and held.spec.node_name != pod.spec.node_name:
            self.on_node[held.spec.node_name].pop(uid, None)
        self.pods[uid] = pod
        self.on_node[pod.spec.node_name][uid] = pod
        if controller := pod.metadata.controller:
            self.by_controller[controller.uid][uid] = pod
        self.touched.add(uid)

    def drop_pod(self, uid: str) -> None:
        """A pod is gone."""
        pod = self.pods.pop(uid, None)
        if pod is None:
            return
        self.on_node[pod.spec.node_name].pop(uid, None)
        if controller := pod.metadata.controller:
            self.by_controller[controller.uid].pop(uid, None)
        self.touched.add(uid)

    def put_budget(self, budget: Budget) -> None:
        """A budget as it is now."""
        held = self.budgets.get(budget.key)
        self.budgets_moved |= held is None or held.spec.selector != budget.spec.selector
        self.budgets[budget.key] = budget

    def drop_budget(self, key: str) -> None:
        """A budget is gone."""
        self.budgets_moved |= self.budgets.pop(key, None) is not None

    def ready_of(self, controller: str) -> int:
        """How many pods of a controller are ready and not ending."""
        return sum(pod.ready and not pod.ending for pod in self.by_controller[controller].values())
