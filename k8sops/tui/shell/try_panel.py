"""The "Try this" panel of a demonstration: a few questions, each with a key that leads to where it is answered.

It lies below the table it is about, and is gone for good once it is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.content import Content
from textual.widgets import Static

from k8sops.core.screen import TryThis
from k8sops.core.text import printable

KEYS: Final = ("f2", "f3", "f4", "f5")
HIDING: Final = "f8"


class TryPanel(Static):
    """Questions with their keys; a click does as well."""

    DEFAULT_CSS = """
    TryPanel { height: auto; border-top: solid $accent; padding: 0 1; background: $surface; text-wrap: nowrap;
        text-overflow: ellipsis; border-title-color: $accent; border-title-style: bold; }
    TryPanel .how { color: $text-muted; }
    """

    def __init__(self, tries: Sequence[TryThis]) -> None:
        super().__init__(Content("\n").join([_line(*each) for each in zip(KEYS, tries, strict=False)]))
        self.border_title = f"Try this · {HIDING.upper()} hides it"
        self.tries = tuple(tries)


def _line(key: str, one: TryThis) -> Content:
    clicked = f"app.try_this('{key}')"
    return Content.assemble(
        Content(f"{key.upper()} ").stylize("bold $text-accent"),
        Content(printable(one.title)).stylize("bold").stylize(f"@click={clicked}"),
        Content(f"  {printable(one.how)}").stylize("$text-muted"),
    )
