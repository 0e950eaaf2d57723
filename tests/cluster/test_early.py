"""Reads sent before the HTTP client is loaded: the same questions, the same answers, and in doubt the HTTP client's."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from k8sops.cluster import early
from k8sops.cluster.identity import Impersonation
from k8sops.cluster.live import LiveTable
from k8sops.cluster.transport import Transport
from k8sops.core import errors
from k8sops.core.clock import SystemClock
from tests.cluster.scripted_api import PODS, ScriptedApi, write_kubeconfig
from tests.support.certificates import Authority
from tests.support.clients import transport_of
from tests.support.kubeconfigs import b64, document, write
from tests.support.local_api import Handler, LocalApi, answering, silent, status

DEADLINE_S = 60.0
TOKEN = "read-by-nobody-else"


@asynccontextmanager
async def reading(
    handler: Handler, folder: Path, *, is_early: bool = True, **more: Any
) -> AsyncIterator[tuple[LocalApi, Transport]]:
    """A server, and a transport that has not loaded its HTTP client."""
    async with LocalApi(handler) as api:
        config = write(folder / "config", document(api.url, user={"token": TOKEN}))
        async with transport_of(config, early=is_early, **more) as transport:
            yield api, transport


@pytest.fixture(autouse=True)
def _held_back_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a test takes longer than a start."""
    monkeypatch.setattr(early, "HELD_BACK_S", 600.0)


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(DEADLINE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for is in another task
            await asyncio.sleep(0.01)


async def test_a_read_waits_for_no_client_and_a_change_waits_until_reading_early_is_over(
    tmp_path: Path,
) -> None:
    """Loading the client beside the screen would hold up the first frame, which is what reading early is for."""
    async with reading(answering((200, {"ok": True})), tmp_path) as (api, transport):
        assert json.loads(await transport.request("GET", "/first", query={"limit": "5"})) == {"ok": True}
        assert json.loads(await transport.request("GET", "/second")) == {"ok": True}
        assert [request.rel_url.raw_path_qs for request in api.requests] == ["/first?limit=5", "/second"]
        assert api.requests[0].transport is api.requests[1].transport
        change = asyncio.create_task(transport.request("POST", "/change", body=b"{}"))
        assert json.loads(await transport.request("GET", "/third")) == {"ok": True}
        assert not change.done()
        assert [request.method for request in api.requests] == ["GET"] * 3
        transport.end_early()
        await change
        assert api.requests[-1].path == "/change"


async def test_the_server_cannot_tell_an_early_read_from_any_other(tmp_path: Path) -> None:
    """As somebody else, or without a header, it would be another question under another policy."""
    heads = []
    who = Impersonation(user="renée", groups=("ops", "dev"), extra={"scope": ("a", "b")})
    for is_early in (True, False):
        handler = answering((200, {}))
        async with reading(handler, tmp_path, is_early=is_early, impersonate=who) as (api, transport):
            await transport.for_run("r1").request("GET", "/x%20y%2F", query={"a": "b c"}, accept="text/plain")
            (request,) = api.requests
            named = sorted((name.lower(), value) for name, value in request.headers.items() if name != "Host")
            heads.append((request.raw_path, named))
            assert ("authorization", f"Bearer {TOKEN}") in named
    assert heads[0] == heads[1]


def _compressed() -> web.Response:
    return web.Response(body=gzip.compress(b"told"), headers={"Content-Encoding": "gzip"})


async def _in_chunks(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for part in (b"to", b"ld"):
        await response.write(part)
    await response.write_eof()
    return response


@pytest.mark.parametrize(
    "handler",
    [answering(web.Response(body=b"told")), answering(_compressed()), _in_chunks],
    ids=["whole", "compressed", "in chunks"],
)
async def test_an_answer_is_read_in_every_form_a_server_gives_it(handler: Handler, tmp_path: Path) -> None:
    """Twice, since what is left of one answer would be taken for the beginning of the next."""
    async with reading(handler, tmp_path) as (api, transport):
        assert [await transport.request("GET", "/x") for _ in range(2)] == [b"told", b"told"]
        assert api.requests[0].transport is api.requests[1].transport


@pytest.mark.parametrize(("code", "kind"), [(403, errors.ForbiddenError), (404, errors.NotFoundError)])
async def test_what_is_refused_or_not_there_is_told_at_once(
    code: int, kind: type[errors.K8sOpsError], tmp_path: Path
) -> None:
    """Many may not read kube-system: for them, too, the first rows are not to wait for the client."""
    said = []
    for is_early in (True, False):
        answer = web.Response(status=code, body=status(code, message="the server's own words"))
        async with reading(answering(answer), tmp_path, is_early=is_early) as (api, transport):
            with pytest.raises(kind) as caught:
                await transport.request("GET", "/x", subject="pod shop/web")
            said.append((caught.value.message, caught.value.hint, caught.value.code))
            assert len(api.requests) == 1
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=500, body=status(500)),
        web.Response(status=429, body=status(429), headers={"Retry-After": "0"}),
        web.Response(status=302, headers={"Location": "/elsewhere"}),
        web.Response(body=b"told", headers={"Content-Encoding": "br"}),
    ],
    ids=["failed", "throttled", "sent elsewhere", "compressed as never asked for"],
)
async def test_any_other_answer_is_the_http_client_s_to_judge(answer: web.Response, tmp_path: Path) -> None:
    """It knows what to repeat, what to renew and what to say; there must be no second opinion."""
    async with reading(answering(answer, (200, {"ok": True})), tmp_path) as (api, transport):
        assert json.loads(await transport.request("GET", "/x")) == {"ok": True}
        await transport.request("POST", "/y", body=b"{}")
        assert [request.path for request in api.requests] == ["/x", "/x", "/y"]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ncut",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nraw",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (2 << 20),
    ],
    ids=["nothing", "no HTTP", "cut", "no chunk", "no length", "not compressed", "endless head"],
)
async def test_what_is_no_answer_changes_nothing(said: bytes, tmp_path: Path) -> None:
    """The read is asked again by the client, as if nobody had tried."""
    answers = [said, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntold"]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with transport_of(write(tmp_path / "config", document(url)), early=True) as transport:
            assert await transport.request("GET", "/x") == b"told"
    assert answers == []


@pytest.mark.parametrize("is_early", [True, False])
async def test_a_server_that_is_not_there_is_told_as_ever(is_early: bool, tmp_path: Path) -> None:
    """The sentence and its hint are the client's."""
    config = write(tmp_path / "config", document("https://127.0.0.1:1"))
    async with transport_of(config, early=is_early) as transport:
        with pytest.raises(errors.UnreachableError, match="connection refused"):
            await transport.request("GET", "/x", deadline_s=0.5)


@pytest.mark.parametrize(
    ("issued_for", "told"), [("127.0.0.1", {}), ("api.inner", {"tls-server-name": "api.inner"})]
)
async def test_only_the_server_that_the_kubeconfig_means_is_believed(
    issued_for: str, told: dict[str, str], tmp_path: Path
) -> None:
    """An early read sends the token to nobody else: not under another authority, and not under another name."""
    ours, other = Authority("ours"), Authority("another")
    pair = ours.issue("server", names=(issued_for,))
    async with LocalApi(answering((200, {"ok": True})), tls=pair, folder=tmp_path) as api:
        for authority, name, is_believed in (
            (ours, told, True),
            (other, told, False),
            (ours, {"tls-server-name": "somebody.else"}, False),
        ):
            cluster = {"certificate-authority-data": b64(authority.pem), **name}
            config = write(tmp_path / "config", document(api.url, cluster=cluster, user={"token": TOKEN}))
            async with transport_of(config, early=True) as transport:
                if is_believed:
                    assert json.loads(await transport.request("GET", "/x")) == {"ok": True}
                else:
                    with pytest.raises(
                        errors.TlsError, match=r"not signed by the authority|for another name"
                    ):
                        await transport.request("GET", "/x")
        assert len(api.requests) == 1


async def test_a_server_that_is_silent_keeps_to_the_deadline(tmp_path: Path) -> None:
    """An early read has no time beside the request's own."""
    async with reading(silent, tmp_path) as (_, transport):
        with pytest.raises(errors.DeadlineError, match=r"did not answer within 0\.3 s"):
            await transport.request("GET", "/x", deadline_s=0.3)


async def test_an_abandoned_question_leaves_its_answer_to_nobody(tmp_path: Path) -> None:
    """On the same connection it would be the answer to the next question: another object's, perhaps."""
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/slow":
            asked.set()
            await may_answer.wait()
        return web.Response(text=request.path)

    async with reading(handle, tmp_path) as (_, transport):
        slow = asyncio.create_task(transport.request("GET", "/slow"))
        await asked.wait()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        may_answer.set()
        assert await transport.request("GET", "/quick") == b"/quick"


async def _read_twice(transport: Transport) -> None:
    await transport.request("GET", "/x")
    transport.end_early()


async def _only_closed(transport: Transport) -> None:
    await transport.request("GET", "/x")
    await transport.aclose()


@pytest.mark.parametrize("leave", [_read_twice, _only_closed])
async def test_no_connection_is_left(leave: Callable[[Transport], Awaitable[None]], tmp_path: Path) -> None:
    """Whether the screen came up or was left before."""
    async with reading(answering((200, {})), tmp_path) as (api, transport):
        await leave(transport)
        await until(lambda: api.requests[0].transport is None or api.requests[0].transport.is_closing())


async def test_nobody_waits_for_long_where_no_rows_are_ever_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kind that does not exist shows no rows, and who we are is to be told all the same."""
    monkeypatch.setattr(early, "HELD_BACK_S", 0.01)
    async with reading(answering((200, {"ok": True})), tmp_path) as (_, transport):
        assert json.loads(await transport.request("POST", "/x", body=b"{}")) == {"ok": True}


async def test_a_proxy_is_the_http_client_s(tmp_path: Path) -> None:
    """A read that went past it would go where the network does not lead, or where it should not."""
    async with LocalApi(answering((200, {"proxied": True}))) as proxy:
        cluster = {"proxy-url": proxy.url}
        config = write(tmp_path / "config", document("http://nowhere.invalid:80", cluster=cluster))
        async with transport_of(config, early=True) as transport:
            assert json.loads(await transport.request("GET", "/x")) == {"proxied": True}


async def test_a_line_break_begins_no_header(tmp_path: Path) -> None:
    """What the client refuses to send is not sent before it either."""
    async with reading(answering((200, {})), tmp_path) as (api, transport):
        with pytest.raises(ValueError, match=r"(?i)header|newline|character"):
            await transport.request("GET", "/x", accept="a\r\nX-Injected: b")
        assert api.requests == []


async def test_the_first_screenful_is_there_before_the_client_and_then_kept_true(tmp_path: Path) -> None:
    """What is seen at once are rows like any others: the rest joins them, and they change and go."""
    api = ScriptedApi()
    for number in range(250):
        api.put(f"web-{number:03d}")
    app = web.Application()
    app.router.add_get(PODS, api.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config = write_kubeconfig(tmp_path, runner.addresses[0][1])
    async with transport_of(config, early=True) as transport:
        table = LiveTable(transport, "/api/v1/pods", clock=SystemClock(), subject="pods")
        await until(lambda: len(table.rows) == 100)
        assert [request["limit"] for request in api.requests] == ["100"]
        transport.end_early()
        await until(lambda: len(table.rows) == 250)
        assert [request.get("limit") for request in api.requests][:2] == ["100", "500"]
        await until(lambda: api.watching)
        api.drop("web-000")
        await until(lambda: table.rows[0].name == "web-001")
        await table.aclose()
    await runner.cleanup()
