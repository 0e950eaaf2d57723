"""A way to the API server that swallows everything: no reset, no end, only silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from k8sops.cluster import pulse
from k8sops.cluster.live import LiveTable
from k8sops.cluster.transport import Transport
from k8sops.core.tables import FeedState
from tests.cluster.scripted_api import PATH, ScriptedApi, scripted_api, write_kubeconfig
from tests.cluster.test_live import names, until
from tests.support.clients import transport_of
from tests.tui.feeds import START, FixedClock


class Tunnel:
    """Relays TCP to a port, until it swallows: then no byte comes through, and no connection ends."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open = asyncio.Event()
        self._open.set()
        self.swallowed = asyncio.Event()
        """Set by the first that did not come through."""
        self.port = 0

    def swallow(self, swallows: bool) -> None:
        """From now on, or no longer."""
        self._open.clear() if swallows else self._open.set()

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Tunnel]:
        async with AsyncExitStack() as ends:
            server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
            ends.callback(server.close)
            self.port = server.sockets[0].getsockname()[1]
            self._tasks = set[asyncio.Task[None]]()
            try:
                yield self
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        for one in (self._pass(reader, back), self._pass(there, writer)):
            task = asyncio.create_task(one)
            self._tasks.add(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if not self._open.is_set():
                    self.swallowed.set()
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.transport.abort()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline of a question, short enough for a test."""
    monkeypatch.setattr(pulse, "DEADLINE_S", 0.5)


@asynccontextmanager
async def tunnelled(folder: Path, clock: FixedClock) -> AsyncIterator[tuple[ScriptedApi, Tunnel, Transport]]:
    async with scripted_api(folder) as (api, direct):
        tunnel = Tunnel(int(direct.server.rpartition(":")[2]))
        async with tunnel.up(), transport_of(write_kubeconfig(folder, tunnel.port), clock=clock) as transport:
            yield api, tunnel, transport


@pytest.mark.usefixtures("impatient")
async def test_a_swallowed_connection_is_noticed_and_dated_from_what_was_last_heard(tmp_path: Path) -> None:
    """A VPN that is gone resets nothing: a table that goes on saying `live` is believed."""
    clock = FixedClock()
    async with tunnelled(tmp_path, clock) as (api, tunnel, transport):
        api.put("web-1")
        table = LiveTable(transport, PATH, clock=clock, subject="pods", ask_after_s=0.2)
        try:
            await until(table, lambda: table.state is FeedState.LIVE and api.watching == 1, "live")
            tunnel.swallow(True)
            await tunnel.swallowed.wait()
            clock.forward(60)
            await until(table, lambda: table.state is FeedState.STALE, "stale")
            assert table.stale_since == START
            assert names(table) == ["web-1"]
            assert "sent no headers within" in table.trouble
            api.put("web-2")
            tunnel.swallow(False)
            await until(table, lambda: table.state is FeedState.LIVE, "live again")
            await until(table, lambda: names(table) == ["web-1", "web-2"], "what happened meanwhile")
        finally:
            await table.aclose()


async def test_a_quiet_watch_of_a_server_that_answers_stays_live(tmp_path: Path) -> None:
    """On a quiet cluster a watch says nothing for a minute; a refusal is an answer too (there is no /readyz here)."""
    clock = FixedClock()
    async with tunnelled(tmp_path, clock) as (api, _, transport):
        table = LiveTable(transport, PATH, clock=clock, subject="pods", ask_after_s=0.05)
        try:
            await until(table, lambda: table.state is FeedState.LIVE and api.watching == 1, "live")
            await until(table, lambda: transport.pulse.answered_at is not None, "a question")
            clock.forward(30)
            late = clock.now()
            await until(table, lambda: transport.pulse.answered_at == late, "another question")
            assert table.state is FeedState.LIVE
            assert api.watching == 1
        finally:
            await table.aclose()


async def test_many_who_want_to_know_are_one_question(tmp_path: Path) -> None:
    """An overview has a dozen watches; the server is asked once for all of them."""
    asked: list[str] = []

    async with scripted_api(tmp_path) as (_, transport):
        stream = transport.stream

        def counted(path: str, **options: object) -> object:
            asked.append(path)
            return stream(path, **options)  # type: ignore[arg-type]

        transport.stream = counted  # type: ignore[method-assign, assignment]
        await asyncio.gather(*(transport.pulse.ask(60) for _ in range(12)))
        await transport.pulse.ask(60)
    assert asked == ["/readyz"]
