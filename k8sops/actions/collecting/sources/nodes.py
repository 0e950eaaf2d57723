"""Nodes: those the pods are on, each as YAML and in words, with what its pods have asked of it."""

from __future__ import annotations

from functools import partial
from typing import Final

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.node_names import node_names
from k8sops.actions.collecting.sources.paths import of_node
from k8sops.actions.collecting.sources.plain import plain
from k8sops.actions.collecting.sources.reading import Reading, Trouble, absent, each, put, read
from k8sops.actions.collecting.sources.shelf import in_words
from k8sops.actions.collecting.sources.tables import table_text
from k8sops.backup.yaml_writing import yaml_text
from k8sops.cluster.paths import collection_path
from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource
from k8sops.core.why_owners import why_of_node
from k8sops.forecast.objects import Pod
from k8sops.forecast.quantities import amount
from k8sops.forecast.quantities import in_words as amount_in_words
from k8sops.forecast.requests import held_by
from k8sops.timeline.objects import moments_of

_SHOWN: Final = ("cpu", "memory", "ephemeral-storage", "pods")
_TITLES: Final = ("NAMESPACE", "POD", "PHASE", "CPU", "MEMORY", "RESTARTS")


async def nodes(gathering: Gathering) -> None:
    """Gather them."""
    kinds = [await read(gathering.cluster.resource(kind)) for kind in ("nodes", "pods")]
    resource, pods = kinds
    if isinstance(resource, Trouble) or isinstance(pods, Trouble):
        trouble = next(one for one in kinds if isinstance(one, Trouble))
        absent(gathering, "nodes", "discovery", trouble)
        return
    await each(node_names(gathering), partial(_one, gathering, resource, pods))


async def _one(gathering: Gathering, resource: Resource, pods: Resource, name: str) -> None:
    source = f"{collection_path(resource)}/{name}"
    found = await read(gathering.cluster.get(resource, name), spare=True)
    if isinstance(found, Trouble):
        absent(gathering, of_node(name, "node.yaml"), source, found)
        return
    shown = plain(found, resource)
    gathering.moments.extend(moments_of("Node", shown))
    await put(gathering, of_node(name, "node.yaml"), source, yaml_text(shown))
    why = why_of_node(found)
    words = in_words(gathering, shown, why.clause if why else "")
    found_pods = gathering.cluster.list_as(Pod, pods, field_selector=f"spec.nodeName={name}")
    reading = Reading(found_pods, spare=True)
    allocated = await _allocated(shown, reading)
    await put(gathering, of_node(name, "node.txt"), source, f"{words}\n{allocated}", reading.trouble)


async def _allocated(node: JsonObject, reading: Reading[Pod]) -> str:
    """What the node has, what of it pods have asked for, and which pods these are."""
    asked: dict[str, int] = {}
    rows = []
    async for pod in reading:
        held = {} if pod.finished else held_by(pod) | {"pods": 1}
        for kind, value in held.items():
            asked[kind] = asked.get(kind, 0) + value
        restarts = sum(one.restart_count for one in pod.status.container_statuses)
        cells = [amount_in_words(kind, held.get(kind, 0)) for kind in ("cpu", "memory")]
        rows.append((pod.metadata.namespace, pod.metadata.name, pod.status.phase, *cells, restarts))
    if reading.trouble:
        return f"Allocated        unknown: {reading.trouble.why}\n"
    has = (node.get("status") or {}).get("allocatable") or {}
    shares = [_share(kind, asked.get(kind, 0), str(has[kind])) for kind in _SHOWN if kind in has]
    table = table_text(("RESOURCE", "REQUESTED", "ALLOCATABLE", "SHARE"), shares)
    return f"Allocated\n{table}\nPods\n{table_text(_TITLES, sorted(rows))}"


def _share(kind: str, asked: int, text: str) -> tuple[str, str, str, str]:
    try:
        whole = amount(kind, text)
    except UsageError:
        whole = 0
    share = f"{asked * 100 // whole} %" if whole else ""
    return kind, amount_in_words(kind, asked), text, share
