"""One object that is in trouble: why, in a sentence, above the facts that say so. Read again every few seconds."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.overview import Diagnosis, Trouble
from k8sops.core.tables import Row, TableQuery
from k8sops.core.text import printable
from k8sops.tui.acting.screen import Chosen
from k8sops.tui.describe_screen import DescribeScreen
from k8sops.tui.detail import DetailScreen
from k8sops.tui.key_line import KeyLine
from k8sops.tui.overview.facts_view import FactsView
from k8sops.tui.overview.words import GLYPHS, STYLES, age_text, label_of, trouble_row
from k8sops.tui.session import Session
from k8sops.tui.sessions.screen import SessionsScreen
from k8sops.tui.status import SEPARATOR, Banner, ClusterLine, SaidLine, clock_text

READ_EVERY_S: Final = 5.0


class TroubleScreen(SessionsScreen):
    """Why it is in trouble, and what can be done about it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "Back", key_display="esc", id="trouble.back"),
        Binding("d", "describe", "Describe", id="trouble.describe"),
        Binding("y", "yaml", "YAML", id="trouble.yaml"),
        # The same as in tables, told in the footer here.
        Binding("v", "events", "Events", id="trouble.events"),
    ]
    DEFAULT_CSS = """
    TroubleScreen > #title { height: 1; padding: 0 1; background: $panel; text-style: bold; }
    TroubleScreen > #why { height: auto; max-height: 6; padding: 1 1 0 1; text-style: bold; }
    TroubleScreen > Footer { height: 1; }
    """

    class _Told(Message):
        def __init__(self, diagnosis: Diagnosis) -> None:
            super().__init__()
            self.diagnosis = diagnosis

    class _Refused(Message):
        def __init__(self, error: K8sOpsError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, connection: Session, clock: Clock, trouble: Trouble) -> None:
        super().__init__()
        self._session = connection
        self._clock = clock
        self._trouble = trouble
        self._label = label_of(trouble.kind, trouble.name, trouble.namespace)
        self._diagnosis: Diagnosis | None = None

    @property
    def connection(self) -> Session:
        """The connection that everything goes through."""
        return self._session

    def chosen(self) -> Chosen:
        """The object itself."""
        rows: tuple[Row, ...] = (trouble_row(self._trouble, self._clock.now()),)
        return Chosen(self._trouble.kind, rows)

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield ClusterLine()
        yield SaidLine(id="title")
        yield Banner()
        yield Static(id="why")
        yield FactsView()
        yield KeyLine()

    def on_mount(self) -> None:
        """Say what the overview knew, and read the rest."""
        self.query_one(FactsView).focus()
        query = TableQuery(kind="", namespace=self._trouble.namespace)
        if self._session.connected:
            self.query_one(ClusterLine).tell(self._session.ops.cluster_info, query)
        self.query_one("#title", SaidLine).say(f"{self._label}{SEPARATOR}~ loading")
        self._say_why(self._trouble.why, self._trouble.gauge.value and GLYPHS[self._trouble.gauge])
        self.set_interval(READ_EVERY_S, self.read)
        self.read()

    def on_screen_resume(self) -> None:
        """An action that was opened from here may have changed it."""
        self.read()

    def on_resize(self) -> None:
        """Break the lines anew."""
        self._lay_out()

    def read(self) -> None:
        """Read it now, unless another screen covers this one."""
        if self.is_current:
            self._read()

    def on_trouble_screen__told(self, message: _Told) -> None:
        """Show what is known."""
        self._diagnosis = message.diagnosis
        self.query_one(Banner).say("")
        self._lay_out()
        self.query_one("#title", SaidLine).say(
            f"{self._label}{SEPARATOR}✓ read {clock_text(self._clock.now())}"
        )

    def on_trouble_screen__refused(self, message: _Refused) -> None:
        """Say why there is nothing newer; what was read stays."""
        hint = f" ({message.error.hint})" if message.error.hint else ""
        self.query_one(Banner).say(f"✗ {message.error.message}{hint}. It is tried again by itself.")
        self.query_one("#title", SaidLine).say(f"{self._label}{SEPARATOR}! not read again")

    def action_yaml(self) -> None:
        """Show the whole object."""
        self.app.push_screen(DetailScreen(self._looked_at(), self._session, self._clock))

    def action_describe(self) -> None:
        """Show the whole object in words."""
        self.app.push_screen(DescribeScreen(self._looked_at(), self._session, self._clock))

    def action_back(self) -> None:
        """Return to the overview."""
        self.dismiss()

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        one = self._trouble
        try:
            diagnosis = await self._session.ops.diagnose(one.kind, one.name, one.namespace)
            self.post_message(self._Told(diagnosis))
        except K8sOpsError as error:
            self.post_message(self._Refused(error))

    def _lay_out(self) -> None:
        found = self._diagnosis
        if found is None:
            return
        now = self._clock.now()
        since = f" Since {age_text(found.since, now)}." if found.since is not None else ""
        self._say_why(f"{found.why}{since}", GLYPHS[found.gauge], STYLES[found.gauge])
        self.query_one(FactsView).show(found.facts, now)

    def _say_why(self, text: str, glyph: str, style: str = "") -> None:
        self.query_one("#why", Static).update(Content.assemble((f"{glyph} ", style), printable(text)))
