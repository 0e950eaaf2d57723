"""A reverse proxy between client and API server that does on demand what networks and servers do at night.

It ends TLS and goes on to the API server as its `Upstream` says: with whose identity, and trusting which authority.
HTTP/1.1 and WebSockets; a client that only speaks SPDY (kubectl before 1.31) cannot exec through it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import aiohttp
import msgspec
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from k8sops.sandbox.faults.rules import Rule, Rules, expired_event, is_watch, status_body
from k8sops.sandbox.faults.streams import Watch, bridge, delayed, pieces
from k8sops.sandbox.ports import LOOPBACK

LARGEST_BODY: Final = 64 << 20
LONGEST_LINE: Final = 64 << 10
HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "host", "content-length"}
)
"""Headers of one connection (RFC 9110 §7.6.1), and those that are made anew."""
DEFAULTS: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
"""What aiohttp would add by itself; the API server is to see what the client sent."""


class Grant(msgspec.Struct, frozen=True):
    """What one request to the API server carries in the place of the client's own credentials. Secret."""

    headers: tuple[tuple[str, str], ...]
    ssl: ssl.SSLContext | bool

    def __repr__(self) -> str:
        return "Grant(…)"


class Upstream(Protocol):
    """The API server behind the proxy, and how the proxy may speak for its clients."""

    @property
    def server(self) -> str:
        """Its URL, without a path."""
        ...

    async def grant(self, request: web.Request) -> Grant:
        """Credentials for this client's request. Raises aiohttp's HTTPUnauthorized for a client it does not know."""
        ...

    def keeps(self, header: str) -> bool:
        """Whether a client's header of this (lower-case) name may go on."""
        ...


class ReverseProxy:
    """One listening proxy; `rules` and the methods on watches are its faults."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        seen: Callable[[web.Request], None] | None = None,
        routes: Sequence[web.AbstractRouteDef] = (),
    ) -> None:
        self.rules: Final = Rules()
        self._upstream: Final = upstream
        self._seen: Final = seen
        self._routes: Final = routes
        self._open: Final = asyncio.Event()
        self._open.set()
        self._watches: Final[set[Watch]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, port: int, context: ssl.SSLContext) -> int:
        """Listen on the loopback interface; returns the port (0 lets the kernel choose)."""
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            connector=aiohttp.TCPConnector(limit=0),
            skip_auto_headers=DEFAULTS,
        )
        app = web.Application(client_max_size=LARGEST_BODY)
        app.add_routes(self._routes)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=0.5,
            # A client that hangs up must not leave its watch running upstream until the next event.
            handler_cancellation=True,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, port, ssl_context=context).start()
        chosen: int = self._runner.addresses[0][1]
        return chosen

    async def close(self) -> None:
        """End every connection."""
        self.resume()
        self.end_watches(b"")
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

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
        return self.end_watches(b"")

    def expire_watches(self) -> int:
        """End all running watches with an ERROR event of 410 Expired, as the API server does; returns how many."""
        return self.end_watches(expired_event())

    def end_watches(self, last: bytes) -> int:
        """End all running watches with these bytes, or by a reset where there are none; returns how many."""
        watches = list(self._watches)
        for watch in watches:
            watch.end(last)
        return len(watches)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if not request.raw_path.startswith("/"):
            # An absolute form, or one that begins with "@", would name another host than the API server.
            return web.Response(status=400, text="the request's target is no path")
        if self._seen:
            self._seen(request)
        await self._open.wait()
        seconds, rule = self.rules.choose(request)
        if seconds:
            await asyncio.sleep(seconds)
        if rule is not None:
            if rule.status:
                return web.Response(status=rule.status, headers=rule.headers, body=rule.body)
            if rule.reset and rule.after_bytes is None:
                return _cut(request)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._bridge(request)
        return await self._forward(request, rule)

    async def _forward(self, request: web.Request, rule: Rule | None) -> web.StreamResponse:
        body = await request.read() if request.can_read_body else None
        grant = await self._upstream.grant(request)
        try:
            async with self._client().request(
                request.method,
                self._url(request),
                headers=self._headers(request, grant),
                data=body,
                ssl=grant.ssl,
                allow_redirects=False,
            ) as upstream:
                return await self._answer(request, upstream, rule)
        except aiohttp.ClientError:
            # The API server itself is away: the client sees what it would see without a proxy.
            return _cut(request)

    def _headers(self, request: web.Request, grant: Grant, *, but: str = "") -> CIMultiDict[str]:
        headers: CIMultiDict[str] = CIMultiDict(
            (name, value)
            for name, value in request.headers.items()
            if (small := name.lower()) not in HOP_BY_HOP
            and self._upstream.keeps(small)
            and not (but and small.startswith(but))
        )
        # Replaced once, then added: a header of ours may have several values, none of them the client's.
        for name in {name for name, _ in grant.headers}:
            headers.popall(name, None)
        headers.extend(grant.headers)
        return headers

    async def _answer(
        self, request: web.Request, upstream: aiohttp.ClientResponse, rule: Rule | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=upstream.status, reason=upstream.reason)
        for name, value in upstream.headers.items():
            if name.lower() not in HOP_BY_HOP:
                response.headers.add(name, value)
        await response.prepare(request)
        watch = Watch()
        body = pieces(upstream, watch, rule.chunk if rule else 0)
        if is_watch(request):
            self._watches.add(watch)
            body = delayed(body, lambda: self.rules.stream_latency(request))
        sent = 0
        try:
            async for piece in body:
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
            await body.aclose()
        await response.write_eof()
        return response

    async def _bridge(self, request: web.Request) -> web.StreamResponse:
        wanted = [
            part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if part
        ]
        grant = await self._upstream.grant(request)
        try:
            opening = self._client().ws_connect(
                self._url(request),
                protocols=wanted,
                ssl=grant.ssl,
                headers=self._headers(request, grant, but="sec-websocket-"),
                max_msg_size=0,
            )
            async with opening as upstream:
                protocols = [upstream.protocol] if upstream.protocol else []
                downstream = web.WebSocketResponse(protocols=protocols, max_msg_size=0)
                await downstream.prepare(request)
                await bridge(upstream, downstream)
                await downstream.close(code=upstream.close_code or aiohttp.WSCloseCode.OK)
                return downstream
        except aiohttp.WSServerHandshakeError as refused:
            body = status_body(refused.status, "", f"the API server answered {refused.status}")
            return web.json_response(status=refused.status, body=body)
        except aiohttp.ClientError:
            return _cut(request)

    def _url(self, request: web.Request) -> URL:
        return URL(self._upstream.server + request.raw_path, encoded=True)

    def _client(self) -> aiohttp.ClientSession:
        assert self._session is not None, "used before start"  # noqa: S101 - a defect, not a condition
        return self._session


def _cut(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response or web.Response(status=502)
