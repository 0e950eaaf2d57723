"""What a live table looks like: the parts that have a style of their own, and their styles."""

from __future__ import annotations

from typing import Final

from k8sops.core.severity import Severity

OPAQUE_PARTS: Final = ("row", "header", "header-sorted", "cursor", "hover", "placeholder")
OVERLAY_PARTS: Final = ("mark", "marked", "deleting", *(severity.value for severity in Severity))
"""These take their background from the line they lie on."""

TABLE_CSS: Final = """
RowTable {
    background: $surface; color: $foreground;
    overflow-y: auto; scrollbar-gutter: stable; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0;
    & > .live-table--header { background: $panel; color: $foreground; text-style: bold; }
    & > .live-table--header-sorted { background: $panel; color: $accent; text-style: bold underline; }
    & > .live-table--cursor { background: $primary-muted; color: $text; text-style: bold; }
    & > .live-table--hover { background: $boost; }
    & > .live-table--mark { color: $accent; text-style: bold; }
    & > .live-table--marked { color: $text-accent; text-style: bold; }
    & > .live-table--deleting { text-style: dim italic; }
    & > .live-table--placeholder { color: $text-muted; }
    & > .live-table--ok { color: $text-success; }
    & > .live-table--done { text-style: dim; }
    & > .live-table--busy { color: $text-accent; }
    & > .live-table--warn { color: $text-warning; text-style: bold; }
    & > .live-table--bad { color: $text-error; text-style: bold; }
}
"""
