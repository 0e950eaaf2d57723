"""An API server for one collection that misbehaves when told to: over real HTTP, with the real transport before it.

Keeps pods in memory with a resourceVersion that counts up, serves paged lists, tables, watches and streaming lists
the way kube-apiserver does, and can expire tokens, cut watches and refuse. What needs a true control plane is tested
on the sandbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from k8sops.cluster.transport import Transport
from tests.support.clients import transport_of

PATH = "/api/v1/pods"
PODS = "/api/v1/{tail:(namespaces/[^/]+/)?pods}"
COLUMNS = [
    {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0},
    {"name": "Ready", "type": "string", "format": "", "description": "", "priority": 0},
    {"name": "Restarts", "type": "integer", "format": "", "description": "", "priority": 0},
]

Pod = dict[str, Any]


class ScriptedApi:
    """The server; everything public may be set by a test between requests."""

    def __init__(self) -> None:
        self.version = 100
        self.pods: dict[str, Pod] = {}
        self.log: list[tuple[int, str, Pod]] = []
        self.oldest = 0
        """Watches from before this version are answered 410."""
        self.streaming = True
        self.gone_in_stream = False
        """Tell an expired watch as an ERROR event instead of HTTP 410."""
        self.expire_tokens = 0
        """So many continue requests are answered 410."""
        self.refuse: tuple[int, str] | None = None
        """Answer everything with this status and reason."""
        self.requests: list[dict[str, str]] = []
        self.may_continue = asyncio.Event()
        """While cleared, a list stops after its first page."""
        self.may_continue.set()
        self._news = asyncio.Event()
        self._watches: set[web.StreamResponse] = set()

    def put(self, name: str, *, uid: str = "", namespace: str = "shop", restarts: int = 0) -> Pod:
        """Create or change a pod."""
        key = f"{namespace}/{name}"
        known = self.pods.get(key)
        self.version += 1
        uid = uid or (known["metadata"]["uid"] if known else f"uid-{self.version}")
        pod = {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": uid,
                "resourceVersion": str(self.version),
                "creationTimestamp": "2026-11-21T10:00:00Z",
                "labels": {"app": name},
            },
            "status": {"phase": "Running", "containerStatuses": [{"name": "a", "restartCount": restarts}]},
        }
        self.pods[key] = pod
        self._tell("MODIFIED" if known else "ADDED", pod)
        return pod

    def drop(self, name: str, *, namespace: str = "shop") -> None:
        """Delete a pod."""
        pod = self.pods.pop(f"{namespace}/{name}")
        self.version += 1
        pod = {**pod, "metadata": {**pod["metadata"], "resourceVersion": str(self.version)}}
        self._tell("DELETED", pod)

    def expire(self) -> None:
        """Compact: every position up to now is too old."""
        self.log.clear()
        self.oldest = self.version

    def cut(self) -> None:
        """Cut every watch in the middle."""
        for response in list(self._watches):
            if response._req is not None and response._req.transport is not None:
                response._req.transport.abort()

    @property
    def watching(self) -> int:
        """Open watches."""
        return len(self._watches)

    def truth(self) -> dict[str, tuple[str, str]]:
        """Name to uid and resourceVersion."""
        return {
            key: (pod["metadata"]["uid"], pod["metadata"]["resourceVersion"])
            for key, pod in self.pods.items()
        }

    def _tell(self, kind: str, pod: Pod) -> None:
        self.log.append((self.version, kind, pod))
        self._news.set()
        self._news = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One GET of the collection."""
        query = dict(request.query)
        self.requests.append(query)
        if self.refuse:
            code, reason = self.refuse
            return _status(code, reason, "refused by the test")
        if query.get("watch") == "true":
            return await self._watch(request, query)
        if "continue" in query:
            await self.may_continue.wait()
        return self._list(request, query)

    def _list(self, request: web.Request, query: dict[str, str]) -> web.Response:
        pods = [self.pods[key] for key in sorted(self.pods)]
        meta: dict[str, Any] = {"resourceVersion": str(self.version)}
        start = 0
        if token := query.get("continue"):
            if self.expire_tokens:
                self.expire_tokens -= 1
                return _status(410, "Expired", "The provided continue parameter is too old")
            start = int(token)
        limit = int(query.get("limit", 0)) or len(pods)
        if start + limit < len(pods):
            meta["continue"] = str(start + limit)
        chosen = pods[start : start + limit]
        if "as=Table" in request.headers.get("Accept", ""):
            body = _table(chosen, meta, with_object=query.get("includeObject") != "None")
        else:
            body = {"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": chosen}
        return web.json_response(body, dumps=_compact)

    async def _watch(self, request: web.Request, query: dict[str, str]) -> web.StreamResponse:
        as_table = "as=Table" in request.headers.get("Accept", "")
        initial = query.get("sendInitialEvents") == "true"
        if initial and not self.streaming:
            return _status(422, "Invalid", "sendInitialEvents is forbidden for watch unless WatchList is on")
        position = int(query.get("resourceVersion") or 0)
        response = web.StreamResponse()
        gone = not initial and position < self.oldest
        if gone and not self.gone_in_stream:
            return _status(410, "Expired", "too old resource version")
        await response.prepare(request)
        self._watches.add(response)
        try:
            if gone:
                error = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
                await _write(response, "ERROR", error)
                return response
            if initial:
                position = self.version
                for key in sorted(self.pods):
                    await _write(response, "ADDED", self.pods[key])
                await _write(response, "BOOKMARK", _bookmark(position))
            await self._follow(response, position, as_table=as_table)
        finally:
            self._watches.discard(response)
        return response

    async def _follow(self, response: web.StreamResponse, position: int, *, as_table: bool) -> None:
        while True:
            news = self._news
            for version, kind, pod in [entry for entry in self.log if entry[0] > position]:
                shown = _table([pod], {"resourceVersion": str(version)}) if as_table else pod
                await _write(response, kind, shown)
                position = version
            await news.wait()


def _bookmark(version: int) -> dict[str, Any]:
    meta = {"resourceVersion": str(version), "annotations": {"k8s.io/initial-events-end": "true"}}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": meta}


def _table(pods: list[Pod], meta: dict[str, Any], *, with_object: bool = True) -> dict[str, Any]:
    rows = [
        {
            "cells": [pod["metadata"]["name"], "1/1", pod["status"]["containerStatuses"][0]["restartCount"]],
            "object": {"kind": "PartialObjectMetadata", "metadata": pod["metadata"]} if with_object else None,
        }
        for pod in pods
    ]
    head = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
    return {**head, "columnDefinitions": COLUMNS, "rows": rows}


def _status(code: int, reason: str, message: str) -> web.Response:
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return web.json_response(body, status=code)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


async def _write(response: web.StreamResponse, kind: str, thing: Any) -> None:
    await response.write(_compact({"type": kind, "object": thing}).encode() + b"\n")


@asynccontextmanager
async def serving(app: web.Application, folder: Path) -> AsyncIterator[Transport]:
    """A transport to this application over real HTTP on a free port."""
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with transport_of(write_kubeconfig(folder, port)) as transport:
            yield transport
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await runner.cleanup()


def write_kubeconfig(folder: Path, port: int) -> Path:
    """A kubeconfig of a plain HTTP server on this machine."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "scripted",
        "clusters": [{"name": "scripted", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "contexts": [{"name": "scripted", "context": {"cluster": "scripted", "user": "tester"}}],
        "users": [{"name": "tester", "user": {"token": "not-a-secret"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return path


@asynccontextmanager
async def scripted_api(folder: Path) -> AsyncIterator[tuple[ScriptedApi, Transport]]:
    """A scripted API server with a transport to it."""
    api = ScriptedApi()
    app = web.Application()
    app.router.add_get(PODS, api.handle)
    async with serving(app, folder) as transport:
        yield api, transport
