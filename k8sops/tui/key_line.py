"""The line of keys at the bottom, drawn by one widget.

Textual's own footer is a widget for each key, all made anew whenever the focus moves, which is what `/` and `esc` do:
styles, layout and a drawing of the whole screen, several times what the table itself costs. Looks and clicks are its.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import ClassVar, Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Footer

from k8sops.tui.columns import width_of

_DIM: Final = Style(dim=True)
_PLACES: Final = MappingProxyType(
    {"enter": 0, "tab": 2, "colon": 3, "slash": 4, "question_mark": 5, "escape": 6, "q": 6}
)
"""Going in stands first, looking elsewhere and the way out last, wherever a screen lists them: eyes find them blind."""
_OWN: Final = 1


def _place_of(key: str) -> int:
    return _PLACES.get(key, _OWN)


class _Key(NamedTuple):
    key: str
    shown: str
    description: str
    is_disabled: bool

    @property
    def width(self) -> int:
        return width_of(f" {self.shown} {self.description} ")


class KeyLine(Footer):
    """Shows the keys of whatever has the focus; a click presses one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "key-line--key",
        "key-line--description",
        "key-line--hover",
    }
    DEFAULT_CSS = """
    KeyLine {
        height: 1;
        & > .key-line--key {
            color: $footer-key-foreground; background: $footer-key-background; text-style: bold;
        }
        & > .key-line--description {
            color: $footer-description-foreground; background: $footer-description-background;
        }
        & > .key-line--hover { color: $footer-key-foreground; background: $block-hover-background; }
    }
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._keys: tuple[_Key, ...] = ()
        self._hovered = -1

    def compose(self) -> ComposeResult:
        """No widgets: what is shown is drawn."""
        yield from ()

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Read the keys anew, after the frame that whoever moved the focus waits for."""
        if screen.app.app_focus and self.is_attached and screen is self.screen:
            self.call_after_refresh(self._read)

    def render_line(self, y: int) -> Strip:
        """The line, cut off at the edge."""
        base = self.rich_style
        key_style = base + self.get_component_rich_style("key-line--key")
        description_style = base + self.get_component_rich_style("key-line--description")
        hover_style = self.get_component_rich_style("key-line--hover")
        line: list[Segment] = []
        for index, key in enumerate(self._keys):
            over = _DIM if key.is_disabled else Style.null()
            over += hover_style if index == self._hovered else Style.null()
            line.append(Segment(f" {key.shown} ", key_style + over))
            line.append(Segment(f"{key.description} ", description_style + over))
        return Strip(line).crop_extend(0, self.size.width, Style.from_color(bgcolor=base.bgcolor))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press the key under the pointer."""
        index = self._at(event.x)
        if index >= 0:
            key = self._keys[index]
            if key.is_disabled:
                self.app.bell()
            else:
                self.app.simulate_key(key.key)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show what a click would press."""
        self._hover(self._at(event.x))

    def on_leave(self) -> None:
        """Nothing is under the pointer any more."""
        self._hover(-1)

    def _read(self) -> None:
        if not self.is_attached:
            return
        shown: dict[str, _Key] = {}
        for _, binding, enabled, _tooltip in self.screen.active_bindings.values():
            if binding.show and binding.action not in shown:
                display = self.app.get_key_display(binding)
                shown[binding.action] = _Key(binding.key, display, binding.description, not enabled)
        keys = tuple(sorted(shown.values(), key=lambda each: _place_of(each.key)))
        if keys != self._keys:
            self._keys, self._hovered = keys, -1
            self.refresh()

    def _hover(self, index: int) -> None:
        if index != self._hovered:
            self._hovered = index
            self.refresh()

    def _at(self, x: int) -> int:
        end = 0
        for index, key in enumerate(self._keys):
            end += key.width
            if x < end:
                return index
        return -1
