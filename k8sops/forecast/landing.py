"""The simulated order: pods as they are evicted, each to the node that scores best, by preemption where need be.

Pods that were waiting already are placed first if the scheduler has not yet refused them. What is preempted comes back
after all others. What is refused because of other pods is tried again at the end, the most important first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec

from k8sops.forecast.objects import Pod
from k8sops.forecast.preempting import preempt
from k8sops.forecast.scene import Scene
from k8sops.forecast.scoring import Scores
from k8sops.forecast.shapes import Shape
from k8sops.forecast.sureness import Sureness

_MOVED: Final = " (moved)"
"""Tells a pod that has been placed from the one it replaces."""


class Landing(msgspec.Struct, frozen=True):
    """Where one moving pod lands; an empty name is nowhere."""

    node: str = ""
    reasons: dict[str, str] = {}
    preempted: tuple[str, ...] = ()


class _Turn(msgspec.Struct, frozen=True):
    """A pod whose turn it is."""

    shape: Shape
    key: str
    mover: int = -1
    """Its index among the moving pods, -1 for others."""


def land(scene: Scene, sureness: Sureness) -> Mapping[int, Landing]:
    """A landing for each moving pod, by its index; reasons are gathered for those without a proven place."""
    simulation = _Simulation(scene, sureness)
    simulation.run()
    return simulation.landings


class _Simulation:
    def __init__(self, scene: Scene, sureness: Sureness) -> None:
        self._scene: Final = scene
        self._sureness: Final = sureness
        self._occupancy: Final = sureness.fresh_occupancy()
        self._scores: Final = Scores(self._occupancy)
        self._queue: Final[deque[_Turn]] = deque()
        self._placed = 0
        self._turns: Final[dict[str, _Turn]] = {}
        """The turns of pods that have been placed, by the name they have on their node."""
        priorities = [guest.priority for _, guest, _ in scene.staying]
        self._lowest: Final = min((*priorities, *(one.guest.priority for one in scene.shapes())), default=0)
        self._refused: Final[dict[int, tuple[int, Landing]]] = {}
        self.landings: Final[dict[int, Landing]] = {}

    def run(self) -> None:
        for pod in self._scene.waiting:
            at = self._scene.ground.index.get(pod.status.nominated_node_name)
            turn = _Turn(self._scene.shaper.shape(pod), pod.key)
            if at is not None:
                self._settle(turn, at)
            elif not _refused(pod):
                self._queue.append(turn)
        for index, shape in enumerate(self._scene.shapes()):
            self._queue.append(_Turn(shape, self._scene.moving[index].key, index))
        refused: list[_Turn] = []
        while self._queue:
            before = self._placed
            while self._queue:
                turn = self._queue.popleft()
                if not self._take(turn):
                    refused.append(turn)
            if self._placed > before:
                # What a pod was refused for may have come since: the scheduler tries again when pods are bound.
                again = [turn for turn in refused if turn.shape.social]
                self._queue.extend(sorted(again, key=lambda turn: -turn.shape.guest.priority))
                refused = []

    def _take(self, turn: _Turn) -> bool:
        """Whether the pod whose turn it is finds a place."""
        explain = turn.mover >= 0 and not self._sureness.proven(turn.shape)
        landing = self._place(turn, explain=explain)
        if turn.mover >= 0:
            self.landings[turn.mover] = landing
        return bool(landing.node)

    def _place(self, turn: _Turn, *, explain: bool) -> Landing:
        shape, occupancy, names = turn.shape, self._occupancy, self._scene.ground.names
        known = self._refused.get(shape.number)
        if known is not None and known[0] == self._placed:
            return known[1]
        open_nodes = occupancy.open_to(shape)
        if open_nodes:
            at = self._scores.best(shape, open_nodes)
            reasons = occupancy.reasons(shape) if explain else {}
            self._settle(turn, at)
            return Landing(names[at], reasons)
        reasons = occupancy.reasons(shape)
        found = preempt(occupancy, shape) if shape.guest.priority > self._lowest else None
        if found is None:
            refused = Landing("", reasons)
            self._refused[shape.number] = (self._placed, refused)
            return refused
        for victim in found.victims:
            occupancy.remove(victim.key, found.node)
            self._comes_back(victim.key)
        self._settle(turn, found.node)
        victims = tuple(victim.key.removesuffix(_MOVED) for victim in found.victims)
        return Landing(names[found.node], reasons, victims)

    def _settle(self, turn: _Turn, at: int) -> None:
        self._placed += 1
        key = turn.key + _MOVED
        self._turns[key] = turn
        self._occupancy.add(msgspec.structs.replace(turn.shape.guest, key=key), at)

    def _comes_back(self, key: str) -> None:
        """What was preempted, if a controller makes it again."""
        turn = self._turns.get(key)
        if turn is None:
            pod = self._scene.staying_by_key.get(key)
            if pod is None or pod.metadata.controller is None:
                return
            turn = _Turn(self._scene.shaper.shape(pod), key)
        self._queue.append(turn)


def _refused(pod: Pod) -> bool:
    return any(one.type == "PodScheduled" and one.status == "False" for one in pod.status.conditions)
