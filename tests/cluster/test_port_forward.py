"""Port forwarding at the wire, against a far end that reads SPDY by itself: both ways, each side's end, errors."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

from k8sops.cluster import spdy
from k8sops.cluster.port_forward import CHANNELS, TUNNEL, ChanneledStream, TunnelledStream, open_port
from k8sops.cluster.transport import Transport
from k8sops.core.errors import ClusterError, InvalidError
from k8sops.service.forwarding import joined
from tests.cluster.scripted_api import serving

PATH = "/api/v1/namespaces/shop/pods/web/portforward"
DEADLINE_S = 60


class Pod:
    """A port of a pod that answers only once the whole question was asked."""

    def __init__(self, protocols: Sequence[str], refusal: str = "") -> None:
        self.protocols = protocols
        self.refusal = refusal
        self.streams: list[dict[str, str]] = []
        self.answered_ping = False
        self._inflate = zlib.decompressobj(zdict=spdy.DICTIONARY)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=self.protocols)
        await socket.prepare(request)
        if socket.ws_protocol == TUNNEL:
            await self._tunnel(socket)
        elif socket.ws_protocol == CHANNELS:
            await self._channels(socket)
        await socket.close()
        return socket

    async def _tunnel(self, socket: web.WebSocketResponse) -> None:
        receiver, question = spdy.Receiver(), b""
        await socket.send_bytes(spdy.control(spdy.PING, struct.pack(">I", 2)))
        async for message in socket:
            assert message.type is WSMsgType.BINARY
            for frame in receiver.frames(message.data):
                if frame.kind == spdy.SYN_STREAM:
                    self.streams.append(self._headers(frame.data[10:]))
                    await socket.send_bytes(spdy.control(spdy.SYN_REPLY, struct.pack(">I", frame.stream)))
                    if self.refusal and len(self.streams) == 2:
                        await socket.send_bytes(
                            spdy.data(1, self.refusal.encode()) + spdy.data(1, b"", ends=True)
                        )
                        return
                self.answered_ping |= frame.kind == spdy.PING and frame.data == struct.pack(">I", 2)
                if frame.kind == 0 and frame.stream == 3:
                    question += frame.data
                    if frame.flags & spdy.FIN:
                        await self._answer(
                            socket, spdy.data(3, question[::-1]) + spdy.data(3, b"", ends=True)
                        )

    async def _answer(self, socket: web.WebSocketResponse, answer: bytes) -> None:
        # Nothing says that a message is a frame.
        for at in range(0, len(answer), 5):
            await socket.send_bytes(answer[at : at + 5])

    async def _channels(self, socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"\x00\x50\x00")
        await socket.send_bytes(b"\x01\x50\x00")
        message = await socket.receive()
        await socket.send_bytes(b"\x00" + message.data[:0:-1])

    def _headers(self, block: bytes) -> dict[str, str]:
        text, at, found = self._inflate.decompress(block), 4, []
        for _ in range(2 * int.from_bytes(text[:4], "big")):
            size = int.from_bytes(text[at : at + 4], "big")
            found.append(text[at + 4 : at + 4 + size].decode())
            at += 4 + size
        return dict(zip(found[::2], found[1::2], strict=True))


@asynccontextmanager
async def pod(folder: Path, *protocols: str, refusal: str = "") -> AsyncIterator[tuple[Pod, Transport]]:
    far = Pod(protocols, refusal)
    app = web.Application()
    app.router.add_get(PATH, far.handle)
    async with serving(app, folder) as transport:
        yield far, transport


async def test_a_client_that_ends_its_side_still_reads_the_answer(tmp_path: Path) -> None:
    """`printf question | nc` is how databases are dumped and queues drained; kubectl's forwards let it through."""
    async with pod(tmp_path, TUNNEL, CHANNELS) as (far, transport):

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async with open_port(transport, PATH, 5432) as stream:
                await joined(stream, reader, writer)
            writer.close()

        server = await asyncio.start_server(carry, "127.0.0.1", 0)
        async with server, asyncio.timeout(DEADLINE_S):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"who is there")
            writer.write_eof()
            assert await reader.read() == b"ereht si ohw"
            writer.close()
    assert [(one["streamtype"], one["port"]) for one in far.streams] == [("error", "5432"), ("data", "5432")]
    assert far.streams[0]["requestid"] == far.streams[1]["requestid"]
    assert far.answered_ping


async def test_an_older_server_is_spoken_to_in_the_older_way(tmp_path: Path) -> None:
    """Before 1.30 nobody there knows the tunnel."""
    async with pod(tmp_path, CHANNELS) as (_, transport), open_port(transport, PATH, 80) as stream:
        assert isinstance(stream, ChanneledStream)
        await stream.send(b"abc")
        async with aclosing(stream.received()) as pieces:
            assert [piece async for piece in pieces] == [b"cba"]


async def test_what_the_kubelet_tells_of_an_error_is_told_on_one_line(tmp_path: Path) -> None:
    """That nothing listens there is the most common trouble with a forwarded port."""
    said = "error forwarding port 80:\nconnection refused"
    async with (
        pod(tmp_path, TUNNEL, refusal=said) as (_, transport),
        open_port(transport, PATH, 80) as stream,
    ):
        assert isinstance(stream, TunnelledStream)
        with pytest.raises(ClusterError, match="error forwarding port 80: connection refused"):
            async with aclosing(stream.received()) as pieces:
                assert [piece async for piece in pieces] == []


async def test_a_server_that_speaks_neither_is_told_so(tmp_path: Path) -> None:
    """Bytes in an unknown protocol must not reach anybody."""
    async with pod(tmp_path) as (_, transport):
        with pytest.raises(InvalidError, match="speaks neither"):
            async with open_port(transport, PATH, 80):
                raise AssertionError("it began")


def test_frames_that_are_none_are_refused() -> None:
    """A length of sixteen megabytes would be waited for, and kept."""
    with pytest.raises(spdy.BrokenFrameError):
        list(spdy.Receiver().frames(b"\x00\x00\x00\x03\x00\xff\xff\xff"))
    with pytest.raises(spdy.BrokenFrameError, match="version 2"):
        list(spdy.Receiver().frames(b"\x80\x02\x00\x01\x00\x00\x00\x00"))
