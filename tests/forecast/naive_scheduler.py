"""The scheduler's filters once more, written naively from its documentation: one pod, one node, all pods, no tricks.

An independent judge for property tests; slow, and good for the features that `random_clusters` makes.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final

import msgspec

from k8sops.cluster.nodes import Taint
from k8sops.forecast.objects import Node, Pod, PodAffinityTerm, Requirement, Selector
from k8sops.forecast.quantities import parse
from k8sops.forecast.world import World

CORDON: Final = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")


class Naive:
    """A cluster on which pods are placed one after the other."""

    def __init__(self, world: World, leaving: frozenset[str], moving: Iterable[Pod]) -> None:
        self.world: Final = world
        self.leaving: Final = leaving
        self.nodes: Final = {node.name: node for node in world.nodes}
        gone = {pod.key for pod in moving}
        self.placed: Final[dict[str, Pod]] = {
            pod.key: pod for pod in world.pods if pod.spec.node_name and pod.key not in gone
        }

    def feasible(self, pod: Pod, *, without: frozenset[str] = frozenset()) -> list[str]:
        """The nodes that take it."""
        others = [one for key, one in self.placed.items() if key not in without]
        return [name for name, node in self.nodes.items() if self.takes(pod, node, others)]

    def place(self, pod: Pod, node: str) -> None:
        """Bind it."""
        self.placed[pod.key] = msgspec.structs.replace(
            pod, spec=msgspec.structs.replace(pod.spec, node_name=node)
        )

    def takes(self, pod: Pod, node: Node, others: list[Pod]) -> bool:
        """Every filter."""
        here = [one for one in others if one.spec.node_name == node.name]
        return (
            node.name not in self.leaving
            and self._tolerated(pod, node)
            and self._selected(pod, node)
            and self._has_room(pod, node, here)
            and not any(_ports(pod) & _ports(one) for one in here)
            and self._volumes_reach(pod, node, here)
            and self._spread_holds(pod, node, others)
            and self._affinity_holds(pod, node, others)
            and self._nobody_repels(pod, node, others)
        )

    def _taints(self, node: Node) -> list[Taint]:
        cordoned = [CORDON] if node.spec.unschedulable or node.name in self.leaving else []
        return [*node.spec.taints, *cordoned]

    def _tolerated(self, pod: Pod, node: Node) -> bool:
        return all(
            any(
                one.key in {"", taint.key}
                and one.effect in {"", taint.effect}
                and (one.operator == "Exists" or one.value == taint.value)
                for one in pod.spec.tolerations
            )
            for taint in self._taints(node)
            if taint.effect in {"NoSchedule", "NoExecute"}
        )

    @staticmethod
    def _selected(pod: Pod, node: Node) -> bool:
        labels = node.metadata.labels
        if any(labels.get(key) != value for key, value in pod.spec.node_selector.items()):
            return False
        required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
        return required is None or any(
            all(_holds(one, labels) for one in term.match_expressions)
            for term in required.node_selector_terms
        )

    @staticmethod
    def _has_room(pod: Pod, node: Node, here: list[Pod]) -> bool:
        room = node.status.allocatable
        if len(here) + 1 > int(room["pods"]):
            return False
        asked = _requests(pod)
        return all(
            parse(room.get(name, "0"))
            - sum((_requests(one).get(name, parse("0")) for one in here), parse("0"))
            >= value
            for name, value in asked.items()
            if value
        )

    def _volumes_reach(self, pod: Pod, node: Node, here: list[Pod]) -> bool:
        claims = {claim.key: claim for claim in self.world.claims}
        volumes = {volume.metadata.name: volume for volume in self.world.volumes}
        mine = {claims[key].spec.volume_name for key in _claims(pod)}
        for name in mine:
            affinity = volumes[name].spec.node_affinity
            if (
                affinity is not None
                and affinity.required is not None
                and not any(
                    all(_holds(one, node.metadata.labels) for one in term.match_expressions)
                    for term in affinity.required.node_selector_terms
                )
            ):
                return False
        limit = next(
            (
                one.spec.drivers[0].allocatable
                for one in self.world.csi_nodes
                if one.metadata.name == node.name
            ),
            None,
        )
        if not mine or limit is None or limit.count is None:
            return True
        used = {claims[key].spec.volume_name for one in here for key in _claims(one)}
        return len(used | mine) <= limit.count

    def _spread_holds(self, pod: Pod, node: Node, others: list[Pod]) -> bool:
        constraints = [
            one for one in pod.spec.topology_spread_constraints if one.when_unsatisfiable == "DoNotSchedule"
        ]
        keys = {one.topology_key for one in constraints}
        for one in constraints:
            value = node.metadata.labels.get(one.topology_key)
            if value is None:
                return False
            selector = _with_keys(one.label_selector, one.match_label_keys, pod)
            counts: dict[str, int] = {}
            for other in self.nodes.values():
                labels = other.metadata.labels
                if not keys <= labels.keys():
                    continue
                if one.node_affinity_policy == "Honor" and not self._selected(pod, other):
                    continue
                if one.node_taints_policy == "Honor" and not self._tolerated(pod, other):
                    continue
                counted = [
                    there
                    for there in others
                    if there.spec.node_name == other.name
                    and there.metadata.namespace == pod.metadata.namespace
                    and _matches(selector, there.metadata.labels)
                ]
                domain = labels[one.topology_key]
                counts[domain] = counts.get(domain, 0) + len(counted)
            least = min(counts.values(), default=0) if len(counts) >= (one.min_domains or 1) else 0
            if counts.get(value, 0) + int(_matches(selector, pod.metadata.labels)) - least > one.max_skew:
                return False
        return True

    def _affinity_holds(self, pod: Pod, node: Node, others: list[Pod]) -> bool:
        terms = pod.spec.affinity.pod_affinity.required_during_scheduling_ignored_during_execution
        if not terms:
            return True
        labels = node.metadata.labels
        if any(term.topology_key not in labels for term in terms):
            return False
        wanted = [one for one in others if all(self._means(term, pod, one) for term in terms)]
        known = [
            one
            for one in wanted
            if any(term.topology_key in self.nodes[one.spec.node_name].metadata.labels for term in terms)
        ]
        if not known:
            return all(self._means(term, pod, pod) for term in terms)
        return all(
            any(
                self.nodes[one.spec.node_name].metadata.labels.get(term.topology_key)
                == labels[term.topology_key]
                for one in wanted
            )
            for term in terms
        )

    def _nobody_repels(self, pod: Pod, node: Node, others: list[Pod]) -> bool:
        labels = node.metadata.labels
        for one in others:
            there = self.nodes[one.spec.node_name].metadata.labels
            for mine, whose, whom in ((pod, pod, one), (one, one, pod)):
                for (
                    term
                ) in mine.spec.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution:
                    key = term.topology_key
                    if key in labels and labels[key] == there.get(key) and self._means(term, whose, whom):
                        return False
        return True

    def _means(self, term: PodAffinityTerm, whose: Pod, other: Pod) -> bool:
        namespace = other.metadata.namespace
        if term.namespace_selector is not None:
            among = namespace in term.namespaces or _matches(
                term.namespace_selector, self.world.namespaces.get(namespace, {})
            )
        else:
            among = namespace in (term.namespaces or (whose.metadata.namespace,))
        return among and _matches(
            _with_keys(term.label_selector, term.match_label_keys, whose), other.metadata.labels
        )


def adversary(naive: Naive, moving: Iterable[Pod], rng: random.Random) -> set[str]:
    """Place pods in any order on any node that takes them, preempting at will; returns the keys that stay pending."""
    waiting = list(moving)
    rng.shuffle(waiting)
    moves = 0
    while True:
        left: list[Pod] = []
        progress = False
        for pod in waiting:
            nodes = naive.feasible(pod)
            if nodes:
                naive.place(pod, rng.choice(nodes))
                progress = True
                continue
            victims = _victims(naive, pod, rng)
            left += victims
            progress = progress or bool(victims)
            left.append(pod)
        moves += 1
        waiting = left
        if not progress or moves > 200:
            return {pod.key for pod in waiting}
        rng.shuffle(waiting)


def _victims(naive: Naive, pod: Pod, rng: random.Random) -> list[Pod]:
    """Pods of lower priority that leave for this one, which is bound at once."""
    if pod.spec.preemption_policy == "Never":
        return []
    for name in rng.sample(list(naive.nodes), len(naive.nodes)):
        lower = [
            key
            for key, one in naive.placed.items()
            if one.spec.node_name == name and one.spec.priority < pod.spec.priority
        ]
        if not lower or name not in naive.feasible(pod, without=frozenset(lower)):
            continue
        rng.shuffle(lower)
        gone = list(lower)
        for key in lower:
            if name in naive.feasible(pod, without=frozenset(gone) - {key}):
                gone.remove(key)
        found = [naive.placed.pop(key) for key in gone]
        naive.place(pod, name)
        return found
    return []


def _requests(pod: Pod) -> dict[str, Fraction]:
    total: dict[str, Fraction] = {}
    for container in pod.spec.containers:
        for name, text in container.resources.requests.items():
            total[name] = total.get(name, Fraction(0)) + parse(text)
    running: dict[str, Fraction] = {}
    highest: dict[str, Fraction] = {}
    for container in pod.spec.init_containers:
        asked = {name: parse(text) for name, text in container.resources.requests.items()}
        if container.restart_policy == "Always":
            for name, value in asked.items():
                running[name] = running.get(name, Fraction(0)) + value
                total[name] = total.get(name, Fraction(0)) + value
            asked = {}
        for name in asked.keys() | running.keys():
            value = asked.get(name, Fraction(0)) + running.get(name, Fraction(0))
            highest[name] = max(highest.get(name, Fraction(0)), value)
    return {
        name: max(total.get(name, Fraction(0)), highest.get(name, Fraction(0)))
        for name in total.keys() | highest.keys()
    }


def _ports(pod: Pod) -> set[tuple[str, int]]:
    return {
        (port.protocol, port.host_port) for one in pod.spec.containers for port in one.ports if port.host_port
    }


def _claims(pod: Pod) -> list[str]:
    return [
        f"{pod.metadata.namespace}/{one.persistent_volume_claim.claim_name}"
        for one in pod.spec.volumes
        if one.persistent_volume_claim is not None
    ]


def _with_keys(selector: Selector | None, keys: Iterable[str], pod: Pod) -> Selector | None:
    more = tuple(
        Requirement(key, "In", (pod.metadata.labels[key],)) for key in keys if key in pod.metadata.labels
    )
    return None if selector is None else Selector(selector.match_labels, (*selector.match_expressions, *more))


def _matches(selector: Selector | None, labels: Mapping[str, str]) -> bool:
    return selector is not None and (
        all(labels.get(key) == value for key, value in selector.match_labels.items())
        and all(_holds(one, labels) for one in selector.match_expressions)
    )


def _holds(one: Requirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(one.key)
    return {
        "In": value in one.values,
        "NotIn": value is None or value not in one.values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[one.operator]
