"""Keys: who is added reads everything, who is left out nothing that comes, and the tool `age` opens what we write."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pyrage
import pytest

from k8sops.backup.errors import (
    RepositoryError,
    RepositoryKeyError,
    RepositoryRolledBackError,
    RepositoryUntrustedError,
)
from k8sops.backup.keys import FIRST, Openers, new_epoch, write_key_file, write_passphrase_file
from k8sops.backup.names import GREATEST_EPOCH, key_name
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.vault.opening import Vault, key_files, key_names, open_repository
from k8sops.backup.vault.pruning import prune
from k8sops.backup.vault.rekeying import Rekeying, add_recipients, begin_epoch, survey_keys
from k8sops.backup.vault.seen import SeenHere
from k8sops.backup.vault.verifying import Verifier
from k8sops.core.errors import KeyFileError, UnreachableError, UsageError
from tests.backup.clock import HandClock
from tests.backup.files import ALICE, CLUSTER, MALLORY, counted
from tests.backup.vault.breaking import Break, BreakingStorage
from tests.backup.vault.clusters import backup, expected, read_back, shop
from tests.backup.vault.test_pruning import pruner
from tests.backup.vault.world import IDENTITY, PLAIN, RECIPIENT, KilledError, access, made, names

BOB_KEY = str(pyrage.x25519.Identity.generate())
BOB = str(pyrage.x25519.Identity.from_str(BOB_KEY).to_public())
CAROL_KEY = str(pyrage.x25519.Identity.generate())
CAROL = str(pyrage.x25519.Identity.from_str(CAROL_KEY).to_public())
WHO = Rekeying(signer=ALICE)


async def opened(vault: Vault, clock: HandClock, identity: str = IDENTITY) -> Vault:
    """The repository as somebody opens it anew."""
    return await open_repository(vault.storage, access(clock, openers=Openers(identity)))


async def test_who_is_added_reads_what_is_there_and_what_comes(clock: HandClock) -> None:
    """Nothing is written anew but key files, and saying it twice adds nothing."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(2))
    with pytest.raises(RepositoryKeyError):
        await opened(vault, clock, BOB_KEY)
    before = await names(vault.storage)
    assert (await survey_keys(vault, add=[BOB])).add_to == (1,)
    assert await add_recipients(vault, WHO, [BOB]) == (1,)
    assert len(await names(vault.storage)) == len(before) + 1
    assert await add_recipients(await opened(vault, clock), WHO, [BOB]) == ()
    bob = await opened(vault, clock, BOB_KEY)
    assert await read_back(bob, 1) == expected(shop(2))
    await backup(vault, shop(3), first_id=10)
    assert await read_back(bob, 2) == expected(shop(3))


async def test_who_is_left_out_of_an_epoch_keeps_what_was_and_reads_nothing_new(clock: HandClock) -> None:
    """And the plan says both."""
    vault = await made(MemoryStorage(clock), clock)
    await add_recipients(vault, WHO, [BOB])
    vault = await opened(vault, clock)
    await backup(vault, shop(2))
    bob = await opened(vault, clock, BOB_KEY)
    prospect = await survey_keys(vault, next_for=[RECIPIENT, CAROL])
    assert prospect.next_epoch == 2
    assert set(prospect.left_out) == {BOB}
    assert set(prospect.only_new) == {CAROL}
    await add_recipients(vault, WHO, [CAROL])
    vault = await opened(vault, clock)
    assert not (await survey_keys(vault, next_for=[RECIPIENT, CAROL])).only_new
    assert await begin_epoch(vault, WHO, [RECIPIENT, CAROL]) == 2
    vault = await opened(vault, clock)
    assert await begin_epoch(vault, WHO, [RECIPIENT, CAROL]) == 0
    await backup(vault, shop(3), first_id=10)
    assert await read_back(bob, 1) == expected(shop(2))
    bob = await opened(vault, clock, BOB_KEY)
    with pytest.raises(RepositoryKeyError):
        await read_back(bob, 2)
    with pytest.raises(RepositoryKeyError):
        await backup(bob, shop(1), first_id=20)
    with pytest.raises(RepositoryKeyError):
        await add_recipients(bob, WHO, [BOB])
    carol = await opened(vault, clock, CAROL_KEY)
    assert await read_back(carol, 2) == expected(shop(3))
    dave = pyrage.x25519.Identity.generate()
    await begin_epoch(carol, WHO, [CAROL, str(dave.to_public())])
    late = await opened(vault, clock, str(dave))
    assert (await survey_keys(late, add=[BOB])).closed == {1, 2}


async def test_nobody_begins_an_epoch_that_they_could_not_open(clock: HandClock) -> None:
    """It would end their own backups; nor with what is no recipient, nor signed by a stranger."""
    vault = await made(MemoryStorage(clock), clock)
    before = await names(vault.storage)
    with pytest.raises(RepositoryKeyError, match="do not include whoever begins"):
        await begin_epoch(vault, WHO, [BOB])
    with pytest.raises(KeyFileError):
        await begin_epoch(vault, WHO, [RECIPIENT, "age1nobody"])
    with pytest.raises(RepositoryUntrustedError):
        await add_recipients(vault, Rekeying(signer=MALLORY), [BOB])
    with pytest.raises(UsageError, match="not encrypted"):
        await add_recipients(await made(MemoryStorage(clock), clock, PLAIN), WHO, [BOB])
    assert await names(vault.storage) == before


async def test_of_two_who_begin_an_epoch_one_is_told(clock: HandClock) -> None:
    """Else both would think that the next backups are for those they named."""
    vault = await made(MemoryStorage(clock), clock)
    await begin_epoch(vault, WHO, [RECIPIENT, CAROL])
    rival = write_key_file(new_epoch(vault.id, 3, vault.keyring.id_key), [RECIPIENT, BOB], ALICE)

    class Overtaken(BreakingStorage):
        """Somebody else begins the epoch in between."""

        async def put(self, name: str, data: bytes) -> None:
            await self.storage.put(key_name(3, FIRST), rival)
            await super().put(name, data)

    late = await open_repository(Overtaken(vault.storage), access(clock))
    with pytest.raises(RepositoryError, match="epoch 3 was begun by somebody else"):
        await begin_epoch(late, WHO, [RECIPIENT])


def planted(vault: Vault, epoch: int) -> dict[str, bytes]:
    """What somebody who can write to the bucket, and knows all recipients, may leave for an epoch."""
    return {
        "noise": b"age-encryption.org/v1\nnoise",
        "for somebody else": pyrage.encrypt(b"{}", [pyrage.x25519.Identity.generate().to_public()]),
        "for us, signed by a stranger": write_key_file(
            new_epoch(vault.id, epoch, vault.keyring.id_key), [RECIPIENT], MALLORY
        ),
        "an older epoch's": write_key_file(new_epoch(vault.id, 1, vault.keyring.id_key), [RECIPIENT], ALICE),
        "as large as can be": bytes(2**20),
    }


@pytest.mark.parametrize("epoch", [1, 2, GREATEST_EPOCH])
async def test_key_files_that_anybody_left_stop_nobody(epoch: int, clock: HandClock) -> None:
    """Each in turn, under the very next number and the greatest: backups, further recipients and epochs go on."""
    probe = await made(MemoryStorage(clock), clock)
    for what in planted(probe, epoch):
        vault = await made(MemoryStorage(clock), clock)
        await backup(vault, shop(1))
        name = key_name(epoch, FIRST if epoch > 1 else "f" * 32)
        await vault.storage.put(name, planted(vault, epoch)[what])
        if (epoch, what) == (1, "an older epoch's"):
            with pytest.raises(RepositoryError, match="another key of epoch 1"):
                await opened(vault, clock)
            continue
        vault = await opened(vault, clock)
        assert [error.message.split()[0] for error in vault.refused] == [name] * (what != "for somebody else")
        prospect = await survey_keys(vault, add=[BOB], next_for=[RECIPIENT])
        assert prospect.unproven == {epoch} - {1}, what
        assert prospect.next_epoch == (3 if epoch == 2 else 2), what
        await backup(vault, shop(2), first_id=10)
        assert await add_recipients(vault, WHO, [BOB]) == (1,)
        assert (
            await begin_epoch(await opened(vault, clock), WHO, [RECIPIENT, BOB, CAROL]) == prospect.next_epoch
        )
        bob = await opened(vault, clock, BOB_KEY)
        await backup(bob, shop(3), first_id=20)
        assert await read_back(bob, 2) == expected(shop(2))
        assert await read_back(bob, 3) == expected(shop(3))


async def test_an_epoch_that_backups_stand_under_is_not_passed_over(clock: HandClock) -> None:
    """Bob was left out of it and has never seen it: a manifest that holds says that it is genuine."""
    vault = await made(MemoryStorage(clock), clock)
    await add_recipients(vault, WHO, [BOB])
    vault = await opened(vault, clock)
    assert await begin_epoch(vault, WHO, [RECIPIENT]) == 2
    bob = await opened(vault, clock, BOB_KEY)
    assert (await survey_keys(bob, next_for=[BOB])).unproven == {2}
    await backup(await opened(vault, clock), shop(1))
    with pytest.raises(
        RepositoryKeyError, match="is written under epoch 2, and the newest that opens here is 1"
    ):
        await survey_keys(bob, next_for=[BOB])


async def test_backups_go_on_after_the_keys_of_the_newest_epoch_are_lost(clock: HandClock) -> None:
    """Only if a person says so; what stood under the lost epoch is passed over and the rest can be read."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(1))
    assert await begin_epoch(vault, WHO, [RECIPIENT, BOB]) == 2
    await backup(await opened(vault, clock), shop(2), first_id=10)
    await vault.storage.delete(key_name(2, FIRST))
    late = await opened(vault, clock)
    with pytest.raises(RepositoryKeyError, match="under epoch 2"):
        await backup(late, shop(3), first_id=20)
    with pytest.raises(RepositoryKeyError, match="under epoch 2"):
        await begin_epoch(late, WHO, [RECIPIENT])
    assert (await survey_keys(late, next_for=[RECIPIENT])).lost == 2
    assert await begin_epoch(late, WHO, [RECIPIENT], accept_lost=True) == 3
    late = await opened(vault, clock)
    await backup(late, shop(3), first_id=20)
    assert await read_back(late, 1) == expected(shop(1))
    assert await read_back(late, 3) == expected(shop(3))
    with pytest.raises(RepositoryKeyError, match="epoch 2"):
        await read_back(late, 2)
    with pytest.raises(RepositoryKeyError, match="cannot be told what backup 2 of cluster") as raised:
        await prune(late, pruner(), {CLUSTER: (1,)}, {})
    assert "remove it by naming it" in raised.value.hint
    await prune(late, pruner(), {CLUSTER: (2,)}, {})
    await prune(late, pruner(), {CLUSTER: (1,)}, {})
    assert (await Verifier(late).run(read_data=1)).good


async def test_who_was_left_out_does_not_begin_an_epoch_by_calling_the_newest_lost(clock: HandClock) -> None:
    """Its keys are there, for others: they are to be asked."""
    vault = await made(MemoryStorage(clock), clock)
    await add_recipients(vault, WHO, [BOB])
    vault = await opened(vault, clock)
    await begin_epoch(vault, WHO, [RECIPIENT])
    await backup(await opened(vault, clock), shop(1))
    bob = await opened(vault, clock, BOB_KEY)
    with pytest.raises(RepositoryKeyError, match="the newest that opens here is 1"):
        await begin_epoch(bob, WHO, [BOB], accept_lost=True)


async def test_a_later_epoch_of_anybodys_does_not_stand_in_for_the_one_that_was_seen(
    clock: HandClock,
) -> None:
    """Who hides the newest keys leaves a file of a greater number, so that nothing seems to be older."""
    place, seen = MemoryStorage(clock), SeenHere()
    vault = await open_repository((await made(place, clock)).storage, access(clock, seen=seen))
    await begin_epoch(vault, WHO, [RECIPIENT, BOB])
    await place.delete(key_name(2, FIRST))
    await place.put(key_name(GREATEST_EPOCH, FIRST), b"age-encryption.org/v1\n")
    with pytest.raises(
        RepositoryRolledBackError, match="epoch 2 was seen, and the newest that opens now is 1"
    ):
        await open_repository(place, access(clock, seen=seen))


@pytest.mark.parametrize("how", ["killed before", "killed after", "cut before", "cut after"])
async def test_rekeying_cut_off_at_any_request_is_finished_by_the_next(how: Break, clock: HandClock) -> None:
    """At each request in turn: the repository opens, and doing it again completes it."""
    at = 0
    while True:
        at += 1
        place = BreakingStorage(MemoryStorage(clock))
        vault = await made(place, clock)
        await backup(vault, shop(1))
        place.requests, place.at, place.how = 0, at, how
        try:
            await add_recipients(vault, WHO, [BOB, CAROL])
            await begin_epoch(await opened(vault, clock), WHO, [RECIPIENT, CAROL])
        except (KilledError, UnreachableError):
            pass
        else:
            if place.requests < at:
                break
        place.at = 0
        await add_recipients(await opened(vault, clock), WHO, [BOB, CAROL])
        await begin_epoch(await opened(vault, clock), WHO, [RECIPIENT, CAROL])
        vault = await opened(vault, clock)
        await backup(vault, shop(2), first_id=10)
        assert await read_back(await opened(vault, clock, BOB_KEY), 1) == expected(shop(1))
        assert await read_back(await opened(vault, clock, CAROL_KEY), 2) == expected(shop(2))
    assert at > 5


@pytest.mark.skipif(shutil.which("age") is None, reason="the tool `age` is not installed")
async def test_the_tool_age_opens_our_key_files(tmp_path: Path, clock: HandClock) -> None:
    """Whoever has lost this program still has their keys."""
    vault = await made(MemoryStorage(clock), clock)
    await add_recipients(vault, WHO, [BOB])
    (tmp_path / "identity").write_text(f"# made for a test\n{BOB_KEY}\n")
    found = []
    for name, data in (await key_files(vault.storage, await key_names(vault.storage))).items():
        (tmp_path / "file.age").write_bytes(data)
        command = ["age", "-d", "-i", str(tmp_path / "identity"), str(tmp_path / "file.age")]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False, timeout=120)
        if done.returncode == 0:
            found.append((name, json.loads(done.stdout)))
    assert [(document["epoch"], document["repository"]) for _, document in found] == [(1, vault.id)]
    assert found[0][1]["recipients"] == sorted([BOB, RECIPIENT])


@pytest.mark.skipif(shutil.which("age") is None, reason="the tool `age` is not installed")
async def test_our_reader_opens_what_the_tool_age_made(tmp_path: Path, clock: HandClock) -> None:
    """The same format from the other side: signed by us, encrypted by them."""
    vault = await made(MemoryStorage(clock), clock)
    keys = new_epoch(vault.id, 2, vault.keyring.id_key, counted("age"))
    signed = Openers(IDENTITY).open(write_key_file(keys, [RECIPIENT], ALICE), "x")
    assert signed is not None
    command = ["age", "-r", RECIPIENT]
    done = await asyncio.to_thread(
        subprocess.run, command, input=signed, capture_output=True, check=True, timeout=120
    )
    await vault.storage.put(key_name(2, FIRST), done.stdout)
    assert (await opened(vault, clock)).keyring.newest == 2
    assert write_passphrase_file(keys, "correct horse", ALICE).startswith(
        b"age-encryption.org/v1\n-> scrypt "
    )
