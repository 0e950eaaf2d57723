"""The list of contexts: which there are, which is in use, and Enter to switch."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from k8sops.core.clock import Clock
from k8sops.core.contexts import Context, Contexts
from k8sops.core.errors import K8sOpsError
from k8sops.core.tables import Column, Row, TableQuery
from k8sops.tui.key_line import KeyLine
from k8sops.tui.left_once import LeftOnce
from k8sops.tui.live_table import LiveTable
from k8sops.tui.session import Session
from k8sops.tui.shell.ending import connection_of
from k8sops.tui.status import Banner, ClusterLine, TableLine

COLUMNS = (
    Column(name="Name"),
    Column(name="In use"),
    Column(name="Server"),
    Column(name="User"),
    Column(name="Namespace"),
)


class ContextScreen(LeftOnce[str | None]):
    """Dismissed with the name of the context that was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Switch", key_display="⏎", priority=True, id="contexts.choose"),
        Binding("ctrl+r", "read", "Read again", key_display="^r", id="contexts.read"),
        Binding("escape,q", "back", "Back", key_display="esc", id="contexts.back"),
    ]
    DEFAULT_CSS = """
    ContextScreen > LiveTable { height: 1fr; }
    ContextScreen > Footer { height: 1; }
    """

    class _Listed(Message):
        def __init__(self, found: tuple[Context, ...]) -> None:
            super().__init__()
            self.found = found

    class _Refused(Message):
        def __init__(self, error: K8sOpsError) -> None:
            super().__init__()
            self.error = error

    def __init__(
        self,
        contexts: Contexts,
        clock: Clock,
        *,
        in_use: str,
        last: str = "",
        failed: str | None = None,
        why: str = "",
    ) -> None:
        """`why` is said above the list: what went wrong that one is chosen; `failed` where, empty: the default one."""
        super().__init__()
        self._contexts = contexts
        self._clock = clock
        self._in_use = in_use
        self._last = last
        self._failed = failed
        self._is_sought = False
        self._why = why

    @property
    def connection(self) -> Session | None:
        """The connection in use, until another is chosen."""
        return connection_of(self.app)

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield ClusterLine()
        yield TableLine()
        yield Banner()
        yield LiveTable(clock=self._clock)
        yield KeyLine()

    def on_mount(self) -> None:
        """Say where we are still, and read the list."""
        if (connection := self.connection) is not None and connection.connected:
            self.query_one(ClusterLine).tell(connection.ops.cluster_info, TableQuery(kind="contexts"))
        self.query_one(TableLine).say("contexts")
        self.query_one(Banner).say(self._why)
        self.query_one(LiveTable).focus()
        self.action_read()

    def action_read(self) -> None:
        """Read the list, again if need be."""
        self.run_worker(self._read(), group="contexts", exclusive=True)

    def action_back(self) -> None:
        """Stay where we are."""
        self.dismiss(None)

    def on_live_table_opened(self, message: LiveTable.Opened) -> None:
        """Switch."""
        self.dismiss(message.row.name)

    def on_context_screen__listed(self, message: _Listed) -> None:
        """Show them; the cursor stays where it is when they are read again."""
        if self._failed == "":
            self._failed = next((each.name for each in message.found if each.is_default), None)
        rows = [
            Row(
                uid=each.name,
                name=each.name,
                namespace="",
                cells=(
                    each.name,
                    self._sign(each.name),
                    each.server,
                    each.user,
                    each.namespace,
                ),
                created=None,
                labels={},
            )
            for each in message.found
        ]
        table = self.query_one(LiveTable)
        table.placeholder = "No kubeconfig names a context; set KUBECONFIG or start with --kubeconfig."
        table.show(COLUMNS, rows, with_namespace=False)
        if not self._is_sought:
            # Enter is pressed again where it failed, once that is mended: it must not reach another cluster.
            self._is_sought = True
            table.seek(self._failed or self._in_use or self._last)
        count = len(rows)
        self.query_one(TableLine).say(f"contexts · {count} {'row' if count == 1 else 'rows'}")

    def on_context_screen__refused(self, message: _Refused) -> None:
        """Say why there is no list."""
        hint = f" ({message.error.hint})" if message.error.hint else ""
        self.query_one(Banner).say(f"✗ {message.error.message}{hint}")

    def _sign(self, name: str) -> str:
        if name == self._failed:
            return "✗ not reached"
        return "✓" if name == self._in_use else "last time" if name == self._last else ""

    async def _read(self) -> None:
        try:
            self.post_message(self._Listed(await self._contexts.listed()))
        except K8sOpsError as error:
            self.post_message(self._Refused(error))
