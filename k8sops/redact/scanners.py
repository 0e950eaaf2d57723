"""The compiled rules, twice where two threads look at once: sharing a linear engine, each would take twice as long.

Sentences are looked through by whoever has them with the first; streams, which are long, have one to themselves for
each piece. Compiling takes a tenth of a second and some megabytes, so the second is made when it is first wanted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final

from k8sops.redact.scan import Scanner

MOST: Final = 2


class Scanners:
    """For many threads."""

    def __init__(self) -> None:
        self._made: Final[list[Scanner]] = []
        self._free: Final[list[Scanner]] = []
        self._turn: Final = Condition()

    def first(self) -> Scanner:
        """One that others may be looking with as well."""
        with self._turn:
            return self._made[0] if self._made else self._make()

    @contextmanager
    def alone(self) -> Iterator[Scanner]:
        """One that no other stream looks with meanwhile; waits where all of them are taken."""
        with self._turn:
            self._turn.wait_for(lambda: self._free or len(self._made) < MOST)
            if not self._free:
                self._make()
            scanner = self._free.pop()
        try:
            yield scanner
        finally:
            with self._turn:
                self._free.append(scanner)
                self._turn.notify()

    def _make(self) -> Scanner:
        scanner = Scanner()
        self._made.append(scanner)
        self._free.append(scanner)
        return scanner
