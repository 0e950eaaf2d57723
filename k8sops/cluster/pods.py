"""A pod as planners and live views see it: where it runs, whose it is, whether it is ready, what it asks for."""

from __future__ import annotations

from datetime import datetime

import msgspec

from k8sops.cluster.structs import Condition, Meta, Quantities


class Resources(msgspec.Struct, frozen=True, gc=False):
    """A container's requests; limits decide nothing that is planned here."""

    requests: Quantities = {}


class Container(msgspec.Struct, frozen=True, gc=False):
    """A container of the pod's spec."""

    name: str = ""
    resources: Resources = Resources()


class PodSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Placement and size."""

    node_name: str = ""
    containers: tuple[Container, ...] = ()
    termination_grace_period_seconds: int | None = None


class ContainerStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Whether the container is ready, and how often it began anew."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0


class PodStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Phase, conditions and container states."""

    phase: str = ""
    reason: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    start_time: datetime | None = None


class PodLite(msgspec.Struct, frozen=True, gc=False):
    """A pod."""

    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def ready(self) -> bool:
        """Whether the Ready condition is true and the pod is not being deleted."""
        if self.metadata.deletion_timestamp is not None:
            return False
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)

    @property
    def restarts(self) -> int:
        """Restarts of all containers together."""
        return sum(status.restart_count for status in self.status.container_statuses)
