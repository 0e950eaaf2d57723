"""The screen of live tables: where we are, what is shown, how true it is, and the keys that change it.

It owns the session and turns its messages into what widgets show; no other code touches them.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import Reactive
from textual.widget import Widget

from k8sops.core.clock import Clock
from k8sops.core.contexts import Contexts
from k8sops.core.tables import FeedState, LiveRows, TableQuery
from k8sops.tui import session
from k8sops.tui.browse_words import (
    columns_shown,
    crumbs_said,
    extras_of,
    no_namespace,
    placeholder,
    sentence,
    since_said,
    trouble,
)
from k8sops.tui.commands import SEPARATOR
from k8sops.tui.key_line import KeyLine
from k8sops.tui.live_table import LiveTable
from k8sops.tui.navigating import NavigatingScreen
from k8sops.tui.places import Favourites, Place, begun
from k8sops.tui.prompt import OPENING_KEYS, Mode, Prompt
from k8sops.tui.status import Banner, ClusterLine, TableLine, count_text

TICK_S = 1.0


class BrowseScreen(NavigatingScreen):
    """Tables of any kind, one at a time."""

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """Who loses the focus and who gets it draw themselves; to Textual it is a reason to draw everything."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # By priority, so that what is typed right behind them is already the prompt's.
        Binding("colon", "command", "Kind", key_display=":", priority=True, id="browse.command"),
        Binding("slash", "filter", "Filter", key_display="/", priority=True, id="browse.filter"),
        Binding("d", "describe", "Describe", id="browse.describe"),
        Binding("y", "yaml", "YAML", show=False, id="browse.yaml"),
        Binding("J", "owner", "Owner", show=False, id="browse.owner"),
        *(
            Binding(
                str(digit), f"favourite({digit})", "Namespace", show=False, id=f"browse.namespace_{digit}"
            )
            for digit in range(10)
        ),
        Binding("minus", "last_view", "Last view", show=False, id="browse.toggle"),
        Binding("left_square_bracket", "step(-1)", "Earlier", show=False, id="browse.earlier"),
        Binding("right_square_bracket", "step(1)", "Later", show=False, id="browse.later"),
        Binding("ctrl+o", "columns", "Columns", show=False, id="browse.columns"),
        Binding("ctrl+r", "retry", "Refresh", show=False, id="browse.retry"),
        Binding("escape", "back", "Back", show=False, id="browse.back"),
        Binding("question_mark", "help", "Help", key_display="?", id="browse.help"),
        Binding("q", "leave", "Quit", id="browse.leave"),
        Binding("ctrl+c", "interrupt", "Quit", show=False, id="browse.interrupt"),
    ]
    DEFAULT_CSS = """
    BrowseScreen > LiveTable { height: 1fr; }
    """

    def __init__(
        self,
        open_ops: session.Opener,
        start: TableQuery,
        clock: Clock,
        *,
        all_namespaces: bool,
        contexts: Contexts | None = None,
    ) -> None:
        super().__init__(open_ops, start, clock, all_namespaces=all_namespaces, contexts=contexts)
        self._state = FeedState.LOADING
        self._state_since = clock.now()
        self._notice = self._looked_for = self._no_namespace = ""
        self._seen_version: int | None = None
        self._surveyed = False
        self._prompt = Prompt(self._open_prompt)
        self.opens = ""
        """One of our own screens, opened as soon as there is a cluster."""

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield ClusterLine()
        yield TableLine()
        yield Banner()
        yield LiveTable(clock=self._clock)
        yield self._prompt
        yield KeyLine()

    def on_mount(self) -> None:
        """Connect."""
        if not self.children:
            # Told to end before anything was put on it.
            return
        table, prompt = self.query_one(LiveTable), self.query_one(Prompt)
        prompt.home = table
        if not prompt.is_open:
            self.set_focus(table)
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
        """Open the first table of this cluster."""
        switched, self._cluster = self._cluster is not None, message.cluster
        wanted, self._wanted = self._wanted, None
        query, filter_text, seek = self._query, None, ""
        takes_default = self._takes_default_namespace
        if wanted is not None:
            query, filter_text, seek = wanted.query, wanted.filter_text, wanted.seek
            takes_default = not wanted.names_namespace and (switched or takes_default or bool(wanted.context))
        elif switched:
            # What is looked at in all namespaces here is looked at in all namespaces there.
            query, takes_default = TableQuery(kind=query.kind), bool(query.namespace)
        if takes_default:
            held = self.remembered.namespaces.get(message.cluster.context)
            query = msgspec.structs.replace(
                query, namespace=message.default_namespace if held is None else held
            )
        if switched:
            self.query_one(LiveTable).clear()
            self._rows = None
        self._takes_default_namespace = self._surveyed = False
        self._favourites = Favourites()
        self._favourites.visited(message.default_namespace)
        self._go(begun(Place(query=query, seek=seek)), filter_text)
        if self.opens:
            name, self.opens = self.opens, ""
            self._obey(name)

    def on_identified(self) -> None:
        """Show who we are."""
        self._tell()

    def on_connection_failed(self, message: session.ConnectionFailed) -> None:
        """Say why; what was connected stays so, and where nothing was, the contexts are listed."""
        self._wanted = None
        if self._cluster is not None:
            self.say(f"✗ {sentence(message.error)} Still on {self._cluster.name or self._cluster.context}.")
            return
        self._failed_context = message.context
        self.enter(FeedState.FAILED)
        table = self.query_one(LiveTable)
        table.placeholder = f"✗ {sentence(message.error)} Press Ctrl-R to try again, q to quit."
        self.say("")
        self.run_worker(self._list_contexts(message.error), group="contexts", exclusive=True)

    def on_surveyed(self, message: session.Surveyed) -> None:
        """Complete what is typed from what there is."""
        self.query_one(Prompt).commands.know(message.kinds, message.namespaces)

    def on_namespace_missing(self, message: session.NamespaceMissing) -> None:
        """Say so in place of the rows, where it is still the one that is shown."""
        if message.called == self._query.namespace:
            self._no_namespace = no_namespace(message.called, message.near)
            self._show_rows()

    def on_feed_opened(self, message: session.FeedOpened) -> None:
        """Show another table."""
        table, before = self.query_one(LiveTable), self._query
        trail, filter_text = self._going
        if message.query.kind != before.kind or self._rows is None:
            table.clear()
        elif message.query != before:
            table.empty()
        place = trail.here
        table.choose(self.columns_of(message.query.kind))
        table.only_owned_by(place.owner)
        if filter_text is not None:
            table.set_filter(filter_text)
        if place.seek:
            table.seek(place.seek)
        self._trail, self._rows, self._seen_version = trail, message.rows, None
        self._notice = self._looked_for = self._no_namespace = ""
        self._favourites.visited(message.query.namespace)
        self.enter(FeedState.LOADING)
        self._show_rows()

    def on_feed_refused(self, message: session.FeedRefused) -> None:
        """Say why; what was shown stays."""
        if self._rows is None:
            self.enter(FeedState.FAILED)
            table = self.query_one(LiveTable)
            table.placeholder = f"✗ {sentence(message.error)} Press Ctrl-R to try again, : for another kind."
            self.say("")
        else:
            self.say(f"✗ {sentence(message.error)}")

    def on_feed_changed(self, message: session.FeedChanged) -> None:
        """Show what is new."""
        if message.rows is self._rows:
            self._show_rows()

    def _survey_once(self) -> None:
        if not self._surveyed and self._state is FeedState.LIVE:
            # The first rows come first.
            self._surveyed = True
            self._session.survey()
            self.run_worker(self._list_contexts(None), group="contexts", exclusive=True)

    # What the user does

    def on_live_table_view_changed(self) -> None:
        """Say how many rows there are now."""
        self._tell()

    def on_prompt_typed(self, message: Prompt.Typed) -> None:
        """Filter as it is typed, and what is still on its way too."""
        self._filter_by(message.text)

    def on_prompt_submitted(self, message: Prompt.Submitted) -> None:
        """Keep the filter, or do what was commanded."""
        if message.mode == "command":
            self._obey(message.text)

    def on_prompt_cancelled(self, message: Prompt.Cancelled) -> None:
        """Forget what was typed."""
        if message.mode == "filter":
            self._filter_by("")
        self._tell()

    def on_descendant_focus(self) -> None:
        """Whoever clicks into the table has done with typing: no letter may act on rows beside an open prompt."""
        if self.focused is self.query_one(LiveTable):
            self.query_one(Prompt).close()

    def on_key(self, event: events.Key) -> None:
        """Take what was typed before there was anything to type into."""
        if self.query_one(Prompt).take_early(event):
            event.stop()
        elif event.key in OPENING_KEYS and self.focused is None:
            self._open_prompt(OPENING_KEYS[event.key])
            event.stop()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While the prompt is open, keys are text; before there is a table, none acts on it."""
        # Asked for every binding whenever the focus moves, so nothing is searched for.
        return action == "interrupt" or (self.is_mounted and not self._prompt.is_open)

    def action_filter(self) -> None:
        """Type a filter; the one in force stays until something is typed."""
        self._open_prompt("filter")
        self.query_one(LiveTable).prepare_filter()
        self._tell()

    def action_command(self) -> None:
        """Type a command."""
        self._open_prompt("command")

    def _open_prompt(self, mode: Mode) -> None:
        before = self.query_one(LiveTable).filter.text if mode == "filter" else ""
        self.query_one(Prompt).open(mode, before)

    def action_back(self) -> None:
        """Take away the last sentence, else go back."""
        if self._notice:
            self.say("")
        else:
            super().action_back()

    def action_retry(self) -> None:
        """Connect, or list again."""
        if self._session.connected:
            self._go(self._trail)
            return
        self.query_one(LiveTable).placeholder = "Connecting to the cluster …"
        self.enter(FeedState.LOADING)
        self._session.connect()
        self._tell()

    def action_leave(self) -> None:
        """Leave."""
        from k8sops.tui.running.leaving import leave  # noqa: PLC0415 - loaded when needed

        leave(self.app, self._session)

    def action_interrupt(self) -> None:
        """Leave, by the key every terminal program is left with."""
        self.action_leave()

    # What is shown

    def _filter_by(self, text: str) -> None:
        self._going = (self._going[0], text)
        self.query_one(LiveTable).set_filter(text)
        self._tell()

    def _show_rows(self) -> None:
        rows = self._rows
        if rows is None:
            return
        table = self.query_one(LiveTable)
        self.enter(rows.state)
        # When the same table is listed again, the rows of before stay until there is something newer.
        is_answered = bool(rows.columns) or rows.state is not FeedState.LOADING
        if is_answered and rows.version != self._seen_version:
            self._seen_version = rows.version
            found = rows.rows
            # A namespace without a comma is one: what stands in the header needs no column.
            is_one = bool(self._query.namespace) and SEPARATOR not in self._query.namespace
            with_namespace = not is_one and bool(found) and bool(found[0].namespace)
            table.show(columns_shown(self._query, rows.columns), found, with_namespace=with_namespace)
        self._doubt_namespace(rows)
        table.placeholder = placeholder(self._query, rows, table, self._no_namespace)
        self._tell()
        self._survey_once()

    def _doubt_namespace(self, rows: LiveRows) -> None:
        """A mistyped namespace looks like an empty one: the API server lists nothing in either."""
        if rows.rows:
            self._no_namespace = ""
            return
        namespace, is_joined = self._query.namespace, bool(self._trail.here.contexts)
        if rows.state is not FeedState.LIVE or not namespace or SEPARATOR in namespace or is_joined:
            return
        if self._looked_for != namespace:
            self._looked_for = namespace
            self._session.look_for_namespace(namespace)

    def enter(self, state: FeedState) -> None:
        """Note how far the rows can be believed from now on."""
        if state is not self._state:
            self._state, self._state_since = state, self._clock.now()

    def _tell(self) -> None:
        table, now = self.query_one(LiveTable), self._clock.now()
        is_loading = self._state is FeedState.LOADING
        self.query_one(ClusterLine).tell(self._cluster, self._query, is_loading=is_loading)
        filter_text = table.filter.text
        counts = count_text(
            len(table.shown),
            table.total,
            filtered=bool(filter_text) or table.faults_only or bool(self._trail.here.owner),
            loading=is_loading,
        )
        since = self._since()
        self.query_one(TableLine).tell(
            crumbs_said(self._trail.crumbs),
            counts,
            self._state,
            since_said(self._state, since, now),
            extras_of(table, self._query, self._rows.note if self._rows is not None else ""),
        )
        prompt = self.query_one(Prompt)
        if prompt.is_open:
            prompt.count(table.filter.notice or (f"{len(table.shown):,} found" if filter_text else ""))
        worrying = trouble(self._rows, self._state, since, now) if self._rows is not None else ""
        self.query_one(Banner).say(self._notice or worrying)

    def say(self, notice: str) -> None:
        """Show a sentence until the next move; empty: no more."""
        self._notice = notice
        self._tell()

    def _since(self) -> datetime:
        since = self._rows.stale_since if self._rows is not None else None
        return since or self._state_since
