"""A local port that leads to a port of a pod; where the pod is replaced, the next connection leads to its successor.

Each local connection is one WebSocket. Only the loopback interface is listened on.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Final

from k8sops.cluster.client_base import PODS
from k8sops.cluster.paths import object_path
from k8sops.cluster.port_forward import PortStream, open_port
from k8sops.core.clock import Clock
from k8sops.core.errors import InvalidError, K8sOpsError, NotFoundError, ServerError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.sessions import SessionWanted
from k8sops.service.session_pods import is_ready, pod_of, replacement_of

if TYPE_CHECKING:
    from k8sops.cluster.client import KubeCluster
    from k8sops.service.session_records import Tally

LOOPBACK: Final = "127.0.0.1"
PIECE: Final = 64 << 10
LINGER_S: Final = 10.0
"""How long the connection is held open for one side, where nobody can tell whether that side has more to say."""


class PortForwarding:
    """`core.sessions.Forwarding`, from `begin` to `end`."""

    def __init__(self, cluster: KubeCluster, wanted: SessionWanted, pod: JsonObject, clock: Clock) -> None:
        self.wanted: Final = wanted
        self.since: Final = clock.now()
        self.local_port = wanted.local_port
        self.connections = 0
        self.trouble = ""
        self._well = 0
        self._cluster = cluster
        self._pod = pod
        self._tally: Tally | None = None
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def id(self) -> str:
        """The session's."""
        return self._tally.id if self._tally is not None else ""

    @property
    def pod(self) -> str:
        """The pod it leads to now."""
        return str(self._pod["metadata"]["name"])

    async def begin(self, session: AbstractAsyncContextManager[Tally]) -> None:
        """Listen, once the session is on record. Raises UsageError where the port is taken."""
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(session, begun), name=f"forward {self.wanted.name}")
        await begun

    async def end(self) -> None:
        """Stop listening, cut what is open, and put the end on record."""
        self._over.set()
        if self._task is not None:
            await self._task

    async def _hold(self, session: AbstractAsyncContextManager[Tally], begun: asyncio.Future[None]) -> None:
        """One task opens and closes the session, as its context wants."""
        try:
            async with session as tally:
                self._tally = tally
                try:
                    self._server = await asyncio.start_server(self._serve, LOOPBACK, self.wanted.local_port)
                except OSError as error:
                    raise UsageError(
                        f"port {self.wanted.local_port} of this machine cannot be listened on: {error.strerror}",
                        hint="choose another local port",
                    ) from error
                self.local_port = self._server.sockets[0].getsockname()[1]
                tally.data["local_port"] = self.local_port
                begun.set_result(None)
                await self._over.wait()
                self._server.close()
                for task in self._open:
                    task.cancel()
                await asyncio.gather(*self._open, return_exceptions=True)
                tally.data |= {"connections": self.connections, "pod": self.pod}
        except K8sOpsError as error:
            if begun.done():
                raise
            begun.set_exception(error)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of its own: a server's callback that is cancelled is reported as a failure of the program.
        self.connections += 1
        number = self.connections
        task = asyncio.create_task(self._carry(number, reader, writer))
        self._open.add(task)
        try:
            await asyncio.wait({task})
        finally:
            self._open.discard(task)
            task.cancel()
            writer.close()
        error = None if task.cancelled() else task.exception()
        # Else the local side went away, and nobody is left to tell; nor of interest, once a later connection was well.
        if isinstance(error, K8sOpsError) and number >= self._well:
            self.trouble = error.message

    async def _carry(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with AsyncExitStack() as stack:
            try:
                stream = await stack.enter_async_context(self._stream())
            except (NotFoundError, InvalidError, ServerError):
                self._pod = await self._successor()
                stream = await stack.enter_async_context(self._stream())
            # All is well from now on, not only once this connection has ended.
            self._well, self.trouble = max(self._well, number), ""
            await joined(stream, reader, writer)

    def _stream(self) -> AbstractAsyncContextManager[PortStream]:
        path = object_path(PODS, self.pod, self.wanted.namespace, "portforward")
        return open_port(self._cluster.transport, path, self.wanted.port, subject=self.wanted.said)

    async def _successor(self) -> JsonObject:
        if self.wanted.of != "pods":
            return await pod_of(self._cluster, self.wanted)
        try:
            again = await self._cluster.get(PODS, self.wanted.name, self.wanted.namespace)
            if is_ready(again):
                return again
        except NotFoundError:
            pass
        return await replacement_of(self._cluster, self._pod, self.wanted)


async def joined(stream: PortStream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until both sides have ended; each may end its own and go on listening, where the API server can say so.

    Where it cannot, the pod has its time to answer once the local side has ended.
    """

    async def inward() -> None:
        async with aclosing(stream.received()) as pieces:
            async for data in pieces:
                writer.write(data)
                await writer.drain()
        if stream.half_closes and writer.can_write_eof():
            writer.write_eof()

    async def outward() -> None:
        while data := await reader.read(PIECE):
            await stream.send(data)
        await stream.finish()

    receiving, sending = asyncio.create_task(inward()), asyncio.create_task(outward())
    try:
        await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
        if not receiving.done():
            sending.result()
            await asyncio.wait({receiving}, timeout=None if stream.half_closes else LINGER_S)
        elif stream.half_closes and receiving.exception() is None:
            # A pod that has said all may still listen; for how long, nobody says.
            await asyncio.wait({sending}, timeout=LINGER_S)
        if receiving.done():
            receiving.result()
    finally:
        for task in (receiving, sending):
            task.cancel()
        await asyncio.gather(receiving, sending, return_exceptions=True)
