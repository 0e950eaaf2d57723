"""aiohttp's side of a transport: its pool of connections, and its failures told as ours.

Loaded with the first request that takes it and not sooner, since importing aiohttp is a quarter of a start.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import SimpleNamespace
from typing import Any, Final, Literal

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from k8sops.cluster.credentials import Credentials
from k8sops.cluster.delivery import Delivery
from k8sops.cluster.status import Asked
from k8sops.cluster.transport_errors import connection_errors_told
from k8sops.cluster.transport_url import Headers

CONNECT_TIMEOUT_S: Final = 10.0
READ_BUFFER_BYTES: Final = 1 << 20
WEBSOCKET_MESSAGE_BYTES: Final = 64 << 20


class Wire:
    """The connections to one API server. Made inside a running event loop, closed by `aclose`."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials: Final = credentials
        self._session: Final = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
            read_bufsize=READ_BUFFER_BYTES,
            trust_env=False,
            trace_configs=[_delivery_trace()],
        )

    def errors_told(self, asked: Asked) -> AbstractContextManager[None]:
        """What goes wrong inside is raised as one of ours."""
        return connection_errors_told(self._credentials, asked)

    def request(
        self,
        method: str,
        url: str,
        headers: Headers,
        tls: ssl.SSLContext | bool,
        *,
        data: bytes | None = None,
        delivery: Delivery | None = None,
        read_timeout_s: float | None = None,
        buffer_bytes: int | None = None,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """An answer whose body is yet to be read, as an asynchronous context; `url` is taken as escaped."""
        return self._session.request(
            method,
            URL(url, encoded=True),
            data=data,
            allow_redirects=False,
            trace_request_ctx=delivery,
            read_bufsize=buffer_bytes or READ_BUFFER_BYTES,
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=read_timeout_s
            ),
            **self._options(headers, tls),
        )

    async def websocket(
        self, url: str, headers: Headers, tls: ssl.SSLContext | bool, protocols: Sequence[str]
    ) -> aiohttp.ClientWebSocketResponse[Literal[True]]:
        """An open WebSocket, which the caller closes."""
        opened: aiohttp.ClientWebSocketResponse[Literal[True]] = await self._session.ws_connect(
            URL(url, encoded=True),
            protocols=protocols,
            max_msg_size=WEBSOCKET_MESSAGE_BYTES,
            **self._options(headers, tls),
        )
        return opened

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._session.close()

    def _options(self, headers: Headers, tls: ssl.SSLContext | bool) -> dict[str, Any]:
        return {
            "headers": CIMultiDict(headers),
            "ssl": tls,
            "server_hostname": self._credentials.tls_server_name or None,
            "proxy": self._credentials.proxy or None,
        }


def _delivery_trace() -> aiohttp.TraceConfig:
    """Has each request's `Delivery`, given as `trace_request_ctx`, told when it goes out."""
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_going_out)
    return trace


async def _going_out(
    session: aiohttp.ClientSession, context: SimpleNamespace, sent: aiohttp.TraceRequestHeadersSentParams
) -> None:
    delivery = context.trace_request_ctx
    if isinstance(delivery, Delivery):
        delivery.going_out()
