"""Editing an object as text: what was changed becomes a plan, and the one dialog shows and applies it.

Nothing is written from here. The text stays while the plan is looked at, and when nothing came of it; once the object
is as typed, the screen leaves by itself.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, ClassVar, Final

import msgspec
from textual import events
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from k8sops.core.clock import Clock
from k8sops.core.errors import DeniedError, K8sOpsError, UsageError
from k8sops.core.plan import JsonObject, Target
from k8sops.core.run import RunId, RunState
from k8sops.core.tables import TableQuery
from k8sops.service.editor import EDITORS, edited, editor_named
from k8sops.service.manifest_text import check_editable, editable, moved_since, patch_of, text_of
from k8sops.tui.acting.asked_first import refusal
from k8sops.tui.acting.confirming import sentence
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.acting.offers import Doing
from k8sops.tui.key_line import KeyLine
from k8sops.tui.kind_names import known_kind
from k8sops.tui.left_once import LeftOnce
from k8sops.tui.session import Session
from k8sops.tui.status import Banner, ClusterLine, SaidLine

KEPT: Final = "nothing is applied yet"


class Loaded(Message):
    """The object as it is now."""

    def __init__(self, found: JsonObject) -> None:
        super().__init__()
        self.found = found


class NotLoaded(Message):
    """Why it cannot be edited."""

    def __init__(self, error: K8sOpsError) -> None:
        super().__init__()
        self.error = error


class Applied(Message):
    """The run that came of the text has succeeded."""


class Compared(Message):
    """What others have changed meanwhile of that which is edited; nothing where the plan can be made."""

    def __init__(self, patch: JsonObject, moved: list[str]) -> None:
        super().__init__()
        self.patch = patch
        self.moved = moved


class EditedText(TextArea):
    """A text in which keys act in the order they were typed."""

    async def _on_key(self, event: events.Key) -> None:
        # A letter would else overtake the cursor keys before it, which go the long way of bindings.
        found = self._bindings.key_to_bindings.get(event.key, ())
        if found and not event.is_printable:
            event.stop()
            event.prevent_default()
            await self.run_action(found[0].action)
        else:
            await super()._on_key(event)


class EditScreen(LeftOnce[None]):
    """One object as text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Not by priority: that would overtake keys that the text has not taken in yet.
        Binding("ctrl+s", "plan", "Plan", id="edit.plan"),
        Binding("ctrl+o", "editor", "Your editor", id="edit.editor"),
        Binding("escape", "leave", "Leave", priority=True, id="edit.leave"),
    ]
    DEFAULT_CSS = """
    EditScreen > #headline { height: 1; padding: 0 1; background: $panel; text-style: bold; }
    EditScreen > TextArea { height: 1fr; border: none; padding: 0 1; }
    EditScreen > TextArea:focus { border: none; }
    """

    def __init__(self, connection: Session, clock: Clock, target: Target) -> None:
        super().__init__()
        self._connection, self._clock = connection, clock
        self._kind, self._target = known_kind(target.kind), target
        self._original: JsonObject | None = None
        self._text = EditedText("", show_line_numbers=True, read_only=True, tab_behavior="indent")
        self._dialog: ActionDialog | None = None
        self._warned = False

    @property
    def connection(self) -> Session:
        """The connection that everything goes through."""
        return self._connection

    @property
    def label(self) -> str:
        """Which object."""
        place = f"{self._target.namespace}/" if self._target.namespace else ""
        return f"{place}{self._kind}/{self._target.name}"

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield ClusterLine()
        yield SaidLine(id="headline")
        yield Banner()
        yield self._text
        yield KeyLine()

    def on_mount(self) -> None:
        """Read the object."""
        if self._connection.connected:
            query = TableQuery(kind="", namespace=self._target.namespace)
            self.query_one(ClusterLine).tell(self._connection.ops.cluster_info, query)
        self.query_one("#headline", SaidLine).say(f"Edit {self.label} · {KEPT}")
        self._text.focus()
        self.run_worker(self._load(), group="load", exclusive=True)

    def on_screen_resume(self) -> None:
        """Back from a plan: where it was applied, there is nothing left to edit."""
        if self._dialog is not None:
            self.run_worker(self._look_again(self._dialog.begun), group="load", exclusive=True)

    def on_applied(self) -> None:
        """What was typed was done, whatever became of it since: there is nothing left to edit."""
        self.dismiss()

    def on_loaded(self, message: Loaded) -> None:
        """Show it, or leave where it is what was typed."""
        found = editable(message.found)
        if self._original is None:
            try:
                check_editable(message.found)
            except UsageError as error:
                self.post_message(NotLoaded(error))
                return
            self._original = found
            self._text.text = text_of(found)
            self._text.read_only = False
            self._text.move_cursor((0, 0))
        elif self._dialog is not None and self._is_applied(found):
            self.dismiss()

    def on_not_loaded(self, message: NotLoaded) -> None:
        """Say why."""
        self._say(f"✗ {sentence(message.error)}")

    def on_text_area_changed(self) -> None:
        """What is typed on is not lost without another warning."""
        self._warned = False

    def action_plan(self) -> None:
        """Show what was changed as a plan."""
        if self._original is None:
            return
        try:
            patch = patch_of(self._text.text, self._original)
        except UsageError as error:
            self._say(f"✗ {sentence(error)}")
            return
        if not patch:
            self._say("Nothing is changed yet.")
            return
        self._say("~ planning …")
        self.run_worker(self._compare(patch), group="load", exclusive=True)

    def on_compared(self, message: Compared) -> None:
        """Open the dialog on the plan, unless somebody else's change would be overwritten by it."""
        if message.moved:
            self._say(
                f"✗ {self.label} was changed meanwhile in what you edit: {'; '.join(message.moved)}. "
                "Leave, and edit it as it is now."
            )
            return
        self._say("")
        params: dict[str, Any] = {
            "targets": [f"{self._kind}/{self._target.name}"],
            "patch": msgspec.json.encode(message.patch).decode(),
        }
        if self._target.namespace:
            params["namespace"] = self._target.namespace
        wanted = Doing(action="edit", params=params, title=f"Edit {self.label}")
        self._dialog = ActionDialog(self._connection, self._clock, wanted)
        self.app.push_screen(self._dialog)

    async def action_editor(self) -> None:
        """Edit the text in the user's own editor, on the bare terminal."""
        command = editor_named()
        if not command:
            self._say(f"None of {', '.join(EDITORS)} names an editor; the text can be edited here.")
            return
        try:
            with self.app.suspend():
                text = await asyncio.to_thread(edited, command, self._text.text)
        except SuspendNotSupported:
            self._say("This terminal cannot be handed to another program.")
        except UsageError as error:
            self._say(f"✗ {error.message}. The text is as it was.")
        else:
            if text != self._text.text:
                self._text.text = text
            self._say("")
            self.refresh()

    def action_leave(self) -> None:
        """Go back; what is typed is lost only when that was said."""
        changed = self._original is not None and self._text.text != text_of(self._original)
        if changed and not self._warned:
            self._warned = True
            self._say(
                "What you typed is not applied. Esc once more leaves and loses it; Ctrl-S shows its plan."
            )
            return
        self.dismiss()

    def _is_applied(self, found: JsonObject) -> bool:
        """Whether the object is as typed, as far as that says anything of it."""
        if self._original is None:
            return False
        try:
            patch = patch_of(self._text.text, self._original)
        except UsageError:
            return False
        return not _still_missing(patch, found)

    async def _load(self) -> None:
        if self._original is None and (why := await self._refused()):
            self.post_message(NotLoaded(DeniedError(why)))
            return
        if (found := await self._read()) is not None:
            self.post_message(Loaded(found))

    async def _refused(self) -> str:
        """Asked before there is a text: nobody is to type what is refused afterwards."""
        if not self._connection.connected:
            return ""
        target = self._target
        return await refusal(self._connection.ops, "edit", self._kind, target.namespace, target.name)

    async def _look_again(self, begun: RunId) -> None:
        if begun:
            with suppress(K8sOpsError):
                # Undone or changed again meanwhile, the object may not be as typed; the run knows that it was.
                if (await self._connection.ops.get_run(begun)).state is RunState.SUCCEEDED:
                    self.post_message(Applied())
                    return
        await self._load()

    async def _compare(self, patch: JsonObject) -> None:
        original = self._original
        if original is not None and (found := await self._read()) is not None:
            self.post_message(Compared(patch, moved_since(original, found, patch)))

    async def _read(self) -> JsonObject | None:
        target = self._target
        try:
            return await self._connection.ops.object(self._kind, target.name, target.namespace)
        except K8sOpsError as error:
            self.post_message(NotLoaded(error))
            return None

    def _say(self, said: str) -> None:
        self.query_one(Banner).say(said)


def _still_missing(patch: JsonObject, found: JsonObject) -> bool:
    """Whether a patch would still change an object."""
    for key, value in patch.items():
        present = found.get(key)
        if isinstance(value, dict) and isinstance(present, dict):
            if _still_missing(value, present):
                return True
        elif value != present:
            return True
    return False
