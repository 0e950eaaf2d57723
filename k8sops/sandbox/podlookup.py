"""Asks the API server for one pod, on behalf of the sandbox's kubelet; blocking work runs in a thread."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

REQUEST_SECONDS: Final = 5.0


class PodLookup:
    """A connection per question: logs are read seldom, and an idle connection would outlive the API server."""

    def __init__(self, apiserver_port: int, pki: Path) -> None:
        self._port: Final = apiserver_port
        self._tls: Final = ssl.create_default_context(cafile=str(pki / "cluster-ca.crt"))
        self._tls.load_cert_chain(pki / "kubelet.crt", pki / "kubelet.key")

    async def get(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The pod, or None where there is none or the API server does not answer."""
        return await asyncio.to_thread(self._get, namespace, name)

    def _get(self, namespace: str, name: str) -> dict[str, Any] | None:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, timeout=REQUEST_SECONDS, context=self._tls
        )
        try:
            connection.request("GET", f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(name)}")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                return None
            pod: dict[str, Any] = json.loads(body)
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()
        return pod
