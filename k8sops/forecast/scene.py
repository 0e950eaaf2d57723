"""A world set up for a forecast: who stays, who moves, who waits, and the nodes without those that move."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from k8sops.forecast.ground import Ground
from k8sops.forecast.objects import Pod
from k8sops.forecast.occupancy import Occupancy
from k8sops.forecast.shapes import Guest, Shape, Shaper
from k8sops.forecast.volumes import Storage
from k8sops.forecast.world import World


class Scene:
    """Everything that proofs and the simulation start from."""

    def __init__(
        self, world: World, leaving: frozenset[str], moving: Sequence[Pod], gone: frozenset[str]
    ) -> None:
        self.world: Final = world
        self.ground: Final = Ground(world.nodes, leaving)
        self.storage: Final = Storage(world, self.ground)
        self.shaper: Final = Shaper(self.ground, self.storage)
        self.moving: Final = tuple(moving)
        departing = gone | {pod.key for pod in moving}
        others = [pod for pod in world.pods if not pod.finished and pod.key not in departing]
        self.staying: Final[list[tuple[Pod, Guest, int]]] = [
            (pod, self.shaper.guest(pod), self.ground.index[pod.spec.node_name])
            for pod in others
            if pod.spec.node_name in self.ground.index
        ]
        """Pods on nodes, with what they take and where."""
        self.waiting: Final = [
            pod
            for pod in others
            if not pod.spec.node_name and not pod.ending and not pod.spec.scheduling_gates
        ]
        """Pods that have no node yet and are not held back by gates."""

    def shapes(self) -> list[Shape]:
        """The shapes of the moving pods, in their order."""
        return [self.shaper.shape(pod) for pod in self.moving]

    @cached_property
    def staying_by_key(self) -> dict[str, Pod]:
        """The pods that stay, by `namespace/name`."""
        return {pod.key: pod for pod, _, _ in self.staying}

    def occupancy(self, floor: int | None = None) -> Occupancy:
        """The nodes with the pods that stay; with a floor, only those of at least this priority."""
        found = Occupancy(self.ground, self.storage, self.world.namespaces)
        for _, guest, at in self.staying:
            if floor is None or guest.priority >= floor:
                found.add(guest, at)
        return found
