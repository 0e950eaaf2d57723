"""The road from the API server to nodes, pods and services: an HTTP CONNECT proxy on a unix socket (KEP-1281).

Nodes have an address out of TEST-NET-1 (RFC 5737) that nobody dials: what is meant for a kubelet is answered here, and
every port of a pod shows the sandbox's page. Only loopback is dialled for real (webhooks and API services that live on
this machine); all else is refused, so that nothing the API server is told to reach leaves the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from k8sops.sandbox.kubelet.addresses import LOOPBACK, NODE_ADDRESS, NODE_PORT, SERVICE_RANGE
from k8sops.sandbox.kubelet.forward import serve_page
from k8sops.sandbox.kubelet.http import GONE, Reader, Writer, answer, hang_up, join, read_request

PODS: Final = ipaddress.ip_network("10.0.0.0/8")
SERVICES: Final = ipaddress.ip_network(SERVICE_RANGE)

Serve = Callable[[Reader, Writer], Awaitable[None]]


class Egress:
    """Answers CONNECT."""

    def __init__(self, kubelet: Serve, tls: ssl.SSLContext) -> None:
        self._kubelet: Final = kubelet
        self._tls: Final = tls

    async def serve(self, reader: Reader, writer: Writer) -> None:
        """One connection of the API server's."""
        try:
            request = await read_request(reader)
            host, _, port = request.target.rpartition(":")
            if request.method != "CONNECT" or not port.isdigit():
                await answer(writer, 405, "", reason="only CONNECT is served here")
                return
            await self._connect(host.strip("[]"), int(port), reader, writer)
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            await answer(writer, 400, "", reason="the request cannot be read")
        except GONE:
            pass
        finally:
            await hang_up(writer)

    async def _connect(self, host: str, port: int, reader: Reader, writer: Writer) -> None:
        address = _address(host)
        if host == NODE_ADDRESS and port == NODE_PORT:
            await _accept(writer)
            await writer.start_tls(self._tls)
            await self._kubelet(reader, writer)
        elif address is not None and address.is_loopback:
            await self._dial(str(address), port, reader, writer)
        elif address in SERVICES if address is not None else False:
            await answer(writer, 502, "", reason="a cluster IP leads nowhere in a sandbox")
        elif host == NODE_ADDRESS or (address is not None and address in PODS):
            await _accept(writer)
            await serve_page(reader, writer)
        else:
            await answer(writer, 403, "", reason="a sandbox reaches nothing outside its machine")

    async def _dial(self, host: str, port: int, reader: Reader, writer: Writer) -> None:
        try:
            there, back = await asyncio.open_connection(host, port)
        except OSError:
            await answer(writer, 502, "", reason=f"nothing listens on {host}:{port}")
            return
        await _accept(writer)
        with contextlib.suppress(*GONE):
            await join(reader, writer, there, back)


async def _accept(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await writer.drain()


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, None for a name other than localhost: names are looked up nowhere."""
    if host == "localhost":
        return ipaddress.IPv4Address(LOOPBACK)
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
