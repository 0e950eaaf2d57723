"""The connections and the feed behind the screen: tasks that read, and say what they read in messages.

Nothing here touches a widget. A connection is opened and closed by one task, as async context managers demand, and
stays open when another context is chosen: what is carried through it goes on. Closing the session ends every task,
closes the feed, and then the connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, Any, Final

from textual.message import Message

from k8sops.core.actor import Identity
from k8sops.core.clock import Clock, SystemClock
from k8sops.core.errors import CredentialsError, ForbiddenError, K8sOpsError, NotFoundError, UnreachableError
from k8sops.core.plan import ClusterInfo, JsonObject
from k8sops.core.ports import Resource
from k8sops.core.tables import LiveRows, TableQuery
from k8sops.service.typed_namespace import meant_instead
from k8sops.tui.across import browse_across
from k8sops.tui.running.own_votes import OwnVotes
from k8sops.tui.running.ringing import KnownRequests

if TYPE_CHECKING:
    from k8sops.core.ops import Ops

CLOSING_DEADLINE_S = 5.0


class Connected(Message):
    """The cluster answered, and is the one meant from now on; tables can be opened."""

    def __init__(self, cluster: ClusterInfo, default_namespace: str) -> None:
        super().__init__()
        self.cluster = cluster
        self.default_namespace = default_namespace


class Identified(Message):
    """The API server said who we are, or that it does not say it: `Session.identity_said`."""


class ConnectionFailed(Message):
    """A context was not reached; the one before, where there was one, stays."""

    def __init__(self, error: K8sOpsError, context: str = "") -> None:
        super().__init__()
        self.error = error
        self.context = context


class Surveyed(Message):
    """What can be named on this cluster: its kinds, and its namespaces as far as they may be listed."""

    def __init__(self, kinds: tuple[Resource, ...], namespaces: tuple[str, ...]) -> None:
        super().__init__()
        self.kinds = kinds
        self.namespaces = namespaces


class NamespaceMissing(Message):
    """There is no namespace of this name; `near` are those that there are and that are called alike."""

    def __init__(self, namespace: str, near: Sequence[str]) -> None:
        super().__init__()
        self.called = namespace
        self.near = near


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


Opener = Callable[[str], AbstractAsyncContextManager["Ops"]]
"""From the name of a context (empty: the one the program was started with) to the service on it."""


class _Connection:
    """The service on one context, from when it is reached until the task ends."""

    def __init__(self, context: str) -> None:
        self.context = context
        self.ops: Ops | None = None
        self.task: asyncio.Task[None] | None = None
        self.answered = asyncio.Event()
        """Set once it is known whether the context can be reached."""
        self.error: K8sOpsError | None = None
        self.identity: Identity | None = None
        self.is_anonymous = False
        """Whether the API server does not say who we are: not every server offers SelfSubjectReview."""
        self.asking: asyncio.Task[None] | None = None
        """Who asks who we are."""

    @property
    def is_pending(self) -> bool:
        return self.task is not None and not self.task.done()


class Session:
    """One connection in use and at most one open feed. `post` takes messages on the loop this runs on."""

    def __init__(
        self, open_ops: Opener, post: Callable[[Message], object], clock: Clock | None = None
    ) -> None:
        self.clock: Final = clock if clock is not None else SystemClock()
        self._open_ops = open_ops
        self._post = post
        self._used: _Connection | None = None
        self._wanted = ""
        self._connections: dict[str, _Connection] = {}
        self._closing = asyncio.Event()
        self._opening: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.refused: str | None = None
        """The context last asked for, where its credentials could not be had; None where they could."""
        self.requests: Final = KnownRequests()
        """Which requests were told of here."""
        self.votes: Final = OwnVotes()
        """Which requests are for whoever sits here to decide."""

    @property
    def connected(self) -> bool:
        """Whether tables and objects can be asked for."""
        return self._used is not None and self._used.ops is not None

    @property
    def ops(self) -> Ops:
        """The service. Raises UnreachableError while there is no connection."""
        if self._used is None or self._used.ops is None:
            raise UnreachableError("not connected to the cluster", hint="Ctrl-R tries again")
        return self._used.ops

    @property
    def all_ops(self) -> tuple[Ops, ...]:
        """The service on every context reached so far: any of them may carry a run."""
        held = dict.fromkeys(self._connections.values())
        return tuple(each.ops for each in held if each.ops is not None)

    @property
    def settling(self) -> bool:
        """Whether a context is being reached or a table opened."""
        pending = any(held.is_pending and held.ops is None for held in self._connections.values())
        return pending or (self._opening is not None and not self._opening.done())

    @property
    def identity_said(self) -> str:
        """Who we are on the context in use, once known for as long as the connection is held."""
        return self.username or ("unknown identity" if self.is_anonymous else "identity not known yet")

    @property
    def is_anonymous(self) -> bool:
        """Whether the API server does not say who we are on the context in use."""
        return self._used is not None and self._used.is_anonymous

    @property
    def identity(self) -> Identity | None:
        """Who we are on the context in use; None while that is not known."""
        return self._used.identity if self._used is not None else None

    @property
    def username(self) -> str:
        """Our name on the context in use; empty while that is not known."""
        return self.identity.username if self.identity is not None else ""

    def identify(self) -> None:
        """Ask who we are, unless that is known or being asked; answers with Identified."""
        held = self._used
        if held is None or held.ops is None or held.identity is not None or held.is_anonymous:
            return
        if held.asking is None or held.asking.done():
            held.asking = self._spawn(self._identify(held, held.ops), "tui identity")

    def connect(self, context: str = "") -> None:
        """Use a context, reaching it first if need be; answers with Connected or ConnectionFailed.

        Empty means the context the program was started with, or the one last asked for where none is in use.
        """
        context = context or self._wanted
        self._wanted = context
        held = self._connections.get(context)
        if held is None or not held.is_pending:
            self._begin(context)
        elif held.ops is not None and held is not self._used:
            self._use(held, held.ops)

    def browse(self, query: TableQuery, contexts: Sequence[str] = ()) -> None:
        """Open a table in place of the open one, of several contexts where they are named.

        Answers with FeedOpened or FeedRefused.
        """
        if self._opening is not None:
            self._opening.cancel()
        self._opening = self._spawn(self._follow(query, contexts), f"tui feed {query.kind}")

    async def reach(self, context: str) -> Ops:
        """The service on a context, which does not become the one in use. Raises what connecting raises."""
        held = self._connections.get(context)
        if held is None or not held.is_pending:
            held = self._begin(context)
        await held.answered.wait()
        if held.ops is None:
            raise held.error or UnreachableError(f"context {context} was closed")
        return held.ops

    async def object(self, kind: str, name: str, namespace: str) -> JsonObject:
        """One whole object. Raises what the cluster answers, UnreachableError while there is no connection."""
        return await self.ops.object(kind, name, namespace)

    def survey(self) -> None:
        """Ask what can be named here; answers with Surveyed, or not at all where nothing may be asked."""
        self._spawn(self._survey(self.ops), "tui survey")

    def look_for_namespace(self, namespace: str) -> None:
        """Ask whether there is this namespace; answers with NamespaceMissing, or not at all where it may be there."""
        self._spawn(self._look_for_namespace(self.ops, namespace), f"tui namespace {namespace}")

    async def close(self) -> None:
        """Stop following, close the feed and the connections; gives up after five seconds. Idempotent."""
        self._closing.set()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=CLOSING_DEADLINE_S)
        held = [each for each in self._connections.values() if each.task is not None]
        for each in held:
            if each.ops is None and each.task is not None:
                each.task.cancel()
        tasks = {each.task for each in held if each.task is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSING_DEADLINE_S)
            for task in tasks:
                task.cancel()

    def _begin(self, context: str) -> _Connection:
        held = self._connections[context] = _Connection(context)
        held.task = asyncio.create_task(self._hold(held), name=f"tui connection {context}")
        return held

    async def _hold(self, held: _Connection) -> None:
        try:
            async with self._open_ops(held.context) as ops:
                held.ops = ops
                held.answered.set()
                if self._wanted == held.context:
                    self._use(held, ops)
                await self._closing.wait()
        except K8sOpsError as error:
            self._lost(held, error)
        except Exception as error:  # noqa: BLE001 - worker boundary: a task's failure must reach the screen
            self._lost(held, _unexpected("connecting", error))
        finally:
            held.ops = None
            held.answered.set()

    def _use(self, held: _Connection, ops: Ops) -> None:
        if self._used is not None and self._used is not held:
            for task in (self._opening, self._following):
                if task is not None:
                    task.cancel()
            self._opening = self._following = None
        self._used, self.refused = held, None
        self._connections.setdefault(ops.cluster_info.context, held)
        self._post(Connected(ops.cluster_info, ops.default_namespace))
        self.identify()

    def _lost(self, held: _Connection, error: K8sOpsError) -> None:
        held.error = error
        self.refused = held.context if isinstance(error, CredentialsError) else None
        if self._wanted == held.context:
            self._wanted = self._used.context if self._used is not None else held.context
            self._post(ConnectionFailed(error, held.context))

    async def _identify(self, held: _Connection, ops: Ops) -> None:
        try:
            held.identity = await ops.whoami()
        except K8sOpsError as error:
            held.is_anonymous = isinstance(error, NotFoundError | ForbiddenError)
        if held is self._used:
            self._post(Identified())

    async def _survey(self, ops: Ops) -> None:
        try:
            kinds = await ops.kinds()
        except K8sOpsError:
            # Suggestions are a convenience: the table itself says what is wrong.
            return
        try:
            found = (await ops.table(TableQuery(kind="namespaces"))).rows
        except K8sOpsError:
            found = ()
        if self.connected and ops is self.ops:
            self._post(Surveyed(kinds, tuple(row.name for row in found)))

    async def _look_for_namespace(self, ops: Ops, namespace: str) -> None:
        near = await meant_instead(ops, namespace)
        if near is not None and self.connected and ops is self.ops:
            self._post(NamespaceMissing(namespace, near))

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _follow(self, query: TableQuery, contexts: Sequence[str]) -> None:
        try:
            if contexts:
                rows = await browse_across(self.reach, contexts, query, self.clock)
            else:
                rows = await self.ops.browse(query)
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


def _unexpected(doing: str, error: Exception) -> K8sOpsError:
    return K8sOpsError(
        f"{doing} failed unexpectedly: {type(error).__name__}: {error}",
        hint="Ctrl-R tries again; please report it",
    )
