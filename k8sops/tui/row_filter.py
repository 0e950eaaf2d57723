"""What is typed after `/`, turned into a test of rows.

Plain text is a smartcase substring, `!` in front inverts, text with regex metacharacters is a regular expression,
`-l` takes a label selector, `-f` letters in this order with anything between them (fuzzy). Whatever is typed half
way through yields a usable filter: a text that does not compile is taken literally and `notice` says so, for a
screen must not go blank between two keystrokes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from k8sops.core.tables import Row
from k8sops.tui.label_selector import LabelSelector, parse_label_selector

_METACHARACTERS = re.compile(r"[\\^$*+?{}\[\]|()]|\.(?=[*+?])")


class RowFilter:
    """A compiled filter; `text` is what was typed, `notice` one sentence where it was not taken as typed."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.notice = ""
        self.inverse = False
        self._selector: LabelSelector | None = None
        self._pattern: re.Pattern[str] | None = None
        self._needle = ""
        self._fold = False
        self._compile()

    def __bool__(self) -> bool:
        return bool(self._needle or self._pattern is not None or self._selector is not None)

    def select(self, rows: Sequence[Row], texts: Callable[[bool], Iterable[str]]) -> Sequence[Row]:
        """The rows that pass, in their order; `texts(fold)` gives each row's searchable text, lower case if `fold`.

        Without a condition the very same sequence comes back.
        """
        if not self:
            return rows
        if self._selector is not None:
            wanted = self._selector
            return [row for row in rows if wanted(row.labels)]
        keep = not self.inverse
        if self._pattern is not None:
            search = self._pattern.search
            return [
                row
                for row, text in zip(rows, texts(self._fold), strict=True)
                if (search(text) is not None) is keep
            ]
        needle = self._needle
        return [row for row, text in zip(rows, texts(self._fold), strict=True) if (needle in text) is keep]

    def _compile(self) -> None:
        text = self.text
        if text == "-l" or text.startswith("-l "):
            self._compile_selector(text[2:].strip())
            return
        if text == "-f" or text.startswith("-f "):
            self._compile_fuzzy(text[2:].strip())
            return
        if text.startswith("!"):
            self.inverse, text = True, text[1:].strip()
        if not text:
            return
        # Smartcase, as in vim and ripgrep: one capital letter makes the whole pattern case-sensitive. Without one it
        # is looked for in lower case: an expression that has to ignore case takes up to five times as long.
        self._fold = text == text.lower()
        if _METACHARACTERS.search(text):
            try:
                self._pattern = re.compile(text, re.MULTILINE)
            except re.error as error:
                self.notice = f"not a regular expression ({error.msg}), searched as plain text"
        self._needle = text

    def _compile_selector(self, text: str) -> None:
        if not text:
            return
        try:
            self._selector = parse_label_selector(text)
        except ValueError as error:
            self.notice = f"not a label selector yet ({error}), all rows shown"

    def _compile_fuzzy(self, text: str) -> None:
        if not text:
            return
        # Within one cell, since a cell is a line; each letter at its first place keeps the search linear.
        letters = [re.escape(letter) for letter in text if not letter.isspace()]
        gaps = "".join(f"[^{letter}\n]*?{letter}" for letter in letters[1:])
        self._fold = text == text.lower()
        self._pattern = re.compile(letters[0] + gaps)
