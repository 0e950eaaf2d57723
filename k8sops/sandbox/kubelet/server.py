"""The kubelet endpoint itself: who may ask, and who answers what.

Only certificates of the sandbox's own authority are let in. Container logs are a function of the pod, the container,
its restart and the line's number, so nothing is written ahead: ten thousand pods cost nothing until somebody reads one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import ssl
from functools import partial
from pathlib import Path
from typing import Final

from k8sops.sandbox.kubelet.addresses import LOOPBACK, SERVING, egress_socket
from k8sops.sandbox.kubelet.commands import Commands
from k8sops.sandbox.kubelet.containerlogs import ContainerLogs
from k8sops.sandbox.kubelet.egress import Egress
from k8sops.sandbox.kubelet.forward import PortForward, serve_page
from k8sops.sandbox.kubelet.http import (
    GONE,
    HEAD_LIMIT,
    HttpRequest,
    Reader,
    Writer,
    answer,
    hang_up,
    read_request,
)
from k8sops.sandbox.kubelet.nodelogs import NoLogError, node_log
from k8sops.sandbox.podlookup import PodLookup

BACKLOG: Final = 4096
"""Connections that wait to be taken: five hundred followers come at once, and a full unix socket refuses."""
IDLE_SECONDS: Final = 10.0
"""How long a connection is kept for another request."""


class Kubelet:
    """Answers the API server in the kubelet's place."""

    def __init__(self, logs: ContainerLogs, commands: Commands, forward: PortForward) -> None:
        self._logs: Final = logs
        self._commands: Final = commands
        self._forward: Final = forward

    async def serve(self, reader: Reader, writer: Writer) -> None:
        """One connection: several requests where they are for logs, else one."""
        begun = b""
        try:
            while await self._route(await read_request(reader, begun), reader, writer):
                begun = await _next_begins(reader)
                if not begun:
                    return
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            await answer(writer, 400, "the request cannot be read")
        except GONE:
            # The reader has gone away; nobody is left to tell.
            pass
        finally:
            await hang_up(writer)

    async def _route(self, request: HttpRequest, reader: Reader, writer: Writer) -> bool:
        """Answer one request; returns whether the connection is good for another."""
        match request.parts:
            case ["healthz"]:
                await answer(writer, 200, "ok")
            case ["containerLogs", namespace, pod, container] if request.method == "GET":
                return await self._logs.serve(namespace, pod, container, request, reader, writer)
            case ["portForward", *_]:
                await self._forward.serve(request, reader, writer)
            case ["exec" | "attach", _, _, _] | ["exec" | "attach", _, _, _, _]:
                await self._commands.serve(request, reader, writer)
            case ["logs", *_] if request.method == "GET":
                await _node_logs(request, writer)
            case _:
                await _not_found(writer, f"the sandbox's nodes do not serve {request.path}")
        return False


async def _next_begins(reader: Reader) -> bytes:
    """The first byte of another request on the same connection; none where none comes."""
    with contextlib.suppress(TimeoutError):
        return await asyncio.wait_for(reader.read(1), IDLE_SECONDS)
    return b""


async def _node_logs(request: HttpRequest, writer: Writer) -> None:
    try:
        text = node_log(request)
    except NoLogError as error:
        await _not_found(writer, str(error))
        return
    await answer(writer, 200, text, "text/html" if text.startswith("<") else "text/plain; charset=utf-8")


async def _not_found(writer: Writer, sentence: str) -> None:
    """As a Status: of anything else a client shows its own words."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
    await answer(writer, 404, json.dumps({**status, "message": sentence}), "application/json")


def _tls(pki: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "cluster-ca.crt"))
    context.load_cert_chain(pki / f"{SERVING}.crt", pki / f"{SERVING}.key")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def run(folder: Path, port: int, page_port: int, kwok_port: int, apiserver_port: int) -> None:
    """Serve until SIGTERM; what runs in pods ends with it. `folder` is the sandbox's."""
    pods, tls = PodLookup(apiserver_port, folder / "pki"), _tls(folder / "pki")
    logs = ContainerLogs(pods)
    commands = Commands(folder, pods, logs)
    kubelet = Kubelet(logs, commands, PortForward(kwok_port))
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    start = partial(asyncio.start_server, host=LOOPBACK, limit=HEAD_LIMIT, backlog=BACKLOG)
    opened = [await start(kubelet.serve, port=port, ssl=tls), await start(serve_page, port=page_port)]
    if (socket := egress_socket(folder)) is not None:
        # A killed kubelet leaves its own behind.
        socket.unlink(missing_ok=True)
        proxy = Egress(kubelet.serve, tls)
        opened.append(await asyncio.start_unix_server(proxy.serve, socket, limit=HEAD_LIMIT, backlog=BACKLOG))
    sweeping = asyncio.create_task(commands.sweep())
    await ended.wait()
    for server in opened:
        server.close()
    sweeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sweeping
