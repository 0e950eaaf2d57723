"""Which nodes a bundle is about: those the pods are on, and those that were asked for."""

from __future__ import annotations

from k8sops.actions.collecting.gathering import Gathering


def node_names(gathering: Gathering) -> list[str]:
    """Their names, in order."""
    placed = {str((pod.get("spec") or {}).get("nodeName") or "") for pod in gathering.pods}
    return sorted((placed | set(gathering.selection.nodes)) - {""})
