"""What is alike as one row, for a person to read: forty pods of a workload that were all scheduled, an hour of errors.

The timeline itself keeps them apart; only text and page fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from k8sops.core.logs import SECOND_NS
from k8sops.core.timeline import Moment
from k8sops.timeline.belonging import LIFE, bare, family_of

NEAR_NS: Final = 60 * SECOND_NS
NEAR_LOG_NS: Final = 300 * SECOND_NS
"""Errors that pause for less are of one bout."""
_TELLING: Final = 6
"""`ended with exit code 137 (OOMKilled)`, `Unhealthy: Readiness probe failed: HTTP probe`."""
_ALIVE: Final = "life"
_APART: Final = frozenset({"rollout", "scale", "run"})


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A moment as it is shown, standing for one or many."""

    moment: Moment
    others: int = 0
    """Subjects beside the moment's own that are meant as well."""


def rows_of(moments: Iterable[Moment], *, folded: bool = True) -> list[Row]:
    """Rows in order of their first moment."""
    return list(_folded(moments)) if folded else [Row(moment=one) for one in moments]


def _folded(moments: Iterable[Moment]) -> Iterator[Row]:
    kept: list[_Fold] = []
    open_ones: dict[tuple[str, bool, str, str], _Fold] = {}
    for one in moments:
        if one.matter in _APART:
            kept.append(_Fold(one))
            continue
        sort = "" if one.matter == "log" else _sort(one)
        # Some of what makes up a pod's life is told of the pod, and some of its container.
        about = bare(one.subject) if sort == _ALIVE else one.subject
        key = (one.matter, one.bad, family_of(about), sort)
        near = NEAR_LOG_NS if one.matter == "log" else NEAR_NS
        fold = open_ones.get(key)
        if fold is not None and one.at_ns - fold.end_ns <= near:
            fold.add(one)
            continue
        fold = open_ones[key] = _Fold(one)
        kept.append(fold)
    return (fold.row for fold in kept)


def _sort(moment: Moment) -> str:
    """What tells one sort of text from another: an event's reason, and of trouble its first words as well."""
    words = moment.text.split()
    if moment.text.partition(":")[0] in LIFE and not moment.bad:
        return _ALIVE
    if moment.bad:
        return " ".join(words[:_TELLING])
    return words[0] if words and words[0].endswith(":") else moment.text


class _Fold:
    """Moments that are alike, while more may come."""

    __slots__ = ("_count", "_first", "_reasons", "_subjects", "end_ns")

    def __init__(self, first: Moment) -> None:
        self._first = first
        self._count = first.count
        self._subjects = {bare(first.subject)}
        self._reasons = {first.text.partition(":")[0]: None}
        self.end_ns = first.end_ns

    def add(self, one: Moment) -> None:
        """One more of them."""
        self._count += one.count
        self._subjects.add(bare(one.subject))
        self._reasons.setdefault(one.text.partition(":")[0])
        self.end_ns = max(self.end_ns, one.end_ns)

    @property
    def row(self) -> Row:
        """All of them as the first, with their number."""
        if self._count == self._first.count:
            return Row(moment=self._first)
        first = self._first
        several = len(self._reasons) > 1 and all(reason in LIFE for reason in self._reasons)
        moment = msgspec.structs.replace(
            first,
            text=", ".join(self._reasons) if several else first.text,
            subject=bare(first.subject) if several else first.subject,
            count=self._count,
            until_ns=self.end_ns if self.end_ns > self._first.at_ns else 0,
        )
        return Row(moment=moment, others=len(self._subjects) - 1)
