"""How a shape stands to the pods that are placed: counts for its affinities and spread constraints, kept as pods move.

The rules are those of the scheduler's InterPodAffinity and PodTopologySpread filters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from k8sops.forecast.ground import Bits, Ground
from k8sops.forecast.shapes import Kind, Labels, Shape, Spread

SPREAD: Final = "node(s) didn't match pod topology spread constraints"
SPREAD_LABEL: Final = f"{SPREAD} (missing required label)"
AFFINITY: Final = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY: Final = "node(s) didn't match pod anti-affinity rules"
OTHERS_ANTI_AFFINITY: Final = "node(s) didn't satisfy existing pods anti-affinity rules"


class Relation(msgspec.Struct, frozen=True):
    """What pods of a kind mean to a shape; each is an index or a topology key."""

    near: bool
    """It answers all affinity terms."""
    apart: tuple[int, ...]
    """The shape's anti-affinity terms it answers."""
    spreads: tuple[int, ...]
    """The shape's spread constraints that count it."""
    refuses: tuple[str, ...]
    """Topology keys of their own anti-affinity terms that the shape answers."""

    @property
    def matters(self) -> bool:
        """Whether it means anything."""
        return bool(self.near or self.apart or self.spreads or self.refuses)


_NOTHING: Final = Relation(near=False, apart=(), spreads=(), refuses=())


def _interest(shape: Shape) -> frozenset[str] | None:
    """The namespaces whose pods its own terms can mean, None where a selector decides."""
    terms = (*shape.affinity, *shape.guest.kind.anti)
    if any(one.by_labels is not None for one in terms):
        return None
    names = {name for one in terms for name in one.names}
    return frozenset(names | {shape.guest.kind.namespace} if shape.spreads else names)


def relation(shape: Shape, kind: Kind, namespaces: Mapping[str, Labels]) -> Relation:
    """What pods of a kind mean to a shape."""
    own = shape.guest.kind
    where, labels = kind.namespace, kind.labels
    return Relation(
        near=bool(shape.affinity) and all(one.takes(where, labels, namespaces) for one in shape.affinity),
        apart=tuple(at for at, one in enumerate(own.anti) if one.takes(where, labels, namespaces)),
        spreads=tuple(at for at, one in enumerate(shape.spreads) if one.takes(where, labels, own.namespace)),
        refuses=tuple(one.key for one in kind.anti if one.takes(own.namespace, own.labels, namespaces)),
    )


class Standing:
    """Counts of placed pods that decide where a shape may be; `count` adds or takes away one."""

    def __init__(self, shape: Shape, ground: Ground, namespaces: Mapping[str, Labels]) -> None:
        self.shape: Final = shape
        self._ground: Final = ground
        self._namespaces: Final = namespaces
        self._near: Final[list[Counter[str]]] = [Counter() for _ in shape.affinity]
        self._apart: Final[list[Counter[str]]] = [Counter() for _ in shape.guest.kind.anti]
        self._refused: Final[dict[str, Counter[str]]] = {}
        self.counts: Final[list[Counter[str]]] = [self._empty(one) for one in shape.spreads]
        """For each spread constraint its eligible domains with the pods counted in each."""
        self._known: Final[dict[int, Relation]] = {}
        self._interest: Final = _interest(shape)
        self.matches_itself: Final = relation(shape, shape.guest.kind, namespaces).near

    def count(self, kind: Kind, at: int, times: int, *, fading: bool = False) -> None:
        """Pods of a kind come to a node, or leave it where `times` is negative."""
        means = self.means(kind)
        if not means.matters:
            return
        for term, near in zip(self.shape.affinity, self._near, strict=True):
            if means.near:
                self._add(near, term.key, at, times)
        for index in means.apart:
            self._add(self._apart[index], self.shape.guest.kind.anti[index].key, at, times)
        for key in means.refuses:
            self._add(self._refused.setdefault(key, Counter()), key, at, times)
        if not fading:
            for index in means.spreads:
                if self.shape.spreads[index].eligible >> at & 1:
                    self._add(self.counts[index], self.shape.spreads[index].key, at, times)

    def means(self, kind: Kind) -> Relation:
        """The relation, worked out once for each kind."""
        if not kind.anti and self._interest is not None and kind.namespace not in self._interest:
            return _NOTHING
        found = self._known.get(kind.number)
        if found is None:
            found = self._known[kind.number] = relation(self.shape, kind, self._namespaces)
        return found

    def refusals(self) -> Iterator[tuple[Bits, str]]:
        """Nodes where it may not be because of others, and why, in the order in which the scheduler asks."""
        ground = self._ground
        for one, counts in zip(self.shape.spreads, self.counts, strict=True):
            yield ground.everywhere & ~ground.having(one.key), SPREAD_LABEL
            yield self._skewed(one, counts), SPREAD
        if self.shape.affinity:
            yield ground.everywhere & ~self.near(), AFFINITY
        apart = 0
        for term, values in zip(self.shape.guest.kind.anti, self._apart, strict=True):
            apart |= self._where(term.key, values)
        yield apart, ANTI_AFFINITY
        refused = 0
        for key, values in self._refused.items():
            refused |= self._where(key, values)
        yield refused, OTHERS_ANTI_AFFINITY

    def near(self) -> Bits:
        """Nodes that its required affinity allows; anywhere with the labels where it would be the first of its kind."""
        ground = self._ground
        bits = keyed = ground.everywhere
        for term, values in zip(self.shape.affinity, self._near, strict=True):
            bits &= self._where(term.key, values)
            keyed &= ground.having(term.key)
        return keyed if self.first_of_its_kind else bits

    @property
    def first_of_its_kind(self) -> bool:
        """Whether nothing it wants to be near to exists, and it is of that kind itself."""
        return self.matches_itself and not any(+values for values in self._near)

    def least(self, index: int) -> int:
        """The fewest pods in a domain, 0 where there are fewer domains than `minDomains`."""
        one, counts = self.shape.spreads[index], self.counts[index]
        return 0 if len(counts) < one.min_domains or not counts else min(counts.values())

    def _skewed(self, one: Spread, counts: Counter[str]) -> Bits:
        if not counts:
            return 0
        least = 0 if len(counts) < one.min_domains else min(counts.values())
        most = one.max_skew - one.own + least
        domains = self._ground.domains(one.key)
        bits = 0
        for value, count in counts.items():
            if count > most:
                bits |= domains[value]
        return bits

    def _where(self, key: str, values: Counter[str]) -> Bits:
        domains = self._ground.domains(key)
        bits = 0
        for value, count in values.items():
            if count > 0:
                bits |= domains[value]
        return bits

    def _empty(self, one: Spread) -> Counter[str]:
        found: Counter[str] = Counter()
        for value, bits in self._ground.domains(one.key).items():
            if bits & one.eligible:
                found[value] = 0
        return found

    def _add(self, values: Counter[str], key: str, at: int, times: int) -> None:
        value = self._ground.domain_of(key, at)
        if value is not None:
            values[value] += times
