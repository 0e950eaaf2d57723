"""Events: all of the namespaces, and those of the nodes the pods are on, as JSON lines and as a table by time.

There may be any number of them: lines go out as they come, the table keeps the newest, and what is too many for the
timeline is told there by reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.event_digest import EventDigest
from k8sops.actions.collecting.sources.involved import meta
from k8sops.actions.collecting.sources.node_names import node_names
from k8sops.actions.collecting.sources.paths import of_namespace
from k8sops.actions.collecting.sources.reading import Reading, Trouble, absent, each, kept, put, read
from k8sops.cluster.paths import collection_path
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource

OF_NODES: Final = "default"
"""Where the events of what has no namespace are written."""
MOST_KEPT: Final = 40_000
"""Events that are held at once for tables and timeline, over all namespaces."""
LEAST_OF_ONE: Final = 200
MOST_OF_ONE: Final = 10_000

_ENCODER: Final = msgspec.json.Encoder()
_DRIVING: Final = re.compile("[\x7f-\x9f]")


async def events(gathering: Gathering) -> None:
    """Gather them, namespace by namespace."""
    resource = await read(gathering.cluster.resource("events"))
    if isinstance(resource, Trouble):
        absent(gathering, "events.jsonl", "discovery", resource)
        return
    share = MOST_KEPT // max(len(gathering.namespaces), 1)
    most = min(max(share, LEAST_OF_ONE), MOST_OF_ONE)
    await each(gathering.namespaces, partial(_of_namespace, gathering, resource, most))
    if names := frozenset(node_names(gathering)):
        await _of_nodes(gathering, resource, names)


async def _of_namespace(gathering: Gathering, resource: Resource, most: int, namespace: str) -> None:
    found = gathering.cluster.list(resource, namespace)
    digest = EventDigest(gathering.window, most)
    source = collection_path(resource, namespace)
    await _told(gathering, of_namespace(namespace), source, Reading(found), digest.take, digest)
    gathering.moments.extend(digest.moments(f"Namespace {namespace}"))


async def _of_nodes(gathering: Gathering, resource: Resource, names: frozenset[str]) -> None:
    found = gathering.cluster.list(resource, OF_NODES, field_selector="involvedObject.kind=Node")
    digest = EventDigest(gathering.window, MOST_OF_ONE)

    def take(event: JsonObject) -> bool:
        about = event.get("involvedObject") or {}
        return about.get("name") in names and digest.take(event)

    await _told(
        gathering, "nodes", collection_path(resource, OF_NODES), Reading(found, spare=True), take, digest
    )
    gathering.moments.extend(digest.moments("Nodes"))


async def _told(
    gathering: Gathering,
    folder: str,
    source: str,
    reading: Reading[JsonObject],
    take: Callable[[JsonObject], bool],
    digest: EventDigest,
) -> None:
    """Write the lines and, of what of them was taken, the table."""

    def shape(event: JsonObject) -> bytes:
        return _line(event) if take(event) else b""

    if await kept(gathering, f"{folder}/events.jsonl", source, reading, shape, to_end=True):
        await put(gathering, f"{folder}/events.txt", source, digest.text())


def _line(event: JsonObject) -> bytes:
    """A line of JSON that drives no terminal: JSON escapes C0 by itself, and lets DEL and C1 stand."""
    meta(event).pop("managedFields", None)
    line = _ENCODER.encode(event) + b"\n"
    if line.isascii() and b"\x7f" not in line:
        return line
    return _DRIVING.sub(lambda found: f"\\u{ord(found[0]):04x}", line.decode()).encode()
