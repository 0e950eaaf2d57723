"""Keeps a record within its limit: what is long is taken out, and its size and digest are left in its place.

Cut first are the longest single differences and data, then whole differences, then lists beyond their first items,
then long texts. Works on the record as plain JSON; what is cut is named by its JSON pointer (RFC 6901), and whoever
holds the whole can prove it by the digest (sha256 of its canonical form).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from k8sops.audit.canonical import canonical, digest

KEPT_ITEMS: Final = 20
KEPT_TEXT: Final = 256
LONG_REASON: Final = 8 * 1024
LONG_TEXT: Final = 2 * 1024

# Below this, naming what was cut takes about the room that cutting it gives.
_WORTH_CUTTING: Final = 512
_ROOM_OF_A_CUT: Final = 160


class Cut(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What was taken out: bytes and sha256 of its canonical form."""

    bytes: int
    sha256: str


class _Place:
    """A value within the record, by its container and key."""

    def __init__(self, container: Any, key: str | int, pointer: str) -> None:
        self.container, self.key, self.pointer = container, key, pointer
        self.size = len(canonical(container[key]))


def bounded(record: dict[str, Any], limit: int) -> dict[str, Any]:
    """The record, at most `limit` bytes in canonical form, with `cut` saying what is missing. Changes its argument."""
    for stage in (_values, _differences, _lists, _empty_lists, _texts):
        _cut_largest(record, stage, limit)
        if len(canonical(record)) <= limit:
            return record
    raise ValueError("a record does not fit its limit, whatever is cut")


def _cut_largest(record: dict[str, Any], stage: Any, limit: int) -> None:
    excess = len(canonical(record)) - limit
    for place in sorted(stage(record), key=lambda place: (-place.size, place.pointer)):
        if excess <= 0:
            return
        value = place.container[place.key]
        record.setdefault("cut", {}).setdefault(place.pointer, {"bytes": place.size, "sha256": digest(value)})
        kept = _kept(stage, value)
        if kept is None:
            del place.container[place.key]
        else:
            place.container[place.key] = kept
        excess -= (
            place.size - (0 if kept is None else len(canonical(kept))) - _ROOM_OF_A_CUT - len(place.pointer)
        )


def _kept(stage: Any, value: Any) -> Any:
    if stage is _lists:
        return value[:KEPT_ITEMS]
    if stage is _texts:
        return value[:KEPT_TEXT]
    return None


def _values(record: dict[str, Any]) -> Iterator[_Place]:
    """Single differences and single data."""
    yield from _members(record.get("data", {}), "/data")
    for index, item in enumerate(record.get("objects", ())):
        yield from _members(item.get("difference", {}), f"/objects/{index}/difference")


def _members(container: dict[str, Any], pointer: str) -> Iterator[_Place]:
    for key in container:
        place = _Place(container, key, f"{pointer}/{_escaped(key)}")
        # A pointer as long as what it points to would not make the record shorter.
        if place.size > max(_WORTH_CUTTING, 2 * len(place.pointer)):
            yield place


def _differences(record: dict[str, Any]) -> Iterator[_Place]:
    if record.get("data"):
        yield _Place(record, "data", "/data")
    for index, item in enumerate(record.get("objects", ())):
        if item.get("difference"):
            place = _Place(item, "difference", f"/objects/{index}/difference")
            if place.size > _WORTH_CUTTING:
                yield place


def _long_lists(record: dict[str, Any]) -> Iterator[_Place]:
    for key in ("objects", "votes"):
        if record.get(key):
            yield _Place(record, key, f"/{key}")
    if record.get("actor", {}).get("groups"):
        yield _Place(record["actor"], "groups", "/actor/groups")


def _lists(record: dict[str, Any]) -> Iterator[_Place]:
    for place in _long_lists(record):
        if len(place.container[place.key]) > KEPT_ITEMS:
            yield place


def _empty_lists(record: dict[str, Any]) -> Iterator[_Place]:
    yield from _long_lists(record)


def _texts(record: dict[str, Any]) -> Iterator[_Place]:
    for container, pointer in ((record, ""), (record.get("actor", {}), "/actor")):
        for key, value in container.items():
            if isinstance(value, str):
                place = _Place(container, key, f"{pointer}/{key}")
                if place.size > (LONG_REASON if key == "reason" else LONG_TEXT):
                    yield place


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
