"""A scrollable page of lines whose parts each have a tone of their own; only the lines in sight are drawn.

A tone is what a part means (a state, an aside), never a colour: the style sheet says that. Text is never markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from k8sops.tui.text_keys import text_keys

Tone = Literal["", "ok", "busy", "warn", "bad", "muted", "heading", "strong"]
Part: TypeAlias = tuple[str, Tone]
TonedLine: TypeAlias = tuple[Part, ...]


class Rest(NamedTuple):
    """What is below a line of the page: how many lines, and the headings among them."""

    lines: int
    titles: tuple[str, ...]


_TONES: tuple[Tone, ...] = ("ok", "busy", "warn", "bad", "muted", "heading", "strong")


class TonedLines(ScrollView, can_focus=False):
    """The page. Whoever shows it says whether it takes keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *text_keys("toned"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"toned--{tone}" for tone in _TONES}
    DEFAULT_CSS = """
    TonedLines { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; }
    TonedLines > .toned--ok { color: $text-success; }
    TonedLines > .toned--busy { color: $text-accent; }
    TonedLines > .toned--warn { color: $text-warning; text-style: bold; }
    TonedLines > .toned--bad { color: $text-error; text-style: bold; }
    TonedLines > .toned--muted { color: $foreground-muted; }
    TonedLines > .toned--heading { color: $foreground-muted; text-style: bold; }
    TonedLines > .toned--strong { text-style: bold; }
    """
    ALLOW_SELECT = True

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._lines: Sequence[TonedLine] = ()

    @property
    def texts(self) -> list[str]:
        """What it says, a line each."""
        return ["".join(text for text, _ in line) for line in self._lines]

    def titles_from(self, line: int) -> Rest:
        """What is below this many lines."""
        below = self._lines[line:]
        return Rest(len(below), tuple(parts[0][0] for parts in below if parts and parts[0][1] == "heading"))

    @property
    def room(self) -> int:
        """Cells a line has."""
        return max(20, self.scrollable_content_region.width or self.content_region.width)

    def show(self, lines: Sequence[TonedLine]) -> None:
        """Replace what it says, keeping the place."""
        if lines != self._lines:
            self._lines = lines
            self.virtual_size = Size(self.room, len(lines))
            self.refresh(layout=self.styles.is_auto_height)

    def scroll_pages(self, pages: int) -> None:
        """Move by pages."""
        self.scroll_relative(y=pages * max(self.size.height - 1, 1), animate=False)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text selected with the mouse."""
        return selection.extract("\n".join(self.texts)), "\n"

    def render_line(self, y: int) -> Strip:
        """A line of the viewport, as Textual's line API asks for it."""
        width, index = self.scrollable_content_region.width, y + self.scroll_offset.y
        base = self.rich_style
        if index >= len(self._lines):
            return Strip.blank(width, base)
        strip = Strip(list(self._segments(self._lines[index], base)))
        return strip.crop_extend(0, width, base).apply_offsets(self.scroll_offset.x, index)

    def _segments(self, line: TonedLine, base: Style) -> Iterator[Segment]:
        for text, tone in line:
            # Whole, not partial: a muted tone is a share of the text's colour, which only so is mixed.
            style = self.get_component_rich_style(f"toned--{tone}") if tone else base
            yield Segment(text, style)


def cells(line: TonedLine) -> int:
    """How wide a line is."""
    return sum(cell_len(text) for text, _ in line)
