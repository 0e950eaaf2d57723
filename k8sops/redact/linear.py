"""Regular expressions that take time in proportion to the text, whatever the text: RE2, over bytes.

The one place that knows the library. Patterns are compiled where they are asked for, never at import; a lone start
costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

# Room for the automaton's states. What does not fit is worked out again, which is slower, not wrong.
_MEMORY: Final = 32 << 20


class PatternError(ValueError):
    """A pattern that the linear engine does not take: a mistake in it, a look-around or a back-reference."""


class LinearPattern:
    """One compiled expression; bytes are taken as Latin-1, so that every byte is a character."""

    def __init__(self, pattern: str, *, groups: bool = False, within_lines: bool = False) -> None:
        # Loaded here: whoever redacts nothing does not pay for it.
        import re2  # noqa: PLC0415

        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.max_mem = _MEMORY
        options.never_capture = not groups
        options.never_nl = within_lines
        options.log_errors = False
        try:
            self._compiled: Final[Any] = re2.compile(pattern.encode("latin-1"), options)
        except (re2.error, UnicodeEncodeError) as error:
            raise PatternError(_words(error)) from error

    @property
    def groups(self) -> int:
        """How many groups capture."""
        count: int = self._compiled.groups
        return count

    def search(self, data: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Where the first match from `start` on lies; what stands before `start` counts for boundaries."""
        found = self._compiled.search(data, start, end)
        if found is None:
            return None
        span: tuple[int, int] = found.span()
        return span

    def search_groups(self, data: bytes, start: int) -> list[tuple[int, int]] | None:
        """The same to the end of the data, and where each group lies: (-1, -1) where it took no part."""
        found = self._compiled.search(data, start)
        return None if found is None else [found.span(group) for group in range(self.groups + 1)]

    def starts(self, data: bytes) -> Iterator[int]:
        """Where each match begins, one behind the other: half the work of searching again from each."""
        for found in self._compiled.finditer(data):
            yield found.start()

    def is_all_of(self, data: bytes) -> bool:
        """Whether it matches from the first to the last byte."""
        return self._compiled.fullmatch(data) is not None


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else error
    return said.decode("latin-1") if isinstance(said, bytes) else str(said)
