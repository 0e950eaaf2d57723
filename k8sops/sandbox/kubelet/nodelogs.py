"""The logs of a node: made-up lines of its services, as `/logs/` of a kubelet and NodeLogQuery answer them.

No file of the host is read. A line is a function of the node, the service and the minute, so the log reads the same
however often it is read. Options are those of NodeLogQuery (KEP-2258): query, sinceTime, untilTime, tailLines, pattern.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from k8sops.sandbox.kubelet.http import HttpRequest

PERIOD_SECONDS: Final = 60.0
KEPT_LINES: Final = 1440
"""A day of them."""

SERVICES: Final[dict[str, tuple[str, ...]]] = {
    "kubelet": (
        'I{stamp}    1042 kubelet_node_status.go:{n3}] "Fast updating node status" node="{node}"',
        'I{stamp}    1042 kubelet.go:2{n3}] "SyncLoop (PLEG): event for pod" count={n2}',
        'I{stamp}    1042 reconciler_common.go:{n3}] "Volume mounted" volume="kube-api-access-{n5}"',
        'I{stamp}    1042 prober.go:{n3}] "Probe succeeded" probeType="Readiness" took="{n2}ms"',
        'I{stamp}    1042 image_gc_manager.go:{n3}] "Disk usage on image filesystem" usage={n2}',
        'W{stamp}    1042 manager.go:1{n3}] "Failed to read cgroup stats" err="context deadline exceeded"',
    ),
    "containerd": (
        'time="{iso}" level=info msg="StartContainer for \\"{n5}\\" returns successfully"',
        'time="{iso}" level=info msg="PullImage \\"registry.example:5000/shop/web:1.{n2}\\" took {n3}ms"',
        'time="{iso}" level=info msg="StopPodSandbox for \\"{n5}\\"" node={node}',
        'time="{iso}" level=warning msg="cleanup warnings: image {n5} is in use"',
    ),
    "kernel": (
        "{iso} {node} kernel: [{n5}.{n3}] eth0: renamed from veth{n5}",
        "{iso} {node} kernel: [{n5}.{n3}] IPv6: ADDRCONF(NETDEV_CHANGE): veth{n5}: link becomes ready",
        '{iso} {node} kernel: [{n5}.{n3}] audit: type=1400 operation="profile_load" name="cri-containerd"',
    ),
}


class NoLogError(Exception):
    """There is no such log, in the words to answer with."""


def node_log(request: HttpRequest) -> str:
    """The answer to a request below `/logs/`. Raises NoLogError for a log that no node has."""
    node, name = _node_of(request), "/".join(request.parts[1:])
    asked = request.query.get("query", ())
    if not asked:
        if not name:
            return _index()
        asked = (name.removesuffix(".log"),)
    lines: list[str] = []
    for service in asked:
        if service not in SERVICES:
            raise NoLogError(
                f"node {node} has no log of {service!r}: the sandbox makes up those of {', '.join(SERVICES)}"
            )
        lines += _chosen(node, service, request)
    return "".join(f"{line}\n" for line in lines)


def _index() -> str:
    links = "".join(f'<a href="{name}.log">{name}.log</a>\n' for name in sorted(SERVICES))
    return f'<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n{links}</pre>\n'


def _node_of(request: HttpRequest) -> str:
    """The node's name: one kubelet serves all, and the API server says on whose behalf it asks."""
    asked = request.headers.get("x-forwarded-uri", "")
    found = re.search(r"/nodes/(?:https?:)?([^/:]+)", asked)
    return found[1] if found else "node"


def _chosen(node: str, service: str, request: HttpRequest) -> list[str]:
    now = time.time()
    since = _moment(request.option("sinceTime"), now - KEPT_LINES * PERIOD_SECONDS)
    until = min(_moment(request.option("untilTime"), now), now)
    pattern, tail = request.option("pattern"), request.option("tailLines")
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise NoLogError(f"pattern {pattern!r} is no regular expression: {error}") from error
    first = max(since, now - KEPT_LINES * PERIOD_SECONDS)
    lines = [line for line in _lines(node, service, first, until) if wanted.search(line)]
    return lines[len(lines) - min(int(tail), len(lines)) :] if tail.isdigit() else lines


def _lines(node: str, service: str, since: float, until: float) -> Iterator[str]:
    scripts = SERVICES[service]
    for minute in range(int(since // PERIOD_SECONDS), int(until // PERIOD_SECONDS) + 1):
        n = zlib.crc32(f"{node}/{service}/{minute}".encode())
        moment = minute * PERIOD_SECONDS + n % 60_000 / 1000
        if since <= moment <= until:
            at = datetime.fromtimestamp(moment, UTC)
            yield scripts[n % 97 % len(scripts)].format(
                node=node,
                iso=at.isoformat(timespec="milliseconds"),
                stamp=at.strftime("%m%d %H:%M:%S.%f"),
                n2=n % 90 + 10,
                n3=n % 900 + 100,
                n5=f"{n % 0xFFFFF:05x}",
            )


def _moment(text: str, otherwise: float) -> float:
    if not text:
        return otherwise
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise NoLogError(f"{text!r} is no RFC 3339 time") from error
