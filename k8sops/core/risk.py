"""How much a step can hurt: the one ordering that policy, confirmation and display share."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Risk(StrEnum):
    """`read` changes nothing; `low` is undone by its inverse; `disruptive` ends something that runs;
    `destructive` loses data or configuration.
    """

    READ = "read"
    LOW = "low"
    DISRUPTIVE = "disruptive"
    DESTRUCTIVE = "destructive"

    @property
    def rank(self) -> int:
        """Position in the order read < low < disruptive < destructive."""
        return list(Risk).index(self)


def riskiest(risks: Iterable[Risk]) -> Risk:
    """The greatest of these risks; `read` where there are none."""
    return max(risks, key=lambda risk: risk.rank, default=Risk.READ)
