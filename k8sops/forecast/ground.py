"""The nodes of a forecast, with every set of nodes as the bits of one whole number.

Selectors, taints and topology domains become a few operations on such numbers, which is what lets hundreds of pods be
tried on hundreds of nodes without a loop over both. Bit i is the i-th node, in the order of names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from k8sops.cluster.nodes import Taint
from k8sops.forecast.objects import Node, NodeSelector, Pod, Requirement, Toleration
from k8sops.forecast.quantities import amounts
from k8sops.forecast.requests import Amounts
from k8sops.forecast.selectors import node_matches, requirement_holds
from k8sops.forecast.taints import CORDON, HARD, tolerates

Bits: TypeAlias = int
"""A set of nodes."""


def members(bits: Bits) -> Iterator[int]:
    """The indices in a set, lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


class Ground:
    """All nodes of the cluster, the leaving ones cordoned."""

    def __init__(self, nodes: Iterable[Node], leaving: frozenset[str]) -> None:
        self.nodes: Final[Sequence[Node]] = sorted(nodes, key=lambda node: node.name)
        self.names: Final = [node.name for node in self.nodes]
        self.index: Final[Mapping[str, int]] = {name: at for at, name in enumerate(self.names)}
        self.everywhere: Final[Bits] = (1 << len(self.nodes)) - 1
        self.leaving: Final[Bits] = self._bits(node.name in leaving for node in self.nodes)
        self.cordoned: Final[Bits] = self.leaving | self._bits(node.spec.unschedulable for node in self.nodes)
        self.allocatable: Final[list[Amounts]] = [amounts(node.status.allocatable) for node in self.nodes]
        self.taints: Final[dict[Taint, Bits]] = {}
        """Taints that keep pods away, and where they are; a cordon is one of them."""
        self.soft_taints: Final[dict[Taint, Bits]] = {}
        self._domains: Final[dict[str, dict[str, Bits]]] = {}
        self._having: Final[dict[str, Bits]] = {}
        for at, node in enumerate(self.nodes):
            self._enter(at, node)

    def domains(self, key: str) -> Mapping[str, Bits]:
        """A label's values and the nodes that have each."""
        return self._domains.get(key, {})

    def having(self, key: str) -> Bits:
        """The nodes that have a label of this key."""
        bits = self._having.get(key)
        if bits is None:
            bits = 0
            for some in self.domains(key).values():
                bits |= some
            self._having[key] = bits
        return bits

    def domain_of(self, key: str, at: int) -> str | None:
        """The value of a node's label."""
        return self.nodes[at].metadata.labels.get(key)

    def required_by(self, pod: Pod) -> Bits:
        """The nodes that the pod's `nodeSelector` and required node affinity take."""
        bits = self.everywhere
        for key, value in pod.spec.node_selector.items():
            bits &= self.domains(key).get(value, 0)
        return bits & self.selected(
            pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
        )

    def selected(self, selector: NodeSelector | None) -> Bits:
        """The nodes that a node selector takes; None takes all."""
        if selector is None:
            return self.everywhere
        bits = 0
        for term in selector.node_selector_terms:
            if term.match_fields:
                bits |= self._bits(node_matches(term, node) for node in self.nodes)
            elif term.match_expressions:
                some = self.everywhere
                for one in term.match_expressions:
                    some &= self._where(one)
                bits |= some
        return bits

    def labelled(self, key: str, values: Iterable[str]) -> Bits:
        """The nodes whose label has one of the values."""
        domains = self.domains(key)
        bits = 0
        for value in values:
            bits |= domains.get(value, 0)
        return bits

    def untolerated(self, tolerations: Sequence[Toleration]) -> Bits:
        """The nodes that have a taint the pod does not bear."""
        bits = 0
        for taint, where in self.taints.items():
            if not tolerates(tolerations, taint):
                bits |= where
        return bits

    def _where(self, one: Requirement) -> Bits:
        domains = self.domains(one.key)
        if one.operator == "In":
            return self.labelled(one.key, one.values)
        if one.operator == "NotIn":
            return self.everywhere & ~self.labelled(one.key, one.values)
        bits = 0
        for value, where in domains.items():
            if requirement_holds(one, {one.key: value}):
                bits |= where
        return bits | (self.everywhere & ~self.having(one.key) if requirement_holds(one, {}) else 0)

    def _enter(self, at: int, node: Node) -> None:
        bit = 1 << at
        for key, value in node.metadata.labels.items():
            domains = self._domains.setdefault(key, {})
            domains[value] = domains.get(value, 0) | bit
        for taint in node.spec.taints:
            kept = self.taints if taint.effect in HARD else self.soft_taints
            plain = Taint(taint.key, taint.value, taint.effect)
            kept[plain] = kept.get(plain, 0) | bit
        if self.cordoned & bit:
            self.taints[CORDON] = self.taints.get(CORDON, 0) | bit

    @staticmethod
    def _bits(flags: Iterable[bool]) -> Bits:
        bits = 0
        for at, flag in enumerate(flags):
            if flag:
                bits |= 1 << at
        return bits
