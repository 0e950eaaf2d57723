"""The screen of logs: k9s's keys, one search line, and in the title what is read and how far it is.

Reading goes on in a worker; another part, container or life of the log starts another. Nothing shown is lost by a
failure: it is one sentence, and Ctrl-R tries again.
"""

from __future__ import annotations

import asyncio
import re
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.logs import LogEntry, LogStream, LogWanted
from k8sops.core.tables import TableQuery
from k8sops.core.text import counted
from k8sops.service.config import data_folder
from k8sops.tui.browse_words import sentence
from k8sops.tui.document.saving import file_name, save
from k8sops.tui.document.screen import SAVED_IN
from k8sops.tui.key_line import KeyLine
from k8sops.tui.left_once import LeftOnce
from k8sops.tui.logs.feed import LogFeed
from k8sops.tui.logs.view import LogView
from k8sops.tui.logs.words import part_said, span_wanted, state_said, subject_said
from k8sops.tui.running.leaving import leave
from k8sops.tui.session import Session
from k8sops.tui.status import SEPARATOR, Banner, ClusterLine, SaidLine


class SearchLine(Input):
    """Where a search is typed; hidden while none is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Clear", key_display="esc", id="search.cancel")
    ]

    class GivenUp(Message):
        """Escape was pressed."""

    def action_give_up(self) -> None:
        """Search for nothing."""
        self.post_message(self.GivenUp())


class LogScreen(LeftOnce[None]):
    """Logs of one selection."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/", id="logs.search"),
        Binding("0", "span(0)", "Tail/head/since", key_display="0-6", id="logs.span_0"),
        *(
            Binding(str(digit), f"span({digit})", "Part", show=False, id=f"logs.span_{digit}")
            for digit in range(1, 7)
        ),
        Binding("p", "previous", "Previous", id="logs.previous"),
        Binding("w", "wrap", "Wrap", id="logs.wrap"),
        Binding("J", "json", "JSON", key_display="J", id="logs.json"),
        Binding("t", "timestamps", "Times", show=False, id="logs.timestamps"),
        Binding("a", "container", "Container", show=False, id="logs.container"),
        Binding("s", "autoscroll", "Follow", show=False, id="logs.autoscroll"),
        Binding("m", "mark", "Mark", show=False, id="logs.mark"),
        Binding("C", "clear", "Clear", show=False, id="logs.clear"),
        Binding("f", "full", "Full screen", show=False, id="logs.full"),
        Binding("c", "copy", "Copy", show=False, id="logs.copy"),
        Binding("ctrl+s", "save", "Save", show=False, id="logs.save"),
        Binding("ctrl+r", "read", "Again", show=False, id="logs.read"),
        Binding("escape", "back", "Back", key_display="esc", id="logs.back"),
        Binding("q", "leave_screen", "Back", show=False, id="logs.leave"),
        Binding("ctrl+c", "interrupt", "Quit", show=False, id="logs.interrupt"),
    ]
    DEFAULT_CSS = """
    LogScreen > #title { height: 1; padding: 0 1; background: $surface; color: $text-muted; }
    LogScreen > SearchLine { height: 1; display: none; border: none; padding: 0 1; background: $panel; }
    LogScreen > SearchLine:focus { border: none; }
    LogScreen > Footer { height: 1; }
    LogScreen.-full > #title, LogScreen.-full > Footer { display: none; }
    """

    class _Saved(Message):
        def __init__(self, said: str) -> None:
            super().__init__()
            self.said = said

    def __init__(self, connection: Session, clock: Clock, wanted: LogWanted) -> None:
        super().__init__()
        self.connection = connection
        self._clock = clock
        self._feed = LogFeed(connection, wanted, clock, self.post_message)
        self._containers: list[str] = []
        self._said = ""

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield ClusterLine()
        yield SaidLine(id="title")
        yield Banner()
        yield LogView(self._feed.wanted.name)
        yield SearchLine(
            placeholder="regular expression; ! in front: lines without it", select_on_focus=False
        )
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one(LogView).focus()
        self.action_read()

    # What the worker says

    def on_log_news(self) -> None:
        """Show what is new."""
        lines = self._feed.take()
        if lines:
            for container in dict.fromkeys(entry.stream.container for entry in lines):
                if container and container not in self._containers:
                    self._containers.append(container)
            self.query_one(LogView).put(lines)
        self._tell()

    def on_log_view_moved(self) -> None:
        """Say whether the end is followed."""
        self._tell()

    def on_log_screen__saved(self, message: _Saved) -> None:
        """Say where it is, or why not."""
        self._say(message.said)

    # What the user does

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search as it is typed; what is no regular expression yet is taken literally."""
        text = event.value.strip()
        inverse, text = text.startswith("!"), text.removeprefix("!").strip()
        flags = re.IGNORECASE if text == text.lower() else 0
        try:
            pattern = re.compile(text, flags) if text else None
        except re.error:
            pattern = re.compile(re.escape(text), flags)
        self.query_one(LogView).search(pattern, inverse=inverse)
        self._tell()

    def on_input_submitted(self) -> None:
        """Keep the search, and go back to reading."""
        self._hide_search()

    def on_search_line_given_up(self) -> None:
        """Show all lines again."""
        self.query_one(SearchLine).value = ""
        self._hide_search()

    def action_search(self) -> None:
        """Type a search."""
        box = self.query_one(SearchLine)
        box.display = True
        self.set_focus(box)

    def action_span(self, digit: int) -> None:
        """Another part of the log."""
        self._ask(span_wanted(self._feed.wanted, digit))

    def action_previous(self) -> None:
        """The container before, or the present one again."""
        wanted = self._feed.wanted
        self._ask(msgspec.structs.replace(wanted, previous=not wanted.previous))

    def action_container(self) -> None:
        """One container after another, then all again."""
        names, wanted = self._containers, self._feed.wanted
        if len(names) < 2:
            self._say("There is only one container here.")
            return
        place = names.index(wanted.container) + 1 if wanted.container in names else 0
        self._ask(msgspec.structs.replace(wanted, container=names[place] if place < len(names) else ""))

    def action_read(self) -> None:
        """Read, again if need be."""
        self._ask(self._feed.wanted)

    def action_wrap(self) -> None:
        """Break long lines, or let them run out of sight."""
        self._change(wrap=not self.query_one(LogView).buffer.look.wrap)

    def action_json(self) -> None:
        """Lay JSON lines out, or show them as they came."""
        self._change(json=not self.query_one(LogView).buffer.look.json)

    def action_timestamps(self) -> None:
        """Show when each line came, or not."""
        self._change(timestamps=not self.query_one(LogView).buffer.look.timestamps)

    def action_autoscroll(self) -> None:
        """Keep the end in sight, or stand still."""
        view = self.query_one(LogView)
        view.keep_at_end(not view.follows)
        self._tell()

    def action_mark(self) -> None:
        """Draw a line, to find this moment again."""
        now, wanted = self._clock.now(), self._feed.wanted
        nobody = LogStream(wanted.namespace, "", "")
        text = f"marked at {now:%H:%M:%S} UTC"
        self.query_one(LogView).put([LogEntry(nobody, int(now.timestamp() * 1e9), text, marker=True)])

    def action_clear(self) -> None:
        """Forget what was shown; what comes is shown."""
        self.query_one(LogView).clear()
        self._tell()

    def action_full(self) -> None:
        """Leave the room to the lines, or not: what stays says whose cluster it is, and what went wrong."""
        self.toggle_class("-full")

    def action_copy(self) -> None:
        """Copy the lines that are shown."""
        texts = list(self.query_one(LogView).buffer.texts())
        self.app.copy_to_clipboard("\n".join(texts))
        self._say(f"Copied {counted(len(texts), 'line')}.")

    def action_save(self) -> None:
        """Write the lines that are shown to a file."""
        wanted = self._feed.wanted
        name = f"{wanted.namespace}-{wanted.kind}-{wanted.name}-{wanted.container or 'all'}"
        texts = list(self.query_one(LogView).buffer.texts())
        if not texts:
            self._say("! There is nothing to save: no line is shown.")
            return
        self.run_worker(self._save(texts, name), group="save")

    def action_back(self) -> None:
        """Clear the search, else the last sentence, else return."""
        box = self.query_one(SearchLine)
        if box.value:
            box.value = ""
        elif self._said:
            self._say("")
        else:
            self.dismiss()

    def action_leave_screen(self) -> None:
        """Return to the table."""
        self.dismiss()

    def action_interrupt(self) -> None:
        """Leave the program, by the key every terminal program is left with."""
        leave(self.app, self.connection)

    async def _save(self, texts: list[str], name: str) -> None:
        try:
            name = file_name(name, "log", self._clock.now())
            path = await asyncio.to_thread(save, data_folder() / SAVED_IN, name, "\n".join((*texts, "")))
        except K8sOpsError as error:
            self.post_message(self._Saved(f"✗ {sentence(error)}"))
        else:
            self.post_message(self._Saved(f"Saved {counted(len(texts), 'line')} to {path}"))

    def _ask(self, wanted: LogWanted) -> None:
        self._said = ""
        self._feed = LogFeed(self.connection, wanted, self._clock, self.post_message)
        view = self.query_one(LogView)
        view.clear()
        view.keep_at_end(True)
        self.run_worker(self._feed.read(), group="logs", exclusive=True)
        self._tell()

    def _change(self, **look: bool) -> None:
        view = self.query_one(LogView)
        view.change(msgspec.structs.replace(view.buffer.look, **look))

    def _hide_search(self) -> None:
        self.query_one(SearchLine).display = bool(self.query_one(SearchLine).value)
        self.query_one(LogView).focus()

    def _say(self, said: str) -> None:
        self._said = said
        self._tell()

    def _tell(self) -> None:
        feed, view = self._feed, self.query_one(LogView)
        wanted, error = feed.wanted, feed.error
        if self.connection.connected:
            query = TableQuery(kind="pods", namespace=wanted.namespace)
            self.query_one(ClusterLine).tell(self.connection.ops.cluster_info, query)
        state = state_said(ended=feed.ended, failed=error is not None, follows=view.follows, wanted=wanted)
        buffer = view.buffer
        kept = f"{len(buffer):,} {'line' if len(buffer) == 1 else 'lines'}"
        if buffer.pattern:
            kept = f"{buffer.matching:,} of {kept}"
        dropped = f", {buffer.dropped:,} older gone" if buffer.dropped else ""
        parts = (state, subject_said(wanted), part_said(wanted), kept + dropped)
        self.query_one("#title", SaidLine).say(SEPARATOR.join(parts))
        empty = "Nothing was written yet." if not len(buffer) and not wanted.previous else ""
        self.query_one(Banner).say(self._said or (f"✗ {sentence(error)}" if error is not None else empty))
