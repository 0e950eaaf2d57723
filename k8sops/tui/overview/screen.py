"""The overview: one line for each thing that matters of a cluster, and below them what is in trouble, and why.

The service says what is to be seen; this screen only shows it. Losing the connection keeps what was last known.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.overview import Gauge, Overview, Tile, Trouble
from k8sops.core.tables import Row, TableQuery
from k8sops.core.text import counted, printable
from k8sops.tui.acting.screen import Chosen
from k8sops.tui.help import HelpScreen
from k8sops.tui.jumping import jump
from k8sops.tui.key_line import KeyLine
from k8sops.tui.overview.tile_screen import TileScreen
from k8sops.tui.overview.tiles_view import Tiles
from k8sops.tui.overview.trouble_screen import TroubleScreen
from k8sops.tui.overview.trouble_table import TroubleTable
from k8sops.tui.overview.words import COLUMNS, label_of, trouble_row
from k8sops.tui.places import Place
from k8sops.tui.prompt import Prompt
from k8sops.tui.running.leaving import leave
from k8sops.tui.screens import SCREENS
from k8sops.tui.session import Session
from k8sops.tui.sessions.screen import SessionsScreen
from k8sops.tui.status import SEPARATOR, Banner, ClusterLine, SaidLine, clock_text, since_text

AGAIN_S: Final = 5.0
TICK_S: Final = 1.0


class OverviewScreen(SessionsScreen):
    """A cluster at a glance."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # By priority: the footer says what it does here, and not what it does in tables.
        Binding("enter", "open", "Why", key_display="⏎", priority=True, id="overview.open"),
        Binding("slash", "filter", "Filter", key_display="/", priority=True, id="overview.filter"),
        Binding("tab", "turn", "Tiles", key_display="tab", priority=True, id="overview.turn"),
        Binding("question_mark", "help", "Help", key_display="?", id="overview.help"),
        Binding("escape", "back", "Back", key_display="esc", id="overview.back"),
        Binding("q", "leave", "Back", show=False, id="overview.leave"),
        Binding("ctrl+c", "interrupt", "Quit", show=False, id="overview.interrupt"),
    ]
    DEFAULT_CSS = """
    OverviewScreen > #title { height: 1; padding: 0 1; background: $surface; color: $text-muted; }
    OverviewScreen > TroubleTable { height: 1fr; }
    OverviewScreen > #why { height: 3; padding: 0 1; background: $surface; color: $foreground; }
    OverviewScreen > Footer { height: 1; }
    """

    class _Told(Message):
        def __init__(self, overview: Overview) -> None:
            super().__init__()
            self.overview = overview

        def can_replace(self, message: Message) -> bool:
            """A later one says all that an earlier one did."""
            return isinstance(message, OverviewScreen._Told)

    class _Broken(Message):
        def __init__(self, error: K8sOpsError) -> None:
            super().__init__()
            self.error = error

    opening_filter = ""

    def __init__(self, connection: Session, clock: Clock) -> None:
        super().__init__()
        self._session = connection
        self._clock = clock
        self._overview: Overview | None = None
        self._rows: dict[str, tuple[Trouble, Row]] = {}
        self._trouble = ""

    @property
    def connection(self) -> Session:
        """The connection that everything goes through."""
        return self._session

    def chosen(self) -> Chosen:
        """The trouble under the cursor, while that is in the table."""
        found = None if self.query_one(Tiles).has_focus else self._selected()
        return Chosen("", ()) if found is None else Chosen(found[0].kind, (found[1],))

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield ClusterLine()
        yield Banner()
        yield Tiles()
        yield SaidLine(id="title")
        yield TroubleTable(clock=self._clock)
        yield Static(id="why")
        yield Prompt()
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin to look."""
        table = self.query_one(TroubleTable)
        table.placeholder = "Looking for what is in trouble …"
        table.set_filter(self.opening_filter)
        table.focus()
        self.query_one(Prompt).home = table
        self.set_interval(TICK_S, self._tick)
        self.begin()
        self._tell()

    def on_overview_screen__told(self, message: _Told) -> None:
        """Show what is new."""
        self._overview, self._trouble = message.overview, ""
        for screen in self.app.screen_stack:
            if isinstance(screen, TileScreen):
                screen.show(
                    next((one for one in message.overview.tiles if one.name == screen.tile.name), screen.tile)
                )
        self._show()

    def on_overview_screen__broken(self, message: _Broken) -> None:
        """Say why nothing newer comes, and try again."""
        hint = f" ({message.error.hint})" if message.error.hint else ""
        self._trouble = f"! {message.error.message.rstrip('.')}{hint}. It is tried again by itself."
        self.set_timer(AGAIN_S, self.begin)
        self._tell()

    def on_trouble_table_moved(self) -> None:
        """Say the whole sentence of the trouble under the cursor."""
        self._say_why()

    def on_live_table_opened(self) -> None:
        """Open the trouble under the cursor."""
        self.action_open()

    def on_trouble_table_above(self) -> None:
        """Go on to the tiles."""
        self.query_one(Tiles).enter_from_below()

    def on_tiles_left(self) -> None:
        """Go on to the table."""
        self.query_one(TroubleTable).focus()

    def on_tiles_opened(self, message: Tiles.Opened) -> None:
        """Open the tile."""
        self._open_tile(message.tile)

    def on_prompt_typed(self, message: Prompt.Typed) -> None:
        """Filter as it is typed."""
        self.query_one(TroubleTable).set_filter(message.text)
        self._tell()

    def on_prompt_cancelled(self) -> None:
        """Forget the filter."""
        self.query_one(TroubleTable).set_filter("")
        self._tell()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While the prompt is open, its keys are text."""
        if action not in {"filter", "open", "turn"} or not self.is_mounted:
            return True
        return not self.query_one(Prompt).is_open

    def action_filter(self) -> None:
        """Type a filter; the one in force stays until something is typed."""
        table = self.query_one(TroubleTable)
        self.query_one(Prompt).open("filter", table.filter.text)

    def action_turn(self) -> None:
        """From the troubles to the tiles, and back."""
        tiles = self.query_one(Tiles)
        (self.query_one(TroubleTable) if tiles.has_focus else tiles).focus()

    def action_open(self) -> None:
        """Show why, and the facts."""
        tiles = self.query_one(Tiles)
        if tiles.has_focus and tiles.selected is not None:
            self._open_tile(tiles.selected)
        elif found := self._selected():
            self.app.push_screen(TroubleScreen(self._session, self._clock, found[0]))

    def action_help(self) -> None:
        """Show every key."""
        self.app.push_screen(HelpScreen())

    def action_back(self) -> None:
        """Take away the filter, else return to the tables."""
        table = self.query_one(TroubleTable)
        if table.filter.text:
            table.set_filter("")
            self._tell()
        else:
            self.dismiss()

    def action_leave(self) -> None:
        """Return to the tables."""
        self.dismiss()

    def action_interrupt(self) -> None:
        """Leave the program, by the key every terminal program is left with."""
        leave(self.app, self._session)

    def _open_tile(self, tile: Tile) -> None:
        if tile.name == "nodes" and tile.gauge not in {Gauge.DENIED, Gauge.UNKNOWN}:
            jump(self.app, Place(query=TableQuery(kind="nodes")))
        elif tile.name in SCREENS:
            self.app.push_screen(SCREENS[tile.name](self._session, self._clock))
        else:
            self.app.push_screen(TileScreen(self._session, self._clock, tile))

    def begin(self) -> None:
        """Look, in place of what looks now."""
        self._follow()

    @work(group="overview", exclusive=True)
    async def _follow(self) -> None:
        try:
            async with aclosing(self._session.ops.overview()) as overviews:
                async for overview in overviews:
                    self.post_message(self._Told(overview))
        except K8sOpsError as error:
            self.post_message(self._Broken(error))
        except Exception as error:  # noqa: BLE001 - worker boundary: a failure must reach the screen
            self.post_message(
                self._Broken(K8sOpsError(f"the overview failed: {type(error).__name__}: {error}"))
            )

    def _selected(self) -> tuple[Trouble, Row] | None:
        row = self.query_one(TroubleTable).selected_row
        return self._rows.get(row.uid) if row is not None else None

    def _tick(self) -> None:
        """Times since grow."""
        if self._overview is not None:
            self._show()

    def _show(self) -> None:
        overview = self._overview
        if overview is None:
            return
        self.query_one(Tiles).show(overview.tiles)
        self._rows, before, now = {}, self._rows, self._clock.now()
        for trouble in overview.troubles:
            row = trouble_row(trouble, now)
            kept = before.get(row.uid)
            # A row that reads the same stays the same object: the table draws only what differs.
            self._rows[row.uid] = (trouble, kept[1] if kept is not None and kept[1] == row else row)
        table = self.query_one(TroubleTable)
        table.placeholder = (
            "No trouble passes the filter. Esc clears it."
            if table.filter.text and self._rows
            else "Looking for what is in trouble …"
            if _waits(overview)
            else _nothing(overview)
        )
        table.show(COLUMNS, [row for _, row in self._rows.values()], with_namespace=True)
        self._say_why()
        self._tell()

    def _say_why(self) -> None:
        found = self._selected()
        text = ""
        if found is not None:
            trouble = found[0]
            text = f"{label_of(trouble.kind, trouble.name, trouble.namespace)}: {trouble.why}"
        self.query_one("#why", Static).update(Content(printable(text)))

    def _tell(self) -> None:
        trouble, overview, now = self._trouble, self._overview, self._clock.now()
        try:
            cluster = self._session.ops.cluster_info
            self.query_one(ClusterLine).tell(cluster, TableQuery(kind="overview"))
        except K8sOpsError as error:
            trouble = trouble or f"! {error.message}"
        if overview is not None and overview.lost:
            since = since_text(overview.lost_since or overview.at, now)
            trouble = trouble or f"! STALE since {since}: {overview.lost.rstrip('.')}. Reconnecting."
        self.query_one(Banner).say(trouble)
        parts = ["overview"]
        if overview is None or _waits(overview):
            parts.append("~ loading")
        else:
            many, table = counted(len(overview.troubles), "thing"), self.query_one(TroubleTable)
            is_filtered = bool(table.filter.text)
            parts.append(f"{f'{len(table.shown)} of ' if is_filtered else ''}{many} in trouble")
            sign = "! as of" if trouble else "✓ as of"
            parts.append(f"{sign} {clock_text(overview.at)}")
            parts += [f"/{table.filter.text}"] if is_filtered else []
        self.query_one("#title", SaidLine).say(SEPARATOR.join(parts))


def _waits(overview: Overview) -> bool:
    """Whether it is still to come what is in trouble."""
    return any(tile.gauge is Gauge.WAITING for tile in overview.tiles[1:3])


def _nothing(overview: Overview) -> str:
    denied = [tile for tile in overview.tiles[1:3] if tile.gauge in {Gauge.DENIED, Gauge.UNKNOWN}]
    if denied:
        return "What is in trouble cannot be told: see above what may not be read."
    return "Nothing is in trouble."
