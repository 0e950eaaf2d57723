"""Logs of a node's own services, by the node log query, else as files of its /var/log.

The kubelet serves them where `enableSystemLogHandler` and `enableSystemLogQuery` are set (KEP-2258), to whoever has
nodes/proxy. Without the query it answers it with a listing of /var/log, which is no log and is told from one here. At
its deadline of 30 s it ends an answer in the middle, without a word.
"""

from __future__ import annotations

from contextlib import aclosing
from functools import partial
from typing import Final, NamedTuple

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.node_files import (
    explained,
    is_listing,
    listed,
    node_path,
    node_reading,
)
from k8sops.actions.collecting.sources.node_names import node_names
from k8sops.actions.collecting.sources.paths import of_node
from k8sops.actions.collecting.sources.reading import Reading, Trouble, absent, each, read
from k8sops.core.clock import rfc3339
from k8sops.core.logs import moment_of
from k8sops.core.redaction import TextForm

MOST_LINES: Final = 50_000
"""The newest of the window; a kubelet refuses to be asked for more than 100,000."""

_NO_ENTRIES: Final = b"-- No entries --"
_CUT_OFF_S: Final = 29.0
_RUNTIMES: Final = {"containerd": "containerd", "cri-o": "crio", "docker": "docker"}
_OTHERWISE: Final = "containerd"
_NO_QUERY: Final = (
    "the node log query is off on this node (enableSystemLogQuery of its kubelet's configuration)"
)


class _Node(NamedTuple):
    """A node, and the services whose logs are wanted of it."""

    name: str
    services: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where the API server passes on to its kubelet."""
        return node_path(self.name)


async def node_logs(gathering: Gathering) -> None:
    """Gather them, node by node."""
    await each(node_names(gathering), partial(_of_node, gathering))


async def _of_node(gathering: Gathering, name: str) -> None:
    node = _Node(name, ("kubelet", await _runtime(gathering, name)))
    for service in node.services:
        await _of_service(gathering, node, service)


async def _runtime(gathering: Gathering, name: str) -> str:
    """The unit of the node's container runtime (`nodeInfo.containerRuntimeVersion` is `containerd://2.2.0`)."""
    resource = await read(gathering.cluster.resource("nodes"))
    if isinstance(resource, Trouble):
        return _OTHERWISE
    found = await read(gathering.cluster.get(resource, name))
    if isinstance(found, Trouble):
        return _OTHERWISE
    said = ((found.get("status") or {}).get("nodeInfo") or {}).get("containerRuntimeVersion") or ""
    return _RUNTIMES.get(str(said).partition("://")[0], _OTHERWISE)


async def _of_service(gathering: Gathering, node: _Node, service: str) -> None:
    query = (
        ("query", service),
        ("sinceTime", rfc3339(moment_of(gathering.window.since_ns))),
        ("untilTime", rfc3339(moment_of(gathering.window.until_ns))),
        ("tailLines", str(MOST_LINES)),
    )
    reading = node_reading(gathering, node.name, node.path, query)
    first = await reading.begin()
    if first is not None and is_listing(first):
        await _as_file(gathering, node, service, await listed(reading))
        return
    path = of_node(node.name, f"{service}.log")
    if first is None or first.strip() == _NO_ENTRIES:
        await reading.aclose()
        nothing = Trouble(f"the node has no entries of {service} in this window", note=True)
        absent(gathering, path, node.path, explained(reading.trouble or nothing))
        return
    await _write(gathering, path, node.path, reading, "")


async def _as_file(gathering: Gathering, node: _Node, service: str, listing: set[str]) -> None:
    """The service's log as a file of /var/log, where there is one; from its beginning, for nothing can be asked."""
    name = f"{service}.log"
    path = of_node(node.name, name)
    if name not in listing:
        why = f"{_NO_QUERY}, and its /var/log has no {name}"
        absent(gathering, path, node.path, Trouble(why, note=True))
        return
    source = f"{node.path}{name}"
    await _write(gathering, path, source, node_reading(gathering, node.name, source), _NO_QUERY)


async def _write(
    gathering: Gathering, path: str, source: str, reading: Reading[bytes], beyond_window: str
) -> None:
    lines = 0
    if await reading.begin() is None:
        nothing = Trouble("it is empty", note=True)
        absent(gathering, path, source, explained(reading.trouble or nothing))
        return
    async with aclosing(reading), gathering.sink.file(path, source=source, form=TextForm.JOURNAL) as file:
        async for piece in reading:
            await file.write(piece)
            lines += piece.count(b"\n")
            if file.full:
                file.truncated("the rest was not read")
                break
        if lines >= MOST_LINES and not beyond_window:
            file.truncated(f"these are the newest {MOST_LINES:,} lines of the window")
        if reading.waited_s > _CUT_OFF_S:
            file.truncated("a kubelet ends its answer after 30 s, wherever it is")
        if beyond_window:
            file.error(f"the whole file, not the window alone: {beyond_window}", note=True)
        if reading.trouble:
            file.error(reading.trouble.why, note=reading.trouble.note)
