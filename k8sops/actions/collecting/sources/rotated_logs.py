"""Container logs that the kubelet has rotated away: the log API gives none of them, a node that serves /var/log all.

They lie in `/var/log/pods/NAMESPACE_POD_UID/CONTAINER/` as `0.log.20261122-170000`, and packed as the same with `.gz`:
the number is the life of the container, the time that of the rotation, which is that of the last line (kubelet,
pkg/kubelet/logs/container_log_manager.go). Lines are as the runtime wrote them, led by time, stream and a tag.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.involved import meta
from k8sops.actions.collecting.sources.node_files import (
    ANSWER_S,
    explained,
    is_listing,
    listed,
    node_path,
    node_reading,
)
from k8sops.actions.collecting.sources.paths import of_namespace, of_node
from k8sops.actions.collecting.sources.reading import Reading, Trouble, absent, each, kept
from k8sops.core.errors import ServerError
from k8sops.core.logs import SECOND_NS
from k8sops.core.plan import JsonObject
from k8sops.core.redaction import TextForm

_ROTATED: Final = re.compile(r"\d{1,9}\.log\.(\d{8}-\d{6})(\.gz)?", re.ASCII)
_ZONES_S: Final = 14 * 3600
"""The time in a name is of the node's own zone, which is not told."""
_PIECE: Final = 1 << 18
_STATIC_UID: Final = "kubernetes.io/config.hash"
_GZIP: Final = 16 + zlib.MAX_WBITS


class _Container(NamedTuple):
    """A container whose logs are wanted, and where they lie on its node."""

    namespace: str
    pod: str
    folder: str
    name: str


async def rotated_logs(gathering: Gathering) -> None:
    """Gather them, node by node."""
    by_node: defaultdict[str, list[_Container]] = defaultdict(list)
    for node, container in _wanted(gathering):
        by_node[node].append(container)
    await each(sorted(by_node), lambda node: _of_node(gathering, node, by_node[node]))


def _wanted(gathering: Gathering) -> Iterator[tuple[str, _Container]]:
    meant: Iterable[tuple[JsonObject, Iterable[str]]] = (
        ((one.pod, [container.name for container in one.containers]) for one in gathering.found)
        if gathering.found
        else ((pod, _containers(pod)) for pod in gathering.pods)
    )
    for pod, names in meant:
        metadata, node = meta(pod), str((pod.get("spec") or {}).get("nodeName") or "")
        namespace, name = str(metadata.get("namespace")), str(metadata.get("name"))
        # The API server's copy of a static pod has another uid than the pod itself.
        uid = (metadata.get("annotations") or {}).get(_STATIC_UID) or metadata.get("uid")
        for container in names if node else ():
            yield node, _Container(namespace, name, f"{namespace}_{name}_{uid}", container)


def _containers(pod: JsonObject) -> list[str]:
    spec: dict[str, Any] = pod.get("spec") or {}
    fields = ("initContainers", "containers", "ephemeralContainers")
    return [str(one.get("name")) for field in fields for one in spec.get(field) or ()]


async def _of_node(gathering: Gathering, node: str, containers: list[_Container]) -> None:
    root = f"{node_path(node)}pods/"
    folders = await _names(gathering, node, root)
    if isinstance(folders, Trouble):
        absent(gathering, of_node(node, "rotated-logs"), root, explained(folders))
        return
    for one in containers:
        if one.folder in folders:
            await _of_container(
                gathering, node, one, f"{root}{quote(one.folder, safe='')}/{quote(one.name, safe='')}/"
            )


async def _of_container(gathering: Gathering, node: str, one: _Container, folder: str) -> None:
    place = partial(of_namespace, one.namespace, "pods", one.pod, f"{one.name}.rotated")
    names = await _names(gathering, node, folder)
    if isinstance(names, Trouble):
        absent(gathering, place(), folder, names)
        return
    # A file may be seen both ways while it is being packed.
    for name in sorted(name for name in names if f"{name}.gz" not in names):
        found = _ROTATED.fullmatch(name)
        if found is None or not _reaches(found[1], gathering.window.since_ns):
            continue
        reading = node_reading(gathering, node, f"{folder}{name}")
        if found[2]:
            reading = Reading(_unpacked(reading, name), seconds=ANSWER_S, spare=True)
        path, source = place(name.removesuffix(".gz")), f"{folder}{name}"
        await kept(gathering, path, source, reading, bytes, form=TextForm.RUNTIME_LOG)


async def _names(gathering: Gathering, node: str, path: str) -> set[str] | Trouble:
    reading = node_reading(gathering, node, path)
    first = await reading.begin()
    if first is not None and is_listing(first):
        return await listed(reading)
    await reading.aclose()
    return reading.trouble or Trouble("the node's answer is no list of files", note=True)


def _reaches(stamp: str, since_ns: int) -> bool:
    """Whether a file that was rotated then may have lines of the window."""
    try:
        at = datetime.strptime(stamp, "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return at.timestamp() + _ZONES_S >= since_ns / SECOND_NS


async def _unpacked(packed: Reading[bytes], name: str) -> AsyncGenerator[bytes, None]:
    """The text of a packed file, never more of it at once than a piece, however well it was packed."""
    unpacker = zlib.decompressobj(_GZIP)
    async with aclosing(packed):
        async for piece in packed:
            left = piece
            while left:
                try:
                    text = unpacker.decompress(left, _PIECE)
                except zlib.error as error:
                    raise ServerError(f"{name} cannot be unpacked: {error}") from error
                left = unpacker.unconsumed_tail
                if text:
                    yield text
    if packed.trouble:
        raise ServerError(packed.trouble.why)
    if not unpacker.eof:
        raise ServerError(f"{name} ends in the middle")
