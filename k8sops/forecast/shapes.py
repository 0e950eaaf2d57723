"""Pods as a forecast sees them: equal ones of one shape, with all that never changes while pods move worked out once.

A shape is what a controller makes anew: without node, phase and the topology labels that the API server puts on a pod
when it is bound (KEP-4742).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from k8sops.forecast.ground import Bits, Ground
from k8sops.forecast.objects import Pod, PodAffinity, PodAffinityTerm, Requirement, Selector, SpreadConstraint
from k8sops.forecast.requests import Amounts, held_by, requests_of, scored_requests
from k8sops.forecast.selectors import matches
from k8sops.forecast.taints import CORDON, tolerates
from k8sops.forecast.volumes import Needs, Storage

Labels: TypeAlias = Mapping[str, str]
HostPort: TypeAlias = tuple[str, str, int]
"""Address, protocol and port; the address `0.0.0.0` is all of them."""

DEFAULT_SCHEDULER: Final = "default-scheduler"
_NONE: Final = PodAffinity()
_BOUND_LABELS: Final = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")
_NAME_LABEL: Final = "kubernetes.io/metadata.name"

NOT_SELECTED: Final = "node(s) didn't match Pod's node affinity/selector"
CORDONED: Final = "node(s) were unschedulable"
TAINTED: Final = "node(s) had untolerated taint(s)"
COMES_BACK: Final = "node(s) were leaving"


class Term(msgspec.Struct, frozen=True):
    """A pod affinity term with its namespaces settled."""

    key: str
    selector: Selector | None
    names: frozenset[str]
    by_labels: Selector | None

    def takes(self, namespace: str, labels: Labels, namespaces: Mapping[str, Labels]) -> bool:
        """Whether a pod of the namespace with the labels is meant."""
        if namespace not in self.names and not (
            self.by_labels is not None
            and matches(self.by_labels, namespaces.get(namespace, {_NAME_LABEL: namespace}))
        ):
            return False
        return matches(self.selector, labels)


class Spread(msgspec.Struct, frozen=True):
    """A topology spread constraint on this ground."""

    key: str
    selector: Selector | None
    max_skew: int
    min_domains: int
    eligible: Bits
    """The nodes whose pods and domains count."""
    own: int
    """1 where the pod itself is counted."""
    counts_all: bool
    """An empty selector: the scheduler then counts no pod at all (source: PodTopologySpread)."""

    def takes(self, namespace: str, labels: Labels, home: str) -> bool:
        """Whether a pod of the namespace with the labels counts for a pod of the namespace `home`."""
        return namespace == home and not self.counts_all and matches(self.selector, labels)


class Kind(msgspec.Struct, frozen=True):
    """What pods are to other pods' affinities and spread constraints; one for all that are the same to them."""

    number: int
    namespace: str
    labels: Labels
    anti: tuple[Term, ...] = ()
    """Its required anti-affinity, which holds against newcomers."""
    likes: tuple[tuple[Term, int], ...] = ()
    """Preferred affinity, and anti-affinity with negative weights."""
    clings: tuple[tuple[Term, int], ...] = ()
    """Its required affinity, which draws newcomers with a weight of 1."""


class Guest(msgspec.Struct, frozen=True):
    """What a pod takes of a node, and what it means to others, once it is there."""

    key: str
    kind: Kind
    holds: Amounts
    scored: tuple[int, int]
    priority: int = 0
    ports: tuple[HostPort, ...] = ()
    handles: Mapping[str, frozenset[str]] = {}
    claims: tuple[str, ...] = ()
    since: float = math.inf
    """When it came to be, in seconds since 1970; infinite for one that is yet to be made."""
    fading: bool = False
    """Being deleted: it still holds what it has, but topology spread no longer counts it."""


class Shape(msgspec.Struct, frozen=True):
    """What equal pods ask for, on this ground."""

    number: int
    pod: Pod
    """One of them."""
    guest: Guest
    reach: Bits
    """Nodes that taints, selectors and volumes allow, leaving ones included."""
    targets: Bits
    """The same without leaving ones."""
    refusals: tuple[tuple[Bits, str], ...]
    """Why the others are not allowed, in the order in which the scheduler asks."""
    asks: tuple[tuple[str, int], ...]
    affinity: tuple[Term, ...]
    spreads: tuple[Spread, ...]
    soft_spreads: tuple[Spread, ...]
    needs: Needs
    unsure: tuple[str, ...]
    """Why a place cannot be promised whatever the nodes have."""
    preempts: bool
    foreign: bool
    """Another scheduler places it."""

    @property
    def social(self) -> bool:
        """Whether other pods decide where it may be."""
        return bool(self.affinity or self.guest.kind.anti or self.spreads)


class Shaper:
    """Makes shapes and guests, each once for equal pods."""

    def __init__(self, ground: Ground, storage: Storage) -> None:
        self._ground: Final = ground
        self._storage: Final = storage
        self._known: Final[dict[bytes, Shape]] = {}
        self._kinds: Final[dict[tuple[object, ...], Kind]] = {}

    def shape(self, pod: Pod) -> Shape:
        """The shape of the pod that replaces this one."""
        key = _identity(pod)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._make(len(self._known), _anew(pod))
        return found

    def guest(self, pod: Pod) -> Guest:
        """A pod as it is on its node."""
        spec = pod.spec
        holds = held_by(pod)
        return Guest(
            key=pod.key,
            kind=self._kind(pod),
            holds=holds,
            scored=scored_requests(pod, holds),
            priority=spec.priority,
            ports=_host_ports(pod),
            handles=self._handles(pod) if spec.volumes else {},
            claims=tuple(self._storage.claims_used(pod)) if spec.volumes else (),
            since=pod.metadata.creation_timestamp.timestamp()
            if pod.metadata.creation_timestamp
            else math.inf,
            fading=pod.ending,
        )

    def _kind(self, pod: Pod) -> Kind:
        metadata, near = pod.metadata, pod.spec.affinity.pod_affinity
        away = pod.spec.affinity.pod_anti_affinity
        plain = near == _NONE and away == _NONE
        written = b"" if plain else msgspec.json.encode((near, away))
        key = (metadata.namespace, tuple(sorted(metadata.labels.items())), written)
        found = self._kinds.get(key)
        if found is None:
            found = self._kinds[key] = Kind(
                len(self._kinds),
                metadata.namespace,
                metadata.labels,
                tuple(term_of(one, pod) for one in away.required_during_scheduling_ignored_during_execution),
                tuple(
                    (term_of(one.pod_affinity_term, pod), sign * one.weight)
                    for sign, side in ((1, near), (-1, away))
                    for one in side.preferred_during_scheduling_ignored_during_execution
                ),
                tuple(
                    (term_of(one, pod), 1) for one in near.required_during_scheduling_ignored_during_execution
                ),
            )
        return found

    def _handles(self, pod: Pod) -> dict[str, frozenset[str]]:
        held: dict[str, set[str]] = {}
        for driver, handle in self._storage.held(pod):
            held.setdefault(driver, set()).add(handle)
        return {driver: frozenset(some) for driver, some in held.items()}

    def _make(self, number: int, pod: Pod) -> Shape:
        ground, spec = self._ground, pod.spec
        needs = self._storage.needs(pod)
        asked = requests_of(pod)
        refusals = self._refusals(pod, needs)
        refused = 0
        for bits, _ in refusals:
            refused |= bits
        reach = ground.everywhere & ~refused
        guest = msgspec.structs.replace(
            self.guest(pod),
            holds=asked,
            scored=scored_requests(pod, asked),
            handles=needs.handles,
            fading=False,
        )
        near = spec.affinity.pod_affinity.required_during_scheduling_ignored_during_execution
        return Shape(
            number=number,
            pod=pod,
            guest=guest,
            reach=reach,
            targets=reach & ~ground.leaving,
            refusals=(*refusals, (ground.leaving, COMES_BACK)),
            asks=tuple(asked.items()),
            affinity=tuple(term_of(one, pod) for one in near),
            spreads=self._spreads(pod, hard=True),
            soft_spreads=self._spreads(pod, hard=False),
            needs=needs,
            unsure=(*needs.unsure, *_outside(pod)),
            preempts=spec.preemption_policy != "Never",
            foreign=spec.scheduler_name != DEFAULT_SCHEDULER,
        )

    def _refusals(self, pod: Pod, needs: Needs) -> tuple[tuple[Bits, str], ...]:
        ground, bears = self._ground, pod.spec.tolerations
        found: list[tuple[Bits, str]] = []
        if not tolerates(bears, CORDON):
            found.append((ground.cordoned, CORDONED))
        found.append((ground.untolerated(bears), TAINTED))
        found.append((ground.everywhere & ~ground.required_by(pod), NOT_SELECTED))
        found.extend(needs.refusals)
        return tuple(one for one in found if one[0])

    def _spreads(self, pod: Pod, *, hard: bool) -> tuple[Spread, ...]:
        wanted = "DoNotSchedule" if hard else "ScheduleAnyway"
        constraints = [
            one for one in pod.spec.topology_spread_constraints if one.when_unsatisfiable == wanted
        ]
        if not constraints:
            return ()
        ground = self._ground
        keyed = ground.everywhere
        for one in constraints:
            keyed &= ground.having(one.topology_key)
        selected, kept_out = ground.required_by(pod), ground.untolerated(pod.spec.tolerations)
        return tuple(_spread(one, pod, keyed, selected, kept_out) for one in constraints)


def _spread(one: SpreadConstraint, pod: Pod, keyed: Bits, selected: Bits, kept_out: Bits) -> Spread:
    labels = pod.metadata.labels
    selector = one.label_selector
    keys = {key: labels[key] for key in one.match_label_keys if key in labels}
    if selector is not None and keys:
        more = tuple(Requirement(key, "In", (value,)) for key, value in keys.items())
        selector = Selector(selector.match_labels, (*selector.match_expressions, *more))
    eligible = keyed
    if one.node_affinity_policy == "Honor":
        eligible &= selected
    if one.node_taints_policy == "Honor":
        eligible &= ~kept_out
    return Spread(
        key=one.topology_key,
        selector=selector,
        max_skew=one.max_skew,
        min_domains=one.min_domains or 1,
        eligible=eligible,
        own=int(matches(selector, labels)),
        counts_all=selector is not None and not selector.match_labels and not selector.match_expressions,
    )


def term_of(one: PodAffinityTerm, pod: Pod) -> Term:
    """A term of this pod with namespaces and label keys settled (KEP-3633 for the keys)."""
    labels = pod.metadata.labels
    selector = one.label_selector
    more = [Requirement(key, "In", (labels[key],)) for key in one.match_label_keys if key in labels]
    more += [Requirement(key, "NotIn", (labels[key],)) for key in one.mismatch_label_keys if key in labels]
    if selector is not None and more:
        selector = Selector(selector.match_labels, (*selector.match_expressions, *more))
    own = not one.namespaces and one.namespace_selector is None
    names = (pod.metadata.namespace,) if own else one.namespaces
    return Term(one.topology_key, selector, frozenset(names), one.namespace_selector)


def _host_ports(pod: Pod) -> tuple[HostPort, ...]:
    spec = pod.spec
    sidecars = [one for one in spec.init_containers if one.restart_policy == "Always"]
    return tuple(
        (port.host_ip or "0.0.0.0", port.protocol or "TCP", port.host_port)  # noqa: S104 - compared, never bound
        for container in (*spec.containers, *sidecars)
        for port in container.ports
        if port.host_port > 0
    )


def _outside(pod: Pod) -> tuple[str, ...]:
    """What of the pod this forecast does not simulate."""
    found = []
    if pod.spec.scheduler_name != DEFAULT_SCHEDULER:
        found.append(f"scheduler {pod.spec.scheduler_name} places it; what that one decides is not simulated")
    if pod.spec.resource_claims:
        found.append("it has resource claims (dynamic resource allocation), which are not simulated")
    if pod.spec.scheduling_gates:
        gates = ", ".join(one.name for one in pod.spec.scheduling_gates)
        found.append(f"it waits for its scheduling gates to be removed: {gates}")
    return tuple(found)


def _anew(pod: Pod) -> Pod:
    labels = {key: value for key, value in pod.metadata.labels.items() if key not in _BOUND_LABELS}
    metadata = msgspec.structs.replace(pod.metadata, labels=labels, deletion_timestamp=None)
    return msgspec.structs.replace(
        pod, metadata=metadata, spec=msgspec.structs.replace(pod.spec, node_name="")
    )


def _identity(pod: Pod) -> bytes:
    """Equal for pods that a forecast need not tell apart; volumes bear random names, so only their claims count."""
    spec, labels = pod.spec, pod.metadata.labels
    containers = [
        (one.resources.requests, one.ports, one.restart_policy, one.image) for one in spec.containers
    ]
    starting = [(one.resources.requests, one.ports, one.restart_policy) for one in spec.init_containers]
    claims = [one for one in spec.volumes if one.persistent_volume_claim or one.ephemeral]
    kept = sorted((key, value) for key, value in labels.items() if key not in _BOUND_LABELS)
    owner = pod.metadata.name if any(one.ephemeral for one in claims) else ""
    return msgspec.json.encode(
        (
            *(pod.metadata.namespace, kept, spec.scheduler_name, spec.node_selector, spec.affinity),
            *(spec.tolerations, spec.topology_spread_constraints, containers, starting, spec.overhead),
            *(spec.resources, claims, spec.priority, spec.preemption_policy, spec.resource_claims, owner),
            spec.scheduling_gates,
        )
    )
