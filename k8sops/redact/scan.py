"""Finds secrets in whole lines: one pass of the linear engine says where to look, and each place is then looked at.

A look costs little and reaches not far ahead, so that text made to be looked at everywhere is slow, not endless. Holds
no state of a text: what is expected of later lines is answered, and kept by the stream.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from k8sops.redact.announced import ANNOUNCED
from k8sops.redact.commands import COMMANDS
from k8sops.redact.encoded import ENCODED
from k8sops.redact.finding import NOTHING, Looked, Place
from k8sops.redact.leads import ANY_LEAD, leads
from k8sops.redact.linear import LinearPattern
from k8sops.redact.markup import MARKUP
from k8sops.redact.named import Named
from k8sops.redact.places import PLACES, Sign
from k8sops.redact.secret_objects import OBJECTS
from k8sops.redact.shapes import Shapes, shape_heads
from k8sops.redact.structured import STRUCTURED

_ALL: Final = bytes(range(256))


class Scanner:
    """The compiled rules: one for many texts and threads. Making it takes a tenth of a second."""

    def __init__(self) -> None:
        # Of two that begin at one place the first is found: a name that goes on before a head that may be part of it.
        signs = (*Named().signs(), *PLACES, *COMMANDS, *ANNOUNCED, *MARKUP, *ENCODED, *STRUCTURED, *OBJECTS)
        union = "|".join((*(_led(sign.pattern) for sign in signs), shape_heads()))
        self._anywhere: Final = LinearPattern(f"(?m:{union})")
        self._signs: Final = [(sign, _Asked.of(sign)) for sign in signs]
        # By the bytes that a place begins and ends with, so that little is asked of each.
        self._by_ends: Final[dict[tuple[int, int], list[_Asked]]] = {}
        self._shapes: Final = Shapes()
        self.leads: Final = leads()
        """What may stand before each line, by the text's form."""

    def next_place(self, data: bytes, start: int, end: int) -> tuple[int, int] | None:
        """The next place that looks like one where a secret begins."""
        return self._anywhere.search(data, start, end)

    def look(self, place: Place) -> Looked:
        """What stands there."""
        shaped = self._shapes.at(place)
        if shaped is not None:
            return Looked((shaped,))
        for asked in self._asked_of(place.data[place.at], place.data[place.end - 1]):
            if asked.fits(place) and (looked := asked.look(place)) is not NOTHING:
                return looked
        return NOTHING

    def _asked_of(self, first: int, last: int) -> list[_Asked]:
        known = self._by_ends.get((first, last))
        if known is None:
            known = self._by_ends[first, last] = [
                asked
                for sign, asked in self._signs
                if first in (sign.begins or _ALL) and last in (sign.ends or _ALL)
            ]
        return known


class _Asked(NamedTuple):
    """A sign, compiled for the question whether a place is one of its own.

    Only asked where the union has matched, within its bounds; the standard library answers quicker than a second RE2.
    """

    pattern: re.Pattern[bytes] | None
    look: Callable[[Place], Looked]
    first: bool
    """Whether nothing but a lead may stand before it on its line."""

    @classmethod
    def of(cls, sign: Sign) -> _Asked:
        """Compiled, where anything need be asked."""
        asked = sign.pattern.removeprefix("^").encode()
        first = sign.pattern.startswith("^")
        return cls(None if sign.sure else re.compile(asked, re.MULTILINE), sign.look, first)

    def fits(self, place: Place) -> bool:
        """Whether the place is the sign's."""
        if self.first and place.at != place.line.start:
            return False
        if self.pattern is None:
            return True
        found = self.pattern.match(place.data, place.at, place.line.end)
        return found is not None and found.end() == place.end


def _led(pattern: str) -> str:
    """The same, where it stands at a line's beginning also behind what may lead one."""
    return f"^{ANY_LEAD}{pattern[1:]}" if pattern.startswith("^") else pattern
