"""Rows kept in order of namespace and name while they change: the pure half of a live table.

One change costs a binary search and a list insertion; a flood is merged by one sort, which on nearly sorted rows is
linear. What is given out is a snapshot that later changes leave alone, made once per version.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

import msgspec

from k8sops.cluster.known import Change
from k8sops.cluster.table import Entry
from k8sops.core.tables import Row

Key = tuple[str, str]

MERGE_FROM: Final = 64
"""This many new rows at once are cheaper sorted in than inserted one by one."""


class OrderedRows:
    """The rows of one table. `version` grows with every change of them."""

    def __init__(self) -> None:
        self.version = 0
        self._keys: list[Key] = []
        self._rows: list[Row] = []
        self._snapshot: tuple[Row, ...] = ()
        self._snapshot_version = 0

    def snapshot(self) -> tuple[Row, ...]:
        """All rows in order; the same tuple until something changes."""
        if self._snapshot_version != self.version:
            self._snapshot = tuple(self._rows)
            self._snapshot_version = self.version
        return self._snapshot

    def apply(self, changes: Iterable[Change[Entry]]) -> None:
        """Bring the rows up to date with differences as a reflector tells them, in their order."""
        fresh: dict[Key, Row] = {}
        for change in changes:
            if change.item is None:
                continue
            row = change.item.row
            key = (row.namespace, row.name)
            if change.type == "deleted":
                if fresh.pop(key, None) is None:
                    self._remove(key)
            elif change.type == "added" or key in fresh:
                fresh[key] = row
            else:
                self._replace(key, row, fresh)
        if fresh:
            self._insert(fresh)

    def _replace(self, key: Key, row: Row, fresh: dict[Key, Row]) -> None:
        place = bisect_left(self._keys, key)
        if place == len(self._keys) or self._keys[place] != key:
            fresh[key] = row
        elif _differ(self._rows[place], row):
            self._rows[place] = row
            self.version += 1

    def _remove(self, key: Key) -> None:
        place = bisect_left(self._keys, key)
        if place < len(self._keys) and self._keys[place] == key:
            del self._keys[place], self._rows[place]
            self.version += 1

    def _insert(self, fresh: dict[Key, Row]) -> None:
        self.version += 1
        if len(fresh) < MERGE_FROM:
            for key, row in fresh.items():
                place = bisect_left(self._keys, key)
                self._keys.insert(place, key)
                self._rows.insert(place, row)
            return
        self._rows.extend(fresh.values())
        self._rows.sort(key=_key)
        self._keys = [_key(row) for row in self._rows]


def _differ(present: Row, row: Row) -> bool:
    # That the same was read once more is no change.
    return present != msgspec.structs.replace(row, read_at=present.read_at)


def _key(row: Row) -> Key:
    return (row.namespace, row.name)
