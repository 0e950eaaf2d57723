"""The few requests the sandbox itself makes: probes of its processes, and its nodes.

Not for anybody else: real cluster access is `k8sops.cluster`. Every request has a deadline.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp

from k8sops.core.errors import SandboxError

REQUEST_SECONDS: Final = 60.0
PROBE_SECONDS: Final = 2.0
TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io"


class ApiClient:
    """An administrator's connection to one sandbox's API server."""

    def __init__(self, server: str, authority: Path, certificate: Path, key: Path) -> None:
        self._server: Final = server
        self._tls: Final = ssl.create_default_context(cafile=str(authority))
        self._tls.load_cert_chain(certificate, key)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> ApiClient:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=32)
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            # aiohttp gives TLS connections one turn of the loop to close.
            await asyncio.sleep(0)

    async def probe(self, url: str, seconds: float = PROBE_SECONDS) -> bool:
        """Whether the URL, a path of the API server or a whole one of another component, answers 200 in this time."""
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._open().get(self._absolute(url), timeout=timeout) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def failing_checks(self) -> tuple[str, ...] | None:
        """What keeps the API server from being ready, nothing where it is; None where it does not answer."""
        timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
        try:
            async with self._open().get(self._absolute("/readyz?verbose"), timeout=timeout) as answer:
                lines = (await answer.text()).splitlines()
                failing = tuple(line[3:].partition(" ")[0] for line in lines if line.startswith("[-]"))
                return failing if failing or answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    async def get(self, path: str) -> dict[str, Any] | None:
        """The object at the path, None where there is none. Raises SandboxError for any other refusal."""
        return await self._request("GET", path, None, {404})

    async def nodes(self) -> dict[str, bool]:
        """Each node by name, and whether it is Ready. Raises SandboxError.

        The printed table costs a tenth of the objects, which thousands of nodes make worth it.
        """
        answer = await self._request("GET", "/api/v1/nodes?includeObject=None", None, set(), accept=TABLE)
        rows = (answer or {}).get("rows") or ()
        return {row["cells"][0]: row["cells"][1].split(",")[0] == "Ready" for row in rows}

    async def create(self, path: str, manifest: Mapping[str, Any]) -> bool:
        """Create; False where the object is there already."""
        return await self._request("POST", path, manifest, {409}) is not None

    async def delete(self, path: str) -> None:
        """Delete what is at the path; its absence is no error."""
        await self._request("DELETE", path, None, {404})

    async def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        absent: set[int],
        accept: str = "application/json",
    ) -> dict[str, Any] | None:
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        headers = {"Accept": accept}
        try:
            async with self._open().request(
                method, self._absolute(path), json=body, headers=headers, timeout=timeout
            ) as answer:
                if answer.status in absent:
                    return None
                content: dict[str, Any] = await answer.json(content_type=None)
                if answer.status >= 400:
                    raise SandboxError(
                        f"{method} {path} was refused: {content.get('message', answer.status)}"
                    )
                return content
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SandboxError(
                f"the sandbox's API server did not answer {method} {path}: {str(error) or type(error).__name__}",
                hint="`k8sops sandbox status` says which process is gone",
            ) from error

    def _absolute(self, url: str) -> str:
        return url if url.startswith("https://") else f"{self._server}{url}"

    def _open(self) -> aiohttp.ClientSession:
        assert self._session is not None, "used outside `async with`"  # noqa: S101 - a defect, not a condition
        return self._session
