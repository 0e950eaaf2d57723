"""Several clusters at a glance: a line for each context, followed once it is reached, and what is worst on it.

Nothing is reached by itself but what was reached before: a kubeconfig may name forty clusters whose plugins ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from typing import Any, ClassVar, Final

from textual import work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.ops import Ops
from k8sops.core.overview import Overview
from k8sops.core.plan import ClusterInfo
from k8sops.core.tables import Column, Row
from k8sops.core.text import counted, printable
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.jumping import TableHome, home_of
from k8sops.tui.overview.fleet_words import cells_of, worst_of
from k8sops.tui.overview.screen import OverviewScreen
from k8sops.tui.overview.trouble_table import TroubleTable
from k8sops.tui.prompt import Prompt
from k8sops.tui.running.words import sentence_of
from k8sops.tui.session import Session

AGAIN_S: Final = 15.0


class FleetTold(Message):
    """What a cluster looks like now."""

    def __init__(self, context: str, cluster: ClusterInfo, overview: Overview) -> None:
        super().__init__()
        self.context = context
        self.cluster = cluster
        self.overview = overview

    def can_replace(self, message: Message) -> bool:
        """A later one says all that an earlier one did."""
        return isinstance(message, FleetTold) and message.context == self.context


class FleetLost(Message):
    """Why nothing, or nothing newer, is told of a cluster."""

    def __init__(self, context: str, error: K8sOpsError) -> None:
        super().__init__()
        self.context = context
        self.error = error


class FleetScreen(ListScreen):
    """Every context, and the clusters behind those that were reached."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # By priority: the footer says what it does here, and not what it does in tables.
        Binding("enter", "choose", "Open", key_display="⏎", priority=True, id="fleet.open"),
        Binding("space", "reach", "Reach", priority=True, id="fleet.reach"),
        Binding("A", "reach_all", "Reach all", priority=True, id="fleet.reach_all"),
    ]
    DEFAULT_CSS = """
    FleetScreen > #why { height: 3; padding: 0 1; background: $surface; color: $foreground; }
    """
    WORD: ClassVar[str] = "context"
    EMPTY: ClassVar[str] = "No kubeconfig names a context."
    COLUMNS: ClassVar[tuple[Column, ...]] = tuple(
        Column(name=name, type="integer" if name == "Trouble" else "string")
        for name in ("Context", "Environment", "Status", "Trouble", "Nodes", "Approvals", "Backups")
    )

    def __init__(self, connection: Session, clock: Clock) -> None:
        super().__init__(connection, clock)
        self._names: tuple[str, ...] = ()
        self._told: dict[str, tuple[ClusterInfo, Overview]] = {}
        self._lost: dict[str, K8sOpsError] = {}
        self._following: set[str] = set()
        self._rows: dict[str, Row] = {}

    def body(self) -> Iterator[Widget]:
        """The table, what is worst on the cluster under the cursor, and the line a filter is typed in."""
        yield TroubleTable(clock=self._clock)
        yield Static(id="whole")
        yield Static(id="why")
        yield Prompt()

    async def fetch(self, ops: Ops) -> Any:
        """The contexts there are."""
        home = home_of(self.app)
        return await home.context_names() if home is not None else (ops.cluster_info.context,)

    def show(self, found: Any) -> None:
        """List them, and follow those that were reached."""
        self._names = found
        for ops in self._connection.all_ops:
            self._begin(ops.cluster_info.context)
        self._show()

    def notes(self) -> Iterator[str]:
        """How many, and how they are."""
        yield "fleet"
        yield from super().notes()
        yield f"{len(self._told)} followed"
        if troubles := sum(len(overview.troubles) for _, overview in self._told.values()):
            yield f"{counted(troubles, 'thing')} in trouble"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a filter is typed, every key is text."""
        is_own = action in {"choose", "reach", "reach_all"}
        return super().check_action("filter" if is_own else action, parameters)

    def on_live_table_view_changed(self) -> None:
        """Say how many there are, and what is worst where the cursor is."""
        super().on_live_table_view_changed()
        self._say_why()

    def on_trouble_table_moved(self) -> None:
        """Say what is worst where the cursor is."""
        self._say_why()

    def on_fleet_told(self, message: FleetTold) -> None:
        """Show it."""
        self._told[message.context] = message.cluster, message.overview
        self._lost.pop(message.context, None)
        self._show()

    def on_fleet_lost(self, message: FleetLost) -> None:
        """Show why, and try again where it was followed before."""
        self._lost[message.context] = message.error
        self._following.discard(message.context)
        if message.context in self._told:
            self.set_timer(AGAIN_S, lambda: self._begin(message.context))
        self._show()

    def action_choose(self) -> None:
        """Open the overview of the cluster under the cursor, which becomes the one in use; reach it first."""
        context, home = self.selected, home_of(self.app)
        if not context or home is None:
            return
        if context not in self._told:
            self.action_reach()
            return
        self._open(home, context)

    def action_reach(self) -> None:
        """Reach the context under the cursor and follow its cluster."""
        if self.selected:
            self._begin(self.selected)
            self._show()

    def action_reach_all(self) -> None:
        """Reach every context."""
        for name in self._names:
            self._begin(name)
        self._show()

    def opened(self, row: Row) -> None:
        """A second click on a row."""
        self.action_choose()

    def _open(self, home: TableHome, context: str) -> None:
        connection, clock = self._connection, self._clock
        while self.app.screen is not home:
            self.app.pop_screen()
        home.open_context(context)
        self.app.push_screen(OverviewScreen(connection, clock))

    def _begin(self, context: str) -> None:
        if context not in self._following:
            self._following.add(context)
            self._follow(context)

    @work(group="fleet")
    async def _follow(self, context: str) -> None:
        try:
            ops = await self._connection.reach(context)
            async with aclosing(ops.overview()) as overviews:
                async for overview in overviews:
                    self.post_message(FleetTold(context, ops.cluster_info, overview))
        except K8sOpsError as error:
            self.post_message(FleetLost(context, error))
        except Exception as error:  # noqa: BLE001 - worker boundary: one cluster's defect must not hide the others
            self.post_message(FleetLost(context, K8sOpsError(f"failed: {type(error).__name__}: {error}")))

    def _show(self) -> None:
        known, self._rows = self._rows, {}
        for name in self._names:
            row = row_of(
                name, cells_of(name, self._told.get(name), self._lost.get(name), name in self._following)
            )
            kept = known.get(name)
            # A row that reads the same stays the same object: the table draws only what differs.
            self._rows[name] = kept if kept == row else row
        self.put(list(self._rows.values()))
        self._say_why()
        self.tell()

    def _say_why(self) -> None:
        name, text = self.selected, ""
        if name in self._lost:
            text = f"{name}: {sentence_of(self._lost[name])}"
        elif name in self._told:
            text = f"{name}: {worst_of(self._told[name][1])}"
        elif name:
            text = f"{name} was not reached yet: Space reaches it, A every one."
        self.query_one("#why", Static).update(Content(printable(text)))
