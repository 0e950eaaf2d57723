"""The Web API's door: faults, token, rate limit, scope and arguments, and only then the method.

Whatever happens is written into the journal, without tokens.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from k8sops_local_slack.refusals import Refusal
from k8sops_local_slack.timing import pause
from k8sops_local_slack.web import chat, conversations, modals, people, uploads
from k8sops_local_slack.web.access import need_scope
from k8sops_local_slack.web.arguments import Arguments, read_arguments
from k8sops_local_slack.web.method import Method
from k8sops_local_slack.web.tiers import Tier
from k8sops_local_slack.world import World

METHODS: dict[str, Method] = {
    method.name: method for room in (chat, conversations, modals, people, uploads) for method in room.METHODS
}


class Dispatcher:
    """Answers `/api/<method>`."""

    def __init__(self, world: World, *more: Method) -> None:
        self._world = world
        self._methods = METHODS | {method.name: method for method in more}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        name = request.match_info["method"]
        fault = self._world.faults.next_for(name)
        await pause(self._world.clock, self._world.faults.delay(name))
        if fault == "drop":
            return self._cut(request, name, {})
        if fault == "server_error":
            return self._answer(name, {}, 503, {"ok": False, "error": "service_unavailable"})
        if fault == "ratelimited":
            return self._slow_down(name, {}, self._world.faults.retry_after)
        arguments = Arguments({})
        try:
            method = self._known(name)
            arguments = await read_arguments(request, json_allowed=method.json)
            self._check_token(method, request, arguments)
            wait = self._world.tiers.wait_for(name, method.tier, arguments.maybe("channel"))
            if wait:
                return self._slow_down(name, arguments.fields, wait)
            self._check_scope(method)
            answer = {"ok": True, **method.run(self._world, arguments)}
        except Refusal as refusal:
            answer = refusal.answer()
        if fault == "drop_after":
            return self._cut(request, name, arguments.fields)
        return self._answer(name, arguments.fields, 200, answer)

    def _known(self, name: str) -> Method:
        if name not in self._methods:
            raise Refusal("unknown_method", req_method=name)
        return self._methods[name]

    def _check_token(self, method: Method, request: web.Request, arguments: Arguments) -> None:
        header = request.headers.get("Authorization", "")
        token = header.removeprefix("Bearer ").strip() or str(arguments.fields.get("token") or "")
        app = self._world.workspace.app
        if not token:
            raise Refusal("not_authed")
        if token not in {app.bot_token, app.app_token}:
            raise Refusal("invalid_auth")
        if token != (app.bot_token if method.by == "bot" else app.app_token):
            raise Refusal("not_allowed_token_type")

    def _check_scope(self, method: Method) -> None:
        app = self._world.workspace.app
        if method.by == "app" and not app.app_scopes >= set(method.scopes):
            provided = ",".join(sorted(app.app_scopes))
            raise Refusal("missing_scope", needed=",".join(method.scopes), provided=provided)
        if method.by == "bot" and method.scopes:
            need_scope(self._world, *method.scopes)

    def _slow_down(self, name: str, args: dict[str, Any], seconds: int) -> web.Response:
        answer = {"ok": False, "error": "ratelimited"}
        return self._answer(name, args, 429, answer, {"Retry-After": str(seconds)})

    def _answer(
        self,
        name: str,
        args: dict[str, Any],
        status: int,
        answer: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        self._world.note(name, args, status, shown(name, answer))
        scopes = {"x-oauth-scopes": ",".join(sorted(self._world.workspace.app.scopes))}
        return web.json_response(answer, status=status, headers=scopes | (headers or {}), dumps=json.dumps)

    def _cut(self, request: web.Request, name: str, args: dict[str, Any]) -> web.Response:
        self._world.note(name, args, 0, {"ok": False, "error": "connection_dropped"})
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


def shown(name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Leave addresses that are keys out of what goes on record."""
    secret = {"apps.connections.open": "url", "files.getUploadURLExternal": "upload_url"}.get(name)
    return {field: value for field, value in answer.items() if field != secret}


def connections_open(ticket: Any) -> Method:
    """Make the method that hands out Socket Mode addresses."""
    return Method(
        "apps.connections.open",
        lambda _world, _arguments: {"url": ticket()},
        Tier.CONNECT,
        ("connections:write",),
        by="app",
    )
