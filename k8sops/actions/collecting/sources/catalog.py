"""All sources of a bundle by name, with their functions; what each brings is said in `names`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from k8sops.actions.collecting.gathering import Source
from k8sops.actions.collecting.sources.cluster_state import cluster_state
from k8sops.actions.collecting.sources.container_logs import container_logs
from k8sops.actions.collecting.sources.events import events
from k8sops.actions.collecting.sources.metrics import metrics
from k8sops.actions.collecting.sources.names import NAMES
from k8sops.actions.collecting.sources.node_logs import node_logs
from k8sops.actions.collecting.sources.nodes import nodes
from k8sops.actions.collecting.sources.objects import objects
from k8sops.actions.collecting.sources.own_records import own_records
from k8sops.actions.collecting.sources.rollouts import rollouts
from k8sops.actions.collecting.sources.rotated_logs import rotated_logs


class Named(NamedTuple):
    """A source, and what it brings in one line."""

    name: str
    summary: str
    source: Source


_FUNCTIONS: Final[Mapping[str, Source]] = {
    "logs": container_logs,
    "events": events,
    "objects": objects,
    "rollouts": rollouts,
    "nodes": nodes,
    "node-logs": node_logs,
    "rotated-logs": rotated_logs,
    "metrics": metrics,
    "cluster": cluster_state,
    "audit": own_records,
}

SOURCES: Final[Mapping[str, Named]] = {name: Named(name, NAMES[name], it) for name, it in _FUNCTIONS.items()}
"""By name, in the order in which they are told."""
