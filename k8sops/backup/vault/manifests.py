"""A cluster's manifests as the storage has them: for writing all or none are believed (FORMAT.md, Manifests).

Names are listed, files read a few at a time, and what they come to is held against what was seen before. Whoever writes
goes through `load_chain`, which refuses any problem; whoever only reads backups through `load_chain_to_read`, which
tells of those that are lost; `ManifestFiles.chain` is for whoever reports them all.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from k8sops.backup.bodies import BackupBody, backup_body
from k8sops.backup.chain import Chain, read_chain
from k8sops.backup.errors import RepositoryError
from k8sops.backup.manifest import MANIFEST_LIMIT
from k8sops.backup.names import check_cluster, is_ulid, manifest_name, parse_name
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.transfer import read_all
from k8sops.core.clock import parse_rfc3339
from k8sops.core.errors import UsageError
from k8sops.core.moments import parse_moment

SHORTEST_PREFIX: Final = 6
_TIME_OF_DAY: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_LIKE_A_MOMENT: Final = re.compile(r"[0-9][:-][0-9]|[0-9][smhdw]$", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class ManifestFiles:
    """The bytes of a cluster's manifests, read once: nobody changes a file, so only new numbers are read again."""

    def __init__(self, vault: Vault, cluster: str) -> None:
        check_cluster(cluster)
        self._vault: Final = vault
        self._cluster: Final = cluster
        self._files: dict[int, bytes] = {}
        self.greatest = 0
        """The greatest number that had a file when they were last listed, readable or not."""

    async def chain(self) -> Chain:
        """What the manifests come to now, and what is wrong with them (`Chain.problems`), seen before or not."""
        seqs = await numbers_of(self._vault, self._cluster)
        self.greatest = max(seqs, default=0)
        numbers = {manifest_name(self._cluster, seq): seq for seq in seqs}
        wanted = [name for name, seq in numbers.items() if seq not in self._files]
        read = await read_all(self._vault.storage, wanted, at_most=MANIFEST_LIMIT)
        self._files = {seq: self._files[seq] for seq in seqs if seq in self._files}
        self._files.update((numbers[name], data) for name, data in read.items())
        return await asyncio.to_thread(
            read_chain,
            self._files,
            repository=self._vault.id,
            cluster=self._cluster,
            trusted=self._vault.trusted,
        )

    async def believed(self) -> Chain:
        """The same, refused if anything is wrong or older than what was seen; what is newest now is kept as seen.

        Raises RepositoryRolledBackError first, then the first of the chain's problems.
        """
        # The mark first: a manifest that is put and seen in between is no rollback.
        mark = await self._vault.seen.newest(self._vault.id, self._cluster)
        chain = await self.chain()
        chain.check_mark(mark)
        if chain.problems:
            raise chain.problems[0]
        if chain.newest is not None:
            await self._vault.seen.saw(self._vault.id, self._cluster, chain.newest)
        return chain

    async def readable(self) -> Chain:
        """The same for whoever only reads: that one is damaged or gone takes no other backup away.

        It stays in `Chain.problems`, to be told, and nothing is kept as seen. Raises as `Chain.check_readable`.
        """
        mark = await self._vault.seen.newest(self._vault.id, self._cluster)
        chain = await self.chain()
        if not chain.problems:
            return await self.believed()
        chain.check_mark(mark)
        chain.check_readable()
        return chain


async def load_chain(vault: Vault, cluster: str) -> Chain:
    """A cluster's manifests, for use. Raises RepositoryRolledBackError, or what is wrong with the first bad one."""
    return await ManifestFiles(vault, cluster).believed()


async def load_chain_to_read(vault: Vault, cluster: str) -> Chain:
    """The same for who writes nothing: what is lost of it is in `problems`, and has to be told."""
    return await ManifestFiles(vault, cluster).readable()


async def clusters_of(vault: Vault) -> list[str]:
    """The uids of all clusters that have a file under `backups/`, sorted. Other names there are passed over."""
    found: set[str] = set()
    async for entry in vault.storage.entries("backups"):
        seq, cluster = _manifest_of(entry.name)
        if seq:
            found.add(cluster)
    return sorted(found)


async def numbers_of(vault: Vault, cluster: str) -> list[int]:
    """The numbers that have a file, readable or not, sorted."""
    entries = vault.storage.entries(f"backups/{cluster}")
    return sorted([seq async for entry in entries if (seq := _manifest_of(entry.name)[0])])


async def body_of(vault: Vault, chain: Chain, seq: int) -> BackupBody:
    """What a backup that counts is made of. Raises RepositoryBrokenError for one that does not count."""
    return await asyncio.to_thread(backup_body, chain.check_live(seq), vault.keyring)


async def resolve_backup(vault: Vault, chain: Chain, text: str) -> int:
    """The number of the backup that is meant.

    `latest`; a number; an id, or six or more characters it begins with; a name, of which the newest counts;
    `NAME@WHEN` or `@WHEN`: the newest that was read by then, where WHEN is `latest`, a moment, a date (its end), a
    span ago, or a time of day that has last passed; all in UTC unless it says another. Without @, a moment counts
    where no name is meant.
    Raises UsageError where none or several are meant.
    """
    if not chain.live:
        raise UsageError(f"cluster {chain.cluster} has no backup in this repository")
    if text == "latest":
        return await _newest(vault, chain, lambda _: True) or chain.live[-1]
    if text.isascii() and text.isdigit() and len(text) <= 12 and int(text) in chain.live:
        return int(text)
    name, at, when = text.rpartition("@")
    if at:
        return await _as_of(vault, chain, name, when)
    # A whole id means that backup alone: a newer one that somebody gave such a name must not take its place.
    whole = is_ulid(text.upper())
    found: list[tuple[int, str]] = []
    for seq in reversed(chain.live):
        body = await body_of(vault, chain, seq)
        if body.id == text.upper() or (body.name == text and not whole):
            return seq
        if len(text) >= SHORTEST_PREFIX and body.id.startswith(text.upper()):
            found.append((seq, body.id))
    if len(found) == 1:
        return found[0][0]
    if found:
        raise UsageError(
            f"{text!r} is the beginning of {len(found)} backups: {', '.join(id_ for _, id_ in found[:4])}",
            hint="give more of the id, or the number",
        )
    if _LIKE_A_MOMENT.search(text):
        with suppress(UsageError):
            return await _as_of(vault, chain, "", text)
    raise UsageError(
        f"no backup of cluster {chain.cluster} is called {text[:40]!r}",
        hint="`k8sops backups list` shows names, ids and numbers; an id can be cut to six characters; "
        "@2026-11-21T14:05 is the newest read by then",
    )


async def _as_of(vault: Vault, chain: Chain, name: str, when: str) -> int:
    """The newest backup of this name, or of any, whose reading had ended by then."""
    limit = None if when == "latest" else _moment(when, vault.clock.now())

    def meant(body: BackupBody) -> bool:
        return name in {"", body.name} and (limit is None or parse_rfc3339(body.cut.last_at) <= limit)

    if seq := await _newest(vault, chain, meant):
        return seq
    which = f"called {name[:60]!r} " if name else ""
    raise UsageError(
        f"no backup {which}of cluster {chain.cluster} was read by {limit:%Y-%m-%d %H:%M:%S} UTC"
        if limit
        else f"no backup of cluster {chain.cluster} is called {name[:60]!r}",
        hint="`k8sops backups list` shows them all",
    )


async def _newest(vault: Vault, chain: Chain, meant: Callable[[BackupBody], bool]) -> int:
    """Of those that are meant the one that was read last; 0 if none is.

    That is not always the greatest number: what was taken over from another program was read long before.
    """
    found: list[tuple[datetime, int]] = []
    for seq in reversed(chain.live):
        body = await body_of(vault, chain, seq)
        if meant(body):
            found.append((parse_rfc3339(body.cut.last_at), seq))
            if not body.selection.get("imported"):
                break
    return max(found)[1] if found else 0


def _moment(when: str, now: datetime) -> datetime:
    if (clock := _TIME_OF_DAY.fullmatch(when)) is not None:
        hour, minute, second = (int(part or 0) for part in clock.groups())
        if hour < 24 and minute < 60 and second < 60:
            today = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
            return today if today <= now else today - timedelta(days=1)
    moment = parse_moment(when, now, "@")
    if _DATE.fullmatch(when):
        moment += timedelta(days=1) - timedelta(milliseconds=1)
    return moment


def _manifest_of(name: str) -> tuple[int, str]:
    """The number and cluster a manifest's name says; number 0 for another name, which somebody else left there."""
    try:
        parsed = parse_name(name)
    except RepositoryError:
        return 0, ""
    return (parsed.number, parsed.cluster) if parsed.kind == "manifest" else (0, "")
