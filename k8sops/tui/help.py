"""The help screen: every key, what it does, and what can be typed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

HELP = """\
MOVE
  j k ↓ ↑           row by row           g G Home End  first, last row
  Ctrl-d Ctrl-u     page by page         ← →           scroll sideways
  mouse             click selects, double click opens, a header sorts

LOOK
  Enter d y         the object as YAML   w             wide: all columns
  s > <             sort by next, previous column, or as the server does
  S                 reverse the order    0             all namespaces
  r                 connect or list again

FILTER   /          looks in every cell, also of wide columns
  web               plain text; one capital makes it case-sensitive
  !web              rows without it
  ^web-.*9$         a regular expression; ^ and $ are a cell's ends
  -l app=web,!old   a label selector
                    Enter keeps the filter, Esc clears it

COMMAND  :          a kind: names, short names, kind.group
  :deploy           in the present namespace
  :pods shop        in another           :pods -A      in all
  :po -l app=web    by label selector    :po shop /api filtered at once
  :q                quit

IN YAML
  m                 managedFields        x             a Secret's values
  Esc q             back

SIGNS    ✓ well   - done   ~ under way   ! look here   ✗ in trouble
"""


class HelpScreen(ModalScreen[None]):
    """All keys on one page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Back", id="help.back"),
        Binding("j", "scroll(1)", "Down", id="help.down"),
        Binding("k", "scroll(-1)", "Up", id="help.up"),
    ]
    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 80; max-width: 100%; height: auto; max-height: 100%;
        border: round $primary; background: $surface; padding: 0 1;
    }
    """

    def compose(self) -> ComposeResult:
        """The page."""
        with VerticalScroll() as page:
            page.border_title = "Help"
            page.border_subtitle = "Esc closes"
            yield Static(Content(HELP))

    def action_scroll(self, lines: int) -> None:
        """Move the page."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
