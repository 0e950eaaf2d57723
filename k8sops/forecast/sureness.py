"""Which moving pods have a proven place, preemption taken into account.

A pod without a proven place may preempt any pod of lower priority, and what it preempts comes back as one more rival.
So proofs start without preemption; while one fails for a pod that may preempt, all pods below its priority count as
rivals that may be anywhere, and the proofs are tried again.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from k8sops.forecast.occupancy import Occupancy
from k8sops.forecast.proof import Proof
from k8sops.forecast.scene import Scene
from k8sops.forecast.shapes import Shape

_LOWEST: Final = -(2**31) - 1


class Sureness:
    """The proven shapes of a scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene: Final = scene
        self._moving: Final = Counter(shape.number for shape in scene.shapes())
        self._shapes: Final = {shape.number: shape for shape in scene.shapes()}
        self._waiting: Final = [scene.shaper.shape(pod) for pod in scene.waiting]
        self.floor = _LOWEST
        """Pods below this priority may be preempted."""
        self._proven: set[int] = set()
        self.occupancy: Occupancy
        """The nodes with the pods that no other can preempt, as the last proofs saw them."""
        self._settle()

    def proven(self, shape: Shape) -> bool:
        """Whether a moving pod of this shape has a place in every case."""
        return shape.number in self._proven

    def fresh_occupancy(self) -> Occupancy:
        """The nodes with all pods that stay; to be called once, since it may be what the proofs used."""
        return self.occupancy if self.floor == _LOWEST else self._scene.occupancy()

    def _settle(self) -> None:
        waiting = [one.guest.priority for one in self._waiting if one.preempts]
        while True:
            self._proven = self._prove()
            unsure = [
                one.guest.priority
                for number, one in self._shapes.items()
                if number not in self._proven and one.preempts
            ]
            floor = max((*unsure, *waiting), default=_LOWEST)
            if floor <= self.floor or not self._anyone_between(self.floor, floor):
                return
            self.floor = floor

    def _anyone_between(self, low: int, high: int) -> bool:
        """Whether raising the floor puts anyone below it."""
        priorities = [guest.priority for _, guest, _ in self._scene.staying]
        priorities += [one.guest.priority for one in self._shapes.values()]
        return any(low <= one < high for one in priorities)

    def _prove(self) -> set[int]:
        scene, floor = self._scene, self.floor
        rivals = Counter(self._moving)
        shapes = dict(self._shapes)
        floating = [pod for pod, guest, _ in scene.staying if guest.priority < floor]
        for one in (*self._waiting, *(scene.shaper.shape(pod) for pod in floating)):
            rivals[one.number] += 1
            shapes[one.number] = one
        self.occupancy = scene.occupancy(floor)
        proof = Proof(self.occupancy, [(shapes[number], count) for number, count in rivals.items()])
        return {
            number for number, one in self._shapes.items() if one.guest.priority >= floor and proof.holds(one)
        }
