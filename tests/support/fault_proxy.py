"""The sandbox's fault proxy with a test's hand on it: each rule is for so many requests, each request is kept.

It goes on to the API server with the credentials of the kubeconfig it was given, and writes a kubeconfig, with a
client certificate of its own, that leads to itself. Nothing in the client is patched.
"""

from __future__ import annotations

import json
import re
import ssl
import tempfile
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from aiohttp import web
from multidict import CIMultiDict

from k8sops.cluster.credentials import Credentials, load_credentials
from k8sops.sandbox.faults.proxy import Grant, ReverseProxy
from k8sops.sandbox.faults.rules import JSON, Rule
from tests.support.certificates import Authority
from tests.support.kubeconfigs import b64, document, write


class Seen(NamedTuple):
    """A request that reached the proxy."""

    method: str
    path: str
    query: str
    headers: CIMultiDict[str]


class AsTheKubeconfigSays:
    """Every client speaks with the credentials of one kubeconfig."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @property
    def server(self) -> str:
        """Its URL, without a path."""
        return self._credentials.server

    async def grant(self, _: web.Request) -> Grant:
        """The kubeconfig's own."""
        grant = await self._credentials.grant()
        return Grant(grant.headers, grant.ssl)

    def keeps(self, _: str) -> bool:
        """Headers go on as they are."""
        return True


class FaultProxy:
    """`async with FaultProxy(kubeconfig) as proxy:` then `proxy.kubeconfig`, `proxy.fail(…)`, `proxy.seen`."""

    def __init__(self, kubeconfig: Path, *, context: str | None = None) -> None:
        self._upstream_config = kubeconfig
        self._context = context
        self._folder = tempfile.TemporaryDirectory(prefix="k8sops-proxy-")
        self.kubeconfig = Path(self._folder.name) / "kubeconfig"
        self.seen: list[Seen] = []
        self._proxy: ReverseProxy

    async def __aenter__(self) -> Self:
        upstream = await load_credentials(kubeconfig=[self._upstream_config], context=self._context)
        self._proxy = ReverseProxy(AsTheKubeconfigSays(upstream), seen=self._see)
        authority = Authority("fault proxy authority")
        tls = authority.issue("fault proxy").server_context(Path(self._folder.name))
        # It speaks as an administrator: whoever else is on this machine must not speak through it.
        tls.load_verify_locations(cadata=authority.pem.decode())
        tls.verify_mode = ssl.CERT_REQUIRED
        client = authority.issue("test", client=True)
        port = await self._proxy.start(0, tls)
        content = document(
            f"https://127.0.0.1:{port}",
            cluster={"certificate-authority-data": b64(authority.pem)},
            user={
                "client-certificate-data": b64(client.certificate),
                "client-key-data": b64(client.key),
            },
            context="fault-proxy",
            namespace=upstream.namespace,
        )
        write(self.kubeconfig, content)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._proxy.close()
        self._folder.cleanup()

    def fail(
        self,
        status: int,
        *,
        path: str = "",
        method: str = "",
        times: int = 1,
        retry_after: int | None = None,
        reason: str = "",
        message: str = "injected by the fault proxy",
        watches: bool | None = None,
    ) -> Rule:
        """Answer `times` matching requests with a Status of this code; `path` is searched as a regex.

        `watches` True or False confines the rule to watches, or to everything else.
        """
        status_object = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
        body = json.dumps({**status_object, "reason": reason, "message": message}).encode()
        headers = dict(JSON)
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return self._proxy.rules.add(
            Rule(re.compile(path), method, times, status=status, headers=headers, body=body, watches=watches)
        )

    def reset(
        self,
        *,
        path: str = "",
        method: str = "",
        times: int = 1,
        after_bytes: int | None = None,
        watches: bool | None = None,
    ) -> Rule:
        """Cut the connection: before the request goes on, or after so many bytes of the answer's body."""
        return self._proxy.rules.add(
            Rule(re.compile(path), method, times, reset=True, after_bytes=after_bytes, watches=watches)
        )

    def slow(
        self, *, path: str = "", method: str = "", times: int = 1, chunk: int = 1024, delay_s: float = 0.05
    ) -> Rule:
        """Send the body in pieces of `chunk` bytes with `delay_s` before each."""
        return self._proxy.rules.add(Rule(re.compile(path), method, times, chunk=chunk, delay_s=delay_s))

    def add(self, rule: Rule) -> Rule:
        """Put a rule of the test's own after those there are."""
        return self._proxy.rules.add(rule)

    def clear(self) -> None:
        """Forget all rules."""
        self._proxy.rules.clear()

    def pause(self) -> None:
        """Let new requests and running watches hang until `resume`."""
        self._proxy.pause()

    def resume(self) -> None:
        """End a pause."""
        self._proxy.resume()

    @property
    def open_watches(self) -> int:
        """Watches that run through the proxy now."""
        return self._proxy.open_watches

    def cut_watches(self) -> int:
        """Reset the connections of all running watches; returns how many there were."""
        return self._proxy.cut_watches()

    def expire_watches(self) -> int:
        """End all running watches with an ERROR event of 410 Expired, as the API server does; returns how many."""
        return self._proxy.expire_watches()

    def _see(self, request: web.Request) -> None:
        path, _, query = request.raw_path.partition("?")
        self.seen.append(Seen(request.method, path, query, CIMultiDict(request.headers)))
