"""Where a pod fits once pods of lower priority are gone, as the scheduler's DefaultPreemption chooses them.

Disruption budgets, which the scheduler only prefers to respect here, are not weighed.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from k8sops.forecast.ground import members
from k8sops.forecast.occupancy import Occupancy
from k8sops.forecast.shapes import Guest, Shape

_OFFSET: Final = 2**31
"""Added to each priority before they are summed, so that more victims always cost more."""
_MOST_NODES: Final = 100
"""How many nodes are tried; the scheduler tries a tenth of them, at least 100."""


class Preemption(msgspec.Struct, frozen=True):
    """A node, and who has to go from it."""

    node: int
    victims: tuple[Guest, ...]


def preempt(occupancy: Occupancy, shape: Shape) -> Preemption | None:
    """The preemption the scheduler would choose; the nodes are left as they were."""
    if not shape.preempts:
        return None
    found: list[Preemption] = []
    for at in members(shape.targets):
        lower = [one for one in occupancy.guests[at].values() if one.priority < shape.guest.priority]
        if lower:
            victims = _victims(occupancy, shape, at, lower)
            if victims is not None:
                found.append(Preemption(at, victims))
                if len(found) >= _MOST_NODES:
                    break
    return min(found, key=_cost, default=None)


def _victims(occupancy: Occupancy, shape: Shape, at: int, lower: list[Guest]) -> tuple[Guest, ...] | None:
    """Those that cannot stay, the most important ones tried first."""
    bit = 1 << at
    gone = {one.key: occupancy.remove(one.key, at) for one in lower}
    try:
        if not occupancy.open_to(shape) & bit:
            return None
        for one in sorted(lower, key=lambda guest: (-guest.priority, guest.key)):
            occupancy.add(one, at)
            if occupancy.open_to(shape) & bit:
                del gone[one.key]
            else:
                occupancy.remove(one.key, at)
        return tuple(gone.values())
    finally:
        for one in gone.values():
            occupancy.add(one, at)


def _cost(one: Preemption) -> tuple[int, int, int, float, int]:
    """The scheduler's order: least important victims, fewest of them, then those that started last."""
    priorities = [victim.priority for victim in one.victims]
    highest = max(priorities, default=-_OFFSET)
    started = min((victim.since for victim in one.victims if victim.priority == highest), default=math.inf)
    return highest, sum(priority + _OFFSET for priority in priorities), len(priorities), -started, one.node
