"""What makes pods again: workloads as a drain needs them, and which of them stands behind a pod.

A Deployment stands behind its ReplicaSets: people name it, and a singleton is one by its replicas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from k8sops.core.plan import Target
from k8sops.forecast.budgets_counting import Controller, ControllerSpec, Scales, scales_of
from k8sops.forecast.objects import Container, Pod

KINDS: Final[dict[str, str]] = {
    "Deployment": "deployments.apps",
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
    "DaemonSet": "daemonsets.apps",
    "ReplicationController": "replicationcontrollers",
    "Job": "jobs.batch",
    "CronJob": "cronjobs.batch",
    "Pod": "pods",
}
COUNTLESS: Final = frozenset({"DaemonSet", "Job"})
"""Kinds that want no number of replicas."""


class TemplateSpec(msgspec.Struct, frozen=True, gc=False):
    """The containers of a template, for their images."""

    containers: tuple[Container, ...] = ()


class Template(msgspec.Struct, frozen=True, gc=False):
    """A pod template."""

    spec: TemplateSpec = TemplateSpec()


class WorkloadSpec(ControllerSpec, frozen=True, gc=False):
    """How many pods are wanted, and of what."""

    template: Template = Template()


class Workload(Controller, frozen=True, gc=False):
    """A Deployment, ReplicaSet, StatefulSet, DaemonSet or ReplicationController."""

    spec: WorkloadSpec = WorkloadSpec()


class Owner(msgspec.Struct, frozen=True, gc=False, order=True):
    """What stands behind a pod: a workload people know by name, or the pod itself."""

    kind: str
    namespace: str
    name: str
    uid: str = ""
    replicas: int | None = None
    """How many pods are wanted; None where nobody says."""

    @property
    def label(self) -> str:
        """`deployment shop/web`, as messages name it."""
        return f"{self.kind.lower()} {self.namespace}/{self.name}"

    @property
    def subject(self) -> str:
        """`shop/deployments/web`, as findings name it."""
        plural = KINDS.get(self.kind, self.kind.lower())
        return Target(kind=plural, namespace=self.namespace, name=self.name).label


class Controllers(msgspec.Struct, frozen=True):
    """All workloads that were read, by uid."""

    workloads: Mapping[str, tuple[str, Workload]] = {}
    """uid → (kind, workload)."""
    daemonsets: frozenset[tuple[str, str]] | None = frozenset()
    """(namespace, name) of those that exist; None where that could not be read."""
    scales: Scales = {}
    """Controller uid → what it wants, as the disruption controller counts it."""

    def owner_of(self, pod: Pod) -> Owner:
        """The workload behind the pod, through its ReplicaSet; the pod itself where nothing controls it."""
        reference = pod.metadata.controller
        if reference is None:
            return Owner("Pod", pod.metadata.namespace, pod.metadata.name, pod.metadata.uid)
        found = self.workloads.get(reference.uid)
        if found is None:
            scale = self.scales.get(reference.uid)
            replicas = scale.replicas if scale else None
            return Owner(reference.kind, pod.metadata.namespace, reference.name, reference.uid, replicas)
        kind, workload = found
        above = workload.metadata.controller
        if above is not None and kind == "Job":
            # The next run's Job has another name: people and findings know the CronJob.
            return Owner(above.kind, workload.metadata.namespace, above.name, above.uid)
        if above is not None and above.uid in self.workloads:
            kind, workload = self.workloads[above.uid]
        meta = workload.metadata
        replicas = workload.spec.replicas if kind not in COUNTLESS else None
        return Owner(kind, meta.namespace, meta.name, meta.uid, replicas)


def controllers_of(
    workloads: Mapping[str, Sequence[Workload]], daemonsets: Sequence[Workload] | None
) -> Controllers:
    """Workloads by kind, as they were listed; `daemonsets` is None where listing them is forbidden."""
    listed = dict(workloads) | {"DaemonSet": daemonsets or ()}
    return Controllers(
        workloads={one.metadata.uid: (kind, one) for kind, several in listed.items() for one in several},
        daemonsets=None
        if daemonsets is None
        else frozenset((one.metadata.namespace, one.metadata.name) for one in daemonsets),
        scales=scales_of(
            deployments=listed.get("Deployment", ()),
            replica_sets=listed.get("ReplicaSet", ()),
            others=(*listed.get("StatefulSet", ()), *listed.get("ReplicationController", ())),
        ),
    )
