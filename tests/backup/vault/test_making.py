"""Making and opening a repository: once, in an empty place, and never one that somebody else put there."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from k8sops.backup.errors import (
    RepositoryError,
    RepositoryKeyError,
    RepositoryRolledBackError,
    RepositoryUntrustedError,
)
from k8sops.backup.keys import Openers, new_epoch, write_key_file
from k8sops.backup.names import key_name
from k8sops.backup.repository import write_repository
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.storage.port import Storage
from k8sops.backup.vault.making import Protection, make_repository
from k8sops.backup.vault.opening import open_repository
from k8sops.backup.vault.seen import SeenHere
from k8sops.core.errors import UnreachableError, UsageError
from tests.backup.clock import HandClock
from tests.backup.files import ALICE, MALLORY, REPOSITORY
from tests.backup.vault.world import (
    PLAIN,
    RECIPIENT,
    SEALED,
    STRANGER,
    Fault,
    FaultyStorage,
    KilledError,
    access,
    made,
    maker,
    names,
    overwrite,
)


async def test_what_was_made_is_opened_again(
    storage: Storage, protection: Protection, clock: HandClock
) -> None:
    """The id, the protection and the keys are the same for the next process, and probes leave nothing behind."""
    first = await made(storage, clock, protection)
    again = await open_repository(storage, access(clock))
    assert (again.id, again.keyring.id_key) == (first.id, first.keyring.id_key)
    assert again.keyring.encrypted is protection.encrypt
    keys = ["keys/1/" + "0" * 32 + ".age"] if protection.encrypt else []
    assert await names(storage) == [*keys, "repository.json"]


async def test_of_two_makers_the_second_finds_what_the_first_made(
    storage: Storage, protection: Protection, clock: HandClock
) -> None:
    """Two machines that are set up by one script at once must not each believe in a repository of its own."""
    one, two = await asyncio.gather(
        make_repository(storage, protection, access(clock), maker("one")),
        make_repository(storage, protection, access(clock), maker("other")),
    )
    assert (one.id, one.keyring.id_key) == (two.id, two.keyring.id_key)
    assert one.keyring.newest == two.keyring.newest == int(protection.encrypt)


@pytest.mark.parametrize("fault", ["before", "after", "unknown"])
@pytest.mark.parametrize("at", [1, 3, 4])
async def test_a_maker_that_dies_is_finished_by_the_next(at: int, fault: Fault, clock: HandClock) -> None:
    """Whatever it had put, the next one neither refuses the place nor begins a second epoch."""
    place = MemoryStorage(clock)
    with suppress(KilledError, UnreachableError):
        await made(FaultyStorage(place, at, fault), clock)
    vault = await made(place, clock)
    assert vault.keyring.newest == 1
    assert [name for name in await names(place) if not name.startswith("probes/")] == [
        "keys/1/" + "0" * 32 + ".age",
        "repository.json",
    ]


async def test_a_place_with_other_files_is_refused(storage: Storage, clock: HandClock) -> None:
    """A repository that lost its first file must not silently become a new, empty one."""
    await storage.put("backups/anything", b"x")
    with pytest.raises(RepositoryError, match=r"has files .* but no repository\.json"):
        await made(storage, clock)
    assert await names(storage) == ["backups/anything"]


async def test_an_empty_place_is_not_opened_as_a_repository(storage: Storage, clock: HandClock) -> None:
    """A reader with a wrong location is told so, and makes nothing."""
    with pytest.raises(RepositoryError, match="there is no backup repository"):
        await open_repository(storage, access(clock))


async def test_a_plain_repository_is_refused_where_encryption_is_wanted(
    storage: Storage, clock: HandClock
) -> None:
    """What the repository says of itself does not decide whether Secrets are written in the clear."""
    await made(storage, clock, PLAIN)
    with pytest.raises(RepositoryError, match="is not encrypted"):
        await made(storage, clock, SEALED)
    await overwrite(storage, "repository.json", write_repository(REPOSITORY, clock.now(), ALICE))
    with pytest.raises(RepositoryError, match="is encrypted"):
        await made(storage, clock, PLAIN)


async def test_a_forged_repository_is_refused(storage: Storage, clock: HandClock) -> None:
    """Whoever holds the bucket would otherwise have the next backup written under an id key of theirs."""
    await made(storage, clock)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    forged = write_repository(REPOSITORY, moment, MALLORY, plain_id_key=b"m" * 32)
    await overwrite(storage, "repository.json", forged)
    with pytest.raises(RepositoryUntrustedError):
        await open_repository(storage, access(clock))


async def test_another_repository_in_the_place_is_refused(storage: Storage, clock: HandClock) -> None:
    """The same signer's other repository, copied over, is not the one that is expected; nor is an emptied place."""
    with pytest.raises(RepositoryError, match="is expected there"):
        await make_repository(storage, SEALED, access(clock, expected=REPOSITORY), maker())
    await made(storage, clock)
    with pytest.raises(RepositoryRolledBackError, match="is expected there"):
        await open_repository(storage, access(clock, expected=REPOSITORY))


async def test_nobody_makes_what_they_cannot_open(clock: HandClock) -> None:
    """A writer that is no recipient could never write its second backup, and nothing is begun for it."""
    place = MemoryStorage(clock)
    for wrong in (Protection((STRANGER,)), Protection()):
        with pytest.raises((RepositoryKeyError, UsageError)):
            await made(place, clock, wrong)
    assert await names(place) == []


async def test_keys_are_not_begun_anew_where_something_was_written(clock: HandClock) -> None:
    """Who deletes the key files gets a refusal, and no second epoch 1 beside backups of the first."""
    place, seen = MemoryStorage(clock), SeenHere()
    vault = await make_repository(place, SEALED, access(clock, seen=seen), maker())
    await place.delete("keys/1/" + "0" * 32 + ".age")
    with pytest.raises(RepositoryKeyError, match="are gone"):
        await make_repository(place, SEALED, access(clock, seen=seen), maker())
    await place.put(f"backups/{vault.id}", b"x")
    with pytest.raises(RepositoryKeyError, match="are gone"):
        await make_repository(place, SEALED, access(clock), maker())


async def test_hidden_key_files_are_a_rollback(clock: HandClock) -> None:
    """Hiding the newest epoch would have the writer use one that a removed recipient knows."""
    place, seen = MemoryStorage(clock), SeenHere()
    vault = await make_repository(place, SEALED, access(clock, seen=seen), maker())
    second = new_epoch(vault.id, 2, vault.keyring.id_key)
    await place.put(key_name(2, "0" * 32), write_key_file(second, [RECIPIENT], ALICE))
    assert (await open_repository(place, access(clock, seen=seen))).keyring.newest == 2
    await place.delete(key_name(2, "0" * 32))
    with pytest.raises(RepositoryRolledBackError, match="epoch 2 was seen"):
        await open_repository(place, access(clock, seen=seen))


async def test_a_planted_key_file_gives_no_key(clock: HandClock) -> None:
    """Recipients are public: a file for them that nobody trusted signed is named and not used."""
    place = MemoryStorage(clock)
    vault = await made(place, clock)
    planted = write_key_file(new_epoch(vault.id, 2, vault.keyring.id_key), [RECIPIENT], MALLORY)
    await place.put(key_name(2, "f" * 32), planted)
    opened = await open_repository(place, access(clock))
    assert opened.keyring.newest == 1
    assert [type(error) for error in opened.refused] == [RepositoryUntrustedError]


async def test_a_stranger_opens_nothing(clock: HandClock) -> None:
    """Without an identity that fits, the repository is refused in one sentence."""
    place = MemoryStorage(clock)
    await made(place, clock)
    with pytest.raises(RepositoryKeyError, match="none of the 1 key files"):
        await open_repository(place, access(clock, openers=Openers()))
