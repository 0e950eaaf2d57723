"""Picks free TCP ports on the loopback interface for a sandbox.

Ports come from below the range the kernel hands out by itself (32768 and up on Linux), so that no outgoing connection
takes one between its choice and its use. Until its owner listens there, the UDP port of the same number is held as a
claim: other starting sandboxes see it, and the kernel gives it back whatever happens.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Collection
from types import TracebackType
from typing import Final

import msgspec

from k8sops.core.errors import SandboxError

FIRST: Final = 20_000
LAST: Final = 32_000
ATTEMPTS: Final = 500
LOOPBACK: Final = "127.0.0.1"


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Every port a sandbox listens on, all on 127.0.0.1."""

    apiserver: int
    etcd: int
    etcd_peer: int
    controller_manager: int
    scheduler: int
    kubelet: int
    kwok: int
    page: int
    """What every forwarded port of a pod leads to."""
    played: int = 0
    """0 in a sandbox that was made before there was one: it then takes any."""
    chaos: int = 0
    """0 in a sandbox that was made before there was one."""
    etcd_gateway: int = 0
    """etcd's JSON over HTTP; 0 in a sandbox that was made before it had a port of its own: it is `etcd` there."""

    def all(self) -> tuple[int, ...]:
        """The numbers alone."""
        return tuple(getattr(self, field) for field in self.__struct_fields__)


class PortClaims:
    """Ports held for sandboxes that are about to listen on them; leave the `with` block once they do."""

    def __init__(self) -> None:
        self._held: Final[dict[int, socket.socket]] = {}

    def __enter__(self) -> PortClaims:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        for claim in self._held.values():
            claim.close()

    def choose(self, taken: Collection[int] = ()) -> Ports:
        """Ports that nobody listens on or claims, none of `taken`. Raises SandboxError where none can be found."""
        chosen: list[int] = []
        # Two sandboxes started at the same moment must not walk the same path.
        source = random.SystemRandom()
        for _ in range(ATTEMPTS):
            port = source.randrange(FIRST, LAST)
            if port not in taken and self._claim(port):
                chosen.append(port)
            if len(chosen) == len(Ports.__struct_fields__):
                return Ports(**dict(zip(Ports.__struct_fields__, chosen, strict=True)))
        raise SandboxError(
            f"no free port between {FIRST} and {LAST} on {LOOPBACK}",
            hint="`k8sops sandbox list` shows the sandboxes that hold some; take one down",
        )

    def hold(self, ports: Ports) -> bool:
        """Claim ports given earlier; False where any of them is no longer to be had."""
        return all(self._claim(port) for port in ports.all())

    def _claim(self, port: int) -> bool:
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind((LOOPBACK, port))
        except OSError:
            claim.close()
            return False
        if not is_free(port):
            claim.close()
            return False
        self._held[port] = claim
        return True


def is_free(port: int) -> bool:
    """Whether one could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
