"""What a ticket looks like, for people who do not read patterns: `OPS-123` for `OPS-[0-9]+`.

Only the plain patterns that trackers' keys have are understood; what is found is tried on the pattern itself, so that
nothing is shown that would be refused.
"""

from __future__ import annotations

import re
from itertools import cycle, islice
from typing import Final

from k8sops.policy.expression import ConditionError, Pattern

_GROUP: Final = re.compile(r"\((?:\?:)?([^()|?*+{}]*)(?:\|[^()]*)?\)(?![*+?{])")
_PIECE: Final = re.compile(
    r"(?P<edge>\^|\$|\\b|\(\?i\))"
    r"|(?:(?P<digit>\\d|\[0-9\])|\[(?P<letters>[A-Za-z])-[A-Za-z]\w*(?:-\w)?\]|\\?(?P<plain>[\w\-#/: ]))"
    r"(?:\{(?P<least>\d{1,2})(?:,\d*)?\}|(?P<more>[+*])|\?)?"
)
_USUAL: Final = 3


def ticket_in_words(pattern: str) -> str:
    """`OPS-[0-9]+, as in OPS-123`; the pattern alone where no example is found."""
    example = _example(pattern)
    return f"{pattern}, as in {example}" if example and example != pattern else pattern


def _example(pattern: str) -> str:
    grouped = ""
    rest = pattern
    while grouped != rest:
        grouped, rest = rest, _GROUP.sub(r"\1", rest)
    rest, made = rest.partition("|")[0], ""
    while rest:
        piece = _PIECE.match(rest)
        if piece is None:
            return ""
        made += _made(piece)
        rest = rest[piece.end() :]
    made = made.strip()
    try:
        return made if Pattern(pattern).found_in(made) else ""
    except ConditionError:
        return ""


def _made(piece: re.Match[str]) -> str:
    if piece["edge"]:
        return ""
    if piece["plain"]:
        return piece["plain"] * int(piece["least"] or 1)
    first = "1" if piece["digit"] else piece["letters"]
    several = [chr(ord(first) + number) for number in range(_USUAL if piece["letters"] else 9)]
    return "".join(
        islice(cycle(several), int(piece["least"]) if piece["least"] else _USUAL if piece["more"] else 1)
    )
