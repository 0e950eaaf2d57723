"""NO_COLOR (no-color.org): no colour goes to the terminal, neither a hue nor a shade of grey.

What colour alone would show keeps a sign: a coloured ground, which is the cursor's line, a focus, a match or trouble,
becomes reverse video. Grounds of grey are only structure, and go.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter, Monochrome

GREY: Final = 24
"""Channels of one colour that differ by no more make no hue."""
_REVERSE: Final = Style(reverse=True)


class Colourless(LineFilter):
    """Takes the colours of a line away."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same text, in bold, dim, underlined or reversed where it was."""
        return [Segment(text, None if style is None else _plain(style), None) for text, style, _ in segments]


def without_colour(app: App[Any]) -> None:
    """Put this in place of the shades of grey that Textual has for NO_COLOR."""
    app._filters = [Colourless() if isinstance(one, Monochrome) else one for one in app._filters]


@lru_cache(maxsize=4096)
def _plain(style: Style) -> Style:
    ground = style.bgcolor.triplet if style.bgcolor is not None else None
    is_coloured = ground is not None and max(ground) - min(ground) > GREY
    return style.without_color + _REVERSE if is_coloured else style.without_color
