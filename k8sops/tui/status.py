"""The lines above the table: which cluster, as whom, what is shown, and how far it can be believed.

Every state is said in words with a sign before it; colour only repeats it. Texts are built as Rich-free `Content`
without markup, for names come from outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import WorkType

from k8sops.core.durations import human_duration
from k8sops.core.errors import STORE_ERRORS, K8sOpsError
from k8sops.core.plan import ClusterInfo
from k8sops.core.tables import FeedState, TableQuery
from k8sops.core.text import printable
from k8sops.tui.session import Session
from k8sops.tui.shell import where
from k8sops.tui.shell.where import ALL, where_line

if TYPE_CHECKING:
    from k8sops.core.ops import Ops
    from k8sops.core.run import RunSummary

SEPARATOR = where.SEPARATOR
COUNT_EVERY_S: Final = 5.0
FIRST_COUNT_S: Final = 0.5
MOST_COUNTED: Final = 500

FEED_SIGNS = {
    FeedState.LOADING: "~ loading",
    FeedState.LIVE: "✓ live",
    FeedState.STALE: "! STALE",
    FeedState.FAILED: "✗ FAILED",
}


class SaidLine(Static):
    """A line that is drawn again only when it says something else."""

    _said = ""

    def say(self, sentence: str) -> None:
        """Show a sentence, safe for a terminal and without markup."""
        if sentence != self._said:
            self._said = sentence
            self.update(Content(printable(sentence)), layout=False)


class ClusterLine(SaidLine):
    """Cluster, environment, namespace and identity, always in sight; production cannot be mistaken."""

    DEFAULT_CSS = """
    ClusterLine { height: 1; padding: 0 1; background: $panel; color: $foreground; text-style: bold; }
    ClusterLine.-production { background: $error-darken-2; color: white; }
    ClusterLine.-staging { background: $warning-darken-3; color: white; }
    """

    class Counted(Message):
        """How many runs wait for a yes from here, how many for one of others', and how many run."""

        def __init__(
            self,
            own: int,
            others: int,
            running: int,
            trouble: str = "",
            new: Sequence[RunSummary] = (),
        ) -> None:
            super().__init__()
            self.waiting = (own, others)
            self.running = running
            self.new = new
            self.trouble = trouble

    def __init__(self) -> None:
        super().__init__()
        self._place: tuple[ClusterInfo | None, TableQuery] = (None, TableQuery(kind=""))
        self._is_loading = False
        self._waiting = (0, 0)
        self._going = 0
        self._trouble = ""

    @property
    def _connection(self) -> Session | None:
        found = getattr(self.screen, "connection", None)
        return found if isinstance(found, Session) else None

    def on_mount(self) -> None:
        """Count now and then."""
        self.set_interval(COUNT_EVERY_S, self.count)

    def tell(self, cluster: ClusterInfo | None, query: TableQuery, *, is_loading: bool = False) -> None:
        """Say where we are, and as whom. Runs are counted once rows are in."""
        is_loaded, self._is_loading = self._is_loading and not is_loading, is_loading
        is_new = cluster is not None and self._place[0] != cluster
        self._place = (cluster, query)
        if is_new:
            self._waiting, self._going, self._trouble = (0, 0), 0, ""
        if (is_new or is_loaded) and not is_loading:
            # What was asked for comes first: opening the store takes the engine, which takes long to load.
            self.set_timer(FIRST_COUNT_S, self.count)
        self._show()

    def count(self) -> None:
        """Ask what waits and what runs, while this screen is the one in sight."""
        connection = self._connection
        if self._is_loading or connection is None:
            return
        if connection.connected and self.screen.is_current:
            # As a function: a coroutine that is overtaken before it began would never be awaited.
            count: WorkType[None] = partial(self._count, connection)
            self.run_worker(count, group="count", exclusive=True)

    async def _count(self, connection: Session) -> None:
        from k8sops.core.run import RunFilter, RunState  # noqa: PLC0415 - loaded when needed

        connection.identify()
        try:
            ops = connection.ops
            uid = ops.cluster_info.uid
            states = (RunState.AWAITING_APPROVAL, RunState.RUNNING)
            found = await ops.runs(RunFilter(states=states, cluster_uid=uid, limit=MOST_COUNTED))
            waiting = [run for run in found if run.state is RunState.AWAITING_APPROVAL]
            own = await _own_among(waiting, connection, ops)
        except STORE_ERRORS as error:
            self.post_message(self.Counted(0, 0, 0, error.code))
            return
        except K8sOpsError:
            # The cluster is away, which is said elsewhere: what the store told of last stands.
            return
        new = connection.requests.new_among(uid, waiting, connection.username)
        others, running = len(waiting) - len(own), len(found) - len(waiting)
        self.post_message(self.Counted(len(own), others, running, new=[run for run in new if run in own]))

    def on_cluster_line_counted(self, message: Counted) -> None:
        """Show the numbers; one more that waits for us rings the bell."""
        message.stop()
        if not message.trouble:
            self._waiting = message.waiting
        if message.new:
            from k8sops.tui.running.ringing import ring  # noqa: PLC0415 - loaded when needed

            ring(self.app, message.new)
        self._going, self._trouble = message.running, message.trouble
        self._show()

    def _show(self) -> None:
        cluster, query = self._place
        if cluster is None:
            self.say(SEPARATOR.join(("not connected", query.namespace or ALL)))
            return
        is_production = cluster.environment.lower() in {"production", "prod"}
        self.set_class(is_production, "-production")
        self.set_class(cluster.environment.lower() == "staging", "-staging")
        connection = self._connection
        environment = f"!! {cluster.environment.upper()} !!" if is_production else cluster.environment
        line = where_line(
            self.size.width - 2,
            called=cluster.name,
            context=cluster.context,
            environment=environment,
            namespace=query.namespace,
            limits=tuple(self._limits()),
            identity=connection.identity_said if connection is not None else "",
            counts=tuple(self._counts()),
        )
        self.say(line)

    def on_resize(self) -> None:
        """There is more room, or less."""
        self._show()

    def _limits(self) -> Iterator[str]:
        connection = self._connection
        if connection is not None and connection.connected and connection.ops.read_only:
            yield "READ-ONLY"

    def _counts(self) -> Iterator[str]:
        if self._trouble:
            yield "! no store"
            return
        own, others = self._waiting
        if own:
            yield f"! {own} to approve"
        if others:
            yield f"{others} {'waits' if others == 1 else 'wait'}"
        if self._going:
            yield f"~ {self._going} running"


async def _own_among(waiting: Sequence[RunSummary], connection: Session, ops: Ops) -> Sequence[RunSummary]:
    """Those for whoever sits here to decide; all of them where that cannot be told, so that none goes unheard."""
    if connection.is_anonymous:
        return ()
    identity = connection.identity
    if identity is None or not waiting:
        return waiting
    from k8sops.tui.running.actor import actor_of  # noqa: PLC0415 - loaded when needed

    try:
        return await connection.votes.among(ops, actor_of(identity), waiting)
    except STORE_ERRORS:
        raise
    except K8sOpsError:
        return waiting


class TableLine(SaidLine):
    """Kind, number of rows, order, filter, and the state of the feed with since when."""

    DEFAULT_CSS = """
    TableLine { height: 1; padding: 0 1; background: $surface; color: $text-muted; }
    TableLine.-live { color: $text-success; }
    TableLine.-stale, TableLine.-failed { color: $text-warning; text-style: bold; }
    """

    def tell(self, kind: str, counts: str, state: FeedState, since: str, extras: list[str]) -> None:
        """Say what is shown."""
        for each in FeedState:
            self.set_class(each is state, f"-{each.value}")
        sign = FEED_SIGNS[state] + (f" {since}" if since else "")
        self.say(SEPARATOR.join((kind, counts, sign, *extras)))


class Banner(Static):
    """A sentence that must be read: trouble, or why a command was not taken; hidden while there is none."""

    DEFAULT_CSS = """
    Banner { height: auto; max-height: 4; padding: 0 1; display: none; }
    Banner { background: $warning-muted; color: $text-warning; text-style: bold; }
    Banner.-said { display: block; }
    """

    _said = ""

    def say(self, sentence: str) -> None:
        """Show a sentence of any length, or nothing."""
        if sentence != self._said:
            self._said = sentence
            self.set_class(bool(sentence), "-said")
            self.update(Content(printable(sentence)))


def clock_text(moment: datetime) -> str:
    """A time of day."""
    return f"{moment:%H:%M:%S} UTC"


def since_text(since: datetime, now: datetime) -> str:
    """A time of day and how long ago that is."""
    return f"{clock_text(since)} ({ago_text(since, now)})"


def ago_text(since: datetime, now: datetime) -> str:
    """How long ago, never negative: clocks of client and server differ."""
    return human_duration(max(0.0, (now - since).total_seconds()))


def count_text(shown: int, total: int, *, filtered: bool, loading: bool) -> str:
    """`12 of 10,000 rows`, with `so far` until all have arrived."""
    count = f"{shown:,} of {total:,}" if filtered else f"{total:,}"
    noun = "row" if total == 1 else "rows"
    return f"{count} {noun} so far" if loading and total else f"{count} {noun}"
