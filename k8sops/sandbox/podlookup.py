"""Asks the API server for pods and what they mount, for the sandbox's kubelet; blocking work runs in a thread."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

REQUEST_SECONDS: Final = 5.0

JsonObject = dict[str, Any]


class PodLookup:
    """A connection per question: logs are read seldom, and an idle connection would outlive the API server."""

    def __init__(self, apiserver_port: int, pki: Path) -> None:
        self._port: Final = apiserver_port
        self._tls: Final = ssl.create_default_context(cafile=str(pki / "cluster-ca.crt"))
        self._tls.load_cert_chain(pki / "kubelet.crt", pki / "kubelet.key")

    async def get(self, namespace: str, name: str) -> JsonObject | None:
        """The pod, or None where there is none or the API server does not answer."""
        return await self.read("pods", namespace, name)

    async def read(self, resource: str, namespace: str, name: str) -> JsonObject | None:
        """An object of the core group, or None where there is none or the API server does not answer."""
        status, found = await self.ask(
            "GET", f"/api/v1/namespaces/{quote(namespace)}/{resource}/{quote(name)}"
        )
        return found if status == 200 else None

    async def ask(
        self, method: str, path: str, body: JsonObject | None = None, kind: str = "application/json"
    ) -> tuple[int, JsonObject]:
        """Status and content of an answer; the status is 0 where the API server does not answer."""
        return await asyncio.to_thread(self._ask, method, path, body, kind)

    def _ask(self, method: str, path: str, body: JsonObject | None, kind: str) -> tuple[int, JsonObject]:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, timeout=REQUEST_SECONDS, context=self._tls
        )
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, path, content, {} if body is None else {"Content-Type": kind})
            answer = connection.getresponse()
            found: JsonObject = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return 0, {}
        finally:
            connection.close()
        return answer.status, found
