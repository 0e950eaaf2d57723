"""A screen that shows a text: fetched, laid out in a thread, searched, copied, saved; a failure is one sentence.

What is shown, and how it is fetched, is the subclass's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.tables import TableQuery
from k8sops.core.text import counted
from k8sops.service.config import data_folder
from k8sops.tui.document.looks import Spans
from k8sops.tui.document.saving import file_name, save
from k8sops.tui.document.view import DocumentView, widest_of
from k8sops.tui.key_line import KeyLine
from k8sops.tui.left_once import LeftOnce
from k8sops.tui.prompt import Prompt
from k8sops.tui.session import Session
from k8sops.tui.status import SEPARATOR, Banner, ClusterLine, SaidLine

SAVED_IN = "saved"


class Laid(NamedTuple):
    """A text as it is shown."""

    lines: Sequence[str]
    spans: Sequence[Spans] = ()


class DocumentScreen(LeftOnce[None]):
    """Fetches a text and shows it."""

    ending = "txt"
    """What a file of it is called."""
    wraps = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", key_display="esc", id="detail.back"),
        Binding("q", "leave", "Back", show=False, id="detail.leave"),
        # By priority, so that what is typed right behind it is already the prompt's.
        Binding("slash", "find", "Find", key_display="/", priority=True, id="detail.find"),
        Binding("c", "copy", "Copy", id="detail.copy"),
        Binding("ctrl+s", "save", "Save", id="detail.save"),
        Binding("r,ctrl+r", "fetch", "Refresh", show=False, id="detail.refresh"),
    ]
    DEFAULT_CSS = """
    DocumentScreen > #title { height: 1; padding: 0 1; background: $surface; color: $text-muted; }
    DocumentScreen > Footer { height: 1; }
    """

    class _Fetched(Message):
        """There is something newer to show."""

    class _Refused(Message):
        def __init__(self, error: K8sOpsError) -> None:
            super().__init__()
            self.error = error

    class _Ready(Message):
        def __init__(self, laid: Laid, widest: int) -> None:
            super().__init__()
            self.laid = laid
            self.widest = widest

    class _Saved(Message):
        def __init__(self, told: str, title: str) -> None:
            super().__init__()
            self.told = told
            self.title = title

    def __init__(self, label: str, connection: Session, clock: Clock, *, namespace: str = "") -> None:
        super().__init__()
        self._label = label
        self._connection = connection
        self._clock = clock
        self._namespace = namespace
        self._state = "~ loading"
        self._told = ""

    # What a subclass fills in

    async def fetch(self) -> None:
        """Read what is shown, and keep it. Raises what the cluster answers."""
        raise NotImplementedError

    def lay(self) -> Laid:
        """What was read as lines; called in a thread, since a custom resource can be megabytes."""
        raise NotImplementedError

    def notes(self) -> list[str]:
        """What else the title says."""
        return []

    @property
    def connection(self) -> Session:
        """The connection that everything goes through."""
        return self._connection

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield ClusterLine()
        yield SaidLine(id="title")
        yield Banner()
        yield DocumentView(wraps=self.wraps)
        yield Prompt()
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin to fetch."""
        view = self.query_one(DocumentView)
        view.focus()
        self.query_one(Prompt).home = view
        if self._connection.connected:
            query = TableQuery(kind="", namespace=self._namespace)
            self.query_one(ClusterLine).tell(self._connection.ops.cluster_info, query)
        self._tell()
        self.action_fetch()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While the prompt is open, a slash is text."""
        return not (action == "find" and self.is_mounted and self.query_one(Prompt).is_open)

    def action_fetch(self) -> None:
        """Fetch it, again if need be."""
        self._fetch()

    def action_back(self) -> None:
        """Take away the marks of the search, else return."""
        view = self.query_one(DocumentView)
        if view.found[0]:
            view.search("")
        else:
            self.dismiss()

    def action_leave(self) -> None:
        """Return."""
        self.dismiss()

    def action_find(self) -> None:
        """Type what to look for; what was looked for stays marked until something is typed."""
        self.query_one(Prompt).open("filter", self.query_one(DocumentView).found[0])

    def action_copy(self) -> None:
        """Copy what is selected, else all of it, to the terminal's clipboard (OSC 52)."""
        selected = self.get_selected_text()
        lines = self.query_one(DocumentView).lines
        self.app.copy_to_clipboard(selected or "\n".join(lines) + "\n")
        self.tell("copied what is selected" if selected else f"copied {counted(len(lines), 'line')}")

    def action_save(self) -> None:
        """Save it to a file."""
        text = "\n".join(self.query_one(DocumentView).lines) + "\n"
        self._save(text)

    def on_prompt_typed(self, message: Prompt.Typed) -> None:
        """Search while it is typed."""
        self.query_one(DocumentView).search(message.text)

    def on_prompt_submitted(self) -> None:
        """Keep the marks; n and N go from one to the next."""
        self._tell()

    def on_prompt_cancelled(self) -> None:
        """Forget what was typed."""
        self.query_one(DocumentView).search("")

    def on_document_view_searched(self) -> None:
        """Say where one is."""
        text, hits, at = self.query_one(DocumentView).found
        prompt = self.query_one(Prompt)
        if prompt.is_open:
            prompt.count(f"{at} of {hits:,}" if hits else "not found" if text else "")
        self._tell()

    def on_document_screen__fetched(self, message: _Fetched) -> None:
        """Lay out what came."""
        self.query_one(Banner).say("")
        self._state = ""
        self.refresh_bindings()
        self.lay_out()

    def on_document_screen__refused(self, message: _Refused) -> None:
        """Say why there is nothing, or nothing newer."""
        self.refuse(message.error)
        self._state = "✗ not refreshed, r tries again"
        self._tell()

    def on_document_screen__ready(self, message: _Ready) -> None:
        """Replace the text, keeping the place."""
        self.query_one(DocumentView).show(*message.laid, widest=message.widest)
        self._tell()

    def on_document_screen__saved(self, message: _Saved) -> None:
        """Say where."""
        self.notify(message.told, title=message.title, markup=False)

    def tell(self, told: str) -> None:
        """Say in the title what was just done."""
        self._told = told
        self._tell()

    def refuse(self, error: K8sOpsError) -> None:
        """Say what went wrong; what is shown stays."""
        hint = f" ({error.hint})" if error.hint else ""
        self.query_one(Banner).say(f"✗ {error.message}{hint}")

    def lay_out(self) -> None:
        """Show what was read, in a moment."""
        self._lay()

    def _tell(self) -> None:
        view = self.query_one(DocumentView)
        parts = [self._label]
        parts += [self._state] if self._state else [counted(len(view.lines), "line"), *self.notes()]
        text, hits, at = view.found
        if text:
            parts.append(f"/{text} {at} of {hits:,}" if hits else f"/{text} not found")
        parts += ["wrapped"] if view.wraps and not self.wraps else []
        parts += [self._told] if self._told else []
        self.query_one("#title", SaidLine).say(SEPARATOR.join(parts))

    @work(group="fetch", exclusive=True)
    async def _fetch(self) -> None:
        try:
            await self.fetch()
            self.post_message(self._Fetched())
        except K8sOpsError as error:
            self.post_message(self._Refused(error))

    @work(group="layout", exclusive=True)
    async def _lay(self) -> None:
        try:
            laid = await asyncio.to_thread(self.lay)
            self.post_message(self._Ready(laid, await asyncio.to_thread(widest_of, laid.lines)))
        except Exception as error:  # noqa: BLE001 - worker boundary: a failure must reach the screen
            told = f"this cannot be shown: {type(error).__name__}: {error}"
            self.post_message(self._Refused(K8sOpsError(told, hint="please report it")))

    @work(group="save")
    async def _save(self, text: str) -> None:
        folder = data_folder() / SAVED_IN
        name = file_name(self._label, self.ending, self._clock.now())
        try:
            self.post_message(self._Saved(str(await asyncio.to_thread(save, folder, name, text)), "Saved"))
        except K8sOpsError as error:
            self.post_message(self._Saved(error.message, "Not saved"))
