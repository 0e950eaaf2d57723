"""What a node's kubelet serves below `/logs/`: its /var/log, through the API server's proxy, for who has nodes/proxy.

Folders come as a page of links (Go's http.FileServer). Names in it are the node's: nothing is asked for by such a name
that has not been compared with one of ours.
"""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import Final
from urllib.parse import quote, unquote

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.reading import Reading, Trouble

ANSWER_S: Final = 45.0
"""A kubelet gives up its own query after 30 s."""
LISTING_BYTES: Final = 4 << 20

_LINK: Final = re.compile(r'<a href="([^"]*)"')
_LISTING: Final = (b"<pre>", b"<!doctype html>")


def node_path(node: str) -> str:
    """Where the API server passes on to the kubelet."""
    return f"/api/v1/nodes/{quote(node, safe='')}/proxy/logs/"


def node_reading(
    gathering: Gathering, node: str, path: str, query: tuple[tuple[str, str], ...] = ()
) -> Reading[bytes]:
    """An answer of the kubelet, in pieces."""
    subject = f"logs of node {node}"
    pieces = gathering.cluster.bytes_at(path, query, read_timeout_s=ANSWER_S, subject=subject)
    return Reading(pieces, seconds=ANSWER_S, spare=True)


def is_listing(first: bytes) -> bool:
    """Whether an answer that begins so is a folder's page."""
    return first.lstrip().lower().startswith(_LISTING)


async def listed(reading: Reading[bytes]) -> set[str]:
    """The names in a folder's page, as far as it is of a reasonable length; of a folder without its slash."""
    data = bytearray()
    async with aclosing(reading):
        async for piece in reading:
            data += piece
            if len(data) > LISTING_BYTES:
                break
    return {unquote(link).removesuffix("/") for link in _LINK.findall(data.decode("utf-8", "replace"))}


def explained(trouble: Trouble) -> Trouble:
    """The kubelet's own refusal of all logs, as what it means."""
    if "logs endpoint is disabled" in trouble.why:
        why = "the node serves no logs (enableSystemLogHandler of its kubelet's configuration is off)"
        return Trouble(why, note=True)
    return trouble
