"""The sources of a bundle by name, each with what it brings: literals alone, so that help imports nothing.

`catalog` has the functions under the same names; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NAMES: Final[Mapping[str, str]] = {
    "logs": "what every container logged, before its last restart too",
    "events": "events of the namespaces and nodes, as JSON lines and as a table by time",
    "objects": "the pods, what owns, selects and configures them: YAML and, of what runs, a description",
    "rollouts": "revisions of the workloads: when, which images, why, and each one's pod template",
    "nodes": "the nodes the pods are on: YAML, conditions, taints, what is allocated of them",
    "node-logs": "logs of kubelet and container runtime, where the node serves them",
    "rotated-logs": "what was rotated away of the containers' logs, where the node serves its /var/log",
    "metrics": "what pods and nodes use right now, where it is measured",
    "cluster": "version, health, nodes, kinds and APIs, controllers' leases, pods of kube-system",
    "audit": "our own audit records and runs of the window",
}
"""Secrets come with the names of their keys; their values are never read into a file."""
