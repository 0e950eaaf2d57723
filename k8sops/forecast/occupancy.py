"""What is taken of each node, as pods come and go: resources, ports, attached volumes, and who is there.

`refusals` answers for one shape which nodes cannot take it and why, in the scheduler's words and order of asking.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from k8sops.forecast.ground import Bits, Ground, members
from k8sops.forecast.shapes import Guest, HostPort, Kind, Labels, Shape
from k8sops.forecast.standing import Standing
from k8sops.forecast.volumes import CLAIM_TAKEN, TOO_MANY, Storage

PORTS: Final = "node(s) didn't have free ports for the requested pod ports"
TOO_MANY_PODS: Final = "Too many pods"
_ALL: Final = "0.0.0.0"  # noqa: S104 - compared, never bound


class Occupancy:
    """The state of all nodes."""

    def __init__(self, ground: Ground, storage: Storage, namespaces: Mapping[str, Labels]) -> None:
        self.ground: Final = ground
        self.namespaces: Final = namespaces
        self.free: Final[list[dict[str, int]]] = [dict(one) for one in ground.allocatable]
        """What is left of each node, `pods` among it; may be negative."""
        self.scored: Final[list[list[int]]] = [[0, 0] for _ in ground.names]
        """Processor and memory taken, as scoring counts them."""
        self.guests: Final[list[dict[str, Guest]]] = [{} for _ in ground.names]
        self.version: Final = [0 for _ in ground.names]
        self._ports: Final[dict[int, Counter[HostPort]]] = {}
        self._claims: Final[Counter[str]] = Counter()
        self._limits: Final = storage.limits
        self._attached: Final[dict[int, dict[str, set[str]]]] = {}
        for at, driver, handle in storage.attached():
            self._attached.setdefault(at, {}).setdefault(driver, set()).add(handle)
        self._standings: Final[dict[int, Standing]] = {}
        self._changes: Final[list[int]] = []
        """Nodes in the order in which they changed."""
        self._roomy: Final[dict[tuple[tuple[str, int], ...], tuple[int, Bits]]] = {}
        """For each demand, how many changes it has seen and the nodes without room for it."""
        self._flocks: Final[dict[tuple[int, bool], tuple[Kind, Counter[int]]]] = {}
        """Pods of a kind, ending ones apart, and how many are on each node."""
        self.liking = 0
        """How many pods have a say in where others would rather be."""
        self._refusing = 0
        """How many pods have an anti-affinity: with none, shapes without constraints need no counts."""

    def add(self, guest: Guest, at: int) -> None:
        """A pod comes to a node."""
        self._change(guest, at, 1)
        self.guests[at][guest.key] = guest

    def remove(self, key: str, at: int) -> Guest:
        """A pod leaves its node."""
        guest = self.guests[at].pop(key)
        self._change(guest, at, -1)
        return guest

    def standing_if_any(self, shape: Shape) -> Standing | None:
        """The counts that matter to a shape, None where no pod that is there matters to it."""
        return self.standing(shape) if shape.social or self._refusing else None

    def standing(self, shape: Shape) -> Standing:
        """The counts that matter to a shape."""
        found = self._standings.get(shape.number)
        if found is None:
            found = self._standings[shape.number] = Standing(shape, self.ground, self.namespaces)
            for (_, fading), (kind, where) in self._flocks.items():
                if found.means(kind).matters:
                    for at, count in where.items():
                        found.count(kind, at, count, fading=fading)
        return found

    def open_to(self, shape: Shape) -> Bits:
        """The nodes that would take it now, leaving ones excluded."""
        bits = shape.targets
        for refused, _ in self.dynamic_refusals(shape, bits):
            bits &= ~refused
        return bits & ~self.cramped(shape, bits)

    def dynamic_refusals(self, shape: Shape, within: Bits) -> Iterator[tuple[Bits, str]]:
        """Nodes refused because of pods that are there, resources apart."""
        if shape.guest.ports:
            yield self.ports_taken(shape, within), PORTS
        if any(self._claims[claim] for claim in shape.needs.exclusive):
            yield within, CLAIM_TAKEN
        if shape.needs.handles:
            yield self._overfull(shape, within), TOO_MANY
        standing = self.standing_if_any(shape)
        if standing is not None:
            yield from standing.refusals()

    def reasons(self, shape: Shape) -> dict[str, str]:
        """Node to why it does not take the shape now, the first reason as the scheduler would give it."""
        left, found = self.ground.everywhere, dict[str, str]()
        names = self.ground.names
        for bits, why in (*shape.refusals, *self._late_refusals(shape)):
            for at in members(bits & left):
                found[names[at]] = why
            left &= ~bits
        return found

    def short_of(self, shape: Shape, at: int) -> list[str]:
        """What the node lacks, in the scheduler's words."""
        free = self.free[at]
        lacks = [] if free.get("pods", 0) >= 1 else [TOO_MANY_PODS]
        lacks += [f"Insufficient {name}" for name, asked in shape.asks if asked > free.get(name, 0)]
        return lacks

    def ports_taken(self, shape: Shape, within: Bits) -> Bits:
        """The nodes where one of its host ports is taken."""
        bits = 0
        for at in members(within & self._with_ports()):
            if any(clash(one, other) for one in shape.guest.ports for other in +self._ports[at]):
                bits |= 1 << at
        return bits

    def flocks(self) -> Iterator[tuple[Kind, Counter[int]]]:
        """Kinds of pods, and how many of each are on which node."""
        yield from self._flocks.values()

    def where_pods_end(self) -> Bits:
        """The nodes where pods are being deleted: there will be more room than there is."""
        bits = 0
        for (_, fading), (_, where) in self._flocks.items():
            if fading:
                for at in where:
                    bits |= 1 << at
        return bits

    def sure_near(self, shape: Shape) -> Bits:
        """The nodes that its required affinity allows without pods that are being deleted."""
        if not shape.affinity:
            return self.ground.everywhere
        standing = self.standing(shape)
        bits = standing.near()
        if standing.first_of_its_kind:
            return bits
        sure = [
            kind for (_, fading), kind in self._flocks.items() if not fading and standing.means(kind[0]).near
        ]
        for term in shape.affinity:
            some = 0
            for _, where in sure:
                for at, count in where.items():
                    value = self.ground.domain_of(term.key, at)
                    if count > 0 and value is not None:
                        some |= self.ground.domains(term.key)[value]
            bits &= some
        return bits

    def _late_refusals(self, shape: Shape) -> Iterator[tuple[Bits, str]]:
        everywhere = self.ground.everywhere
        lacking: dict[str, Bits] = {}
        for at in members(everywhere):
            lacks = self.short_of(shape, at)
            if lacks:
                why = ", ".join(lacks)
                lacking[why] = lacking.get(why, 0) | 1 << at
        social = list(self.dynamic_refusals(shape, everywhere))
        ports = [one for one in social if one[1] == PORTS]
        yield from ports
        yield from ((bits, why) for why, bits in lacking.items())
        yield from (one for one in social if one[1] != PORTS)

    def cramped(self, shape: Shape, within: Bits) -> Bits:
        """Nodes without the resources; only nodes that have changed since the last time are looked at again."""
        asks = shape.asks
        seen, bits = self._roomy.get(asks, (-1, 0))
        for at in range(len(self.free)) if seen < 0 else set(self._changes[seen:]):
            free = self.free[at]
            if free.get("pods", 0) >= 1 and all(free.get(name, 0) >= asked for name, asked in asks):
                bits &= ~(1 << at)
            else:
                bits |= 1 << at
        self._roomy[asks] = (len(self._changes), bits)
        return bits & within

    def room_for_volumes(self, at: int, driver: str) -> int | None:
        """How many more volumes of a driver a node can have attached; None is any number."""
        limit = self._limits.get(at, {}).get(driver)
        if limit is None:
            return None
        return limit - len(self._used_by_pods(at, driver) | self._attached.get(at, {}).get(driver, set()))

    def _overfull(self, shape: Shape, within: Bits) -> Bits:
        bits = 0
        for at, limits in self._limits.items():
            if within >> at & 1:
                for driver, handles in shape.needs.handles.items():
                    room = self.room_for_volumes(at, driver) if driver in limits else None
                    if room is not None and len(handles - self._used_by_pods(at, driver)) > room:
                        bits |= 1 << at
        return bits

    def _used_by_pods(self, at: int, driver: str) -> set[str]:
        used: set[str] = set()
        for guest in self.guests[at].values():
            used |= guest.handles.get(driver, frozenset())
        return used

    def _with_ports(self) -> Bits:
        bits = 0
        for at in self._ports:
            bits |= 1 << at
        return bits

    def _change(self, guest: Guest, at: int, times: int) -> None:
        free = self.free[at]
        free["pods"] = free.get("pods", 0) - times
        for name, amount in guest.holds.items():
            free[name] = free.get(name, 0) - times * amount
        self.scored[at][0] += times * guest.scored[0]
        self.scored[at][1] += times * guest.scored[1]
        self.version[at] += 1
        self._changes.append(at)
        for port in guest.ports:
            self._ports.setdefault(at, Counter())[port] += times
        for claim in guest.claims:
            self._claims[claim] += times
        kind = guest.kind
        if kind.anti:
            self._refusing += times
        if kind.likes or kind.clings:
            self.liking += times
        flock = self._flocks.setdefault((kind.number, guest.fading), (kind, Counter()))
        flock[1][at] += times
        for standing in self._standings.values():
            standing.count(kind, at, times, fading=guest.fading)


def clash(one: HostPort, other: HostPort) -> bool:
    """Whether two host ports cannot be on one node."""
    return one[1:] == other[1:] and (one[0] == other[0] or _ALL in {one[0], other[0]})


def clash_any(some: Iterable[HostPort], others: Iterable[HostPort]) -> bool:
    """Whether any of the host ports of two pods cannot be on one node."""
    known = tuple(others)
    return any(clash(one, other) for one in some for other in known)
