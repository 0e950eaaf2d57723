"""The picture of a drain in a pane: verdict on top, pods left, room right, waves below; as tabs where it is narrow.

One pane for the plan in the dialog and for the run that fills it in. Verdict, badges and what is waited for never
scroll. The last tab is the plan in full, which whoever holds the pane shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from k8sops.core.plan import Plan
from k8sops.core.text import counted
from k8sops.tui.draining import drawing
from k8sops.tui.draining.filling import Filling
from k8sops.tui.draining.knowing import known_lines, verdict
from k8sops.tui.draining.picture import Picture, picture_of
from k8sops.tui.draining.toned import TonedLine, TonedLines

WIDE_FROM: Final = 100
"""Cells from which all stands side by side."""
DETAILS: Final = "Details"
_WIDE: Final = ("Plan", DETAILS)
_NARROW: Final = ("Pods", "Room", "Waves", DETAILS)


Draw = Callable[[int], list[TonedLine]]
"""Lines for a width."""


class Part(Vertical):
    """A title and the lines below it."""

    DEFAULT_CSS = """
    Part > Static { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; color: $text-muted; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.title = Static()
        self.lines = TonedLines()
        self.below = Static()
        self._draw: Draw | None = None

    def compose(self) -> ComposeResult:
        """Title, lines, and what of them is out of sight."""
        yield self.title
        yield self.lines
        yield self.below

    def on_mount(self) -> None:
        """Follow what is scrolled."""
        self.below.display = False
        self.watch(self.lines, "scroll_y", self._tell_below, init=False)

    def show(self, title: TonedLine, draw: Draw) -> None:
        """Replace both; `draw` is asked again whenever the width is another."""
        self._draw = draw
        self.title.update(
            Content.assemble(*((text, "bold" if tone == "heading" else "") for text, tone in title))
        )
        self.on_resize()

    def on_resize(self) -> None:
        """Lay the lines out anew."""
        if self._draw is not None and self.size.width:
            # Two cells are padding, one is the scrollbar's.
            self.lines.show(self._draw(max(self.size.width - 3, 20)))
            self.call_after_refresh(self._tell_below)

    def _tell_below(self) -> None:
        """Say how much is below the last line in sight, and which groups of it."""
        # Its own line counts: with the end in sight it goes, and the end stays in sight.
        seen = self.lines.scroll_offset.y + self.lines.size.height
        rest = self.lines.titles_from(seen) if self.lines.size.height else None
        self.below.display = rest is not None and rest.lines > 0
        if rest is not None and rest.lines > 0:
            titles = "".join(f", {title}" for title in rest.titles)
            self.below.update(Content(f"▼ {counted(rest.lines, 'more line')}{titles}"))


class TabsLine(Static):
    """Which parts there are, and which is in sight; a click turns to one."""

    DEFAULT_CSS = """
    TabsLine { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; }
    """

    class Chosen(Message):
        """One was clicked."""

        def __init__(self, tab: str) -> None:
            super().__init__()
            self.tab = tab

    def tell(self, tabs: Sequence[str], chosen: str) -> None:
        """Show them."""
        self._tabs = tabs
        parts = [(f" {tab} ", "bold reverse" if tab == chosen else "") for tab in tabs]
        self.update(Content.assemble(*parts, ("   ←/→ turns", "$foreground-muted")))

    def on_click(self, event: events.Click) -> None:
        """Turn to the one under the pointer."""
        at = event.x - 1
        for tab in self._tabs:
            if 0 <= at < len(tab) + 2:
                self.post_message(self.Chosen(tab))
                return
            at -= len(tab) + 2


class DrainPane(Vertical):
    """One drain, planned or under way."""

    DEFAULT_CSS = """
    DrainPane { height: 1fr; }
    DrainPane > .drain--verdict { height: auto; max-height: 4; padding: 0 1; }
    DrainPane > .drain--said { height: auto; max-height: 4; padding: 0 1; color: $text-accent; }
    DrainPane > #upper { height: 1fr; }
    DrainPane > #waves { height: auto; max-height: 40%; }
    DrainPane #waves > TonedLines { height: auto; }
    DrainPane #pods { width: 1fr; }
    DrainPane #room { width: 1fr; }
    DrainPane.-wide #pods { width: 57%; }
    DrainPane.-narrow > #waves { height: 1fr; max-height: 100%; }
    DrainPane.-narrow #waves > TonedLines { height: 1fr; }
    DrainPane.-details { height: auto; }
    DrainPane.-details > #upper, DrainPane.-details > #waves { display: none; }
    DrainPane.-old > #upper, DrainPane.-old > #waves { text-style: dim; opacity: 60%; }
    """

    class Turned(Message):
        """Another part is in sight."""

    def __init__(self, *, takes_keys: bool = False) -> None:
        """`takes_keys`: the parts can be walked to and scrolled; else whoever holds the pane scrolls it."""
        super().__init__()
        self._verdict = Static(classes="drain--verdict")
        self._said = Static(classes="drain--said")
        self._tabs_line = TabsLine(id="tabs")
        self._pods, self._room, self._waves = Part(id="pods"), Part(id="room"), Part(id="waves")
        self._takes_keys = takes_keys
        self._plan: Plan | None = None
        self._picture: Picture | None = None
        self._filling: Filling | None = None
        self._sentence = ""
        self._tab = _NARROW[0]

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield self._verdict
        yield self._said
        yield self._tabs_line
        with Horizontal(id="upper"):
            yield self._pods
            yield self._room
        yield self._waves

    def on_mount(self) -> None:
        """Draw what was given before there was room."""
        for part in (self._pods, self._room, self._waves):
            part.lines.can_focus = self._takes_keys
        self._draw()

    def on_resize(self) -> None:
        """Side by side, or as tabs; drawn once the parts have their new widths."""
        self._arrange()
        self.call_after_refresh(self._draw)

    @property
    def shows_details(self) -> bool:
        """Whether the plan in full is what is asked for."""
        return self._tab == DETAILS

    @property
    def tab(self) -> str:
        """The part in sight."""
        return self._tab if self._tab in self._tabs else self._tabs[0]

    def tell(self, sentence: str) -> None:
        """Say why there is no plan."""
        self._plan = self._picture = self._filling = None
        self._sentence = sentence
        self._draw()

    def show(self, plan: Plan, filling: Filling | None = None, said: str = "") -> None:
        """Show a plan, and how far it is; `said` stands below the verdict."""
        if plan is not self._plan:
            self._plan, self._picture = plan, picture_of(plan)
        self._filling, self._sentence = filling, said
        self.set_class(False, "-old")
        self._draw()

    def picture(self, plan: Plan) -> Picture:
        """The picture of a plan, made once."""
        if plan is not self._plan or self._picture is None:
            self._plan, self._picture = plan, picture_of(plan)
        return self._picture

    def outdate(self) -> None:
        """The plan shown is of values that have changed."""
        self.set_class(True, "-old")

    def turn(self, step: int) -> None:
        """Go to the next part, or back."""
        tabs = self._tabs
        self._turn_to(tabs[(tabs.index(self.tab) + step) % len(tabs)])

    def scroll_pages(self, pages: int) -> None:
        """Move what is in sight."""
        part = {"Room": self._room, "Waves": self._waves}.get(self.tab, self._pods)
        part.lines.scroll_pages(pages)

    def on_tabs_line_chosen(self, message: TabsLine.Chosen) -> None:
        """The mouse's way."""
        message.stop()
        self._turn_to(message.tab)

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= WIDE_FROM

    @property
    def _tabs(self) -> tuple[str, ...]:
        return _WIDE if self._is_wide else _NARROW

    def _turn_to(self, tab: str) -> None:
        self._tab = tab
        self._arrange()
        self.post_message(self.Turned())
        self.call_after_refresh(self._draw)

    def _arrange(self) -> None:
        tab, wide = self.tab, self._is_wide
        self.set_class(wide, "-wide")
        self.set_class(not wide, "-narrow")
        self.set_class(tab == DETAILS, "-details")
        self._pods.display = wide or tab == "Pods"
        self._room.display = wide or tab == "Room"
        self.query_one("#upper").display = tab not in {DETAILS, "Waves"}
        self._waves.display = tab != DETAILS and (wide or tab == "Waves")
        self._tabs_line.tell(self._tabs, tab)

    def _draw(self) -> None:
        if not self.is_mounted or not self.size.width:
            return
        plan, picture, filling = self._plan, self._picture, self._filling
        self._verdict.display = plan is not None
        self._said.display = bool(self._sentence)
        self._said.update(Content(self._sentence))
        self._tabs_line.display = plan is not None
        if plan is None or picture is None:
            self.query_one("#upper").display = self._waves.display = False
            return
        self._arrange()
        self._verdict.update(verdict(plan))
        self._pods.show(drawing.pods_title(picture, filling), partial(drawing.pod_lines, picture, filling))
        self._room.show(drawing.room_title(filling), partial(_right, plan, picture, filling))
        self._waves.show(drawing.waves_title(picture), partial(drawing.wave_lines, picture, filling))


def _right(plan: Plan, picture: Picture, filling: Filling | None, width: int) -> list[TonedLine]:
    lines = drawing.room_lines(picture, filling, width)
    known = known_lines(plan, width)
    return [*lines, drawing.EMPTY, (("TO KNOW", "heading"),), *known] if known else lines
