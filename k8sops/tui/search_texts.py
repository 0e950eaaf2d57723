"""What a filter searches in: one text for each row, made once for as long as the row stays the same object.

Texts in lower case and as they are written are kept apart, since one capital letter switches between them. Over rows
that did not change since the last keystroke a search is a walk over a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from k8sops.core.tables import Row


class SearchTexts:
    """The texts of one table in one of the two spellings. `skipped` is a cell that is not searched."""

    def __init__(self, *, fold: bool) -> None:
        self._fold = fold
        self._skipped: int | None = None
        # Two dictionaries rather than one of pairs: tens of thousands of small tuples would keep the garbage
        # collector busy.
        self._made_of: dict[str, Row] = {}
        self._texts: dict[str, str] = {}
        self._last: tuple[Sequence[Row], list[str]] = ((), [])

    def of(self, rows: Sequence[Row], skipped: int | None) -> list[str]:
        """The text of each row, in their order."""
        if skipped != self._skipped or len(self._texts) > 2 * len(rows) + 1000:
            self._made_of, self._texts, self._last, self._skipped = {}, {}, ((), []), skipped
        if self._last[0] is rows:
            return self._last[1]
        found = self._made(rows)
        self._remember(rows, skipped, found)
        return found

    def learn(self, rows: Sequence[Row], skipped: int | None, at_once: int) -> Iterator[None]:
        """Make the texts before they are asked for, so many of them from one step to the next."""
        if self._last[0] is rows or (skipped != self._skipped and self._texts):
            return
        self._skipped = skipped
        found: list[str] = []
        for start in range(0, len(rows), at_once):
            found += self._made(rows[start : start + at_once])
            yield
        self._remember(rows, skipped, found)

    def _remember(self, rows: Sequence[Row], skipped: int | None, found: list[str]) -> None:
        # A list may be changed in place; what a live table gives out never is.
        if skipped == self._skipped and not isinstance(rows, list):
            self._last = (rows, found)

    def _made(self, rows: Sequence[Row]) -> list[str]:
        made_of, texts, found = self._made_of, self._texts, []
        for row in rows:
            key = row.uid or f"{row.namespace}/{row.name}"
            if made_of.get(key) is not row:
                made_of[key] = row
                texts[key] = search_text(row, self._skipped, fold=self._fold)
            found.append(texts[key])
        return found


def search_text(row: Row, skipped: int | None, *, fold: bool) -> str:
    """A row's text. One cell a line: ^ and $ of a pattern mean the ends of a cell."""
    cells = row.cells if skipped is None else row.cells[:skipped] + row.cells[skipped + 1 :]
    text = "\n".join((row.namespace, *cells))
    return text.lower() if fold else text
