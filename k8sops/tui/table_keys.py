"""The keys of a live table, k9s's where k9s has them, and which column each sort letter means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.binding import Binding, BindingType

SORT_LETTERS: Final[dict[str, tuple[str, ...]]] = {
    "N": ("NAME",),
    "A": ("AGE", "LAST SEEN"),
    "P": ("NAMESPACE",),
    "S": ("STATUS", "PHASE", "STATE"),
    "R": ("READY", "ROLES", "REASON"),
    "T": ("RESTARTS", "TYPE"),
    "C": ("CPU", "CPU(CORES)", "COMPLETIONS"),
    "M": ("MEM", "MEMORY", "MEMORY(BYTES)"),
    "X": ("%CPU/R", "%CPU"),
    "Z": ("%MEM/R", "%MEM"),
    "U": ("UP-TO-DATE",),
    "L": ("AVAILABLE", "LAST SCHEDULE"),
    "I": ("IP", "CLUSTER-IP", "INTERNAL-IP"),
    "O": ("NODE",),
}
"""From a capital letter to the columns it sorts by, the first that the table has."""

GREATEST_FIRST: Final = frozenset({"RESTARTS", "CPU", "MEM", "MEMORY", "%CPU/R", "%MEM/R", "%CPU", "%MEM"})
"""What one sorts by in order to see the most."""

TABLE_BINDINGS: Final[list[BindingType]] = [
    Binding("up,k", "cursor(-1)", "Up", show=False, id="table.up"),
    Binding("down,j", "cursor(1)", "Down", show=False, id="table.down"),
    Binding("pageup,ctrl+u,ctrl+b", "page(-1)", "Page up", show=False, id="table.page_up"),
    Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="table.page_down"),
    Binding("home,g", "first", "First row", show=False, id="table.first"),
    Binding("end,G", "last", "Last row", show=False, id="table.last"),
    Binding("left", "side(-1)", "Scroll left", show=False, id="table.left"),
    Binding("right", "side(1)", "Scroll right", show=False, id="table.right"),
    Binding(
        "shift+left,less_than_sign", "sort_step(-1)", "Sort column left", show=False, id="table.sort_left"
    ),
    Binding(
        "shift+right,greater_than_sign",
        "sort_step(1)",
        "Sort column right",
        show=False,
        id="table.sort_right",
    ),
    *(
        Binding(
            letter, f"sort_letter('{letter}')", f"Sort by {titles[0]}", show=False, id=f"table.sort_{letter}"
        )
        for letter, titles in SORT_LETTERS.items()
    ),
    Binding("ctrl+w", "wide", "Wide", show=False, id="table.wide"),
    Binding("ctrl+z", "faults", "Faults", show=False, id="table.faults"),
    Binding("space", "mark", "Mark", show=False, id="table.mark"),
    Binding("ctrl+@,ctrl+space", "mark_range", "Mark range", show=False, id="table.mark_range"),
    Binding("ctrl+backslash", "unmark", "Unmark", show=False, id="table.unmark"),
    Binding("enter", "choose", "Open", show=False, id="table.open"),
]


def sorted_title(letter: str, titles: Sequence[str]) -> str:
    """The column a letter means in a table of these titles; empty where it has none."""
    return next((title for title in SORT_LETTERS[letter] if title in titles), "")
