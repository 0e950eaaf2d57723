"""Finding a text in a document: smartcase as in tables, a regular expression where it is one. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

MOST_FOUND = 10_000
_LONGEST_SEARCHED = 20_000
"""Of a line: a regular expression on a certificate bundle in one line must not hold the screen."""


class Hit(NamedTuple):
    """A place in the document."""

    line: int
    start: int
    end: int


def hits_of(text: str, lines: Sequence[str]) -> list[Hit]:
    """Where the text stands, in order; a regular expression that is none is taken as it is written."""
    if not text:
        return []
    flags = re.NOFLAG if any(letter.isupper() for letter in text) else re.IGNORECASE
    try:
        pattern = re.compile(text, flags)
    except re.error:
        pattern = re.compile(re.escape(text), flags)
    found: list[Hit] = []
    for number, line in enumerate(lines):
        found += [
            Hit(number, match.start(), match.end())
            for match in pattern.finditer(line, 0, _LONGEST_SEARCHED)
            if match.end() > match.start()
        ]
        if len(found) >= MOST_FOUND:
            break
    return found[:MOST_FOUND]
