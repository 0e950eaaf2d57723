"""Which of the nodes that take a pod the scheduler would choose: the scores of its default profile.

Left out: image locality, and the services behind default spreading (pods of the same namespace and labels stand for
them). Of nodes with equal scores the first by name is taken; the scheduler picks one at random.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from k8sops.forecast.ground import Bits, members
from k8sops.forecast.objects import NodeSelector
from k8sops.forecast.occupancy import Occupancy
from k8sops.forecast.scoring_pods import PodScores
from k8sops.forecast.shapes import Shape
from k8sops.forecast.taints import tolerates

_TAINTS, _AFFINITY = 3, 2
"""Weights of the default profile; the two scores for resources weigh 1 each."""


class Scores:
    """Scores on one state of the nodes."""

    def __init__(self, occupancy: Occupancy) -> None:
        self._occupancy: Final = occupancy
        self._ground: Final = occupancy.ground
        self._pods: Final = PodScores(occupancy)
        self._liking: Final[dict[int, dict[int, tuple[int, int]]]] = {}
        self._load: Final[dict[tuple[int, int, int, int], dict[int, tuple[int, int]]]] = {}

    def best(self, shape: Shape, among: Bits) -> int:
        """The node with the highest score."""
        if among & (among - 1) == 0:
            return among.bit_length() - 1
        scores = self._loads(shape, among)
        for more in (
            self._liked(shape, among),
            self._pods.spread(shape, scores),
            self._pods.near(shape, scores),
        ):
            for at, score in more.items():
                scores[at] += score
        return max(scores, key=lambda at: (scores[at], -at))

    def _loads(self, shape: Shape, among: Bits) -> dict[int, int]:
        """Least allocated and balanced allocation; known answers are used again while a node has not changed."""
        scored, holds = shape.guest.scored, shape.guest.holds
        asked = (holds.get("cpu", 0), holds.get("memory", 0))
        known, versions = self._load.setdefault((*scored, *asked), {}), self._occupancy.version
        found: dict[int, int] = {}
        for at in members(among):
            seen = known.get(at)
            if seen is None or seen[0] != versions[at]:
                seen = known[at] = (versions[at], self._load_of(scored, asked, at))
            found[at] = seen[1]
        return found

    def _load_of(self, scored: tuple[int, int], asked: tuple[int, int], at: int) -> int:
        room, free = self._ground.allocatable[at], self._occupancy.free[at]
        least, shares_with, shares_without = [], [], []
        for index, name in enumerate(("cpu", "memory")):
            most = room.get(name, 0)
            if most:
                least.append(max(0, (most - self._occupancy.scored[at][index] - scored[index]) * 100 // most))
                used = most - free[name]
                shares_with.append(min(1.0, (used + asked[index]) / most))
                shares_without.append(min(1.0, used / most))
        if not least:
            return 0
        if not any(asked):
            return sum(least) // len(least)
        balance = 50 + (50 + _evenness(shares_with) - _evenness(shares_without)) // 2
        return sum(least) // len(least) + balance

    def _liked(self, shape: Shape, among: Bits) -> Mapping[int, int]:
        """Soft taints and preferred node affinity; nothing where the cluster and the pod have neither."""
        preferred = shape.pod.spec.affinity.node_affinity.preferred_during_scheduling_ignored_during_execution
        bears = shape.pod.spec.tolerations
        soft = [where for taint, where in self._ground.soft_taints.items() if not tolerates(bears, taint)]
        if not preferred and not soft:
            return {}
        known = self._liking.get(shape.number)
        if known is None:
            liked = [
                (one.weight, self._ground.selected(NodeSelector((one.preference,)))) for one in preferred
            ]
            known = self._liking[shape.number] = {
                at: (
                    sum(weight for weight, where in liked if where >> at & 1),
                    sum(where >> at & 1 for where in soft),
                )
                for at in members(shape.targets)
            }
        here = {at: known[at] for at in members(among)}
        most_liked = max(liking for liking, _ in here.values()) or 1
        most_tainted = max(taints for _, taints in here.values()) or 1
        return {
            at: _AFFINITY * (100 * liking // most_liked) + _TAINTS * (100 - 100 * taints // most_tainted)
            for at, (liking, taints) in here.items()
        }


def _evenness(shares: list[float]) -> int:
    return int((1 - abs(shares[0] - shares[-1]) / 2) * 100)
