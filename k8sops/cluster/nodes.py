"""A node as planners see it: whether it takes pods, and how much it has to give."""

from __future__ import annotations

import msgspec

from k8sops.cluster.structs import Condition, Meta, Quantities


class Taint(msgspec.Struct, frozen=True, gc=False):
    """A taint; `effect` is NoSchedule, PreferNoSchedule or NoExecute."""

    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(msgspec.Struct, frozen=True, gc=False):
    """Whether the node is cordoned, and its taints."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeStatus(msgspec.Struct, frozen=True, gc=False):
    """Conditions and what pods may ask for in sum."""

    conditions: tuple[Condition, ...] = ()
    allocatable: Quantities = {}


class NodeLite(msgspec.Struct, frozen=True, gc=False):
    """A node."""

    metadata: Meta = Meta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def ready(self) -> bool:
        """Whether the kubelet reports Ready."""
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)
