"""Copies: the same repository in another place, whole whenever it is one, and never more than its source."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from k8sops.backup.errors import RepositoryError, RepositoryRolledBackError
from k8sops.backup.names import key_name
from k8sops.backup.storage.errors import ReadOnlyStorageError
from k8sops.backup.storage.folder import FolderStorage
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.storage.readonly import ReadOnlyStorage
from k8sops.backup.vault.copying import copy_repository, survey_copy
from k8sops.backup.vault.manifests import load_chain
from k8sops.backup.vault.opening import open_repository
from k8sops.backup.vault.pruning import prune
from k8sops.backup.vault.seen import SeenHere
from k8sops.backup.vault.verifying import Verifier
from k8sops.core.errors import UnreachableError
from tests.backup.clock import HandClock
from tests.backup.files import CLUSTER, OTHER_CLUSTER, flipped
from tests.backup.vault.breaking import Break, BreakingStorage
from tests.backup.vault.clusters import backup, body, expected, item, read_back, shop, state
from tests.backup.vault.test_pruning import DAY, POLICY, history, pruned, pruner
from tests.backup.vault.world import KilledError, access, made, names, overwrite


async def test_a_copy_is_read_by_whoever_holds_the_keys_and_grows(tmp_path: Path, clock: HandClock) -> None:
    """What the source gets later comes with the next copy, and what is there is not sent twice."""
    vault = await made(MemoryStorage(clock), clock)
    clusters = await history(vault, clock)
    await backup(vault, shop(2), uid=OTHER_CLUSTER, first_id=90)
    await vault.storage.put(
        "checkpoints/checkpoint-" + "a" * 32 + "-0000000000000001-" + "b" * 8 + "-20261121t030000000z.json",
        b"{}",
    )
    target = FolderStorage(tmp_path / "copy")
    prospect = await survey_copy(vault, target)
    assert (prospect.fresh, len(prospect.manifests)) == (True, 5)
    copied = await copy_repository(vault, target)
    assert (copied.files, copied.bytes) == (len(prospect.files), prospect.bytes)
    copy = await open_repository(target, access(clock))
    assert copy.id == vault.id
    for seq, cluster in clusters.items():
        assert await read_back(copy, seq) == expected(cluster)
    assert (await Verifier(copy).run(read_data=1)).good
    assert await names(target) == await names(vault.storage)
    assert (await survey_copy(vault, target)).nothing
    clusters[5] = {**clusters[4], **state(item("pods", "new"))}
    await backup(vault, clusters[5], first_id=95)
    copied = await copy_repository(vault, target)
    assert (copied.files, copied.manifests) == (3, 1)
    assert await read_back(copy, 5) == expected(clusters[5])


async def test_what_was_pruned_at_the_source_goes_from_the_copy(clock: HandClock) -> None:
    """A tombstone is copied as any manifest; files that are gone at the source are not asked for."""
    vault = await made(MemoryStorage(clock), clock)
    clusters = await history(vault, clock)
    first, second = MemoryStorage(clock), MemoryStorage(clock)
    await copy_repository(vault, first)
    await pruned(vault, 1, 3)
    await clock.sleep(DAY)
    await prune(vault, pruner(), {}, POLICY)
    for target in (first, second):
        await copy_repository(vault, target)
        copy = await open_repository(target, access(clock))
        chain = await load_chain(copy, CLUSTER)
        assert (chain.live, sorted(chain.removed)) == ((2, 4), [1, 3])
        assert await read_back(copy, 2) == expected(clusters[2])
        assert await read_back(copy, 4) == expected(clusters[4])
    copy = await open_repository(first, access(clock))
    for _ in range(2):
        await clock.sleep(DAY)
        await prune(copy, pruner(), {}, POLICY)
    assert await names(first) == await names(second) == await names(vault.storage)


@pytest.mark.parametrize("how", ["killed before", "killed after", "cut after"])
async def test_a_copy_cut_off_at_any_request_is_finished_by_the_next(how: Break, clock: HandClock) -> None:
    """Until it is whole a first copy is no repository at all."""
    vault = await made(MemoryStorage(clock), clock)
    cluster = shop(3)
    await backup(vault, cluster)
    await backup(vault, cluster | state(item("pods", "new")), first_id=10)
    at = 0
    while True:
        at += 1
        target = BreakingStorage(MemoryStorage(clock), at, how)
        try:
            await copy_repository(vault, target)
        except (KilledError, UnreachableError):
            with suppress(RepositoryError):
                target.at = 0
                assert (await Verifier(await open_repository(target, access(clock))).run(read_data=1)).good
        else:
            if target.requests < at:
                break
        target.at = 0
        await copy_repository(vault, target)
        left = [name for name in await names(target) if not name.startswith("probes/")]
        assert left == await names(vault.storage)
    assert at > 12


async def test_a_copy_that_has_more_than_its_source_is_left_alone(clock: HandClock) -> None:
    """Either the source was rolled back, or somebody wrote to the copy: neither may be papered over."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(1))
    target = MemoryStorage(clock)
    await copy_repository(vault, target)
    copy = await open_repository(target, access(clock))
    await backup(copy, shop(2), first_id=10)
    before = await names(target)
    with pytest.raises(RepositoryRolledBackError, match="newer than all of the source"):
        await copy_repository(vault, target)
    await backup(vault, shop(3), first_id=20)
    with pytest.raises(RepositoryRolledBackError, match="is another file"):
        await copy_repository(vault, target)
    assert await names(target) == before


async def test_only_an_empty_place_or_a_copy_is_copied_into(clock: HandClock) -> None:
    """Another repository, or somebody's files."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(1))
    other = MemoryStorage(clock)
    await other.put("notes/hello", b"x")
    with pytest.raises(RepositoryError, match="something else"):
        await copy_repository(vault, other)
    await other.put("repository.json", b"{}")
    with pytest.raises(RepositoryError, match="another repository"):
        await copy_repository(vault, other)
    with pytest.raises(ReadOnlyStorageError):
        await copy_repository(vault, ReadOnlyStorage(MemoryStorage(clock)))


async def test_what_a_prune_of_the_copy_is_about_to_delete_is_not_relied_on(clock: HandClock) -> None:
    """A copy that was cut off long ago left files that a prune there then marked; now they are needed."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(1))
    target = MemoryStorage(clock)
    await copy_repository(vault, target)
    await backup(vault, shop(2), first_id=10)
    prospect = await survey_copy(vault, target)
    for name in prospect.files:
        await target.put(name, await vault.storage.read(name, at_most=1 << 20))
    await clock.sleep(DAY)
    copy = await open_repository(target, access(clock))
    await prune(copy, pruner(), {}, POLICY)
    await clock.sleep(DAY)
    assert set((await survey_copy(vault, target)).going) == set(prospect.files)
    with pytest.raises(RepositoryError, match="a prune is about to delete 3 files that the copy needs"):
        await copy_repository(vault, target)
    assert (await load_chain(copy, CLUSTER)).live == (1,)
    await prune(copy, pruner(), {}, POLICY)
    await copy_repository(vault, target)
    assert await read_back(copy, 2) == expected(shop(2))


async def test_a_mark_that_is_young_is_outlived_by_the_manifests(clock: HandClock) -> None:
    """The prune that would have deleted the file reads them first, and takes its mark back."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(1))
    target = MemoryStorage(clock)
    await copy_repository(vault, target)
    await backup(vault, shop(2), first_id=10)
    for name in (await survey_copy(vault, target)).files:
        await target.put(name, await vault.storage.read(name, at_most=1 << 20))
    await clock.sleep(DAY)
    copy = await open_repository(target, access(clock))
    await prune(copy, pruner(), {}, POLICY)
    await copy_repository(vault, target)
    for _ in range(2):
        await clock.sleep(DAY)
        await prune(copy, pruner(), {}, POLICY)
    assert await read_back(copy, 2) == expected(shop(2))
    assert await names(target) == await names(vault.storage)


async def test_key_files_that_anybody_left_do_not_stop_a_copy(clock: HandClock) -> None:
    """Neither one at the source that is too large, nor one at the target under a name that the source has."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(1))
    large, taken = key_name(7, "a" * 32), key_name(1, "0" * 32)
    await vault.storage.put(large, bytes(2**20))
    target = MemoryStorage(clock)
    await target.put(taken, b"age-encryption.org/v1")
    assert set((await copy_repository(vault, target)).damaged) == {large, taken}
    await target.delete(taken)
    assert set((await copy_repository(vault, target)).damaged) == {large}
    assert await read_back(await open_repository(target, access(clock)), 1) == expected(shop(1))


async def test_damage_at_the_source_is_named_and_does_not_spread(clock: HandClock) -> None:
    """The rest is copied: the newer backups are what the copy is for."""
    vault = await made(MemoryStorage(clock), clock)
    await history(vault, clock)
    target = MemoryStorage(clock)
    body_4 = await body(vault, 4)
    pack = sorted((await survey_copy(vault, target)).files)[-1]
    data = await vault.storage.read(pack, at_most=1 << 20)
    await overwrite(vault.storage, pack, flipped(data, len(data) // 2, 1))
    copied = await copy_repository(vault, target)
    assert list(copied.damaged) == [pack]
    assert pack not in await names(target)
    copy = await open_repository(target, access(clock))
    assert (await load_chain(copy, CLUSTER)).live == (1, 2, 3, 4)
    assert (await body(copy, 4)).id == body_4.id
    await overwrite(vault.storage, pack, data)
    assert not (await copy_repository(vault, target)).damaged
    assert (await Verifier(copy).run(read_data=1)).good


async def test_a_copy_that_lags_behind_is_no_rollback(clock: HandClock) -> None:
    """What was seen of the source says nothing of the copy; what was seen of the copy does."""
    seen = SeenHere()
    vault = msgspec.structs.replace(await made(MemoryStorage(clock), clock), seen=seen)
    await backup(vault, shop(1))
    target = MemoryStorage(clock)
    await copy_repository(vault, target)
    await backup(vault, shop(2), first_id=10)
    with pytest.raises(RepositoryRolledBackError):
        await load_chain(await open_repository(target, access(clock, seen=seen)), CLUSTER)
    apart = SeenHere()
    copy = await open_repository(target, access(clock, seen=apart))
    assert (await load_chain(copy, CLUSTER)).live == (1,)
    assert await apart.clusters(vault.id) == (CLUSTER,)
    await target.delete(f"backups/{CLUSTER}/000000000001")
    with pytest.raises(RepositoryRolledBackError):
        await load_chain(copy, CLUSTER)
