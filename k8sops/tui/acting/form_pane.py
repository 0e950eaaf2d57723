"""The form of a dialog: what is asked first, what a finding names, what was changed; the rest is folded under More.

Where a screen is low and the plan needs the room, ticks and choices stand side by side in one line, without what they
mean: that is told of the one that has the focus.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from textual.containers import Vertical
from textual.widgets import Static

from k8sops.core.text import counted
from k8sops.tui.acting.fields import TextLine, line_of
from k8sops.tui.acting.form import FormField

LOW: Final = 30
"""Lines of a screen below which a picture needs all there are."""


class More(Static, can_focus=True):
    """Opens what is folded."""

    DEFAULT_CSS = """
    More { height: 1; padding: 0 1; color: $text-muted; }
    More:focus { background: $primary-muted; color: $text; text-style: bold; }
    """


class FormPane(Vertical):
    """The fields, a line each, and More."""

    # No VerticalScroll: that would take the arrows, which go from field to field.
    DEFAULT_CSS = """
    FormPane { height: auto; overflow-y: auto; scrollbar-size-vertical: 1; }
    FormPane.-brief { layout: horizontal; height: 1; padding: 0 1; overflow: auto hidden; scrollbar-size: 0 0; }
    FormPane.-brief > More { dock: left; width: auto; padding: 0 1 0 0; }
    """

    def __init__(self, fields: tuple[FormField, ...]) -> None:
        self.fields = fields
        self.lines = {field.name: line_of(field) for field in fields}
        self.more = More()
        self._folded, self._is_unfolded = 0, False
        super().__init__(*self.lines.values(), self.more, id="form")

    def unfold(
        self, values: Mapping[str, str], surfaced: Collection[str], *, unfolded: bool, tight: bool
    ) -> None:
        """Show what is to be seen; `tight` where one line has to do, if it can."""
        shown = [
            field.name
            for field in self.fields
            if field.first or field.name in surfaced or values.get(field.name, field.default) != field.default
        ]
        texts = any(isinstance(self.lines[name], TextLine) for name in shown)
        brief = tight and not unfolded and not texts
        self.set_class(brief, "-brief")
        for name, line in self.lines.items():
            line.display = unfolded or name in shown
            if not isinstance(line, TextLine):
                line.shorten(brief=brief)
        self._folded, self._is_unfolded = len(self.fields) - len(shown), unfolded
        self.more.display = bool(self._folded)

    def tell_more(self, *, typing: bool) -> None:
        """Say which key unfolds or folds: a letter is text to who is `typing`, and a key once More has the focus."""
        key = "tab to here, then m" if typing else "m"
        if self.is_brief and self._folded < len(self.fields):
            self.more.update(f"▸ {key}: {self._folded} more")
        else:
            sign, does = ("▾", "folds") if self._is_unfolded else ("▸", "shows")
            self.more.update(f"{sign} {key} {does} {counted(self._folded, 'more field')}")

    @property
    def is_brief(self) -> bool:
        """Whether all of it is one line."""
        return self.has_class("-brief")

    def height_within(self, most: int) -> int:
        """The lines it takes, of `most` at best."""
        if self.is_brief:
            return 1
        self.styles.max_height = most
        return min(sum(line.outer_size.height for line in self.children if line.display), most)
