"""Socket Mode: at most ten sockets, `hello`, envelopes each to one socket at random, acks, and `disconnect`.

A socket that was told to go gets nothing new and is closed ten seconds later. A half-open one looks connected and is
deaf: it gets payloads that are lost, and its pings stay unanswered, which is how a client can tell.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import WSMsgType, web

from k8sops_local_slack.delivery.outbox import Delivery
from k8sops_local_slack.world import World

MOST = 10
CLOSED_AFTER = 10.0
Reason = Literal["warning", "refresh_requested", "too_many_websockets", "link_disabled"]


@dataclass(eq=False)
class Socket:
    """One connection of the bot."""

    ws: web.WebSocketResponse
    number: int
    leaving: bool = False
    hearing: asyncio.Event = field(default_factory=asyncio.Event)
    envelopes: list[str] = field(default_factory=list)


class Sockets:
    """All sockets of the app: a carrier."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tickets: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self.open: list[Socket] = []

    def ticket(self) -> str:
        """Give an address to connect to, good for one connection."""
        ticket = self._world.ids.word()
        self._tickets.add(ticket)
        app = self._world.workspace.app.id
        return f"{self._world.address.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={app}"

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until it ends."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            raise web.HTTPForbidden(text="invalid ticket")
        self._tickets.remove(ticket)
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        self._count += 1
        socket = Socket(ws, self._count)
        socket.hearing.set()
        if len(self.open) >= MOST:
            await self._tell(socket, self._goodbye("too_many_websockets", socket))
            await ws.close()
            return ws
        self.open.append(socket)
        await self._tell(socket, self._hello())
        self._world.bell.ring()
        try:
            await self._listen(socket)
        finally:
            self._gone(socket)
        return ws

    def carry(self, delivery: Delivery, envelope_id: str) -> bool:
        """Send an envelope to one of the sockets, by chance."""
        ready = [socket for socket in self.open if not socket.leaving]
        if not ready:
            return False
        socket = self._world.ids.chance.choice(ready)
        socket.envelopes.append(envelope_id)
        envelope = {
            "envelope_id": envelope_id,
            "payload": delivery.payload,
            "type": delivery.kind,
            "accepts_response_payload": delivery.kind != "events_api",
        }
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": delivery.attempts - 1, "retry_reason": delivery.reason}
        self._run(self._tell(socket, envelope))
        return True

    def disconnect(self, reason: Reason = "refresh_requested", socket: Socket | None = None) -> None:
        """Ask sockets (all, or one) to go; all but a warning are closed ten seconds later."""
        for one in [socket] if socket else list(self.open):
            if reason != "warning":
                one.leaving = True
                self._world.clock.later(CLOSED_AFTER, lambda one=one: self._run(self._close(one)))  # type: ignore[misc]
            self._run(self._tell(one, self._goodbye(reason, one)))

    def cut(self) -> None:
        """Cut every connection without a word."""
        for socket in list(self.open):
            self._gone(socket)
            self._run(self._close(socket))

    def half_open(self) -> None:
        """Let every socket that is open now go deaf without closing."""
        for socket in self.open:
            socket.hearing.clear()

    async def stop(self) -> None:
        """Close everything: the server goes down."""
        for socket in list(self.open):
            socket.hearing.set()
            await self._close(socket)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, socket: Socket) -> None:
        while True:
            await socket.hearing.wait()
            message = await socket.ws.receive()
            if not socket.hearing.is_set():
                continue
            if message.type is WSMsgType.PING:
                await socket.ws.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self._take(message.data)
            elif message.type is not WSMsgType.PONG:
                return

    def _take(self, text: str) -> None:
        try:
            said = json.loads(text)
        except ValueError:
            return
        if isinstance(said, dict) and isinstance(said.get("envelope_id"), str):
            self._world.outbox.ack(said["envelope_id"], said.get("payload"))

    def _gone(self, socket: Socket) -> None:
        if socket in self.open:
            self.open.remove(socket)
            self._world.bell.ring()

    async def _close(self, socket: Socket) -> None:
        socket.hearing.set()
        await socket.ws.close()

    async def _tell(self, socket: Socket, what: dict[str, Any]) -> None:
        if socket.hearing.is_set() and not socket.ws.closed:
            try:
                await socket.ws.send_str(json.dumps(what))
            except ConnectionError:
                # The peer went while this was on its way: the ack's deadline will tell.
                self._gone(socket)

    def _run(self, what: Any) -> None:
        task = asyncio.get_running_loop().create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _hello(self) -> dict[str, Any]:
        app = self._world.workspace.app.id
        return {
            "type": "hello",
            "num_connections": len(self.open),
            "debug_info": {"host": "applink-local", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": app},
        }

    def _goodbye(self, reason: Reason, socket: Socket) -> dict[str, Any]:
        return {
            "type": "disconnect",
            "reason": reason,
            "debug_info": {"host": f"applink-local-{socket.number}"},
        }
