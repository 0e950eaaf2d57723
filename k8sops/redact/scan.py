"""Finds secrets in whole lines: one pass of the linear engine says where to look, and each place is then looked at.

A look costs little and reaches not far ahead, so that text made to be looked at everywhere is slow, not endless. Holds
no state of a text: what is expected of later lines is answered, and kept by the stream.
"""

from __future__ import annotations

import re
from typing import Final

from k8sops.redact.finding import NOTHING, Looked, Place
from k8sops.redact.linear import LinearPattern
from k8sops.redact.named import Named
from k8sops.redact.places import PLACES
from k8sops.redact.secret_objects import OBJECTS
from k8sops.redact.shapes import Shapes, shape_heads


class Scanner:
    """The compiled rules: one for many texts and threads. Making it takes a tenth of a second."""

    def __init__(self) -> None:
        # Of two that begin at one place the first is found: a name that goes on before a head that may be part of it.
        signs = (*Named().signs(), *PLACES, *OBJECTS)
        union = "|".join((*(sign.pattern for sign in signs), shape_heads()))
        self._anywhere: Final = LinearPattern(f"(?m:{union})")
        # Run only where the union has matched, within its bounds; the standard library tells quicker which.
        self._signs: Final = [(re.compile(sign.pattern.encode(), re.MULTILINE), sign.look) for sign in signs]
        self._shapes: Final = Shapes()

    def next_place(self, data: bytes, start: int, end: int) -> tuple[int, int] | None:
        """The next place that looks like one where a secret begins."""
        return self._anywhere.search(data, start, end)

    def look(self, place: Place) -> Looked:
        """What stands there."""
        shaped = self._shapes.at(place)
        if shaped is not None:
            return Looked((shaped,))
        for pattern, look in self._signs:
            found = pattern.match(place.data, place.at, place.line.end)
            if found is not None and found.end() == place.end and (looked := look(place)) is not NOTHING:
                return looked
        return NOTHING
