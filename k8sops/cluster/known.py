"""What a reflector has already told: the pure half of it, without I/O.

Turns what a server says (list pages after a reconnect, watch events, some of them twice) into true differences:
no object is lost, none told twice, and a name whose uid changed is a deletion and an addition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, Literal, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")

ChangeType = Literal["added", "modified", "deleted", "synced", "lost", "recovered"]


class Identity(NamedTuple):
    """Who an object is, and which state of it this is."""

    namespace: str
    name: str
    uid: str
    resource_version: str


class Change(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A difference, or a word on the connection (`synced`, `lost`, `recovered`), which has no item."""

    type: ChangeType
    item: T | None = None
    message: str = ""


class _Held(NamedTuple, Generic[T]):
    uid: str
    resource_version: str
    item: T


class Known(Generic[T]):
    """The objects told so far, by namespace and name."""

    def __init__(self, identify: Callable[[T], Identity], keep: Callable[[T], T]) -> None:
        self._identify = identify
        self._keep = keep
        self._held: dict[tuple[str, str], _Held[T]] = {}
        self._seen: set[tuple[str, str]] | None = None

    def __len__(self) -> int:
        return len(self._held)

    def begin_list(self) -> None:
        """A full list begins: what it will not have shown at `end_list` is gone."""
        self._seen = set()

    def end_list(self) -> list[Change[T]]:
        """The list was complete: deletions of what it did not show."""
        seen = self._seen if self._seen is not None else set(self._held)
        self._seen = None
        gone = [key for key in self._held if key not in seen]
        return [Change("deleted", self._held.pop(key).item) for key in gone]

    def put(self, items: Iterable[T], changes: list[Change[T]]) -> None:
        """Objects as they are now; appends what is new in that to `changes`."""
        for item in items:
            namespace, name, uid, version = self._identify(item)
            key = (namespace, name)
            if self._seen is not None:
                self._seen.add(key)
            held = self._held.get(key)
            if held is not None and held.uid == uid:
                if held.resource_version == version:
                    continue
                changes.append(Change("modified", item))
            else:
                if held is not None:
                    changes.append(Change("deleted", held.item))
                changes.append(Change("added", item))
            self._held[key] = _Held(uid, version, self._keep(item))

    def remove(self, item: T, changes: list[Change[T]]) -> None:
        """An object that is gone, in its last state; one that is not held, or another incarnation of it, is none."""
        namespace, name, uid, _ = self._identify(item)
        held = self._held.get((namespace, name))
        if held is not None and held.uid == uid:
            del self._held[namespace, name]
            changes.append(Change("deleted", item))
