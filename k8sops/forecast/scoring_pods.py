"""The scores that depend on other pods: soft spread constraints, and pods' preferences for and against each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from k8sops.forecast.ground import Ground
from k8sops.forecast.occupancy import Occupancy
from k8sops.forecast.shapes import Kind, Shape, Spread

_HOST: Final = "kubernetes.io/hostname"
_DEFAULT_SPREAD: Final = ((_HOST, 3), ("topology.kubernetes.io/zone", 5))
"""The cluster-wide constraints of pods that name none: topology key and `maxSkew`."""
_OWN_LABELS: Final = frozenset({"statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"})
_SPREAD, _NEAR = 2, 2
"""Weights of the default profile."""


class PodScores:
    """Scores on one state of the nodes."""

    def __init__(self, occupancy: Occupancy) -> None:
        self._occupancy: Final = occupancy
        self._ground: Final[Ground] = occupancy.ground
        self._related: Final[dict[tuple[int, int], bool]] = {}
        self._pulls: Final[dict[tuple[int, int], tuple[tuple[str, int], ...]]] = {}

    def spread(self, shape: Shape, among: Iterable[int]) -> dict[int, int]:
        """Soft spread constraints, or the default ones for pods of a controller."""
        if shape.soft_spreads:
            wanted = [(one.key, one.max_skew, self._counted(shape, one)) for one in shape.soft_spreads]
            nodes = [
                at for at in among if all(self._ground.domain_of(key, at) is not None for key, _, _ in wanted)
            ]
        elif not shape.pod.spec.topology_spread_constraints and shape.pod.metadata.controller is not None:
            family = self._met(lambda kind: self._is_related(shape, kind))
            wanted = [(key, skew, family) for key, skew in _DEFAULT_SPREAD]
            nodes = list(among)
        else:
            return {}
        if not nodes:
            return {}
        costs = dict.fromkeys(nodes, 0.0)
        for key, skew, met in wanted:
            self._charge(costs, key, skew, met)
        rounded = {at: math.floor(cost + 0.5) for at, cost in costs.items()}
        most, fewest = max(rounded.values()), min(rounded.values())
        return {
            at: _SPREAD * (100 * (most + fewest - cost) // most if most else 100)
            for at, cost in rounded.items()
        }

    def near(self, shape: Shape, among: Iterable[int]) -> dict[int, int]:
        """Preferred affinity and anti-affinity, its own and that of pods that are there."""
        if not shape.guest.kind.likes and not self._occupancy.liking:
            return {}
        pulls: dict[str, dict[str, int]] = {}
        for kind, where in self._occupancy.flocks():
            for key, weight in self._pulls_of(shape, kind):
                values = pulls.setdefault(key, {})
                for at, count in where.items():
                    value = self._ground.domain_of(key, at)
                    if value is not None:
                        values[value] = values.get(value, 0) + weight * count
        if not pulls:
            return {}
        sums = {
            at: sum(values.get(self._ground.domain_of(key, at) or "", 0) for key, values in pulls.items())
            for at in among
        }
        most, fewest = max(sums.values()), min(sums.values())
        if most == fewest:
            return {}
        return {at: _NEAR * int(100 * ((one - fewest) / (most - fewest))) for at, one in sums.items()}

    def _pulls_of(self, shape: Shape, kind: Kind) -> tuple[tuple[str, int], ...]:
        """Topology keys under which pods of a kind draw the newcomer, or drive it away, and how much."""
        found = self._pulls.get((shape.number, kind.number))
        if found is None:
            own, spaces = shape.guest.kind, self._occupancy.namespaces
            mine = [(t.key, w) for t, w in own.likes if t.takes(kind.namespace, kind.labels, spaces)]
            its = [
                (t.key, w)
                for t, w in (*kind.likes, *kind.clings)
                if t.takes(own.namespace, own.labels, spaces)
            ]
            found = self._pulls[shape.number, kind.number] = (*mine, *its)
        return found

    def _charge(self, costs: dict[int, float], key: str, skew: int, met: Mapping[int, int]) -> None:
        values = {at: self._ground.domain_of(key, at) for at in costs}
        weight = math.log(len({one for one in values.values() if one is not None}) + 2)
        counts: dict[str, int] = {}
        for at, count in met.items():
            value = self._ground.domain_of(key, at)
            if value is not None:
                counts[value] = counts.get(value, 0) + count
        for at, value in values.items():
            if value is not None:
                costs[at] += counts.get(value, 0) * weight + (skew - 1)

    def _counted(self, shape: Shape, one: Spread) -> dict[int, int]:
        home = shape.guest.kind.namespace
        return self._met(lambda kind: one.takes(kind.namespace, kind.labels, home))

    def _met(self, means: Callable[[Kind], bool]) -> dict[int, int]:
        met: dict[int, int] = {}
        for kind, where in self._occupancy.flocks():
            if means(kind):
                for at, count in where.items():
                    met[at] = met.get(at, 0) + count
        return met

    def _is_related(self, shape: Shape, kind: Kind) -> bool:
        found = self._related.get((shape.number, kind.number))
        if found is None:
            found = self._related[shape.number, kind.number] = _same(shape.guest.kind, kind)
        return found


def _same(one: Kind, other: Kind) -> bool:
    if one is other:
        return True
    if one.namespace != other.namespace or len(one.labels) != len(other.labels):
        return False
    return all(other.labels.get(key) == value for key, value in one.labels.items() if key not in _OWN_LABELS)
