"""Asks the API server for pods and what they mount, and for changes of pods, for the sandbox's kubelet.

Questions run in threads; a connection is kept for the next one, but not for long, so that none outlives an API server
by much.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

REQUEST_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 3.0
WATCH_SECONDS: Final = 1800
LONGEST_EVENT: Final = 16 << 20

JsonObject = dict[str, Any]


class PodLookup:
    """Reads the API server with the kubelet's certificate."""

    def __init__(self, apiserver_port: int, pki: Path) -> None:
        self._port: Final = apiserver_port
        self._tls: Final = ssl.create_default_context(cafile=str(pki / "cluster-ca.crt"))
        self._tls.load_cert_chain(pki / "kubelet.crt", pki / "kubelet.key")
        self._idle: Final[deque[tuple[float, http.client.HTTPSConnection]]] = deque()

    async def get(self, namespace: str, name: str) -> JsonObject | None:
        """The pod, or None where there is none or the API server does not answer."""
        return await self.read("pods", namespace, name)

    async def read(self, resource: str, namespace: str, name: str) -> JsonObject | None:
        """An object of the core group, or None where there is none or the API server does not answer."""
        status, found = await self.ask("GET", self.path_of(resource, namespace, name))
        return found if status == 200 else None

    def path_of(self, resource: str, namespace: str, name: str) -> str:
        """Where an object of the core group is."""
        return f"/api/v1/namespaces/{quote(namespace)}/{resource}/{quote(name)}"

    async def ask(
        self, method: str, path: str, body: JsonObject | None = None, kind: str = "application/json"
    ) -> tuple[int, JsonObject]:
        """Status and content of an answer; the status is 0 where the API server does not answer."""
        return await asyncio.to_thread(self._ask, method, path, body, kind)

    async def version(self) -> str:
        """The resourceVersion of now. Raises ConnectionError where the API server does not answer."""
        status, found = await self.ask("GET", "/api/v1/pods?limit=1")
        if status != 200:
            raise ConnectionError("the API server does not say what there is")
        return str(found["metadata"]["resourceVersion"])

    async def changes(self, version: str) -> AsyncGenerator[bytes, None]:
        """Watch events of all pods as they come, until the watch ends. Raises ConnectionError where it breaks."""
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self._port, ssl=self._tls, limit=LONGEST_EVENT
            )
        except OSError as error:
            raise ConnectionError("the API server cannot be reached") from error
        try:
            # HTTP/1.0 has no chunks: a line is an event.
            path = f"/api/v1/pods?watch=1&timeoutSeconds={WATCH_SECONDS}&resourceVersion={quote(version)}"
            writer.write(
                f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n".encode()
            )
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_SECONDS)
            if b" 200 " not in head.partition(b"\r\n")[0]:
                return
            # What an API server that dies leaves unfinished is no event.
            while (line := await reader.readline()).endswith(b"\n"):
                yield line
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            raise ConnectionError("the watch broke") from error
        finally:
            writer.close()

    def _ask(self, method: str, path: str, body: JsonObject | None, kind: str) -> tuple[int, JsonObject]:
        # What changes something is never sent twice, and so never over a connection that may be dead.
        if method == "GET" and (kept := self._kept()) is not None:
            answered = self._try(kept, method, path, body, kind)
            if answered is not None:
                return answered
        return self._try(self._fresh(), method, path, body, kind) or (0, {})

    def _try(
        self,
        connection: http.client.HTTPSConnection,
        method: str,
        path: str,
        body: JsonObject | None,
        kind: str,
    ) -> tuple[int, JsonObject] | None:
        """The answer, None where there was none; the connection is kept if it can serve again."""
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, path, content, {} if body is None else {"Content-Type": kind})
            answer = connection.getresponse()
            found: JsonObject = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            connection.close()
            return None
        self._idle.append((time.monotonic(), connection))
        return answer.status, found

    def _kept(self) -> http.client.HTTPSConnection | None:
        """A connection that was used a moment ago."""
        with contextlib.suppress(IndexError):
            while True:
                since, connection = self._idle.pop()
                if time.monotonic() - since < IDLE_SECONDS:
                    return connection
                connection.close()
        return None

    def _fresh(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "127.0.0.1", self._port, timeout=REQUEST_SECONDS, context=self._tls
        )
