"""The transport against a server that misbehaves: retries, deadlines, limits, TLS, views."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from k8sops.cluster.identity import Impersonation
from k8sops.cluster.transport import Transport
from k8sops.core import errors
from k8sops.core.clock import SystemClock
from tests.support.certificates import Authority, Pair
from tests.support.clients import transport_of
from tests.support.kubeconfigs import b64, document, write
from tests.support.local_api import Handler, LocalApi, answering, silent, status


class QuickClock(SystemClock):
    """Waits for nothing and remembers how long it would have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@asynccontextmanager
async def transport_to(
    url: str, folder: Path, *, cluster: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[Transport]:
    """A transport to this server, closed at the end."""
    config = write(folder / "config", document(url, cluster=cluster))
    async with transport_of(config, **more) as transport:
        yield transport


@asynccontextmanager
async def both(handler: Handler, folder: Path, **more: Any) -> AsyncIterator[tuple[LocalApi, Transport]]:
    """A server and a transport to it."""
    async with LocalApi(handler) as api, transport_to(api.url, folder, **more) as transport:
        yield api, transport


def failing(code: int, **headers: str) -> web.Response:
    """A failed answer."""
    return web.Response(status=code, body=status(code), headers=headers)


async def test_a_throttled_request_waits_as_long_as_the_server_says(tmp_path: Path) -> None:
    """429 with Retry-After is the API server's priority and fairness at work: it did not do anything yet."""
    clock = QuickClock()
    handler = answering(failing(429, **{"Retry-After": "2"}), (200, {"ok": True}))
    async with both(handler, tmp_path, clock=clock) as (api, transport):
        assert await transport.request("POST", "/x", body=b"{}") == b'{"ok": true}'
        assert len(api.requests) == 2
    assert 2 <= clock.slept[0] <= 2.1


async def test_a_wait_longer_than_the_deadline_is_not_begun(tmp_path: Path) -> None:
    """The user learns at once what the server said, not after the deadline that nothing came."""
    clock = QuickClock()
    async with both(answering(failing(429, **{"Retry-After": "60"})), tmp_path, clock=clock) as (
        _,
        transport,
    ):
        with pytest.raises(errors.TooManyRequestsError) as caught:
            await transport.request("GET", "/x", deadline_s=5)
    assert caught.value.retry_after == 60
    assert clock.slept == []


async def test_an_evictions_429_is_given_on_at_once(tmp_path: Path) -> None:
    """It is a disruption budget's answer, and the drain decides when to ask again."""
    async with both(answering(failing(429, **{"Retry-After": "1"})), tmp_path) as (api, transport):
        with pytest.raises(errors.TooManyRequestsError):
            await transport.request("POST", "/x", body=b"{}", retry_429=False)
        assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("method", "repeatable", "sent"),
    [("GET", None, 2), ("GET", False, 1), ("POST", None, 1), ("PATCH", None, 1), ("PATCH", True, 2)],
)
async def test_only_what_may_be_repeated_is_repeated_after_a_server_error(
    tmp_path: Path, method: str, repeatable: bool | None, sent: int
) -> None:
    """A mutation answered by 500 may have happened; sending it again could do it twice."""
    handler = answering(failing(500), (200, {}))
    async with both(handler, tmp_path, clock=QuickClock()) as (api, transport):
        try:
            await transport.request(method, "/x", repeatable=repeatable)
        except errors.ServerError:
            assert sent == 1
        assert len(api.requests) == sent


@pytest.mark.parametrize(("method", "sent"), [("GET", 2), ("POST", 1)])
async def test_a_reset_in_the_middle_is_repeated_only_for_reads(
    tmp_path: Path, method: str, sent: int
) -> None:
    """Same rule where the answer got lost on the way."""
    count = 0

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        if count == 1:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({})

    async with both(handle, tmp_path, clock=QuickClock()) as (api, transport):
        asked = transport.request(method, "/x", body=None if method == "GET" else b"{}")
        if method == "GET":
            assert await asked == b"{}"
        else:
            with pytest.raises(errors.UnreachableError, match="was lost"):
                await asked
        assert len(api.requests) == sent


async def test_a_refused_connection_is_tried_again_for_any_verb_and_then_told(tmp_path: Path) -> None:
    """Nothing was sent, so nothing can happen twice; a restarting API server costs a second, not a failure."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    clock = QuickClock()
    async with transport_to(f"https://127.0.0.1:{port}", tmp_path, clock=clock) as transport:
        with pytest.raises(errors.UnreachableError) as caught:
            await transport.request("POST", "/x", body=b"{}")
    assert (
        f"https://127.0.0.1:{port} (context 'test') cannot be reached: connection refused"
        in caught.value.message
    )
    assert len(clock.slept) == 5
    assert clock.slept == sorted(clock.slept)


async def test_a_deadline_says_what_it_waited_for(tmp_path: Path) -> None:
    """A hanging server must not hang the program, and the message must name the object."""
    async with both(silent, tmp_path) as (_, transport):
        began = time.monotonic()
        with pytest.raises(errors.DeadlineError, match=r"deployment shop/web.*within 0\.2 s"):
            await transport.request("GET", "/x", deadline_s=0.2, subject="deployment shop/web")
        assert time.monotonic() - began < 30


async def test_at_most_so_many_requests_are_in_flight(tmp_path: Path) -> None:
    """A planner that asks for a thousand objects at once must not flood the API server."""
    running = most = 0

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return web.json_response({})

    async with both(handle, tmp_path, max_in_flight=3) as (_, transport):
        await asyncio.gather(*(transport.request("GET", "/x") for _ in range(12)))
    assert most == 3


async def test_a_stream_gives_its_slot_back_once_it_runs(tmp_path: Path) -> None:
    """Sixteen open watches must not block every request behind them."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.json_response({})
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first\n")
        await asyncio.Event().wait()
        return response

    async with (
        both(handle, tmp_path, max_in_flight=1) as (_, transport),
        transport.stream("/x", query={"watch": "true"}) as body,
    ):
        assert await body.readline() == b"first\n"
        assert await transport.request("GET", "/x", deadline_s=60) == b"{}"


async def test_a_stream_that_falls_silent_ends_at_its_read_timeout(tmp_path: Path) -> None:
    """A connection whose other end is gone says nothing for ever."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    async with both(handle, tmp_path) as (_, transport):
        with pytest.raises(errors.DeadlineError, match="fell silent"):
            async with transport.stream("/x", read_timeout_s=0.2) as body:
                await body.read()


async def test_a_failed_stream_is_told_like_a_failed_request(tmp_path: Path) -> None:
    """The reflector decides by the error's kind."""
    async with both(answering(failing(410)), tmp_path) as (_, transport):
        with pytest.raises(errors.GoneError):
            async with transport.stream("/x"):
                pass


async def test_the_run_is_named_in_the_user_agent_of_its_own_requests_only(tmp_path: Path) -> None:
    """The API server's audit log then leads from a change to the run that made it."""
    async with both(answering((200, {})), tmp_path) as (api, transport):
        await transport.for_run("01HX").request("GET", "/x")
        await transport.request("GET", "/x")
        agents = [request.headers["User-Agent"] for request in api.requests]
    assert agents[0].endswith(" (run 01HX)")
    assert agents[0].startswith("k8sops/")
    assert "run" not in agents[1]


async def test_several_groups_and_extra_values_are_each_a_header(tmp_path: Path) -> None:
    """The official client cannot send more than one group."""
    whom = Impersonation(user="bob", uid="7", groups=("ops", "dev"), extra={"acme.io/scope": ("a", "b")})
    async with both(answering((200, {})), tmp_path, impersonate=whom) as (api, transport):
        await transport.request("GET", "/x")
        headers = api.requests[0].headers
    assert headers.getall("Impersonate-Group") == ["ops", "dev"]
    assert headers.getall("Impersonate-Extra-acme.io%2Fscope") == ["a", "b"]
    assert (headers["Impersonate-User"], headers["Impersonate-Uid"]) == ("bob", "7")


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """It would carry the token to whoever the answer names."""
    away = web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})
    async with both(answering(away), tmp_path) as (_, transport):
        with pytest.raises(errors.ClusterError, match="302"):
            await transport.request("GET", "/x")


async def test_a_compressed_answer_arrives_plain(tmp_path: Path) -> None:
    """API servers compress large answers to remote clients."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.Response(body=b"x" * 100_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async with both(handle, tmp_path) as (_, transport):
        assert await transport.request("GET", "/x") == b"x" * 100_000


@pytest.mark.parametrize(
    ("code", "kind"),
    [(403, errors.ForbiddenError), (404, errors.NotFoundError), (401, errors.CredentialsError)],
)
async def test_a_refused_websocket_is_told_like_a_refused_request(
    tmp_path: Path, code: int, kind: type[Exception]
) -> None:
    """exec on a pod that is gone must not read like a network fault."""
    async with both(answering(failing(code)), tmp_path) as (_, transport):
        with pytest.raises(kind, match=r"pod shop/web|credentials"):
            await transport.websocket("/x", protocols=["v5.channel.k8s.io"], subject="pod shop/web")


async def tls_failure(folder: Path, pair: Pair, authority: bytes, **cluster: str) -> errors.K8sOpsError:
    """How a TLS connection to a server with this certificate fails."""
    data = {"certificate-authority-data": b64(authority), **cluster}
    async with (
        LocalApi(answering((200, {})), tls=pair, folder=folder) as api,
        transport_to(api.url, folder, cluster=data) as transport,
    ):
        with pytest.raises(errors.K8sOpsError) as caught:
            await transport.request("GET", "/x")
        assert not api.requests
        return caught.value


async def test_an_expired_server_certificate_is_one_clear_sentence(tmp_path: Path) -> None:
    """Clusters die of this every day, and the ssl module's text does not help."""
    authority = Authority()
    error = await tls_failure(tmp_path, authority.issue("api", expired=True), authority.pem)
    assert isinstance(error, errors.TlsError)
    assert error.message.endswith("the server's certificate has expired")


async def test_a_wrong_authority_is_one_clear_sentence(tmp_path: Path) -> None:
    """The cluster was made anew, or somebody is in between."""
    error = await tls_failure(tmp_path, Authority().issue("api"), Authority("other").pem)
    assert isinstance(error, errors.TlsError)
    assert "not signed by the authority" in error.message


async def test_a_certificate_for_another_name_is_one_clear_sentence(tmp_path: Path) -> None:
    """Reached by an address that the certificate does not list."""
    authority = Authority()
    error = await tls_failure(tmp_path, authority.issue("api", names=("api.example",)), authority.pem)
    assert isinstance(error, errors.TlsError)
    assert "for another name" in error.message


async def test_tls_server_name_says_which_name_to_expect(tmp_path: Path) -> None:
    """Through a tunnel the address is not the certificate's name."""
    authority = Authority()
    pair = authority.issue("api", names=("api.example",))
    data = {"certificate-authority-data": b64(authority.pem), "tls-server-name": "api.example"}
    async with (
        LocalApi(answering((200, {})), tls=pair, folder=tmp_path) as api,
        transport_to(api.url, tmp_path, cluster=data) as transport,
    ):
        assert await transport.request("GET", "/x") == b"{}"


async def test_a_server_without_tls_is_told(tmp_path: Path) -> None:
    """https in the kubeconfig, http on the port: a common slip."""
    async with (
        LocalApi(answering((200, {}))) as api,
        transport_to(api.url.replace("http:", "https:"), tmp_path) as transport,
    ):
        with pytest.raises(errors.TlsError, match="does not speak TLS"):
            await transport.request("GET", "/x")
