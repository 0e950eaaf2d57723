"""Whether a pod has a place whatever the order in which others arrive and wherever they go.

The others are taken as an adversary who may put each of them on any node that its selectors allow, or leave it pending.
Blocking a node costs the adversary pods: each node has a price (the least share of the rivals' whole demand that fills
it), each rival a worth (its greatest share). Where the prices of a pod's nodes sum to more than all rivals are worth,
some node stays open. Rivals that repel the pod, and spread constraints, take away whole domains first; the dearest are
taken. Every step errs towards "not proven".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from k8sops.forecast.ground import Bits, Ground, members
from k8sops.forecast.occupancy import Occupancy, clash_any
from k8sops.forecast.shapes import Shape
from k8sops.forecast.standing import SPREAD, Standing

Rivals: TypeAlias = Sequence[tuple[Shape, int]]
"""Shapes of the pods that may go anywhere, and how many of each."""

Demand: TypeAlias = tuple[tuple[str, int], ...]
"""Resource and amount, pods and volumes to attach among them."""

_ATTACH: Final = "attach/"
_MARGIN: Final = 1 + 1e-9


class _Case(msgspec.Struct, frozen=True):
    """All that is known of one shape's chances."""

    prices: Mapping[int, float]
    """What blocking each of its nodes by load costs."""
    worth: float
    """What all rivals together can pay."""
    repelled: Mapping[str, int]
    """Topology key to the number of rivals that close one of its domains each."""
    closers: int
    """Rivals that close one node each (host ports)."""
    counted: Sequence[int]
    """For each spread constraint, how many rivals it counts."""


class Proof:
    """Proofs on one state of the nodes: the rivals are not on them."""

    def __init__(self, occupancy: Occupancy, rivals: Rivals) -> None:
        self._occupancy: Final = occupancy
        self._ground: Final[Ground] = occupancy.ground
        self._rivals: Final = rivals
        self._asks: Final = {one.number: _all_asks(one) for one, _ in rivals}
        self._reaches: Final[dict[int, Bits]] = {}
        self._ending: Final = occupancy.where_pods_end()
        self._loads: Final = self._grouped()

    def holds(self, shape: Shape) -> bool:
        """Whether one pod of this shape, itself among the rivals, has a place in every case."""
        if shape.unsure or shape.foreign:
            return False
        others = [(other, count - (other.number == shape.number)) for other, count in self._rivals]
        others = [(other, count) for other, count in others if count]
        if any(shape.needs.exclusive & set(other.guest.claims) for other, _ in others):
            return False
        standing = self._occupancy.standing(shape)
        candidates = self._candidates(shape, standing, others)
        if not candidates:
            return False
        case = self._case(shape, standing, candidates, others)
        if self._left(shape, standing, case, candidates, None) > case.worth * _MARGIN:
            return True
        return any(
            self._least_is_open(shape, standing, case, candidates, at) for at in range(len(shape.spreads))
        )

    def _candidates(self, shape: Shape, standing: Standing, others: Rivals) -> Bits:
        """Nodes that take it as long as no rival comes; spread constraints are judged apart."""
        occupancy = self._occupancy
        bits = shape.targets & ~shape.needs.unproven & occupancy.sure_near(shape)
        if (
            shape.affinity
            and standing.first_of_its_kind
            and any(standing.means(one.guest.kind).near for one, _ in others)
        ):
            return 0
        for refused, why in occupancy.dynamic_refusals(shape, bits):
            if why != SPREAD:
                bits &= ~refused
        return bits & ~occupancy.cramped(shape, bits)

    def _case(self, shape: Shape, standing: Standing, candidates: Bits, others: Rivals) -> _Case:
        repelled: Counter[str] = Counter()
        closers, counted = 0, [0] * len(shape.spreads)
        for other, count in others:
            if not (shape.social or other.guest.kind.anti or shape.guest.ports):
                continue
            means = standing.means(other.guest.kind)
            keys = {shape.guest.kind.anti[at].key for at in means.apart} | set(means.refuses)
            for key in keys:
                if self._could_close(key, other, candidates):
                    repelled[key] += count
            for at in means.spreads:
                counted[at] += count
            if (
                shape.guest.ports
                and self._reach(other) & candidates
                and clash_any(shape.guest.ports, other.guest.ports)
            ):
                closers += count
        plain = not (repelled or closers or shape.spreads)
        prices, worth = self._prices(shape, candidates, enough=plain)
        return _Case(prices, worth, repelled, closers, counted)

    def _prices(self, shape: Shape, candidates: Bits, *, enough: bool) -> tuple[dict[int, float], float]:
        """What each node costs to block, and what the rivals are worth; with `enough`, of as many nodes as it takes."""
        asks = self._asks[shape.number]
        near = self._near(shape, candidates)
        demand = {name: sum(count * other.get(name, 0) for other, count in near) for name in asks}
        contested = {name: total for name, total in demand.items() if total}
        worth = sum(
            count * max((other.get(name, 0) / total for name, total in contested.items()), default=0.0)
            for other, count in near
        )
        unblockable, paid = worth + 1.0, 0.0
        prices: dict[int, float] = {}
        for at in members(candidates):
            price = unblockable
            for name, total in contested.items():
                room = self._room(at, name)
                if room is not None:
                    price = min(price, (room - asks[name] + 1) / total)
            prices[at] = unblockable if price > 1.0 else price
            paid += prices[at]
            if enough and paid > worth * _MARGIN:
                break
        return prices, worth

    def _near(self, shape: Shape, candidates: Bits) -> list[tuple[dict[str, int], int]]:
        """What the rivals ask for that can reach a candidate, the shape's own share without the pod itself."""
        own = self._group(shape)
        return [
            (dict(asks), count - ((reach, asks) == own))
            for (reach, asks), count in self._loads.items()
            if reach & candidates and count > ((reach, asks) == own)
        ]

    def _grouped(self) -> dict[tuple[Bits, Demand], int]:
        """How many rivals there are of each reach and demand."""
        found: dict[tuple[Bits, Demand], int] = {}
        for one, count in self._rivals:
            key = self._group(one)
            found[key] = found.get(key, 0) + count
        return found

    def _group(self, one: Shape) -> tuple[Bits, Demand]:
        return self._reach(one), tuple(sorted(self._asks[one.number].items()))

    def _room(self, at: int, name: str) -> int | None:
        if name.startswith(_ATTACH):
            return self._occupancy.room_for_volumes(at, name.removeprefix(_ATTACH))
        return self._occupancy.free[at].get(name, 0)

    def _left(self, shape: Shape, standing: Standing, case: _Case, within: Bits, skip: int | None) -> float:
        """What the nodes are worth that rivals cannot close by being there, one spread constraint left out."""
        total = sum(case.prices.get(at, 0.0) for at in members(within))
        for key, count in case.repelled.items():
            total -= _dearest(self._values(key, case, within).values(), count)
        if case.closers:
            total -= _dearest((case.prices[at] for at in members(within)), case.closers)
        for at in range(len(shape.spreads)):
            if at != skip:
                total -= self._skewed(shape, standing, case, within, at)
        return total

    def _skewed(self, shape: Shape, standing: Standing, case: _Case, within: Bits, at: int) -> float:
        """The most that rivals can take away by filling domains of a spread constraint."""
        one, counts = shape.spreads[at], standing.counts[at]
        most = one.max_skew - one.own + 1 + standing.least(at)
        lost, offers = 0.0, []
        for value, worth in self._values(one.key, case, within).items():
            cost = most - counts.get(value, 0)
            if cost <= 0:
                lost += worth
            else:
                offers.append((worth / cost, cost, worth))
        budget = case.counted[at]
        for _, cost, worth in sorted(offers, reverse=True):
            spent = min(cost, budget)
            lost += worth * spent / cost
            budget -= spent
        return lost

    def _least_is_open(
        self, shape: Shape, standing: Standing, case: _Case, candidates: Bits, at: int
    ) -> bool:
        """Whether each domain that can come to have the fewest pods, where the constraint always holds, has a place."""
        one, counts = shape.spreads[at], standing.counts[at]
        if len(counts) < one.min_domains:
            return False
        highest = standing.least(at) + case.counted[at]
        domains = self._ground.domains(one.key)
        return all(
            self._left(shape, standing, case, candidates & domains[value], at) > case.worth * _MARGIN
            for value, count in counts.items()
            if count <= highest
        )

    def _values(self, key: str, case: _Case, within: Bits) -> dict[str, float]:
        found: dict[str, float] = {}
        for at in members(within):
            value = self._ground.domain_of(key, at)
            if value is not None:
                found[value] = found.get(value, 0.0) + case.prices[at]
        return found

    def _could_close(self, key: str, other: Shape, candidates: Bits) -> bool:
        """Whether a rival, on a node it can reach or where it was, shares a domain with a candidate."""
        area = self._reach(other) | self._ground.leaving
        return any(bits & candidates and bits & area for bits in self._ground.domains(key).values())

    def _reach(self, other: Shape) -> Bits:
        """The nodes a rival could be on: those it may be on and, alone, has the room for."""
        bits = self._reaches.get(other.number)
        if bits is None:
            everywhere = self._ground.everywhere
            cramped = self._occupancy.cramped(other, everywhere) & ~self._ending
            bits = everywhere if other.foreign else other.reach & ~cramped
            self._reaches[other.number] = bits
        return bits


def _all_asks(shape: Shape) -> dict[str, int]:
    asks = {**dict(shape.asks), "pods": 1}
    for driver, handles in shape.needs.handles.items():
        asks[_ATTACH + driver] = len(handles)
    return asks


def _dearest(values: Iterable[float], count: int) -> float:
    return sum(sorted(values, reverse=True)[:count])
