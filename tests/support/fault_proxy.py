"""A reverse proxy between client and API server that does on demand what networks and servers do at night.

It ends TLS with its own certificate, goes on to the API server with the credentials of the kubeconfig it was given,
and writes a kubeconfig that leads to itself. Faults are rules, matched in the order in which they were made; a rule
is used up after `times` requests. Nothing in the client is patched.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from k8sops.cluster.credentials import Credentials, load_credentials
from tests.support.certificates import Authority
from tests.support.kubeconfigs import b64, document, write

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "host", "content-length"}
)


class Seen(NamedTuple):
    """A request that reached the proxy."""

    method: str
    path: str
    query: str
    headers: CIMultiDict[str]


@dataclass
class Rule:
    """One fault and the requests it befalls."""

    path: re.Pattern[str]
    method: str
    times: int
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    reset: bool = False
    after_bytes: int | None = None
    chunk: int = 0
    delay_s: float = 0.0
    watches: bool | None = None
    hits: int = 0

    def takes(self, request: web.Request) -> bool:
        """Whether the rule is for this request and not used up."""
        is_watch = request.query.get("watch") in {"true", "1"}
        return (
            self.hits < self.times
            and (self.watches is None or self.watches == is_watch)
            and self.method in {"", request.method}
            and self.path.search(request.raw_path) is not None
        )


class FaultProxy:
    """`async with FaultProxy(kubeconfig) as proxy:` then `proxy.kubeconfig`, `proxy.fail(…)`, `proxy.seen`."""

    def __init__(self, kubeconfig: Path, *, context: str | None = None) -> None:
        self._upstream_config = kubeconfig
        self._context = context
        self._folder = tempfile.TemporaryDirectory(prefix="k8sops-proxy-")
        self.kubeconfig = Path(self._folder.name) / "kubeconfig"
        self.seen: list[Seen] = []
        self._rules: list[Rule] = []
        self._open = asyncio.Event()
        self._open.set()
        self._watches: set[_Watch] = set()
        self._upstream: Credentials
        self._session: aiohttp.ClientSession
        self._runner: web.AppRunner

    async def __aenter__(self) -> Self:
        self._upstream = await load_credentials(kubeconfig=[self._upstream_config], context=self._context)
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            connector=aiohttp.TCPConnector(limit=0),
        )
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        authority = Authority("fault proxy authority")
        context = authority.issue("fault proxy").server_context(Path(self._folder.name))
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = self._runner.addresses[0][1]
        content = document(
            f"https://127.0.0.1:{port}",
            cluster={"certificate-authority-data": b64(authority.pem)},
            context="fault-proxy",
            namespace=self._upstream.namespace,
        )
        write(self.kubeconfig, content)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.resume()
        self.cut_watches()
        await self._runner.cleanup()
        await self._session.close()
        self._folder.cleanup()

    def fail(
        self,
        status: int,
        *,
        path: str = "",
        method: str = "",
        times: int = 1,
        retry_after: int | None = None,
        reason: str = "",
        message: str = "injected by the fault proxy",
        watches: bool | None = None,
    ) -> Rule:
        """Answer `times` matching requests with a Status of this code; `path` is searched as a regex.

        `watches` True or False confines the rule to watches, or to everything else.
        """
        status_object = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
        body = json.dumps({**status_object, "reason": reason, "message": message}).encode()
        headers = {"Content-Type": "application/json"}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return self._add(
            Rule(re.compile(path), method, times, status=status, headers=headers, body=body, watches=watches)
        )

    def reset(
        self,
        *,
        path: str = "",
        method: str = "",
        times: int = 1,
        after_bytes: int | None = None,
        watches: bool | None = None,
    ) -> Rule:
        """Cut the connection: before the request goes on, or after so many bytes of the answer's body."""
        return self._add(
            Rule(re.compile(path), method, times, reset=True, after_bytes=after_bytes, watches=watches)
        )

    def slow(
        self, *, path: str = "", method: str = "", times: int = 1, chunk: int = 1024, delay_s: float = 0.05
    ) -> Rule:
        """Send the body in pieces of `chunk` bytes with `delay_s` before each."""
        return self._add(Rule(re.compile(path), method, times, chunk=chunk, delay_s=delay_s))

    def clear(self) -> None:
        """Forget all rules."""
        self._rules.clear()

    def pause(self) -> None:
        """Let new requests and running watches hang until `resume`."""
        self._open.clear()

    def resume(self) -> None:
        """End a pause."""
        self._open.set()

    @property
    def open_watches(self) -> int:
        """Watches that run through the proxy now."""
        return len(self._watches)

    def cut_watches(self) -> int:
        """Reset the connections of all running watches; returns how many there were."""
        watches = list(self._watches)
        for watch in watches:
            watch.end(b"")
        return len(watches)

    def expire_watches(self) -> int:
        """End all running watches with an ERROR event of 410 Expired, as the API server does; returns how many."""
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired"}
        event = {"type": "ERROR", "object": {**status, "message": "too old resource version: 1 (2)"}}
        watches = list(self._watches)
        for watch in watches:
            watch.end(json.dumps(event, separators=(",", ":")).encode() + b"\n")
        return len(watches)

    def _add(self, rule: Rule) -> Rule:
        self._rules.append(rule)
        return rule

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        self.seen.append(Seen(request.method, path, query, CIMultiDict(request.headers)))
        await self._open.wait()
        rule = next((rule for rule in self._rules if rule.takes(request)), None)
        if rule is not None:
            rule.hits += 1
            if rule.status:
                return web.Response(status=rule.status, headers=rule.headers, body=rule.body)
            if rule.reset and rule.after_bytes is None:
                return _cut(request)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._bridge(request)
        return await self._forward(request, rule)

    async def _forward(self, request: web.Request, rule: Rule | None) -> web.StreamResponse:
        body = await request.read() if request.can_read_body else None
        headers = await self._upstream_headers(request)
        grant = await self._upstream.grant()
        try:
            async with self._session.request(
                request.method,
                URL(self._upstream.server + request.raw_path, encoded=True),
                headers=headers,
                data=body,
                ssl=grant.ssl,
                allow_redirects=False,
            ) as upstream:
                return await self._answer(request, upstream, rule)
        except aiohttp.ClientError:
            # The API server itself is away: the client sees what it would see without a proxy.
            return _cut(request)

    async def _upstream_headers(self, request: web.Request) -> CIMultiDict[str]:
        headers: CIMultiDict[str] = CIMultiDict(
            (name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP
        )
        for name, value in (await self._upstream.grant()).headers:
            headers[name] = value
        return headers

    async def _answer(
        self, request: web.Request, upstream: aiohttp.ClientResponse, rule: Rule | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=upstream.status)
        for name, value in upstream.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                response.headers.add(name, value)
        await response.prepare(request)
        watch = _Watch(request)
        is_watch = request.query.get("watch") in {"true", "1"}
        if is_watch:
            self._watches.add(watch)
        sent = 0
        try:
            async for piece in _pieces(upstream, watch, rule.chunk if rule else 0):
                await self._open.wait()
                if rule and rule.delay_s:
                    await asyncio.sleep(rule.delay_s)
                if rule and rule.after_bytes is not None and sent + len(piece) > rule.after_bytes:
                    await response.write(piece[: rule.after_bytes - sent])
                    return _cut(request, response)
                await response.write(piece)
                sent += len(piece)
            if watch.ended.done():
                if not watch.ended.result():
                    return _cut(request, response)
                await response.write(watch.ended.result())
        except (ConnectionError, aiohttp.ClientError):
            return _cut(request, response)
        finally:
            self._watches.discard(watch)
        await response.write_eof()
        return response

    async def _bridge(self, request: web.Request) -> web.StreamResponse:
        """Pass a WebSocket's messages on, both ways."""
        wanted = [
            part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if part
        ]
        grant = await self._upstream.grant()
        url = URL(self._upstream.server + request.raw_path, encoded=True)
        async with self._session.ws_connect(
            url, protocols=wanted, ssl=grant.ssl, headers=dict(grant.headers)
        ) as upstream:
            downstream = web.WebSocketResponse(protocols=[upstream.protocol] if upstream.protocol else [])
            await downstream.prepare(request)
            tasks = [
                asyncio.create_task(_pump(upstream, downstream)),
                asyncio.create_task(_pump(downstream, upstream)),
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await downstream.close()
            return downstream


class _Watch:
    """A running watch, and how the test wants it to end: with these last bytes, or cut (no bytes)."""

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self.ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def end(self, last: bytes) -> None:
        if not self.ended.done():
            self.ended.set_result(last)


async def _pieces(upstream: aiohttp.ClientResponse, watch: _Watch, chunk: int) -> AsyncIterator[bytes]:
    """The body as it comes, in pieces of at most `chunk` bytes (0: as read), until it or the watch ends."""
    while True:
        reading = asyncio.ensure_future(upstream.content.readany())
        await asyncio.wait({reading, watch.ended}, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
            return
        data = reading.result()
        if not data:
            return
        size = chunk or len(data)
        for start in range(0, len(data), size):
            yield data[start : start + size]


def _cut(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response or web.Response(status=502)


async def _pump(
    source: aiohttp.ClientWebSocketResponse[bool] | web.WebSocketResponse,
    sink: aiohttp.ClientWebSocketResponse[bool] | web.WebSocketResponse,
) -> None:
    async for message in source:
        if message.type is aiohttp.WSMsgType.BINARY:
            await sink.send_bytes(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            await sink.send_str(message.data)
