"""Two backups against each other, object by object and field by field.

Rows are merged as streams; kept are those that differ, and of a few objects at a time their bytes. What one of the two
could not read is not called added or removed: of that nothing is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from typing import Any, Final, Literal

import msgspec

from k8sops.backup.bodies import BackupBody
from k8sops.backup.differences import NOISE, Difference, differences
from k8sops.backup.listing import Kind, Row
from k8sops.backup.vault.contents import Contents, load_catalogue
from k8sops.backup.vault.items import Key
from k8sops.backup.vault.objects import Objects
from k8sops.backup.vault.opening import Vault

AT_ONCE: Final = 128
"""So many objects of each backup are compared together."""

ObjectChange = Literal["added", "removed", "changed", "recreated", "unknown"]
Wanted = Callable[[Kind, Row], bool]


class ObjectDifference(msgspec.Struct, frozen=True, kw_only=True):
    """An object that is not the same in both. Where only its bytes' noise differs it is none, and not told.

    `recreated`: the same in name, of another uid. `unknown`: one of the backups has a gap where it would be.
    """

    key: Key
    kind: Kind
    change: ObjectChange
    differences: tuple[Difference, ...] = ()


class _Pair(msgspec.Struct, frozen=True):
    key: Key
    kind: Kind
    before: Row | None
    after: Row | None


async def diff_backups(
    vault: Vault,
    before: Contents,
    after: Contents,
    *,
    wanted: Wanted | None = None,
    hide: Collection[str] = NOISE,
) -> AsyncIterator[ObjectDifference]:
    """Each object that differs, sorted by kind, namespace and name. Raises what reading the repository raises."""
    pairs = await asyncio.to_thread(lambda: list(_pairs(before, after, wanted)))
    olds = Objects(vault, await load_catalogue(vault, before.body))
    news = Objects(vault, await load_catalogue(vault, after.body))
    for at in range(0, len(pairs), AT_ONCE):
        some = pairs[at : at + AT_ONCE]
        both = [pair for pair in some if pair.before is not None and pair.after is not None]
        old = {id_: data async for id_, data in olds.get_all(pair.before.id for pair in both if pair.before)}
        new = {id_: data async for id_, data in news.get_all(pair.after.id for pair in both if pair.after)}
        for found in await asyncio.to_thread(_told, some, before.body, after.body, old, new, hide):
            yield found


def kind_is_in_gap(body: BackupBody, kind: tuple[str, str], namespace: str) -> bool:
    """Whether the backup may lack objects of a kind in a namespace because they could not be read."""
    return any(
        gap.group == kind[0] and gap.resource in {"", kind[1]} and gap.namespace in {"", namespace}
        for gap in body.gaps
    )


def _pairs(before: Contents, after: Contents, wanted: Wanted | None) -> Iterator[_Pair]:
    """Rows that are not the same in both, by key. For a thread."""
    olds, news = _keyed(before, wanted), _keyed(after, wanted)
    old, new = next(olds, None), next(news, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0] < new[0]):
            if old is not None:
                yield _Pair(old[0], old[1], old[2], None)
            old = next(olds, None)
        elif old is None or new[0] < old[0]:
            yield _Pair(new[0], new[1], None, new[2])
            new = next(news, None)
        else:
            if old[2].id != new[2].id:
                yield _Pair(old[0], new[1], old[2], new[2])
            old, new = next(olds, None), next(news, None)


def _keyed(contents: Contents, wanted: Wanted | None) -> Iterator[tuple[Key, Kind, Row]]:
    for row in contents.rows():
        kind = contents.kinds[row.kind]
        if wanted is None or wanted(kind, row):
            yield Key(*kind.key, row.namespace, row.name), kind, row


def _told(
    pairs: Sequence[_Pair],
    before: BackupBody,
    after: BackupBody,
    old: dict[bytes, bytes],
    new: dict[bytes, bytes],
    hide: Collection[str],
) -> list[ObjectDifference]:
    """For a thread."""
    found = []
    for pair in pairs:
        change, fields = _compared(pair, before, after, old, new, hide)
        if change is not None:
            found.append(
                ObjectDifference(key=pair.key, kind=pair.kind, change=change, differences=tuple(fields))
            )
    return found


def _compared(
    pair: _Pair,
    before: BackupBody,
    after: BackupBody,
    old: dict[bytes, bytes],
    new: dict[bytes, bytes],
    hide: Collection[str],
) -> tuple[ObjectChange | None, list[Difference]]:
    if pair.before is None or pair.after is None:
        lacking = before if pair.before is None else after
        if kind_is_in_gap(lacking, pair.kind.key, pair.key.namespace):
            return "unknown", []
        return ("added" if pair.before is None else "removed"), []
    first: dict[str, Any] = msgspec.json.decode(old[pair.before.id])
    second: dict[str, Any] = msgspec.json.decode(new[pair.after.id])
    fields = differences(first, second, hide=hide)
    if pair.before.uid != pair.after.uid:
        return "recreated", fields
    return ("changed" if fields else None), fields
