"""The simulated nodes a sandbox starts with: three zones, two pools, the labels a cloud would give them."""

from __future__ import annotations

from typing import Any, Final

ZONES: Final = ("a", "b", "c")
REGION: Final = "sandbox-1"


def node_name(index: int) -> str:
    """The name of the n-th node, counted from 1."""
    return f"node-{index}"


def node_manifest(index: int) -> dict[str, Any]:
    """The n-th node. Every fifth one is of the large pool."""
    name = node_name(index)
    large = index % 5 == 0
    capacity = {
        "cpu": "16" if large else "8",
        "memory": "64Gi" if large else "32Gi",
        "ephemeral-storage": "200Gi",
        "pods": "110",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/region": REGION,
                "topology.kubernetes.io/zone": f"{REGION}{ZONES[(index - 1) % len(ZONES)]}",
                "node.kubernetes.io/instance-type": "sandbox.2xlarge" if large else "sandbox.xlarge",
                "node-role.kubernetes.io/worker": "",
                "k8sops.dev/pool": "large" if large else "general",
            },
            "annotations": {
                "sandbox.k8sops.dev/made-by": "sandbox-up",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        },
        "status": {"capacity": capacity, "allocatable": capacity},
    }
