"""The connection and the feed behind the screen: tasks that read, and say what they read in messages.

Nothing here touches a widget. The connection is opened and closed by one task, as async context managers demand;
closing the session ends every task, closes the feed, and then the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing

from textual.message import Message

from k8sops.core.actor import Identity
from k8sops.core.errors import K8sOpsError, UnreachableError
from k8sops.core.ops import Ops
from k8sops.core.plan import ClusterInfo, JsonObject
from k8sops.core.tables import LiveRows, TableQuery

CLOSING_DEADLINE_S = 5.0


class Connected(Message):
    """The cluster answered; tables can be opened."""

    def __init__(self, cluster: ClusterInfo, default_namespace: str) -> None:
        super().__init__()
        self.cluster = cluster
        self.default_namespace = default_namespace


class Identified(Message):
    """The API server said who we are; None where it would not."""

    def __init__(self, identity: Identity | None) -> None:
        super().__init__()
        self.identity = identity


class ConnectionFailed(Message):
    """There is no connection; it may be tried again."""

    def __init__(self, error: K8sOpsError) -> None:
        super().__init__()
        self.error = error


class FeedOpened(Message):
    """A table was opened and replaces the one before."""

    def __init__(self, query: TableQuery, rows: LiveRows) -> None:
        super().__init__()
        self.query = query
        self.rows = rows


class FeedRefused(Message):
    """A table could not be opened; the one before stays."""

    def __init__(self, query: TableQuery, error: K8sOpsError) -> None:
        super().__init__()
        self.query = query
        self.error = error


class FeedChanged(Message):
    """Rows or state of the open table changed; a flood of these becomes one."""

    def __init__(self, rows: LiveRows) -> None:
        super().__init__()
        self.rows = rows

    def can_replace(self, message: Message) -> bool:
        """Only the latest matters, for the rows are read when it is handled."""
        return isinstance(message, FeedChanged) and message.rows is self.rows


class Session:
    """One connection and at most one open feed. `post` takes messages on the loop this runs on."""

    def __init__(
        self, open_ops: Callable[[], AbstractAsyncContextManager[Ops]], post: Callable[[Message], object]
    ) -> None:
        self._open_ops = open_ops
        self._post = post
        self._ops: Ops | None = None
        self._closing = asyncio.Event()
        self._connection: asyncio.Task[None] | None = None
        self._opening: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether tables and objects can be asked for."""
        return self._ops is not None

    def connect(self) -> None:
        """Connect, unless connected or about to be; answers with Connected or ConnectionFailed."""
        if self._connection is None or self._connection.done():
            self._connection = asyncio.create_task(self._hold_connection(), name="tui connection")

    def browse(self, query: TableQuery) -> None:
        """Open a table in place of the open one; answers with FeedOpened or FeedRefused."""
        if self._opening is not None:
            self._opening.cancel()
        self._opening = asyncio.create_task(self._follow(query), name=f"tui feed {query.kind}")
        self._tasks.add(self._opening)
        self._opening.add_done_callback(self._tasks.discard)

    async def object(self, kind: str, name: str, namespace: str) -> JsonObject:
        """One whole object. Raises what the cluster answers, UnreachableError while there is no connection."""
        if self._ops is None:
            raise UnreachableError("not connected to the cluster", hint="r tries again")
        return await self._ops.object(kind, name, namespace)

    async def close(self) -> None:
        """Stop following, close the feed and the connection; gives up after five seconds. Idempotent."""
        self._closing.set()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=CLOSING_DEADLINE_S)
        if self._connection is not None:
            if self._ops is None:
                self._connection.cancel()
            await asyncio.wait({self._connection}, timeout=CLOSING_DEADLINE_S)
            self._connection.cancel()

    async def _hold_connection(self) -> None:
        try:
            async with self._open_ops() as ops:
                self._ops = ops
                self._post(Connected(ops.cluster_info, ops.default_namespace))
                self._post(Identified(await _identity(ops)))
                await self._closing.wait()
        except K8sOpsError as error:
            self._post(ConnectionFailed(error))
        except Exception as error:  # noqa: BLE001 - worker boundary: a task's failure must reach the screen
            self._post(ConnectionFailed(_unexpected("connecting", error)))
        finally:
            self._ops = None

    async def _follow(self, query: TableQuery) -> None:
        try:
            if self._ops is None:
                raise UnreachableError("not connected to the cluster", hint="r tries again")
            rows = await self._ops.rows(query)
            try:
                self._take_over()
                self._post(FeedOpened(query, rows))
                async with aclosing(rows.changes()) as changes:
                    async for _ in changes:
                        self._post(FeedChanged(rows))
                # The feed ended by itself: its last state says why.
                self._post(FeedChanged(rows))
            finally:
                await rows.aclose()
        except K8sOpsError as error:
            self._post(FeedRefused(query, error))
        except Exception as error:  # noqa: BLE001 - worker boundary: a task's failure must reach the screen
            self._post(FeedRefused(query, _unexpected(f"showing {query.kind}", error)))

    def _take_over(self) -> None:
        if self._following is not None:
            self._following.cancel()
        self._following, self._opening = self._opening, None


async def _identity(ops: Ops) -> Identity | None:
    try:
        return await ops.whoami()
    except K8sOpsError:
        # Not every server offers SelfSubjectReview; the screen says "unknown identity" and goes on.
        return None


def _unexpected(doing: str, error: Exception) -> K8sOpsError:
    return K8sOpsError(
        f"{doing} failed unexpectedly: {type(error).__name__}: {error}",
        hint="r tries again; please report it",
    )
