"""The ports that are forwarded by this process: where to, how often used, what is wrong; each can be stopped."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from k8sops.core.clock import Clock
from k8sops.core.durations import age
from k8sops.core.errors import K8sOpsError
from k8sops.core.ops import Ops
from k8sops.core.sessions import Forwarding
from k8sops.core.tables import TableQuery
from k8sops.core.text import printable
from k8sops.tui.key_line import KeyLine
from k8sops.tui.left_once import LeftOnce
from k8sops.tui.session import Session
from k8sops.tui.status import Banner, ClusterLine, SaidLine

TICK_S = 1.0
EMPTY = "No port is forwarded here. Shift-F on a pod, a workload or a service forwards one."
TITLES = ("LOCAL", "USED", "AGE", "STATE", "TO", "POD")
"""What a small terminal cuts off stands last: the pod is as a rule named by what leads there."""


class ForwardsScreen(LeftOnce[None]):
    """All forwarded ports, of every context that is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+d", "stop", "Stop", id="forwards.stop"),
        Binding("c", "copy", "Copy address", id="forwards.copy"),
        Binding("j", "move(1)", "Down", show=False, id="forwards.down"),
        Binding("k", "move(-1)", "Up", show=False, id="forwards.up"),
        Binding("escape,q", "back", "Back", key_display="esc", id="forwards.back"),
    ]
    DEFAULT_CSS = """
    ForwardsScreen > #title { height: 1; padding: 0 1; background: $surface; color: $text-muted; }
    ForwardsScreen > DataTable { height: 1fr; }
    """

    def __init__(self, connection: Session, clock: Clock) -> None:
        super().__init__()
        self.connection = connection
        self._clock = clock
        self._shown: list[tuple[Ops, Forwarding]] = []

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield ClusterLine()
        yield SaidLine(id="title")
        yield Banner()
        yield DataTable(cursor_type="row", zebra_stripes=False)
        yield KeyLine()

    def on_mount(self) -> None:
        """Show them, and how they do."""
        self.query_one(DataTable).add_columns(*TITLES)
        self.query_one(DataTable).focus()
        self.set_interval(TICK_S, self.tell)
        self.tell()

    def tell(self) -> None:
        """Show what there is now, the cursor where it was."""
        table = self.query_one(DataTable)
        place = table.cursor_row
        self._shown = [(ops, one) for ops in self.connection.all_ops for one in ops.sessions.forwardings]
        table.clear()
        for ops, one in self._shown:
            table.add_row(*(Text(printable(cell), no_wrap=True) for cell in self._cells(ops, one)))
        if self._shown:
            table.move_cursor(row=min(place, len(self._shown) - 1))
        if self.connection.connected:
            self.query_one(ClusterLine).tell(self.connection.ops.cluster_info, TableQuery(kind="pods"))
        self.query_one("#title", SaidLine).say(f"forwarded ports · {len(self._shown)}")
        self.query_one(Banner).say("" if self._shown else EMPTY)

    def action_stop(self) -> None:
        """Stop the one under the cursor; what goes through it is cut."""
        if self._shown:
            ops, one = self._shown[self.query_one(DataTable).cursor_row]
            self.app.run_worker(self._stop(ops, one), group="stop forwarding")

    def action_copy(self) -> None:
        """Copy the local address."""
        if self._shown:
            address = f"127.0.0.1:{self._shown[self.query_one(DataTable).cursor_row][1].local_port}"
            self.app.copy_to_clipboard(address)
            self.notify(address, title="Copied", markup=False)

    def action_move(self, step: int) -> None:
        """Move the cursor by the hands' own keys."""
        table = self.query_one(DataTable)
        table.move_cursor(row=table.cursor_row + step)

    def action_back(self) -> None:
        """Return."""
        self.dismiss()

    def _cells(self, ops: Ops, one: Forwarding) -> tuple[str, ...]:
        wanted, cluster = one.wanted, ops.cluster_info
        state = f"! {one.trouble}" if one.trouble else "✓ open"
        return (
            f"127.0.0.1:{one.local_port}",
            f"{one.connections:>4,}",
            age(one.since, self._clock.now()),
            state,
            f"{wanted.namespace}/{wanted.of}/{wanted.name}:{wanted.port} on {cluster.name or cluster.context}",
            one.pod,
        )

    async def _stop(self, ops: Ops, one: Forwarding) -> None:
        try:
            await ops.sessions.stop(one.id)
        except K8sOpsError as error:
            self.app.notify(error.message, title="Not recorded", severity="error", markup=False)
        if self.is_attached:
            self.tell()
