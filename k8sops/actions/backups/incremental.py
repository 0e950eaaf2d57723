"""What need not be read again: objects whose uid, resourceVersion and version are those of the last backup.

Everything is read where that cannot be relied on: there is no backup of the same selection, the API server is of
another version (it may default fields otherwise), or all was last read too long ago.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from k8sops.backup.bodies import BackupBody
from k8sops.backup.chain import Chain
from k8sops.backup.errors import RepositoryBrokenError, RepositoryKeyError
from k8sops.backup.selection import Selection, choice_key, selection_json
from k8sops.backup.vault.contents import Contents
from k8sops.backup.vault.manifests import body_of
from k8sops.backup.vault.opening import Vault
from k8sops.core.clock import parse_rfc3339

Place = tuple[str, str]
"""Namespace and name."""

USUALLY_MANY: Final = frozenset(
    {
        ("", "pods"),
        ("", "secrets"),
        ("", "configmaps"),
        ("apps", "replicasets"),
        ("", "services"),
        ("batch", "jobs"),
    }
)
SUPPOSED: Final = 10_000
"""Objects of such a kind, until a backup has counted them."""


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """Whether every object is read, and why; the number of the backup this one rests on, if there is one."""

    full: bool
    why: str
    base: int = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that counts, by its number."""

    seq: int
    body: BackupBody


async def backups_like(vault: Vault, chain: Chain, selection: Selection) -> tuple[Standing, ...]:
    """The backups of the same selection, newest first. One that does not open here is rested on by none."""
    wanted = choice_key(selection_json(selection))
    found = []
    for seq in reversed(chain.live):
        try:
            body = await body_of(vault, chain, seq)
        except (RepositoryBrokenError, RepositoryKeyError):
            continue
        if choice_key(body.selection) == wanted:
            found.append(Standing(seq=seq, body=body))
    return tuple(found)


def manner_of(
    like: Sequence[Standing], server_version: str, now: datetime, *, full: bool, full_every_days: int
) -> Manner:
    """How the next backup is to be read. `like` are those of the same selection, newest first."""
    base = like[0].seq if like else 0
    if not like:
        return Manner(full=True, why="the first backup of this selection")
    if full:
        return Manner(full=True, why="asked for with --full", base=base)
    before = like[0].body.server_version
    if before != server_version:
        return Manner(full=True, why=f"the API server was {before} and is {server_version}", base=base)
    if full_every_days and not _read_lately(like, now, timedelta(days=full_every_days)):
        return Manner(full=True, why=f"all was last read more than {full_every_days} days ago", base=base)
    return Manner(full=False, why=f"only what changed since backup {base}", base=base)


def _read_lately(like: Sequence[Standing], now: datetime, span: timedelta) -> bool:
    """One that says it began later than now is of a clock that was wrong: it would put the next off for as long."""
    return any(one.body.full_read and now - span < parse_rfc3339(one.body.began_at) <= now for one in like)


def versions_of(base: Contents | None) -> dict[tuple[str, str], str]:
    """In which version the last backup read each kind: rows of another one say nothing of its objects."""
    return {kind.key: kind.version for kind in base.kinds} if base else {}


def states_of(base: Contents | None) -> dict[tuple[str, str], str]:
    """The resourceVersion at which the last backup has each kind."""
    return {kind.key: kind.resource_version for kind in base.kinds} if base else {}


def sizes_of(base: Contents | None) -> dict[tuple[str, str], int]:
    """How many objects of each kind the last backup has."""
    return {(kind.group, kind.resource): kind.count for kind in base.body.kinds} if base else {}


def size_of(kind: tuple[str, str], sizes: Mapping[tuple[str, str], int]) -> int:
    """How many objects of a kind there may be, by the last backup; without one, by what is usual."""
    if sizes:
        return sizes.get(kind, 0)
    return SUPPOSED if kind in USUALLY_MANY else 0
