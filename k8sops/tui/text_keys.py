"""The keys that every view of text scrolls by, k9s's and less's, each view's under ids of its own."""

from __future__ import annotations

from textual.binding import Binding, BindingType


def text_keys(view: str, *, end: str = "scroll_end") -> list[BindingType]:
    """Bindings of a scrolling view; `end` is the action of `G`."""
    last = "G" if end == "scroll_end" else "G,end"
    return [
        Binding("j", "scroll_down", "Down", show=False, id=f"{view}.down"),
        Binding("k", "scroll_up", "Up", show=False, id=f"{view}.up"),
        Binding("g", "scroll_home", "Top", show=False, id=f"{view}.top"),
        Binding(last, end, "End", show=False, id=f"{view}.end"),
        Binding("ctrl+d,ctrl+f,space", "page_down", "Page down", show=False, id=f"{view}.page_down"),
        Binding("ctrl+u,ctrl+b", "page_up", "Page up", show=False, id=f"{view}.page_up"),
    ]
