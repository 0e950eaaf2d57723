"""A workload (Deployment, StatefulSet, ReplicaSet, DaemonSet) as planners see it: wanted, made, ready."""

from __future__ import annotations

import msgspec

from k8sops.cluster.structs import Condition, Meta


class LabelSelector(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The equality part of a selector; `match_expressions` counts as present but is not interpreted here."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[dict[str, object], ...] = ()


class WorkloadSpec(msgspec.Struct, frozen=True, gc=False):
    """What is wanted; `replicas` is None where the kind has none, as with DaemonSets."""

    replicas: int | None = None
    paused: bool = False
    selector: LabelSelector = LabelSelector()


class WorkloadStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What there is; DaemonSets count in `desired_number_scheduled` and `number_ready`."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    updated_replicas: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    conditions: tuple[Condition, ...] = ()


class WorkloadLite(msgspec.Struct, frozen=True, gc=False):
    """A workload."""

    kind: str = ""
    metadata: Meta = Meta()
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()
