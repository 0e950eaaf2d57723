"""One object as YAML: scrollable, selectable with the mouse, Secret values masked until asked for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Log, Static

from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import JsonObject
from k8sops.core.text import printable
from k8sops.tui.manifest import has_secrets, manifest_lines
from k8sops.tui.status import SEPARATOR, Banner

_KEY = re.compile(r"^\s*(?:- )*[^\s:#'\"|][^:]*:(?=\s|$)")


class _KeyHighlighter(Highlighter):
    """Makes the keys of YAML stand out by weight, which works without colour."""

    def highlight(self, text: Text) -> None:
        """Bold the key a line begins with."""
        if match := _KEY.match(text.plain):
            text.stylize("bold", *match.span())


class ManifestView(Log, can_focus=True):
    """The document. Keys are those of the table, for the hands know them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False, id="document.down"),
        Binding("k", "scroll_up", "Up", show=False, id="document.up"),
        Binding("g", "scroll_home", "Top", show=False, id="document.top"),
        Binding("G", "scroll_end", "End", show=False, id="document.end"),
        Binding("ctrl+d,ctrl+f,space", "page_down", "Page down", show=False, id="document.page_down"),
        Binding("ctrl+u,ctrl+b", "page_up", "Page up", show=False, id="document.page_up"),
    ]

    def __init__(self) -> None:
        super().__init__(highlight=True, auto_scroll=False)
        self.highlighter = _KeyHighlighter()


class DetailScreen(Screen[None]):
    """Fetches the object and shows it; a failure is one sentence and `r` tries again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "Back", key_display="esc", id="detail.back"),
        Binding("m", "managed_fields", "managedFields", id="detail.managed_fields"),
        Binding("x", "secrets", "Reveal", id="detail.secrets"),
        Binding("r", "fetch", "Refresh", id="detail.refresh"),
    ]
    DEFAULT_CSS = """
    DetailScreen > #title { height: 1; padding: 0 1; background: $panel; text-style: bold; }
    DetailScreen > ManifestView { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    """

    class _Fetched(Message):
        def __init__(self, found: JsonObject) -> None:
            super().__init__()
            self.found = found

    class _Refused(Message):
        def __init__(self, error: K8sOpsError) -> None:
            super().__init__()
            self.error = error

    class _Laid(Message):
        def __init__(self, lines: list[str]) -> None:
            super().__init__()
            self.lines = lines

    def __init__(self, label: str, fetch: Callable[[], Awaitable[JsonObject]]) -> None:
        super().__init__()
        self._label = printable(label)
        self._fetch = fetch
        self._found: JsonObject | None = None
        self._managed_fields = False
        self._secrets = False

    def compose(self) -> ComposeResult:
        """Title, document, keys."""
        yield Static(id="title")
        yield Banner()
        yield ManifestView()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to fetch."""
        self._title("~ loading")
        self.query_one(ManifestView).focus()
        self.action_fetch()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to reveal only where something is masked."""
        return self._found is not None and has_secrets(self._found) if action == "secrets" else True

    def action_fetch(self) -> None:
        """Fetch the object, again if need be."""
        self.run_worker(self._fetch_object(), group="fetch", exclusive=True)

    def action_managed_fields(self) -> None:
        """Show who set which field, or not."""
        self._managed_fields = not self._managed_fields
        self._lay_out()

    def action_secrets(self) -> None:
        """Show the values of a Secret as stored, or mask them again."""
        self._secrets = not self._secrets
        self._lay_out()

    def action_back(self) -> None:
        """Return to the table."""
        self.dismiss()

    def on_detail_screen__fetched(self, message: _Fetched) -> None:
        """Show what came."""
        self._found = message.found
        self.query_one(Banner).say("")
        self.refresh_bindings()
        self._lay_out()

    def on_detail_screen__refused(self, message: _Refused) -> None:
        """Say why there is nothing, or nothing newer."""
        hint = f" ({message.error.hint})" if message.error.hint else ""
        self.query_one(Banner).say(f"✗ {message.error.message}{hint}")
        self._title("✗ not refreshed, r tries again")

    def on_detail_screen__laid(self, message: _Laid) -> None:
        """Replace the document, keeping the place."""
        view = self.query_one(ManifestView)
        place = view.scroll_offset
        view.clear()
        view.write_lines(message.lines)
        view.scroll_to(place.x, place.y, animate=False, immediate=True)
        notes = [f"{len(message.lines):,} lines"]
        if self._found is not None and has_secrets(self._found):
            notes.append("! values REVEALED, x masks" if self._secrets else "values masked, x reveals")
        if self._managed_fields:
            notes.append("with managedFields")
        self._title(*notes)

    def _title(self, *notes: str) -> None:
        self.query_one("#title", Static).update(Content(SEPARATOR.join((self._label, *notes))))

    def _lay_out(self) -> None:
        if self._found is not None:
            self.run_worker(self._make_lines(self._found), group="layout", exclusive=True)

    async def _fetch_object(self) -> None:
        try:
            self.post_message(self._Fetched(await self._fetch()))
        except K8sOpsError as error:
            self.post_message(self._Refused(error))

    async def _make_lines(self, found: JsonObject) -> None:
        # A custom resource can be megabytes of YAML, seconds of work for the emitter.
        lines = await asyncio.to_thread(
            manifest_lines, found, managed_fields=self._managed_fields, secrets=self._secrets
        )
        self.post_message(self._Laid(lines))
