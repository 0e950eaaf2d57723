"""A cluster at the seam: `Ops` and `LiveRows` held in memory, moved only by the test that holds them.

Stands in for the service below the screens, so that a screen's behaviour is the same on every run; what the service
itself does with a real control plane is tested elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from k8sops.core.actor import Actor, Identity
from k8sops.core.errors import K8sOpsError, NotFoundError, UnknownKindError
from k8sops.core.events import Event
from k8sops.core.log_selection import LogFollow, LogSelection, LogSpan
from k8sops.core.logs import LogEntry, LogWanted
from k8sops.core.ops_reading import OpsReading
from k8sops.core.ops_records import OpsRecords
from k8sops.core.overview import Diagnosis, Overview
from k8sops.core.plan import ClusterInfo, JsonObject
from k8sops.core.ports import Resource
from k8sops.core.releases import Release, ReleaseDetail, Releases
from k8sops.core.run import Run, RunFilter, RunId, RunSummary, Settlement, Vote
from k8sops.core.tables import Column, FeedState, Row, Table, TableQuery
from k8sops.core.timeline import Timeline, TimelineWanted
from k8sops.core.uses import Uses
from tests.tui.fake_sessions import FakeSessions

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

POD_COLUMNS = (
    Column(name="Name", format="name"),
    Column(name="Ready"),
    Column(name="Status"),
    Column(name="Restarts"),
    Column(name="Age"),
    Column(name="IP", priority=1),
    Column(name="Node", priority=1),
)

NODE_COLUMNS = (
    Column(name="Name", format="name"),
    Column(name="Status"),
    Column(name="Roles"),
    Column(name="Age"),
    Column(name="Version"),
)


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds)

    def forward(self, seconds: float) -> None:
        """Move time."""
        self._now += timedelta(seconds=seconds)
        self._elapsed += seconds


class Feed:
    """A `LiveRows` whose rows and state the test sets."""

    def __init__(self, columns: Sequence[Column] = (), rows: Sequence[Row] = ()) -> None:
        self.columns: Sequence[Column] = columns
        self.rows: Sequence[Row] = rows
        self.version = 0
        self.state = FeedState.LIVE if columns else FeedState.LOADING
        self.trouble = ""
        self.error: K8sOpsError | None = None
        self.note = ""
        self.stale_since: datetime | None = None
        self.closed = False
        self._changed = asyncio.Event()
        self._in_use = False

    @property
    def is_heard(self) -> bool:
        """Whether all that was told so far has been taken by whoever follows; true while nobody does."""
        return not (self._in_use and self._changed.is_set())

    def put(self, *rows: Row) -> None:
        """Add rows, or replace those of the same uid; order by namespace and name, as the protocol says."""
        by_uid = {row.uid: row for row in self.rows} | {row.uid: row for row in rows}
        self.set(sorted(by_uid.values(), key=lambda row: (row.namespace, row.name)))

    def drop(self, *uids: str) -> None:
        """Delete rows."""
        self.set([row for row in self.rows if row.uid not in uids])

    def set(self, rows: Sequence[Row], columns: Sequence[Column] | None = None) -> None:
        """Replace all rows."""
        self.rows = rows
        self.columns = columns if columns is not None else self.columns
        self.version += 1
        self._changed.set()

    def become(self, state: FeedState, trouble: str = "", since: datetime | None = None) -> None:
        """Change how far the rows can be believed."""
        self.state, self.trouble, self.stale_since = state, trouble, since
        self._changed.set()

    def fail(self, error: K8sOpsError) -> None:
        """End with an error."""
        self.error = error
        self.become(FeedState.FAILED, error.message)

    async def changes(self) -> AsyncGenerator[None, None]:
        self._in_use = True
        try:
            while not self.closed:
                await self._changed.wait()
                yield
                self._changed.clear()
        finally:
            self._in_use = False

    async def aclose(self) -> None:
        self.closed = True
        self._changed.set()


class DeskOps:
    """An `Ops` that reads from feeds and objects given to it."""

    def __init__(self, feeds: Mapping[str, Feed], objects: Mapping[str, JsonObject] | None = None) -> None:
        self.feeds = dict(feeds)
        self.objects_by_name = dict(objects or {})
        self.queries: list[TableQuery] = []
        self.revealed: list[tuple[str, str, str]] = []
        """Who was shown the values of which Secret."""
        self.refusal: K8sOpsError | None = None
        self.is_read_only = False
        self.desk = FakeSessions()
        self.asked_of: tuple[str, str, tuple[str, ...], str] | None = None
        self.refused: dict[str, str] = {}
        """Why actions would be refused."""
        self.no_namespaces: set[str] = set()
        """Which namespaces do not exist."""
        self.namespaces_refusal: K8sOpsError | None = None
        self.signed_in = 0
        self._info = ClusterInfo(
            context="acme-staging",
            server="https://127.0.0.1:6443",
            uid="cluster-uid",
            name="acme-staging",
            environment="staging",
        )

    @property
    def cluster_info(self) -> ClusterInfo:
        return self._info

    def call_it(self, name: str, environment: str) -> None:
        """Make it another cluster."""
        self._info = msgspec.structs.replace(self._info, name=name, environment=environment)

    @property
    def read_only(self) -> bool:
        return self.is_read_only

    @property
    def default_namespace(self) -> str:
        return "shop"

    async def sign_in(self) -> None:
        self.signed_in += 1

    async def whoami(self) -> Identity:
        return Identity(username="alice@acme.example", groups=("ops",))

    async def records(self) -> OpsRecords:
        raise NotImplementedError

    async def rows(self, query: TableQuery) -> Feed:
        self.queries.append(query)
        return self._feed(query)

    async def browse(self, query: TableQuery) -> Feed:
        return await self.rows(query)

    def _feed(self, query: TableQuery) -> Feed:
        if self.refusal is not None:
            raise self.refusal
        if query.kind not in self.feeds:
            raise UnknownKindError(
                f'the server has no resource type "{query.kind}"',
                hint="`k8sops get --help` shows how to name one",
            )
        return self.feeds[query.kind]

    async def object(self, kind: str, name: str, namespace: str = "") -> JsonObject:
        if kind == "namespaces" and self.namespaces_refusal is not None:
            raise self.namespaces_refusal
        if kind == "namespaces" and name not in self.no_namespaces:
            return {"kind": "Namespace", "metadata": {"name": name}}
        if name not in self.objects_by_name:
            raise NotFoundError(f"{kind} {namespace}/{name} does not exist")
        return self.objects_by_name[name]

    async def reading(self) -> OpsReading:
        return self

    async def refusals(
        self,
        kind: str,
        namespace: str,
        actions: Sequence[str],
        *,
        names: Sequence[str] = (),
        actor: Actor | None = None,
    ) -> dict[str, str]:
        self.asked_of = (kind, namespace, tuple(names), actor.name if actor else "")
        return {action: why for action, why in self.refused.items() if action in actions}

    async def releases(self, namespace: str = "") -> Releases:
        raise NotImplementedError

    async def release_history(self, namespace: str, name: str) -> tuple[Release, ...]:
        raise NotImplementedError

    async def release(self, release: Release, reveal_to: Actor | None = None) -> ReleaseDetail:
        raise NotImplementedError

    async def used_by(self, kind: str, name: str, namespace: str = "") -> Uses:
        raise NotImplementedError

    async def timeline(self, wanted: TimelineWanted, told: Callable[[str], None]) -> Timeline:
        raise NotImplementedError

    async def reveal(self, name: str, namespace: str, actor: Actor) -> JsonObject:
        if self.refusal is not None:
            raise self.refusal
        self.revealed.append((actor.name, namespace, name))
        return self.objects_by_name[name]

    def overview(self) -> AsyncGenerator[Overview, None]:
        raise NotImplementedError

    async def diagnose(self, kind: str, name: str, namespace: str = "") -> Diagnosis:
        raise NotImplementedError

    async def kinds(self) -> tuple[Resource, ...]:
        return ()

    async def table(self, query: TableQuery) -> Table:
        feed = self._feed(query)
        return Table(columns=tuple(feed.columns), rows=tuple(feed.rows), kind=query.kind, namespaced=True)

    async def objects(self, query: TableQuery) -> AsyncGenerator[JsonObject, None]:
        for found in self.objects_by_name.values():
            yield found

    @property
    def sessions(self) -> FakeSessions:
        return self.desk

    async def logs(self, wanted: LogWanted) -> AsyncGenerator[Sequence[LogEntry], None]:
        yield ()

    def follow(self, selection: LogSelection, span: LogSpan) -> LogFollow:
        raise NotImplementedError

    async def preview(
        self, action: str, params: Mapping[str, Any], actor: Actor, *, reason: str = "", digest: str = ""
    ) -> Run:
        raise NotImplementedError

    async def propose(
        self,
        action: str,
        params: Mapping[str, Any],
        actor: Actor,
        *,
        reason: str = "",
        hold: bool = False,
        digest: str = "",
        run_id: RunId = "",
    ) -> Run:
        raise NotImplementedError

    async def decide(self, run: RunId, vote: Vote, actor: Actor) -> Run:
        raise NotImplementedError

    async def approval_refused(self, run: RunId, actor: Actor) -> str:
        return ""

    async def unproposed(self, run: RunId) -> str:
        raise NotImplementedError

    async def drift(self, run: RunId) -> tuple[str, ...]:
        raise NotImplementedError

    async def start(
        self, run: RunId, actor: Actor, *, break_glass: str = "", carry: bool = True, seen: str = ""
    ) -> Run:
        raise NotImplementedError

    async def carry(self, run: RunId) -> None:
        raise NotImplementedError

    @property
    def carried_here(self) -> tuple[RunId, ...]:
        return ()

    async def leave_behind(self) -> str:
        raise NotImplementedError

    async def resume(self, run: RunId, how: Settlement, actor: Actor) -> Run:
        raise NotImplementedError

    async def undo(self, run: RunId, actor: Actor, *, reason: str = "", run_id: RunId = "") -> Run:
        raise NotImplementedError

    async def runs(self, wanted: RunFilter) -> tuple[RunSummary, ...]:
        return ()

    async def cancel(self, run: RunId, actor: Actor, why: str) -> Run:
        raise NotImplementedError

    async def get_run(self, run: RunId) -> Run:
        raise NotImplementedError

    def watch(self, run: RunId, *, after: int = 0) -> AsyncGenerator[Event, None]:
        raise NotImplementedError


class Desk:
    """Opens an `Ops`, counts how often, and can be told to fail."""

    def __init__(self, ops: DeskOps) -> None:
        self.ops = ops
        self.opened = 0
        self.closed = 0
        self.failure: K8sOpsError | None = None
        self.answers = asyncio.Event()
        """Opening waits for it."""
        self.answers.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[DeskOps]:
        """The opener a door is given."""
        await self.answers.wait()
        if self.failure is not None:
            raise self.failure
        self.opened += 1
        try:
            yield self.ops
        finally:
            self.closed += 1


def pod(
    name: str,
    *,
    namespace: str = "shop",
    ready: str = "1/1",
    status: str = "Running",
    restarts: str = "0",
    age_s: float = 3600,
    ip: str = "10.244.0.1",
    node: str = "node-1",
    uid: str = "",
    deleting: bool = False,
    labels: dict[str, str] | None = None,
) -> Row:
    """A pod's row, as the API server prints it."""
    return Row(
        uid=uid or f"uid-{namespace}-{name}",
        name=name,
        namespace=namespace,
        cells=(name, ready, status, restarts, "1s", ip, node),
        created=START - timedelta(seconds=age_s),
        labels=labels if labels is not None else {"app": name.split("-", maxsplit=1)[0]},
        deleting=deleting,
    )


def node(name: str, *, status: str = "Ready", age_s: float = 86400 * 9) -> Row:
    """A node's row."""
    return Row(
        uid=f"uid-node-{name}",
        name=name,
        namespace="",
        cells=(name, status, "<none>", "1s", "v1.36.1"),
        created=START - timedelta(seconds=age_s),
        labels={},
    )


def many_pods(count: int) -> list[Row]:
    """So many pods over fifty namespaces, some in trouble, ordered as a live view orders them."""
    statuses = ("Running", "Running", "Running", "CrashLoopBackOff", "Pending", "Completed")
    return [
        pod(
            f"web-{number:05d}-7d9c5b8f6d-{number % 97:05x}",
            namespace=f"team-{number * 50 // count:02d}",
            ready="1/1" if number % 6 < 3 else "0/1",
            status=statuses[number % 6],
            restarts=f"{number % 13} ({number % 59 + 1}m ago)" if number % 13 else "0",
            age_s=60.0 * (number % 5000),
            ip=f"10.{number // 65536}.{number // 256 % 256}.{number % 256}",
            node=f"node-{number % 500}",
        )
        for number in range(count)
    ]
