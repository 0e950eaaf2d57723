"""metrics.k8s.io over TLS on loopback, for the API server's aggregation layer and nobody else.

The API server has authenticated and authorised whoever asks before it passes a request on; here it is only proved
that the request comes from it, by the front-proxy client certificate (Kubernetes: "Configure the aggregation layer").
Another user of the machine has no such certificate and gets no further than the TLS handshake.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from k8sops.core.errors import SandboxError
from k8sops.sandbox.played.metrics import GROUP_VERSION, JsonObject, Metrics
from k8sops.sandbox.played.tables import table, wants_table
from k8sops.sandbox.ports import LOOPBACK

FRONT_PROXY: Final = "front-proxy-client"
SELECTORS: Final = ("labelSelector", "fieldSelector")
_GROUP, _VERSION = GROUP_VERSION.split("/")
_ROOT: Final = f"/apis/{GROUP_VERSION}"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class MetricsServer:
    """The routes."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics: Final = metrics
        self._runner: web.AppRunner | None = None

    async def start(self, port: int, pki: Path) -> int:
        """Listen, and return the port: any that is free for 0. Raises OSError where it is taken."""
        application = web.Application(middlewares=[_only_the_aggregator, _told_as_status])
        application.add_routes(
            [
                web.get(f"/apis/{_GROUP}", _group),
                web.get(_ROOT, _resources),
                web.get(f"{_ROOT}/nodes", self._nodes),
                web.get(f"{_ROOT}/nodes/{{name}}", self._node),
                web.get(f"{_ROOT}/pods", self._pods),
                web.get(f"{_ROOT}/namespaces/{{namespace}}/pods", self._pods),
                web.get(f"{_ROOT}/namespaces/{{namespace}}/pods/{{name}}", self._pod),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, port, ssl_context=_tls(pki)).start()
        return int(self._runner.addresses[0][1])

    async def aclose(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _nodes(self, request: web.Request) -> web.Response:
        return _listed(request, "NodeMetricsList", await self._metrics.nodes(_query(request)))

    async def _node(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        found = await self._metrics.nodes({"fieldSelector": f"metadata.name={name}"})
        if not found:
            return _status(HTTPStatus.NOT_FOUND, f'nodemetrics "{name}" not found')
        return _one(request, found[0])

    async def _pods(self, request: web.Request) -> web.Response:
        namespace = request.match_info.get("namespace", "")
        return _listed(request, "PodMetricsList", await self._metrics.pods(namespace, _query(request)))

    async def _pod(self, request: web.Request) -> web.Response:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        found = await self._metrics.pod(namespace, name)
        if found is None:
            return _status(HTTPStatus.NOT_FOUND, f'podmetrics "{namespace}/{name}" not found')
        return _one(request, found)


@web.middleware
async def _only_the_aggregator(request: web.Request, handler: Answer) -> web.StreamResponse:
    transport = request.transport
    certificate = transport.get_extra_info("peercert") if transport else None
    names = {
        value for part in (certificate or {}).get("subject", ()) for key, value in part if key == "commonName"
    }
    if FRONT_PROXY not in names:
        return _status(HTTPStatus.FORBIDDEN, "only the API server's front proxy may ask here")
    return await handler(request)


@web.middleware
async def _told_as_status(request: web.Request, handler: Answer) -> web.StreamResponse:
    """Clients of Kubernetes understand a Status, not aiohttp's pages."""
    if request.query.get("watch") in {"1", "true"}:
        return _status(HTTPStatus.METHOD_NOT_ALLOWED, "usage can be listed, not watched")
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _status(HTTPStatus(error.status), f"the sandbox's metrics do not serve {request.path}")
    except SandboxError as error:
        return _status(HTTPStatus.SERVICE_UNAVAILABLE, error.message)


async def _group(_: web.Request) -> web.Response:
    version = {"groupVersion": GROUP_VERSION, "version": _VERSION}
    head = {"kind": "APIGroup", "apiVersion": "v1", "name": _GROUP}
    return _json(head | {"versions": [version], "preferredVersion": version})


async def _resources(_: web.Request) -> web.Response:
    resources = [
        {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"]}
        for name, kind, namespaced in (("nodes", "NodeMetrics", False), ("pods", "PodMetrics", True))
    ]
    head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP_VERSION}
    return _json(head | {"resources": resources})


def _query(request: web.Request) -> dict[str, str]:
    return {name: request.query[name] for name in SELECTORS if request.query.get(name)}


def _listed(request: web.Request, kind: str, items: list[JsonObject]) -> web.Response:
    if wants_table(request.headers.get("Accept", "")):
        return _json(table(items, request.query.get("includeObject", "Metadata")))
    return _json({"kind": kind, "apiVersion": GROUP_VERSION, "metadata": {}, "items": items})


def _one(request: web.Request, item: JsonObject) -> web.Response:
    if wants_table(request.headers.get("Accept", "")):
        return _json(table([item], request.query.get("includeObject", "Metadata")))
    return _json(item)


def _status(status: HTTPStatus, message: str) -> web.Response:
    reason = status.phrase.title().replace(" ", "")
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return _json(body | {"message": message, "reason": reason, "code": int(status)}, status)


def _json(body: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def _tls(pki: Path) -> ssl.SSLContext:
    # The front proxy's authority alone: a person's certificate comes from another one and is refused.
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "front-proxy-ca.crt"))
    context.load_cert_chain(pki / "played.crt", pki / "played.key")
    context.verify_mode = ssl.CERT_REQUIRED
    return context
