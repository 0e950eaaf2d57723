"""Small questions before a session: which container, which port, which files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from k8sops.core.sessions import Direction
from k8sops.core.text import printable
from k8sops.tui.left_once import LeftOnce

IN_POD: Final = ":"
_HIGHEST_PORT = 65_535
_PRIVILEGED = 1_024


class ChooseScreen(ModalScreen[str | None], LeftOnce[str | None]):
    """One of several names; None where none was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "give_up", "Back", id="choose.back"),
        Binding("j", "move(1)", "Down", show=False, id="choose.down"),
        Binding("k", "move(-1)", "Up", show=False, id="choose.up"),
    ]
    DEFAULT_CSS = """
    ChooseScreen { align: center middle; }
    ChooseScreen > OptionList {
        width: 60; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; background: $surface; padding: 0 1;
    }
    ChooseScreen > OptionList:focus { border: round $accent; }
    """

    def __init__(self, title: str, names: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._names = names

    def compose(self) -> ComposeResult:
        """The list."""
        found = OptionList(*(Content(printable(name)) for name in self._names))
        found.border_title = Content(printable(self._title))
        found.border_subtitle = "Enter chooses, Esc goes back"
        yield found

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Take the one under the cursor."""
        self.dismiss(self._names[message.option_index])

    def action_move(self, step: int) -> None:
        """Move the cursor by the hands' own keys."""
        found = self.query_one(OptionList)
        found.action_cursor_down() if step > 0 else found.action_cursor_up()

    def action_give_up(self) -> None:
        """Choose nothing."""
        self.dismiss(None)


class Ports(NamedTuple):
    """The pod's port, and the one here; 0 is a free one."""

    remote: int
    local: int


class Files(NamedTuple):
    """What to copy, and which way."""

    direction: Direction
    path: str
    local: Path


class _Form(ModalScreen[object], LeftOnce[object]):
    """Two lines to fill in; Enter on either gives the answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Back", id="form.back"),
        Binding("down", "app.focus_next", show=False, id="form.next"),
        Binding("up", "app.focus_previous", show=False, id="form.previous"),
    ]
    DEFAULT_CSS = """
    _Form { align: center middle; }
    _Form > Vertical {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; background: $surface; padding: 0 1;
    }
    _Form Input {
        border: none; height: 1; padding: 0; margin: 0 0 1 0; background: $panel;
    }
    _Form Input:focus { border: none; }
    _Form #refusal { color: $text-error; display: none; height: auto; }
    """
    _title = ""

    def lines(self) -> Sequence[tuple[str, str, str]]:
        """Id, what is asked, and what stands there at first."""
        raise NotImplementedError

    def answer(self) -> object:
        """What was filled in, or a sentence on what is wrong with it."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Title and lines."""
        with Vertical() as box:
            box.border_title = Content(printable(self._title))
            box.border_subtitle = "Enter begins, Tab to the next line, Esc goes back"
            for name, asked, value in self.lines():
                yield Static(Content(asked))
                # The colon is where a path begins, and no answer that typing should take the place of.
                yield Input(value, id=name, select_on_focus=value != IN_POD)
            yield Static("", id="refusal")

    def text_of(self, name: str) -> str:
        """What stands in a line."""
        return self.query_one(f"#{name}", Input).value.strip()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the answer."""
        event.stop()
        found = self.answer()
        if isinstance(found, str):
            refusal = self.query_one("#refusal", Static)
            refusal.display = True
            refusal.update(Content(f"✗ {printable(found)}"))
        else:
            self.dismiss(found)

    def action_give_up(self) -> None:
        """Answer nothing."""
        self.dismiss(None)


class PortScreen(_Form):
    """Which port of the pod, and which one here."""

    def __init__(self, where: str, ports: Sequence[int]) -> None:
        super().__init__()
        self._title = f"Forward a port of {where}"
        self._ports = ports

    def lines(self) -> Sequence[tuple[str, str, str]]:
        """Both ports."""
        first = self._ports[0] if self._ports else 0
        said = f" (it serves {', '.join(map(str, self._ports))})" if self._ports else " (it names none)"
        local = first if first >= _PRIVILEGED or not first else 8_000 + first
        return (
            ("remote", f"Port of the pod{said}", str(first or "")),
            ("local", "Port on this machine, 0 for a free one", str(local)),
        )

    def answer(self) -> object:
        """Both, as numbers."""
        remote, local = self.text_of("remote"), self.text_of("local") or "0"
        if not remote.isdigit() or not 0 < int(remote) <= _HIGHEST_PORT:
            return f"the pod's port is a number from 1 to {_HIGHEST_PORT}"
        if not local.isdigit() or int(local) > _HIGHEST_PORT:
            return f"the port here is a number from 0 to {_HIGHEST_PORT}"
        return Ports(int(remote), int(local))


class FilesScreen(_Form):
    """What to copy, by which side begins with a colon's pod path: `:/path` is in the pod, as with `kubectl cp`."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._title = f"Copy files, {where}"

    def lines(self) -> Sequence[tuple[str, str, str]]:
        """From and to."""
        return (
            ("from", "From; a path in the pod begins with a colon, as in :/var/log/app.log", IN_POD),
            ("to", "To: a folder here, or one in the pod (:/tmp)", str(Path.cwd())),
        )

    def answer(self) -> object:
        """One side in the pod, the other here."""
        source, target = self.text_of("from"), self.text_of("to")
        if source.startswith(IN_POD) == target.startswith(IN_POD):
            return "one of them is in the pod, and begins with a colon, the other is here"
        inside, here = (source, target) if source.startswith(IN_POD) else (target, source)
        if not inside[1:] or not here:
            return "both paths have to be named"
        direction: Direction = "from" if source.startswith(IN_POD) else "to"
        return Files(direction, inside[1:], Path(here).expanduser())
