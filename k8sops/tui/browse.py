"""The screen of live tables: where we are, what is shown, how true it is, and the keys that change it.

It owns the session and turns its messages into what widgets show; no other code touches them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError, UsageError
from k8sops.core.ops import Ops
from k8sops.core.plan import ClusterInfo
from k8sops.core.tables import FeedState, LiveRows, TableQuery
from k8sops.tui import session
from k8sops.tui.commands import Leave, ShowHelp, parse_command
from k8sops.tui.detail import DetailScreen
from k8sops.tui.help import HelpScreen
from k8sops.tui.live_table import LiveTable
from k8sops.tui.prompt import Prompt
from k8sops.tui.status import (
    Banner,
    ClusterLine,
    TableLine,
    ago_text,
    clock_text,
    count_text,
    identity_text,
    since_text,
)

TICK_S = 1.0


class BrowseScreen(Screen[None]):
    """Tables of any kind, one at a time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # By priority, so that what is typed right behind them is already the prompt's.
        Binding("colon", "command", "Kind", key_display=":", priority=True, id="browse.command"),
        Binding("slash", "filter", "Filter", key_display="/", priority=True, id="browse.filter"),
        Binding("d,y", "yaml", "YAML", key_display="⏎", id="browse.yaml"),
        Binding("0", "all_namespaces", "All ns", id="browse.all_namespaces"),
        Binding("r", "retry", "Refresh", show=False, id="browse.retry"),
        Binding("escape", "clear", "Clear", show=False, id="browse.clear"),
        Binding("question_mark", "help", "Help", key_display="?", id="browse.help"),
        Binding("q", "leave", "Quit", id="browse.leave"),
        Binding("ctrl+c", "interrupt", "Quit", show=False, id="browse.interrupt"),
    ]
    DEFAULT_CSS = """
    BrowseScreen > LiveTable { height: 1fr; }
    BrowseScreen > Footer { height: 1; }
    """

    def __init__(
        self,
        open_ops: Callable[[], AbstractAsyncContextManager[Ops]],
        start: TableQuery,
        clock: Clock,
        *,
        all_namespaces: bool,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._session = session.Session(open_ops, self.post_message)
        self._query = start
        self._takes_default_namespace = not (start.namespace or all_namespaces)
        self._rows: LiveRows | None = None
        self._cluster: ClusterInfo | None = None
        self._identity = "identity not known yet"
        self._state = FeedState.LOADING
        self._state_since = clock.now()
        self._refusal = ""
        self._next_filter: str | None = None
        self._seen_version: int | None = None

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield ClusterLine()
        yield TableLine()
        yield Banner()
        yield LiveTable(clock=self._clock)
        yield Prompt()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Connect."""
        table = self.query_one(LiveTable)
        table.focus()
        table.placeholder = "Connecting to the cluster …"
        self._session.connect()
        self.set_interval(TICK_S, self.tick)
        self._tell()

    async def on_unmount(self) -> None:
        """Close feed and connection before the event loop ends."""
        await self._session.close()

    def tick(self) -> None:
        """Let ages and times since grow."""
        self.query_one(LiveTable).tick()
        self._tell()

    # What the session says

    def on_connected(self, message: session.Connected) -> None:
        """Open the first table."""
        self._cluster = message.cluster
        if self._takes_default_namespace:
            self._query = msgspec.structs.replace(self._query, namespace=message.default_namespace)
        self._open(self._query)

    def on_identified(self, message: session.Identified) -> None:
        """Show who we are."""
        self._identity = identity_text(message.identity)
        self._tell()

    def on_connection_failed(self, message: session.ConnectionFailed) -> None:
        """Say why, and how to try again."""
        self._enter(FeedState.FAILED)
        self.query_one(
            LiveTable
        ).placeholder = f"✗ {_sentence(message.error)} Press r to try again, q to quit."
        self._tell()

    def on_feed_opened(self, message: session.FeedOpened) -> None:
        """Show another table."""
        table = self.query_one(LiveTable)
        if message.query.kind != self._query.kind or self._rows is None:
            table.clear()
        elif message.query != self._query:
            table.empty()
        if self._next_filter is not None:
            table.set_filter(self._next_filter)
        self._query, self._rows, self._seen_version = message.query, message.rows, None
        self._refusal, self._next_filter = "", None
        self._enter(FeedState.LOADING)
        self._show_rows()

    def on_feed_refused(self, message: session.FeedRefused) -> None:
        """Say why; what was shown stays."""
        if self._rows is None:
            self._enter(FeedState.FAILED)
            table = self.query_one(LiveTable)
            table.placeholder = f"✗ {_sentence(message.error)} Press r to try again, : for another kind."
        else:
            self._refusal = f"✗ {_sentence(message.error)}"
        self._tell()

    def on_feed_changed(self, message: session.FeedChanged) -> None:
        """Show what is new."""
        if message.rows is self._rows:
            self._show_rows()

    # What the user does

    def on_live_table_view_changed(self) -> None:
        """Say how many rows there are now."""
        self._tell()

    def on_live_table_opened(self) -> None:
        """Open the chosen row."""
        self.action_yaml()

    def on_prompt_typed(self, message: Prompt.Typed) -> None:
        """Filter as it is typed."""
        self.query_one(LiveTable).set_filter(message.text)
        self._tell()

    def on_prompt_submitted(self, message: Prompt.Submitted) -> None:
        """Keep the filter, or do what was commanded."""
        self.query_one(LiveTable).focus()
        if message.mode == "command":
            self._obey(message.text)

    def on_prompt_cancelled(self, message: Prompt.Cancelled) -> None:
        """Forget what was typed."""
        table = self.query_one(LiveTable)
        table.focus()
        if message.mode == "filter":
            table.set_filter("")
        self._tell()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While the prompt is open, a colon and a slash are text."""
        return not (action in {"command", "filter"} and self.query_one(Prompt).is_open)

    def action_filter(self) -> None:
        """Type a filter, beginning with the one in force."""
        self.query_one(Prompt).open("filter", self.query_one(LiveTable).filter.text)
        self._tell()

    def action_command(self) -> None:
        """Type a command."""
        self.query_one(Prompt).open("command")

    def action_clear(self) -> None:
        """Take away the filter and the last refusal."""
        self._refusal = ""
        self.query_one(LiveTable).set_filter("")
        self._tell()

    def action_all_namespaces(self) -> None:
        """The same kind in every namespace."""
        self._open(msgspec.structs.replace(self._query, namespace=""))

    def action_retry(self) -> None:
        """Connect, or list again."""
        if self._session.connected:
            self._open(self._query)
            return
        self.query_one(LiveTable).placeholder = "Connecting to the cluster …"
        self._enter(FeedState.LOADING)
        self._session.connect()
        self._tell()

    def action_yaml(self) -> None:
        """Show the object under the cursor."""
        row = self.query_one(LiveTable).selected_row
        if row is None:
            return
        kind, namespace, name = self._query.kind, row.namespace, row.name
        label = f"{namespace}/{kind}/{name}" if namespace else f"{kind}/{name}"
        self.app.push_screen(DetailScreen(label, lambda: self._session.object(kind, name, namespace)))

    def action_help(self) -> None:
        """Show every key."""
        self.app.push_screen(HelpScreen())

    def action_leave(self) -> None:
        """Leave."""
        self.app.exit(0)

    def action_interrupt(self) -> None:
        """Leave, by the key every terminal program is left with."""
        self.app.exit(0)

    def _obey(self, text: str) -> None:
        try:
            command = parse_command(text, self._query)
        except UsageError as error:
            self._refusal = f"✗ {_sentence(error)}"
            self._tell()
            return
        if isinstance(command, Leave):
            self.app.exit(0)
        elif isinstance(command, ShowHelp):
            self.action_help()
        else:
            self._open(command.query, filter_text=command.filter_text)

    def _open(self, query: TableQuery, *, filter_text: str | None = None) -> None:
        self._refusal, self._next_filter = "", filter_text
        if self._rows is None:
            self._query = query
            self._enter(FeedState.LOADING)
            self.query_one(LiveTable).placeholder = f"Loading {query.kind} …"
        self._session.browse(query)
        self._tell()

    # What is shown

    def _show_rows(self) -> None:
        rows = self._rows
        if rows is None:
            return
        table = self.query_one(LiveTable)
        self._enter(rows.state)
        # When the same table is listed again, the rows of before stay until there is something newer.
        is_answered = bool(rows.columns) or rows.state is not FeedState.LOADING
        if is_answered and rows.version != self._seen_version:
            self._seen_version = rows.version
            found = rows.rows
            with_namespace = not self._query.namespace and bool(found) and bool(found[0].namespace)
            table.show(rows.columns, found, with_namespace=with_namespace)
        table.placeholder = self._placeholder(rows, table)
        self._tell()

    def _placeholder(self, rows: LiveRows, table: LiveTable) -> str:
        kind = self._query.kind
        where = f"in namespace {self._query.namespace}" if self._query.namespace else "in any namespace"
        if rows.state is FeedState.LOADING:
            return f"Loading {kind} …"
        if not rows.columns and rows.trouble:
            return f"✗ {rows.trouble} Press r to try again, : for another kind."
        if table.total:
            return "No row passes the filter. Esc clears it."
        return f"There are no {kind} {where}."

    def _enter(self, state: FeedState) -> None:
        if state is not self._state:
            self._state, self._state_since = state, self._clock.now()

    def _tell(self) -> None:
        table, now = self.query_one(LiveTable), self._clock.now()
        self.query_one(ClusterLine).tell(self._cluster, self._query, self._identity)
        filter_text = table.filter.text
        counts = count_text(
            len(table.shown),
            table.total,
            filtered=bool(filter_text),
            loading=self._state is FeedState.LOADING,
        )
        self.query_one(TableLine).tell(
            self._query.kind, counts, self._state, self._since_said(now), self._extras(table)
        )
        prompt = self.query_one(Prompt)
        if prompt.is_open:
            prompt.count(table.filter.notice or (f"{len(table.shown):,} found" if filter_text else ""))
        self.query_one(Banner).say(self._refusal or self._trouble(now))

    def _extras(self, table: LiveTable) -> list[str]:
        title, reverse = table.order
        extras = [f"by {title}{'↓' if reverse else '↑'}"] if title else ["reversed"] if reverse else []
        if self._query.label_selector:
            extras.append(f"-l {self._query.label_selector}")
        if table.filter.text:
            extras.append(f"/{table.filter.text}")
        return extras

    def _since_said(self, now: datetime) -> str:
        # A live table says since when, without a counter that would redraw the line every second.
        if self._state is FeedState.LIVE:
            return f"since {clock_text(self._since())}"
        return f"for {ago_text(self._since(), now)}"

    def _since(self) -> datetime:
        since = self._rows.stale_since if self._rows is not None else None
        return since or self._state_since

    def _trouble(self, now: datetime) -> str:
        if self._rows is None or self._state is FeedState.LIVE:
            return ""
        if self._state is FeedState.LOADING:
            trouble = self._rows.trouble
            return f"! Still loading: {trouble.rstrip('.')}. Trying again." if trouble else ""
        trouble = self._rows.trouble or "the connection to the cluster was lost"
        shown = "Last known rows shown." if self._rows.rows else ""
        ago = since_text(self._since(), now)
        if self._state is FeedState.FAILED:
            return f"✗ FAILED at {ago}: {trouble.rstrip('.')}. {shown} r tries again."
        return f"! STALE since {ago}: {trouble.rstrip('.')}. {shown} Reconnecting."


def _sentence(error: K8sOpsError) -> str:
    parts = [
        part if part.endswith((".", "?", "!")) else f"{part}." for part in (error.message, error.hint) if part
    ]
    return " ".join(parts)
