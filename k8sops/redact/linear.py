"""Regular expressions that take time in proportion to the text, whatever the text: RE2, over bytes.

The one place that knows the library. Patterns are compiled where they are asked for, never at import; a lone start
costs nothing.
"""

from __future__ import annotations

from typing import Any, Final

# Room for the automaton's states. What does not fit is worked out again, which is slower, not wrong.
_MEMORY: Final = 32 << 20


class PatternError(ValueError):
    """A pattern that the linear engine does not take: a mistake in it, a look-around or a back-reference."""


class LinearPattern:
    """One compiled expression; bytes are taken as Latin-1, so that every byte is a character."""

    def __init__(self, pattern: str, *, groups: bool = False) -> None:
        # Loaded here: whoever redacts nothing does not pay for it.
        import re2  # noqa: PLC0415

        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.max_mem = _MEMORY
        options.never_capture = not groups
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

    def search(self, data: bytes, start: int, end: int, group: int = 0) -> tuple[int, int] | None:
        """Where the first match from `start` on lies, or its group; what stands before `start` counts for boundaries."""
        found = self._compiled.search(data, start, end)
        if found is None:
            return None
        span: tuple[int, int] = found.span(group)
        return span

    def is_all_of(self, data: bytes) -> bool:
        """Whether it matches from the first to the last byte."""
        return self._compiled.fullmatch(data) is not None


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else error
    return said.decode("latin-1") if isinstance(said, bytes) else str(said)
