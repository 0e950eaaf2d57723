"""Regular expressions as a person types them, on the linear engine: no line can make one slow, whatever it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from k8sops.core.errors import UsageError

_MEMORY: Final = 32 << 20
LONGEST: Final = 1_000


class AnyOf:
    """Matches where one of the patterns does. Raises UsageError naming the one that cannot be used, and its flag."""

    def __init__(self, patterns: Sequence[str], flag: str) -> None:
        for pattern in patterns:
            _compiled(pattern, flag)
        joined = patterns[0] if len(patterns) == 1 else "|".join(f"(?:{one})" for one in patterns)
        self._compiled: Final = _compiled(joined, flag, longest=len(joined))

    def matches(self, text: str) -> bool:
        """Whether any of them is in the text."""
        return self._compiled.search(text) is not None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where they are; empty matches are left out."""
        for found in self._compiled.finditer(text):
            start, end = found.span()
            if start < end:
                yield start, end


def _compiled(pattern: str, flag: str, longest: int = LONGEST) -> Any:
    # Loaded here: whoever filters nothing does not pay for it.
    import re2

    if len(pattern) > longest:
        raise UsageError(f"a pattern of {flag} is longer than {LONGEST} characters")
    options = re2.Options()
    options.max_mem = _MEMORY
    options.never_capture = True
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0] if error.args else error
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise UsageError(
            f"{flag} {pattern!r} is not used: {why}",
            hint="RE2's syntax, without look-around and back-references",
        ) from error
