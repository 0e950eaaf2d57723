"""The kubelet endpoint of all simulated nodes: container logs made up as they are read; the rest is refused.

A log line is a function of the pod, the container, its restart and the line's number, so nothing is written ahead:
ten thousand pods cost nothing until somebody reads one. `port-forward` is passed to kwok, which speaks its protocol.
Exec and attach are refused: there is no container to run in. Only certificates of the sandbox's own authority are
let in. Started as `python -m k8sops.sandbox.kubelet`; the standard library alone keeps it small.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import ssl
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from k8sops.sandbox.logplay import Refusal, log_lines
from k8sops.sandbox.podlookup import PodLookup

HEAD_LIMIT: Final = 32 * 1024
HEAD_SECONDS: Final = 10.0
HOST: Final = "127.0.0.1"
PAGE: Final = (
    b"This is a pod of a k8sops sandbox. Nothing runs behind this port: the answer is always the same.\n"
)

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


class Kubelet:
    """Answers the API server in the kubelet's place."""

    def __init__(self, pods: PodLookup, kwok_port: int) -> None:
        self._pods: Final = pods
        self._kwok_port: Final = kwok_port

    async def serve(self, reader: Reader, writer: Writer) -> None:
        """One connection, one request."""
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            await self._route(method, target, head, reader, writer)
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            await _answer(writer, 400, "the request cannot be read")
        except (ConnectionError, ssl.SSLError):
            # The reader has gone away; nobody is left to tell.
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
                await writer.wait_closed()

    async def _route(self, method: str, target: str, head: bytes, reader: Reader, writer: Writer) -> None:
        split = urlsplit(target)
        parts = [unquote(part) for part in split.path.strip("/").split("/")]
        match parts:
            case ["healthz"]:
                await _answer(writer, 200, "ok")
            case ["containerLogs", namespace, pod, container] if method == "GET":
                await self._logs(namespace, pod, container, split.query, reader, writer)
            case ["portForward", *_]:
                await self._forward(head, reader, writer)
            case ["exec" | "attach" | "run", *_]:
                await _answer(writer, 403, "the sandbox runs no containers: exec and attach are refused")
            case _:
                await _answer(writer, 404, f"the sandbox's nodes do not serve {split.path}")

    async def _logs(
        self, namespace: str, pod: str, container: str, query: str, reader: Reader, writer: Writer
    ) -> None:
        options = {name: values[-1] for name, values in parse_qs(query).items()}
        lookup = partial(self._pods.get, namespace, pod)
        lines = log_lines(lookup, f"{namespace}/{pod}", container, options)
        try:
            first = await anext(lines, None)
        except Refusal as refusal:
            await _answer(writer, refusal.status, str(refusal))
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

    async def _forward(self, head: bytes, reader: Reader, writer: Writer) -> None:
        there, back = await asyncio.open_connection(HOST, self._kwok_port)
        back.write(head)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, back))
                group.create_task(_pump(there, writer))
        finally:
            back.close()


async def _pump(source: Reader, sink: Writer) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    with contextlib.suppress(OSError, RuntimeError):
        if sink.can_write_eof():
            sink.write_eof()
        else:
            sink.close()


async def _answer(writer: Writer, status: int, text: str) -> None:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status} -\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        writer.write(head.encode() + body)
        await writer.drain()


async def _serve_page(reader: Reader, writer: Writer) -> None:
    """What a forwarded port shows."""
    try:
        with contextlib.suppress(
            TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError
        ):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
        await _answer(writer, 200, PAGE.decode())
    finally:
        writer.close()


def _tls(pki: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "cluster-ca.crt"))
    context.load_cert_chain(pki / "kubelet.crt", pki / "kubelet.key")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def run(port: int, page_port: int, kwok_port: int, apiserver_port: int, pki: Path) -> None:
    """Serve until SIGTERM."""
    pods = PodLookup(apiserver_port, pki)
    kubelet = Kubelet(pods, kwok_port)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    start = partial(asyncio.start_server, host=HOST, limit=HEAD_LIMIT)
    opened = [
        await start(kubelet.serve, port=port, ssl=_tls(pki)),
        await start(_serve_page, port=page_port),
    ]
    await ended.wait()
    for server in opened:
        server.close()


def main() -> None:
    """Read the command line the sandbox wrote."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--port", "--page-port", "--kwok-port", "--apiserver-port"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--pki", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(run(options.port, options.page_port, options.kwok_port, options.apiserver_port, options.pki))


if __name__ == "__main__":
    main()
