"""What pods and nodes use right now: metrics.k8s.io where it is served, and each node's own summary of its volumes.

A snapshot: past values are kept by monitoring, which a bundle does not replace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.involved import meta
from k8sops.actions.collecting.sources.node_names import node_names
from k8sops.actions.collecting.sources.paths import CLUSTER, of_namespace, of_node
from k8sops.actions.collecting.sources.reading import Reading, Trouble, absent, each, kept, put, read
from k8sops.actions.collecting.sources.tables import table_text
from k8sops.cluster.paths import collection_path
from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource
from k8sops.forecast.quantities import amount, in_words

GROUP: Final = "metrics.k8s.io"
SUMMARY_S: Final = 30.0

Rows = Callable[[JsonObject], Iterable[tuple[object, ...]]]


async def metrics(gathering: Gathering) -> None:
    """Gather them."""
    nodes = await read(gathering.cluster.resource(f"nodes.{GROUP}"))
    if isinstance(nodes, Trouble):
        absent(gathering, f"{CLUSTER}/metrics.txt", f"/apis/{GROUP}", _unmeasured(nodes))
    else:
        titles = ("NODE", "CPU", "MEMORY", "AT", "OVER")
        await _table(gathering, f"{CLUSTER}/metrics.txt", nodes, "", titles, _of_node)
    pods = await read(gathering.cluster.resource(f"pods.{GROUP}"))
    if not isinstance(pods, Trouble):
        await each(gathering.namespaces, partial(_of_namespace, gathering, pods))
    await each(node_names(gathering), partial(_summary, gathering))


async def _of_namespace(gathering: Gathering, resource: Resource, namespace: str) -> None:
    titles = ("POD", "CONTAINER", "CPU", "MEMORY", "AT", "OVER")
    await _table(gathering, of_namespace(namespace, "metrics.txt"), resource, namespace, titles, _of_pod)


async def _table(
    gathering: Gathering, path: str, resource: Resource, namespace: str, titles: tuple[str, ...], rows: Rows
) -> None:
    source = collection_path(resource, namespace)
    reading = Reading(gathering.cluster.list(resource, namespace), spare=True)
    found = [row async for one in reading for row in rows(one)]
    if reading.trouble and not found:
        absent(gathering, path, source, reading.trouble)
        return
    await put(gathering, path, source, table_text(titles, sorted(found, key=str)), reading.trouble)


def _of_node(found: JsonObject) -> Iterator[tuple[object, ...]]:
    yield (meta(found).get("name"), *_used(found.get("usage") or {}), *_when(found))


def _of_pod(found: JsonObject) -> Iterator[tuple[object, ...]]:
    for container in found.get("containers") or ():
        used = _used(container.get("usage") or {})
        yield (meta(found).get("name"), container.get("name"), *used, *_when(found))


def _used(usage: dict[str, Any]) -> tuple[object, object]:
    return _amount("cpu", usage), _amount("memory", usage)


def _amount(kind: str, usage: dict[str, Any]) -> str:
    try:
        return in_words(kind, amount(kind, str(usage[kind])))
    except (KeyError, UsageError):
        return str(usage.get(kind, ""))


def _when(found: JsonObject) -> tuple[object, object]:
    return found.get("timestamp", ""), found.get("window", "")


async def _summary(gathering: Gathering, node: str) -> None:
    """How full its file systems and volumes are stands nowhere else."""
    source = f"/api/v1/nodes/{quote(node, safe='')}/proxy/stats/summary"
    subject = f"statistics of node {node}"
    found = gathering.cluster.bytes_at(source, subject=subject)
    reading = Reading(found, seconds=SUMMARY_S, spare=True)
    await kept(gathering, of_node(node, "stats.json"), source, reading, bytes)


def _unmeasured(trouble: Trouble) -> Trouble:
    why = f"nothing is measured: the cluster serves no {GROUP} (no metrics-server)"
    return Trouble(why, note=True) if trouble.note else trouble
