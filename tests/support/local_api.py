"""A small HTTP(S) server in the test's own event loop, answering as a test tells it: for what no real API server
does on demand (expired certificates, old discovery formats, credentials refused once).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.support.certificates import Pair

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LocalApi:
    """`async with LocalApi(handler) as api:` then `api.url`; `api.requests` is what came in."""

    def __init__(self, handler: Handler, *, tls: Pair | None = None, folder: Path | None = None) -> None:
        self._handler = handler
        self._context = tls.server_context(folder) if tls and folder else None
        self.requests: list[web.BaseRequest] = []
        self.url = ""
        self._runner: web.AppRunner

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context).start()
        port = self._runner.addresses[0][1]
        self.url = f"{'https' if self._context else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self._handler(request)


def answering(*answers: web.Response | tuple[int, dict[str, Any]]) -> Handler:
    """A handler that gives these answers in turn, the last one for ever."""
    left = list(answers)

    async def handle(request: web.Request) -> web.StreamResponse:
        del request
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, web.Response):
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        return web.json_response(answer[1], status=answer[0])

    return handle


def status(code: int, reason: str = "", message: str = "no", **details: Any) -> bytes:
    """A Status body."""
    body = {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message}
    return json.dumps({**body, "details": details}).encode()


async def silent(request: web.Request) -> web.StreamResponse:
    """A handler that never answers."""
    del request
    await asyncio.Event().wait()
    raise AssertionError
