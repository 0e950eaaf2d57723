"""The addresses of a sandbox, and the socket on which the API server is led to those that nobody has.

Every node has the one address of TEST-NET-1 (RFC 5737), which is routed nowhere and never dialled: the API server
reaches it through the proxy of `egress`. Where the socket's path would be too long, nodes are on loopback instead.
Nothing is imported here: a kubelet is to stay small.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
SERVICE_RANGE: Final = "10.96.0.0/16"
API_SERVICE_ADDRESS: Final = "10.96.0.1"
NODE_ADDRESS: Final = "192.0.2.1"
NODE_PORT: Final = 10250
SERVING: Final = "node"
"""The certificate that the nodes serve with."""
LONGEST_SOCKET: Final = 100
"""A unix socket's path may have 104 bytes on macOS, 108 on Linux."""


def egress_socket(folder: Path) -> Path | None:
    """Where a sandbox's proxy listens; None where the path of its folder is too long for a socket."""
    path = folder / "egress.sock"
    return path if len(bytes(path)) <= LONGEST_SOCKET else None
