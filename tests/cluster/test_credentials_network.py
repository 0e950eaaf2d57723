"""Credentials that need another party: a proxy, an identity provider, a server that asks for certificates."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from k8sops.cluster.credentials import load_credentials
from k8sops.cluster.transport import Transport
from k8sops.core import errors
from tests.support.certificates import Authority
from tests.support.kubeconfigs import b64, document, write
from tests.support.local_api import LocalApi, answering

DEADLINE_S = 60.0


@asynccontextmanager
async def connect_proxy(*, refuse: str = "") -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP proxy that knows CONNECT; yields its URL and the targets it was asked for."""
    targets: list[str] = []
    pumps: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        target = head.split()[1].decode()
        targets.append(target)
        if refuse:
            writer.write(f"HTTP/1.1 {refuse}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            writer.close()
            return
        # Every name leads to this machine, as a proxy in another network would resolve it.
        host, port = "127.0.0.1", target.rpartition(":")[2]
        upstream = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for source, sink in ((reader, upstream[1]), (upstream[0], writer)):
            task = asyncio.create_task(pump(source, sink))
            pumps.add(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", targets
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        server.close()
        await server.wait_closed()


async def asked(config: Path, **more: Any) -> bytes:
    """The answer to one request."""
    transport = Transport(await load_credentials(kubeconfig=[config], **more))
    try:
        return await transport.request("GET", "/x", deadline_s=DEADLINE_S)
    finally:
        await transport.aclose()


async def test_the_way_leads_through_the_proxy_and_tls_ends_at_the_server(tmp_path: Path) -> None:
    """proxy-url with tls-server-name: a cluster in a network of its own."""
    authority = Authority()
    pair = authority.issue("api", names=("inner.example",))
    async with (
        connect_proxy() as (proxy, targets),
        LocalApi(answering((200, {})), tls=pair, folder=tmp_path) as api,
    ):
        port = api.url.rpartition(":")[2]
        cluster = {
            "certificate-authority-data": b64(authority.pem),
            "proxy-url": proxy,
            "tls-server-name": "inner.example",
        }
        config = write(tmp_path / "config", document(f"https://api.nowhere:{port}", cluster=cluster))
        assert await asked(config) == b"{}"
        del cluster["proxy-url"]
        config = write(tmp_path / "config", document(f"https://api.nowhere:{port}", cluster=cluster))
        assert await asked(config, environ={"HTTPS_PROXY": proxy}) == b"{}"
    assert targets == [f"api.nowhere:{port}"] * 2


@pytest.mark.parametrize(
    ("refusal", "kind", "told"),
    [
        ("407 Proxy Authentication Required", errors.CredentialsError, "the proxy wants credentials"),
        ("502 Bad Gateway", errors.UnreachableError, "the proxy refused to connect"),
    ],
)
async def test_a_proxy_that_refuses_is_named_as_such(
    tmp_path: Path, refusal: str, kind: type[Exception], told: str
) -> None:
    """Else the search begins at the cluster."""
    async with connect_proxy(refuse=refusal) as (proxy, _):
        config = write(tmp_path / "config", document("https://api.nowhere", cluster={"proxy-url": proxy}))
        with pytest.raises(kind, match=told):
            await asked(config)


async def test_a_server_that_wants_a_certificate_we_lack_is_a_matter_of_credentials(tmp_path: Path) -> None:
    """Gateways before an API server end the connection; the alert must not read like a network fault."""
    authority = Authority()
    with demanding_server(authority, tmp_path) as url:
        cluster = {"certificate-authority-data": b64(authority.pem)}
        config = write(tmp_path / "config", document(url, cluster=cluster))
        with pytest.raises(errors.CredentialsError, match="does not accept the client certificate"):
            await asked(config)
        alice = authority.issue("alice", client=True)
        user = {"client-certificate-data": b64(alice.certificate), "client-key-data": b64(alice.key)}
        config = write(tmp_path / "config", document(url, cluster=cluster, user=user))
        assert await asked(config) == b"{}"


@contextmanager
def demanding_server(authority: Authority, folder: Path) -> Iterator[str]:
    """A server that ends TLS without a client certificate, in a thread: asyncio's server would swallow the alert."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    context = authority.issue("gateway").server_context(folder)
    context.verify_mode = ssl.CERT_REQUIRED
    # From TLS 1.3 on the refusal follows the handshake, and a reset may overtake the alert.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authority.pem.decode())
    server = HTTPServer(("127.0.0.1", 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def id_token(expires: int) -> str:
    """A token of the right shape; nobody here checks its signature."""
    payload = json.dumps({"exp": expires, "sub": "alice", "x": "~"}).encode()
    return f"aGVhZGVy.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.c2ln"


async def test_an_expired_oidc_token_is_refreshed_at_a_verified_provider(tmp_path: Path) -> None:
    """The refresh token goes to nobody whose certificate does not fit, even if the kubeconfig names no authority."""
    authority, fresh = Authority(), id_token(4102444800)
    seen: list[str] = []

    async def provider(request: web.Request) -> web.StreamResponse:
        if request.path == "/.well-known/openid-configuration":
            return web.json_response({"token_endpoint": f"https://{request.host}/token"})
        seen.append(await request.text())
        return web.json_response(
            {"id_token": fresh, "refresh_token": "r2", "access_token": "a", "token_type": "Bearer"}
        )

    async with LocalApi(provider, tls=authority.issue("idp"), folder=tmp_path) as idp:
        settings = {
            "id-token": id_token(1),
            "refresh-token": "r1",
            "client-id": "k8s",
            "client-secret": "s",
            "idp-issuer-url": idp.url,
        }
        user = {"auth-provider": {"name": "oidc", "config": settings}}
        config = write(tmp_path / "config", document("https://api", user=user))
        with pytest.raises(errors.CredentialsError, match="auth provider 'oidc' failed") as caught:
            await (await load_credentials(kubeconfig=[config])).grant()
        assert "r1" not in str(caught.value)
        assert seen == []
        settings["idp-certificate-authority-data"] = b64(authority.pem)
        config = write(tmp_path / "config", document("https://api", user=user))
        grant = await (await load_credentials(kubeconfig=[config])).grant()
    assert dict(grant.headers) == {"Authorization": f"Bearer {fresh}"}
    assert "refresh_token=r1" in seen[0]
