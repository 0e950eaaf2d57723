"""Pods, nodes and budgets with all that scheduling and eviction look at, decoded straight from the API's JSON.

Fuller than the structs of live views in `k8sops.cluster`, since here a field that is left out is a wrong forecast.
Field names are the API's (core/v1, policy/v1); what a server may leave out has the API's default.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from k8sops.cluster.nodes import Taint
from k8sops.cluster.structs import Condition, Meta, Quantities


class FullMeta(Meta, frozen=True, gc=False, rename="camel"):
    """ObjectMeta with annotations and finalizers."""

    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    deletion_grace_period_seconds: int | None = None


class Requirement(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An expression of a label or node selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class Selector(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A LabelSelector; an empty one selects everything, none at all (None where it stands) selects nothing."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()


class NodeSelectorTerm(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Expressions of one term are all to hold; a term without any matches nothing."""

    match_expressions: tuple[Requirement, ...] = ()
    match_fields: tuple[Requirement, ...] = ()


class NodeSelector(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One of the terms is to hold."""

    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class PreferredTerm(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A preference; it decides where a pod lands, never whether."""

    weight: int = 1
    preference: NodeSelectorTerm = NodeSelectorTerm()


class NodeAffinity(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Which nodes a pod may and would rather be on."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredTerm, ...] = ()


class PodAffinityTerm(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Near which pods, or away from which, in the domain that `topology_key` names."""

    topology_key: str = ""
    label_selector: Selector | None = None
    namespaces: tuple[str, ...] = ()
    namespace_selector: Selector | None = None
    match_label_keys: tuple[str, ...] = ()
    mismatch_label_keys: tuple[str, ...] = ()


class WeightedPodAffinityTerm(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A preference for or against pods."""

    weight: int = 1
    pod_affinity_term: PodAffinityTerm = PodAffinityTerm()


class PodAffinity(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Affinity to pods, or anti-affinity: the API's two fields have the same form."""

    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()
    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodAffinityTerm, ...] = ()


class Affinity(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """All affinities of a pod."""

    node_affinity: NodeAffinity = NodeAffinity()
    pod_affinity: PodAffinity = PodAffinity()
    pod_anti_affinity: PodAffinity = PodAffinity()


class Toleration(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A taint the pod bears; without a key and with `Exists` it bears all."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


class SpreadConstraint(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A topologySpreadConstraint."""

    max_skew: int = 1
    topology_key: str = ""
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"] = "DoNotSchedule"
    label_selector: Selector | None = None
    min_domains: int | None = None
    node_affinity_policy: Literal["Honor", "Ignore"] = "Honor"
    node_taints_policy: Literal["Honor", "Ignore"] = "Ignore"
    match_label_keys: tuple[str, ...] = ()


class Resources(msgspec.Struct, frozen=True, gc=False):
    """Requests and limits as written."""

    requests: Quantities = {}
    limits: Quantities = {}


class Port(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A port of a container; only `host_port` binds a pod to a node with that port free."""

    container_port: int = 0
    host_port: int = 0
    host_ip: str = msgspec.field(default="", name="hostIP")
    protocol: str = "TCP"


class Container(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A container; an init container with `restart_policy` Always is a sidecar."""

    name: str = ""
    image: str = ""
    resources: Resources = Resources()
    ports: tuple[Port, ...] = ()
    restart_policy: str = ""


class ClaimSource(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A volume that is a PersistentVolumeClaim."""

    claim_name: str = ""


class Volume(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A volume of the pod; what it is lies in the field that is set."""

    name: str = ""
    empty_dir: dict[str, Any] | None = None
    host_path: dict[str, Any] | None = None
    persistent_volume_claim: ClaimSource | None = None
    ephemeral: dict[str, Any] | None = None
    csi: dict[str, Any] | None = None


class SchedulingGate(msgspec.Struct, frozen=True, gc=False):
    """What has to be taken away before the pod is scheduled."""

    name: str = ""


class PodSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """All that decides where a pod can be."""

    node_name: str = ""
    scheduler_name: str = "default-scheduler"
    node_selector: dict[str, str] = {}
    affinity: Affinity = Affinity()
    tolerations: tuple[Toleration, ...] = ()
    topology_spread_constraints: tuple[SpreadConstraint, ...] = ()
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    overhead: Quantities = {}
    resources: Resources | None = None
    """Pod-level requests (KEP-2837); where set they stand for the containers' sum."""
    volumes: tuple[Volume, ...] = ()
    priority: int = 0
    priority_class_name: str = ""
    preemption_policy: str = "PreemptLowerPriority"
    host_network: bool = False
    restart_policy: str = "Always"
    termination_grace_period_seconds: int | None = None
    scheduling_gates: tuple[SchedulingGate, ...] = ()
    resource_claims: tuple[dict[str, Any], ...] = ()


class ContainerStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Whether the container is ready, and what it holds while its resources are changed in place (KEP-1287)."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    allocated_resources: Quantities = {}
    resources: Resources | None = None


class PodStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Phase, conditions and what the scheduler has promised it."""

    phase: str = ""
    reason: str = ""
    nominated_node_name: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(msgspec.Struct, frozen=True, gc=False):
    """A pod."""

    metadata: FullMeta = FullMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @property
    def ready(self) -> bool:
        """Whether the Ready condition is true, as budgets count it (an ending pod's may be)."""
        return any(one.type == "Ready" and one.status == "True" for one in self.status.conditions)

    @property
    def finished(self) -> bool:
        """Whether it has succeeded or failed for good."""
        return self.status.phase in {"Succeeded", "Failed"}

    @property
    def ending(self) -> bool:
        """Whether it is being deleted."""
        return self.metadata.deletion_timestamp is not None


class NodeSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Whether the node is cordoned, its taints and its machine."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()
    provider_id: str = msgspec.field(default="", name="providerID")


class Image(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An image the node has."""

    names: tuple[str, ...] = ()
    size_bytes: int = 0


class AttachedVolume(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A volume that is attached to the node."""

    name: str = ""
    device_path: str = ""


class NodeStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Conditions and what pods may ask for in sum."""

    conditions: tuple[Condition, ...] = ()
    allocatable: Quantities = {}
    capacity: Quantities = {}
    images: tuple[Image, ...] = ()
    volumes_attached: tuple[AttachedVolume, ...] = ()


class Node(msgspec.Struct, frozen=True, gc=False):
    """A node."""

    metadata: FullMeta = FullMeta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def name(self) -> str:
        """Its name."""
        return self.metadata.name

    @property
    def ready(self) -> bool:
        """Whether its kubelet reports Ready."""
        return any(one.type == "Ready" and one.status == "True" for one in self.status.conditions)


class BudgetSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What a PodDisruptionBudget asks for; counts are whole numbers or percentages such as `50%`."""

    selector: Selector | None = None
    min_available: int | str | None = None
    max_unavailable: int | str | None = None
    unhealthy_pod_eviction_policy: Literal["IfHealthyBudget", "AlwaysAllow"] = "IfHealthyBudget"


class BudgetStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What the disruption controller last wrote; stale where the controller lags, so a forecast computes instead."""

    observed_generation: int = 0
    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    disrupted_pods: dict[str, datetime] = {}
    conditions: tuple[Condition, ...] = ()


class Budget(msgspec.Struct, frozen=True, gc=False):
    """A PodDisruptionBudget (policy/v1)."""

    metadata: FullMeta = FullMeta()
    spec: BudgetSpec = BudgetSpec()
    status: BudgetStatus = BudgetStatus()

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.metadata.namespace}/{self.metadata.name}"
