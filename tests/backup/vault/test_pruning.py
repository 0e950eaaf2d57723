"""Pruning: what is named goes, all else stays whole, whoever writes beside it and wherever it is cut off."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from k8sops.backup.errors import RepositoryError, RepositoryRolledBackError, RepositoryUntrustedError
from k8sops.backup.names import doomed_name, manifest_name
from k8sops.backup.retention import Retention
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.storage.port import Storage
from k8sops.backup.vault.making import Protection
from k8sops.backup.vault.manifests import load_chain
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.pruning import Pruned, Pruner, prune, survey
from k8sops.backup.vault.retaining import retain
from k8sops.backup.vault.seen import SeenHere
from k8sops.backup.vault.verifying import Verifier
from k8sops.backup.vault.writing import BackupWriter
from k8sops.core.errors import UsageError
from tests.backup.clock import HandClock
from tests.backup.files import ALICE, CLUSTER, MALLORY, OTHER_CLUSTER
from tests.backup.vault.breaking import BreakingStorage, wanted_files
from tests.backup.vault.clusters import (
    State,
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
from tests.backup.vault.world import CountedIds, made, names, overwrite

DAY = 24 * 3600 + 1
POLICY = {"named": True}


def pruner() -> Pruner:
    """Alice."""
    return Pruner(signer=ALICE, ids=CountedIds(5000), run="run-9")


async def pruned(vault: Vault, *seqs: int, cluster: str = CLUSTER) -> Pruned:
    """A prune that takes these away."""
    return await prune(vault, pruner(), {cluster: seqs}, POLICY)


async def check_whole(vault: Vault, clusters: dict[int, State]) -> None:
    """Every backup that counts gives back its cluster, and nothing is wrong with any file."""
    chain = await load_chain(vault, CLUSTER)
    for seq in chain.live:
        assert await read_back(vault, seq) == expected(clusters[seq]), seq
    report = await Verifier(vault).run(read_data=1)
    assert not report.findings, report.findings


async def history(vault: Vault, clock: HandClock) -> dict[int, State]:
    """Four backups in four hours, each a little different."""
    clusters: dict[int, State] = {}
    for seq in range(1, 5):
        clusters[seq] = shop(6) | state(item("pods", f"web-{seq}", version=seq + 1, size=700))
        await backup(vault, clusters[seq], first_id=seq * 10)
        await clock.sleep(3600)
    return clusters


async def test_what_is_named_is_gone_and_a_day_later_so_are_its_files(
    storage: Storage, protection: Protection, clock: HandClock
) -> None:
    """On every storage: backups count no more at once, files go when nobody can still rely on them."""
    vault = await made(storage, clock, protection)
    clusters = await history(vault, clock)
    before = await names(storage)
    done = await pruned(vault, 1, 2)
    assert done.removed == {CLUSTER: (1, 2)}
    assert done.marked
    assert (await load_chain(vault, CLUSTER)).live == (3, 4)
    assert set(before) <= set(await names(storage)), "nothing is deleted on the first day"
    await check_whole(vault, clusters)
    await _a_day_passes(vault, clock)
    swept = await prune(vault, pruner(), {}, POLICY)
    if isinstance(storage, MemoryStorage):
        assert swept.swept.files > 2
        assert await names(storage) == await wanted_files(vault)
    await check_whole(vault, clusters)


async def test_the_newest_complete_one_is_never_removed(clock: HandClock) -> None:
    """Nobody can prune themselves out of the last backup that holds everything, whatever is newer."""
    vault = await made(MemoryStorage(clock), clock)
    await history(vault, clock)
    await backup(vault, shop(1) | state(item("pods", "bad", data=b"no json")), first_id=90)
    assert not (await body(vault, 5)).complete
    with pytest.raises(UsageError, match=r"backup 4 of cluster .* is its newest complete one"):
        await pruned(vault, 3, 4)
    with pytest.raises(UsageError, match="has no backup 7"):
        await pruned(vault, 7)
    assert (await load_chain(vault, CLUSTER)).live == (1, 2, 3, 4, 5)
    await pruned(vault, 1, 2, 3, 5)
    assert (await load_chain(vault, CLUSTER)).live == (4,)
    assert (await pruned(vault, 1, 2)).removed == {CLUSTER: ()}


async def test_the_last_of_all_stays_although_it_is_incomplete(clock: HandClock) -> None:
    """It is all there is."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, state(item("pods", "a"), item("pods", "bad", data=b"no json")))
    with pytest.raises(UsageError, match="none is complete"):
        await pruned(vault, 1)


async def test_a_backup_that_had_looked_before_keeps_what_it_rests_on(clock: HandClock) -> None:
    """It looked, a prune marked, it committed: the next prune finds its manifest and takes the marks back."""
    vault = await made(MemoryStorage(clock), clock)
    old = shop(6)
    await backup(vault, old)
    await backup(vault, shop(1, version=2), first_id=10)
    files = {name: await vault.storage.read(name, at_most=1 << 20) for name in await names(vault.storage)}
    late = await BackupWriter.begin(vault, writer(vault, ids=CountedIds(20)))
    await late.add(each(old.values()))
    # As of the moment before the marks: what `late` sees on its last look.
    unaware = await made(MemoryStorage(clock), clock)
    for name, data in files.items():
        await overwrite(unaware.storage, name, data)
    await pruned(vault, 1)
    doomed = await names(vault.storage, "doomed")
    assert doomed
    for mark in doomed:
        await vault.storage.delete(mark)
    written = await late.commit(await facts())
    for mark in doomed:
        await vault.storage.put(mark, b"doomed")
    assert written.mark.seq == 4
    assert written.body.new_objects == 0, "it rests on what the prune has marked"
    await clock.sleep(DAY)
    await prune(vault, pruner(), {}, POLICY)
    await check_whole(vault, {2: shop(1, version=2), 4: old})
    assert await names(vault.storage, "doomed") == []
    assert await names(vault.storage) == await wanted_files(vault)


async def test_a_backup_after_the_marks_stores_anew_and_both_hold(clock: HandClock) -> None:
    """What is doomed counts as absent, so a deletion a day later takes nothing from anybody."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(6))
    await backup(vault, shop(1, version=2), first_id=10)
    await pruned(vault, 1)
    written = await backup(vault, shop(6), first_id=20)
    assert written.body.new_objects
    await clock.sleep(DAY)
    await prune(vault, pruner(), {}, POLICY)
    await check_whole(vault, {2: shop(1, version=2), 4: shop(6)})
    assert await names(vault.storage) == await wanted_files(vault)


async def test_what_a_dead_writer_left_goes_when_it_is_a_day_old(clock: HandClock) -> None:
    """A younger one may be a backup that is still being written."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(2))
    dead = await BackupWriter.begin(vault, writer(vault, ids=CountedIds(20)))
    await dead.add(each(shop(9, version=3).values()))
    await dead.close()
    await vault.storage.put("probes/" + "a" * 32, b"now")
    await vault.storage.put("notes/of-somebody-else", b"keep")
    await vault.storage.put("packs/README", b"keep")
    left = len(await names(vault.storage))
    await prune(vault, pruner(), {}, POLICY)
    assert len(await names(vault.storage)) == left
    await clock.sleep(DAY)
    assert (await survey(vault)).doom
    await prune(vault, pruner(), {}, POLICY)
    await clock.sleep(DAY)
    prospect = await survey(vault)
    assert prospect.due
    assert not prospect.doom
    await prune(vault, pruner(), {}, POLICY)
    others = {"notes/of-somebody-else", "packs/README"}
    assert set(await names(vault.storage)) == {*await wanted_files(vault), *others}


async def test_a_prune_that_cannot_know_removes_nothing(clock: HandClock) -> None:
    """A hidden cluster, a lost listing, a manifest nobody vouches for: no deletion rests on that."""
    seen = SeenHere()
    vault = msgspec.structs.replace(await made(MemoryStorage(clock), clock), seen=seen)
    await history(vault, clock)
    await backup(vault, shop(2), uid=OTHER_CLUSTER, first_id=90)
    await clock.sleep(DAY)
    with pytest.raises(RepositoryUntrustedError):
        await prune(vault, Pruner(signer=MALLORY, ids=CountedIds(1), run=""), {CLUSTER: (1,)}, POLICY)
    hidden = manifest_name(OTHER_CLUSTER, 1)
    data = await vault.storage.read(hidden, at_most=1 << 20)
    await vault.storage.delete(hidden)
    before = await names(vault.storage)
    with pytest.raises(RepositoryRolledBackError):
        await pruned(vault, 1)
    await vault.storage.put(hidden, b"{}")
    with pytest.raises(RepositoryError):
        await pruned(vault, 1)
    await overwrite(vault.storage, hidden, data)
    listing = f"listings/{(await body(vault, 3)).listing.id}"
    lost = await vault.storage.read(listing, at_most=1 << 20)
    await vault.storage.delete(listing)
    with pytest.raises(RepositoryError, match="needs"):
        await pruned(vault, 1)
    await vault.storage.put(listing, lost)
    assert [name for name in await names(vault.storage) if not name.startswith("probes/")] == sorted(
        [*before, hidden]
    )


async def test_a_backup_that_is_lost_can_be_removed_by_naming_it(clock: HandClock) -> None:
    """Else one damaged file would stop every prune for ever."""
    vault = await made(MemoryStorage(clock), clock)
    clusters = await history(vault, clock)
    await vault.storage.delete(f"listings/{(await body(vault, 4)).listing.id}")
    await backup(vault, clusters[4], first_id=90)
    clusters[5] = clusters[4]
    with pytest.raises(RepositoryError, match="backup 4 of cluster"):
        await pruned(vault, 1)
    await pruned(vault, 4)
    await check_whole(vault, clusters)


async def test_what_the_storage_keeps_stays_and_is_named(clock: HandClock) -> None:
    """Object lock, write-once media: the prune says so, and finishes when it may."""
    place = BreakingStorage(MemoryStorage(clock), retains=lambda name: not name.startswith("probes/"))
    vault = await made(place, clock)
    clusters = await history(vault, clock)
    await pruned(vault, 1, 2)
    await clock.sleep(DAY)
    done = await prune(vault, pruner(), {}, POLICY)
    assert done.swept.files == 0
    assert manifest_name(CLUSTER, 1) in done.swept.retained
    assert any(name.startswith("packs/") for name in done.swept.retained)
    await check_whole(vault, clusters)
    place.retains = lambda name: False
    await prune(vault, pruner(), {}, POLICY)
    assert await names(place) == await wanted_files(vault)


async def test_marks_that_somebody_else_put_delete_nothing_that_is_needed(clock: HandClock) -> None:
    """Whoever may write to the bucket may put a mark; it is taken back."""
    vault = await made(MemoryStorage(clock), clock)
    clusters = await history(vault, clock)
    for name in [*await names(vault.storage, "indexes"), *await names(vault.storage, "listings")]:
        folder, _, id_ = name.partition("/")
        await vault.storage.put(
            doomed_name("e" * 32, "indexes" if folder == "indexes" else "listings", id_), b"x"
        )
    await clock.sleep(DAY)
    assert (await survey(vault)).spared == tuple(await names(vault.storage, "doomed"))
    await prune(vault, pruner(), {}, POLICY)
    await check_whole(vault, clusters)
    assert await names(vault.storage, "doomed") == []


async def test_a_mark_that_was_taken_back_meanwhile_saves_its_file(clock: HandClock) -> None:
    """Between a prune's survey and its deletion another may see the file needed, and a backup rely on that."""
    vault = await made(MemoryStorage(clock), clock)
    await history(vault, clock)
    await pruned(vault, 1, 2)
    await clock.sleep(DAY)
    due = (await survey(vault)).due
    assert due

    class TakesBack(BreakingStorage):
        """Another prune takes back a mark at the moment of the first look at one."""

        async def stat(self, name: str):  # type: ignore[no-untyped-def]
            if name == due[0].marks[0]:
                await self.storage.delete(name)
            return await super().stat(name)

    await prune(msgspec.structs.replace(vault, storage=TakesBack(vault.storage)), pruner(), {}, POLICY)
    assert await vault.storage.stat(due[0].name) is not None
    assert all([await vault.storage.stat(other.name) is None for other in due[1:]])


async def test_a_rule_takes_away_what_it_no_longer_holds(clock: HandClock) -> None:
    """What a schedule does after each backup; backups of another selection are not its."""
    vault = await made(MemoryStorage(clock), clock)
    clusters = await history(vault, clock)
    clusters[5] = shop(2)
    await backup(vault, clusters[5], first_id=90, selection={"namespaces": ["shop"]})
    done = await retain(vault, pruner(), CLUSTER, {"namespaces": ["*"]}, Retention(last=2))
    assert done.removed == {CLUSTER: (1, 2)}
    assert (await load_chain(vault, CLUSTER)).live == (3, 4, 5)
    assert (await retain(vault, pruner(), CLUSTER, {"namespaces": ["*"]}, Retention())).removed == {
        CLUSTER: ()
    }
    await check_whole(vault, clusters)


async def _a_day_passes(vault: Vault, clock: HandClock) -> None:
    """By the storage's clock, where that is ours."""
    await clock.sleep(timedelta(hours=24, seconds=1).total_seconds())
