"""Verify, and every reader: whatever somebody with the bucket does to a file is found, and the file is named."""

from __future__ import annotations

import random

import msgspec
import pytest

from k8sops.backup.bodies import seal_body
from k8sops.backup.chain import Mark
from k8sops.backup.errors import RepositoryBrokenError, RepositoryError, RepositoryRolledBackError
from k8sops.backup.manifest import Position, sign_manifest
from k8sops.backup.names import manifest_name
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.storage.port import Storage
from k8sops.backup.vault.items import Facts
from k8sops.backup.vault.making import Protection, make_repository
from k8sops.backup.vault.manifests import load_chain, resolve_backup
from k8sops.backup.vault.opening import Vault, open_repository
from k8sops.backup.vault.seen import SeenHere
from k8sops.backup.vault.verifying import Verifier
from k8sops.backup.vault.writing import write_backup
from k8sops.core.errors import K8sOpsError, UsageError
from tests.backup.clock import HandClock
from tests.backup.files import ALICE, CLUSTER, MALLORY, OTHER_CLUSTER, flipped
from tests.backup.vault.clusters import (
    backup,
    body,
    each,
    expected,
    facts,
    item,
    read_back,
    shop,
    state,
    writer,
)
from tests.backup.vault.world import SEALED, CountedIds, access, made, maker, names, overwrite

LARGE = 10**9


async def findings(vault: Vault) -> list[str]:
    """What verify says of everything, all packs read."""
    report = await Verifier(vault).run(read_data=1.0)
    assert report.good is not bool(report.findings)
    return [finding.error.message for finding in report.findings]


async def three(storage: Storage, clock: HandClock, protection: Protection = SEALED) -> Vault:
    """A repository with three backups of a changing cluster."""
    vault = await made(storage, clock, protection)
    for version in (1, 2, 3):
        await backup(
            vault, shop(3) | state(item("pods", "changes", version=version, size=200)), first_id=version
        )
    return vault


async def test_an_untouched_repository_is_good(
    storage: Storage, protection: Protection, clock: HandClock
) -> None:
    """Everything is counted, and every pack was read."""
    vault = await three(storage, clock, protection)
    report = await Verifier(vault).run(read_data=1.0)
    assert report.good
    assert (report.backups, report.objects) == (3, 18)
    assert report.packs == report.packs_read == len(await names(storage, "packs"))


async def test_a_share_of_the_data_is_a_share_of_the_packs(clock: HandClock) -> None:
    """None at nought, at least one at any other share, and no nonsense."""
    vault = await three(MemoryStorage(clock), clock)
    read = [(await Verifier(vault).run(read_data=share)).packs_read for share in (0.0, 0.01)]
    assert read == [0, 1]
    with pytest.raises(UsageError):
        await Verifier(vault).run(read_data=7)


async def test_any_byte_that_is_turned_over_is_found(protection: Protection, clock: HandClock) -> None:
    """In whichever file of packs, indexes, listings and manifests; verify names it."""
    place = MemoryStorage(clock)
    vault = await three(place, clock, protection)
    rng = random.Random(7)  # noqa: S311 - which byte is turned over is no secret
    for folder in ("packs", "indexes", "listings", "backups"):
        for name in await names(place, folder):
            data = await place.read(name, at_most=LARGE)
            await overwrite(place, name, flipped(data, rng.randrange(len(data)), 1 << rng.randrange(8)))
            said = await findings(vault)
            assert any(name in message for message in said), name
            await overwrite(place, name, data)
    assert await findings(vault) == []


async def test_any_file_that_is_swapped_or_gone_is_found(protection: Protection, clock: HandClock) -> None:
    """Another genuine file of the same folder in its place, or none: both are named."""
    place = MemoryStorage(clock)
    vault = await three(place, clock, protection)
    for folder in ("packs", "indexes", "listings", "backups"):
        every = await names(place, folder)
        for name, other in zip(every, [*every[1:], every[0]], strict=True):
            data = await place.read(name, at_most=LARGE)
            await overwrite(place, name, await place.read(other, at_most=LARGE))
            assert any(name in message for message in await findings(vault)), name
            await place.delete(name)
            assert await findings(vault), name
            await place.put(name, data)


@pytest.mark.parametrize("folder", ["packs", "indexes", "listings", "backups"])
async def test_a_reader_hands_out_nothing_of_a_damaged_backup(
    folder: str, storage: Storage, protection: Protection, clock: HandClock
) -> None:
    """The last byte of each file is another: whoever reads the backup is refused, not served something else."""
    vault = await made(storage, clock, protection)
    await backup(vault, state(item("pods", "a", size=100)))
    for name in await names(storage, folder):
        data = await storage.read(name, at_most=LARGE)
        await overwrite(storage, name, flipped(data, len(data) - 1, 1))
    with pytest.raises(RepositoryError):
        await read_back(vault, 1)


async def test_an_older_backup_is_not_shown_in_another_s_place(clock: HandClock) -> None:
    """Neither under another number, nor as another cluster's, nor by its index in the newer one's name."""
    place = MemoryStorage(clock)
    vault = await three(place, clock)
    old = await place.read(manifest_name(CLUSTER, 1), at_most=LARGE)
    await place.put(manifest_name(OTHER_CLUSTER, 1), old)
    with pytest.raises(RepositoryBrokenError, match="another cluster"):
        await load_chain(vault, OTHER_CLUSTER)
    await overwrite(place, manifest_name(CLUSTER, 3), old)
    with pytest.raises(RepositoryRolledBackError):
        await load_chain(vault, CLUSTER)
    with pytest.raises(RepositoryBrokenError, match="another number"):
        await load_chain(await open_repository(place, access(clock)), CLUSTER)


async def test_a_repository_that_lost_its_newest_backup_is_refused(clock: HandClock) -> None:
    """Nobody who never saw it can know; who did refuses to read and to write, and verify says so."""
    place, seen = MemoryStorage(clock), SeenHere()
    vault = await make_repository(place, SEALED, access(clock, seen=seen), maker())
    await backup(vault, shop(1))
    await backup(vault, shop(2))
    await place.delete(manifest_name(CLUSTER, 2))
    with pytest.raises(RepositoryRolledBackError):
        await read_back(vault, 1)
    with pytest.raises(RepositoryRolledBackError):
        await backup(vault, shop(3))
    assert ["rolled back" in message for message in await findings(vault)] == [True]
    fresh = await open_repository(place, access(clock))
    assert await read_back(fresh, 1) == expected(shop(1))
    assert await fresh.seen.newest(vault.id, CLUSTER) == Mark(
        1, (await load_chain(fresh, CLUSTER)).digests[1]
    )


async def test_nothing_is_written_behind_a_manifest_nobody_believes(clock: HandClock) -> None:
    """A forged newest manifest stops the next backup by name; it does not become part of the chain."""
    place = MemoryStorage(clock)
    vault = await made(place, clock)
    written = await backup(vault, shop(1))
    sealed = seal_body(written.body, vault.keyring)
    at = Position(repository=vault.id, cluster=CLUSTER, seq=2, previous=written.mark.sha256)
    forged = sign_manifest(sealed, at, MALLORY)
    await place.put(forged.name, forged.data)
    with pytest.raises(RepositoryError, match="does not trust"):
        await backup(vault, shop(2))
    assert await names(place, f"backups/{CLUSTER}") == [manifest_name(CLUSTER, 1), forged.name]


async def test_a_manifest_that_lies_about_its_objects_is_found(clock: HandClock) -> None:
    """A compromised writer signs what it likes; what does not fit together is refused all the same."""
    place = MemoryStorage(clock)
    vault = await made(place, clock)
    written = await backup(vault, shop(2))
    kinds = written.body.kinds
    swapped = (
        kinds[0],
        msgspec.structs.replace(kinds[1], count=1),
        msgspec.structs.replace(kinds[2], count=2),
    )
    for seq, lie in (
        (2, msgspec.structs.replace(written.body, kinds=swapped)),
        (3, msgspec.structs.replace(written.body, indexes=())),
    ):
        previous = (await load_chain(vault, CLUSTER)).digests[seq - 1]
        at = Position(repository=vault.id, cluster=CLUSTER, seq=seq, previous=previous)
        file = sign_manifest(seal_body(lie, vault.keyring), at, ALICE)
        await place.put(file.name, file.data)
        with pytest.raises(RepositoryBrokenError):
            await read_back(vault, seq)
    report = await Verifier(vault).run()
    assert {finding.seq for finding in report.findings} == {2, 3}


async def test_a_planted_key_file_is_a_finding(clock: HandClock) -> None:
    """It opens nothing, and somebody put it there."""
    place = MemoryStorage(clock)
    await made(place, clock)
    await place.put("keys/2/" + "e" * 32 + ".age", b"age-encryption.org/v1\nrubbish")
    assert any(
        "keys/2/" in message for message in await findings(await open_repository(place, access(clock)))
    )


async def test_a_backup_is_found_by_what_people_type(clock: HandClock) -> None:
    """`latest`, its number, or the beginning of its id where that is of one only."""
    vault = await made(MemoryStorage(clock), clock)
    with pytest.raises(UsageError, match="has no backup"):
        await resolve_backup(vault, await load_chain(vault, CLUSTER), "latest")
    for number in (1, 2):
        await backup(vault, shop(1), first_id=number)
    chain = await load_chain(vault, CLUSTER)
    first = (await body(vault, 1)).id
    asked = ("latest", "1", first, first.lower())
    assert [await resolve_backup(vault, chain, text) for text in asked] == [2, 1, 1, 1]
    by_name = (
        "nightly",
        "nightly@latest",
        "nightly@2026-11-21",
        "@2026-11-21T03:00",
        "2026-11-21T04:00+01:00",
    )
    assert [await resolve_backup(vault, chain, text) for text in by_name] == [2] * 5
    for wrong in (first[:10], "3", "weekly", first[:4], "", "nightly@2026-11-20", "weekly@latest", "@25:99"):
        with pytest.raises(K8sOpsError):
            await resolve_backup(vault, chain, wrong)


async def test_an_id_means_its_backup_whatever_a_newer_one_is_called(clock: HandClock) -> None:
    """A restore is approved for an id: whoever may only make backups must not put another in its place."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(1), first_id=1)
    planned = (await body(vault, 1)).id
    taken = msgspec.structs.replace(await facts(), name=planned)

    async def said() -> Facts:
        return taken

    await write_backup(vault, writer(vault, ids=CountedIds(2)), each(shop(2).values()), said)
    assert await resolve_backup(vault, await load_chain(vault, CLUSTER), planned) == 1
