"""The help screen: the keys that work on the screen below, as they are bound now, and what can be typed.

Keys come from the bindings themselves, so that what was bound otherwise by configuration is shown as it is. Those that
do nothing on the rows below are left out; what would be refused stands apart, with the reason, once that is known.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple

from textual.app import App, ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from k8sops.core.text import printable
from k8sops.tui.acting.key_bindings import in_force
from k8sops.tui.acting.offers import Offer, offers_for
from k8sops.tui.acting.screen import ActingScreen
from k8sops.tui.left_once import LeftOnce
from k8sops.tui.screens import SCREENS
from k8sops.tui.shell.offered import keys_here, refusals_here, shown_key, suits

TYPED: Final = """\
FILTER   /          looks in every cell, also of wide columns
  web               plain text; one capital makes it case-sensitive
  !web              rows without it      -f wb7        fuzzy
  ^web-.*9$         a regular expression; ^ and $ are a cell's ends
  -l app=web,!old   a label selector
                    Enter keeps it, Esc or Enter on nothing clears it, ↑ ↓ recall

COMMAND  :          Tab completes, ↑ ↓ recalls what was typed before
  :deploy           a kind: names, short names, kind.group
  :po shop /api     in a namespace, filtered           :pods -A  in all
  :po app=web @ctx  by label selector, in another context
  :ctx              list contexts        :q            quit
{screens}
SIGNS    ✓ well   - done   ~ under way   ! look here   ✗ in trouble
"""
WIDTH: Final = 76
_KEY: Final = 13
_COLUMN: Final = WIDTH // 2
_JOINED: Final = {"table.sort_": "sort by a column", "browse.namespace_": "namespaces shown before"}
"""Keys of one family, told in one line."""


class Line(NamedTuple):
    """Keys and what they do."""

    keys: str
    does: str


class HelpScreen(ModalScreen[None], LeftOnce[None]):
    """All keys on one page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Back", id="help.back"),
        Binding("down,j", "scroll(1)", "Down", id="help.down"),
        Binding("up,k", "scroll(-1)", "Up", id="help.up"),
        Binding("pagedown,space,ctrl+f", "scroll(15)", "Page down", id="help.page_down"),
        Binding("pageup,ctrl+b", "scroll(-15)", "Page up", id="help.page_up"),
    ]
    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 80; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; background: $surface; padding: 0 1;
    }
    HelpScreen Static { text-wrap: nowrap; }
    """

    class RefusalsKnown(Message):
        """Why some of the actions would be refused."""

        def __init__(self, why: Mapping[str, str]) -> None:
            super().__init__()
            self.why = why

    def compose(self) -> ComposeResult:
        """The page."""
        with VerticalScroll() as page:
            page.border_title = "Help"
            page.border_subtitle = "Esc closes, Ctrl-P finds by name"
            yield Static(Content(self._text()))

    def on_mount(self) -> None:
        """Find out what would be in vain."""
        self.run_worker(self._ask(), group="refusals")

    def on_help_screen_refusals_known(self, message: RefusalsKnown) -> None:
        """Say so."""
        self.query_one(Static).update(Content(self._text(message.why)))

    def action_scroll(self, lines: int) -> None:
        """Move the page."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    @property
    def _below(self) -> Screen[Any] | None:
        # Not the top of the stack: refusals may come when something stands above.
        stack = self.app.screen_stack
        at = stack.index(self) if self in stack else len(stack)
        return stack[at - 1] if at else None

    async def _ask(self) -> None:
        below = self._below
        if not isinstance(below, ActingScreen) or not below.connection.connected:
            return
        if why := await refusals_here(below):
            self.post_message(self.RefusalsKnown(why))

    def _text(self, refused: Mapping[str, str] = MappingProxyType({})) -> str:
        below = self._below
        sections = list(_sections(self.app, below, refused)) if below is not None else []
        names = [f":{name}" for name in SCREENS]
        typed = TYPED.format(screens=_flow("  " + name for name in names))
        return "\n\n".join([*sections, typed])


def _sections(app: App[Any], screen: Screen[Any], refused: Mapping[str, str]) -> Iterator[str]:
    lines: list[Line] = []
    if isinstance(screen, ActingScreen):
        offers = in_force(screen, offers_for(screen.chosen().kind, screen.chosen().rows))
        lines = [_line(offer) for offer in offers]
        yield from _acting(offers, refused)
    here: dict[str, list[Line]] = {}
    joined: dict[str, list[str]] = {}
    for keys, active in keys_here(screen):
        name = active.binding.id or ""
        if (name.startswith("act.") and name != "act.menu") or not suits(screen, name):
            continue
        family = next((each for each in _JOINED if name.startswith(each)), "")
        shown = shown_key(app, keys, active)
        if any(shown == line.keys and active.binding.description.startswith(line.does) for line in lines):
            continue
        if family:
            joined.setdefault(family, []).append(shown)
            continue
        here.setdefault(_where(active, app), []).append(Line(shown, active.binding.description))
    for where in sorted(here, key=lambda each: each != "HERE"):
        yield _section(where, here[where])
    if joined:
        yield "\n".join(f"  {_JOINED[family]}: {' '.join(keys)}" for family, keys in joined.items())


def _acting(offers: Sequence[Offer], refused: Mapping[str, str]) -> Iterator[str]:
    """What can be done, and for each reason what cannot."""
    by_reason: dict[str, list[Line]] = {}
    for offer in offers:
        by_reason.setdefault(refused.get(offer.action, ""), []).append(_line(offer))
    if lines := by_reason.pop("", []):
        yield _section("ACT  on the row, or on those that are marked", lines)
    for why, lines in by_reason.items():
        title = textwrap.fill(f"REFUSED  ✗ {printable(why)}", WIDTH, subsequent_indent="  ")
        yield _section(title, lines)


def _line(offer: Offer) -> Line:
    return Line(offer.key.replace("ctrl+", "^"), offer.label)


def _where(active: ActiveBinding, app: App[Any]) -> str:
    if active.node is app:
        return "ANYWHERE"
    return (
        "HERE" if isinstance(active.node, Screen) else "IN THE TABLE" if _is_table(active) else "IN THE TEXT"
    )


def _is_table(active: ActiveBinding) -> bool:
    return (active.binding.id or "").startswith("table.")


def _section(title: str, lines: Sequence[Line]) -> str:
    half = (len(lines) + 1) // 2
    rows = [
        "".join(_cell(line) for line in pair).rstrip()
        for pair in zip(lines[:half], [*lines[half:], Line("", "")], strict=False)
    ]
    return "\n".join([title, *rows])


def _cell(line: Line) -> str:
    room = _COLUMN - 2 - _KEY
    does = printable(line.does)
    return f"  {line.keys:<{_KEY - 1}} {does[:room]:<{room}}"


def _flow(words: Iterator[str]) -> str:
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > WIDTH:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)
