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
from k8sops.sandbox.logplay import Refusal, log_lines
from k8sops.sandbox.podlookup import PodLookup


class Kubelet:
    """Answers the API server in the kubelet's place."""

    def __init__(self, pods: PodLookup, commands: Commands, forward: PortForward) -> None:
        self._pods: Final = pods
        self._commands: Final = commands
        self._forward: Final = forward

    async def serve(self, reader: Reader, writer: Writer) -> None:
        """One connection, one request."""
        try:
            await self._route(await read_request(reader), reader, writer)
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            await answer(writer, 400, "the request cannot be read")
        except GONE:
            # The reader has gone away; nobody is left to tell.
            pass
        finally:
            await hang_up(writer)

    async def _route(self, request: HttpRequest, reader: Reader, writer: Writer) -> None:
        match request.parts:
            case ["healthz"]:
                await answer(writer, 200, "ok")
            case ["containerLogs", namespace, pod, container] if request.method == "GET":
                await self._logs(namespace, pod, container, request, reader, writer)
            case ["portForward", *_]:
                await self._forward.serve(request, reader, writer)
            case ["exec" | "attach", _, _, _] | ["exec" | "attach", _, _, _, _]:
                await self._commands.serve(request, reader, writer)
            case ["logs", *_] if request.method == "GET":
                await _node_logs(request, writer)
            case _:
                await _not_found(writer, f"the sandbox's nodes do not serve {request.path}")

    async def _logs(
        self, namespace: str, pod: str, container: str, request: HttpRequest, reader: Reader, writer: Writer
    ) -> None:
        options = {name: values[-1] for name, values in request.query.items()}
        lookup = partial(self._pods.get, namespace, pod)
        lines = log_lines(lookup, f"{namespace}/{pod}", container, options)
        try:
            first = await anext(lines, None)
        except Refusal as refusal:
            await answer(writer, refusal.status, str(refusal))
            return
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        # A follower that hangs up says so by closing; without looking, a silent pod would keep the task for ever.
        hung_up = asyncio.ensure_future(reader.read())
        try:
            while first is not None and not hung_up.done():
                writer.write(b"%x\r\n%b\r\n" % (len(first), first) if first else b"")
                await writer.drain()
                first = await anext(lines, None)
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        finally:
            hung_up.cancel()
            await lines.aclose()


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
    commands = Commands(folder, pods)
    kubelet = Kubelet(pods, commands, PortForward(kwok_port))
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    start = partial(asyncio.start_server, host=LOOPBACK, limit=HEAD_LIMIT)
    opened = [await start(kubelet.serve, port=port, ssl=tls), await start(serve_page, port=page_port)]
    if (socket := egress_socket(folder)) is not None:
        # A killed kubelet leaves its own behind.
        socket.unlink(missing_ok=True)
        proxy = Egress(kubelet.serve, tls)
        opened.append(await asyncio.start_unix_server(proxy.serve, socket, limit=HEAD_LIMIT))
    sweeping = asyncio.create_task(commands.sweep())
    await ended.wait()
    for server in opened:
        server.close()
    sweeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sweeping
