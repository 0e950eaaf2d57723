"""Log bundles in a repository: stored whole or not at all, believed only as signed, and brought back byte for byte."""

from __future__ import annotations

import hashlib
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from k8sops.backup.bundle_manifest import BundlePlace
from k8sops.backup.errors import RepositoryBrokenError, RepositoryError, RepositoryUntrustedError
from k8sops.backup.names import bundle_name, bundle_part_name
from k8sops.backup.storage.folder import FolderStorage
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.storage.port import Storage
from k8sops.backup.vault.bundles import BundleWriter, NewBundle, store_bundle
from k8sops.backup.vault.bundles_reading import PART, FoundBundle, bring_bundle, bundles_in
from k8sops.backup.vault.bundles_removing import remove_bundles
from k8sops.backup.vault.copying import copy_repository, survey_copy
from k8sops.backup.vault.making import Protection
from k8sops.backup.vault.opening import Vault, open_repository
from k8sops.backup.vault.pruning import Pruner, prune, survey
from k8sops.backup.vault.verifying import Verifier
from k8sops.core.errors import UsageError
from tests.backup.clock import HandClock
from tests.backup.files import ALICE, CLUSTER, MALLORY, OTHER_CLUSTER, counted, flipped
from tests.backup.vault.world import (
    SEALED,
    CountedIds,
    FaultyStorage,
    KilledError,
    access,
    made,
    names,
    overwrite,
)

ID = "01JD7Q8Z4N5X6Y7V8W9ABCDEF1"
SIZE = 2 * PART + 12345
SECOND = "01JD7Q8Z4N5X6Y7V8W9ABCDEF2"
WHO = BundleWriter(signer=ALICE, run="01JD7Q8Z4N5X6Y7V8W9ABCDE00", entropy=counted("bundles"))


def new(id_: str = ID, cluster: str = CLUSTER) -> NewBundle:
    """An hour of logs."""
    until = datetime(2026, 11, 21, 2, tzinfo=UTC)
    return NewBundle(
        id=id_,
        name="shop.tar.zst",
        cluster=cluster,
        cluster_name="demo",
        since=until - timedelta(hours=1),
        until=until,
        redacted=True,
        requested_by="alice",
    )


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Somewhat more than two parts."""
    path = tmp_path / "shop.tar.zst"
    path.write_bytes(hashlib.shake_256(b"archive").digest(SIZE))
    return path


def held(path: Path) -> bytes:
    """A file's bytes."""
    return path.read_bytes()


def inside(folder: Path) -> list[str]:
    """The names of what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def all_of(vault: Vault, cluster: str = "") -> list[FoundBundle]:
    """What is there."""
    return [found async for found in bundles_in(vault, cluster)]


def pruner() -> Pruner:
    """Alice again."""
    return Pruner(signer=ALICE, ids=CountedIds(500), run=WHO.run, entropy=counted("prune"))


async def test_a_bundle_is_stored_in_parts_listed_and_brought_back_as_it_was(
    storage: Storage, protection: Protection, clock: HandClock, archive: Path, tmp_path: Path
) -> None:
    """On every storage, sealed or not: what a vendor is sent a month later is what was collected."""
    vault = await made(storage, clock, protection)
    told: list[tuple[int, int]] = []
    stored = await store_bundle(vault, WHO, new(), archive, lambda *at: told.append(at))
    assert (stored.body.bytes, len(stored.body.parts)) == (SIZE, 3)
    assert told[-1] == (SIZE, SIZE)
    (found,) = await all_of(vault)
    assert found.body == stored.body
    assert await all_of(vault, OTHER_CLUSTER) == []
    back = tmp_path / "back.tar.zst"
    assert await bring_bundle(vault, found, back) == SIZE
    assert held(back) == held(archive)
    assert stat.S_IMODE(os.lstat(back).st_mode) == 0o600


async def test_nothing_of_an_archive_lies_in_the_clear(clock: HandClock, tmp_path: Path) -> None:
    """Whoever holds the bucket learns that there are bundles and how large, not whose or what."""
    archive = tmp_path / "shop.tar.zst"
    archive.write_bytes(b"the-customer-list " * 50)
    storage = MemoryStorage(clock)
    vault = await made(storage, clock, SEALED)
    await store_bundle(vault, WHO, new(), archive)
    for name in await names(storage, "bundles"):
        data = await storage.read(name, at_most=10**9)
        assert all(word not in data for word in (b"customer-list", b"shop.tar", b"alice", b"demo")), name


async def test_an_existing_file_is_not_overwritten_and_a_failed_one_leaves_nothing(
    clock: HandClock, archive: Path, tmp_path: Path
) -> None:
    """`get` into the folder of last week's bundle; and half a bundle under the name of a whole one helps nobody."""
    storage = MemoryStorage(clock)
    vault = await made(storage, clock)
    stored = await store_bundle(vault, WHO, new(), archive)
    (found,) = await all_of(vault)
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        await bring_bundle(vault, found, taken)
    assert taken.read_text() == "mine"
    last = bundle_part_name(CLUSTER, ID, stored.body.parts[-1].id)
    data = await storage.read(last, at_most=10**9)
    await overwrite(storage, last, flipped(data, len(data) // 2, 1))
    before = inside(tmp_path)
    with pytest.raises(RepositoryBrokenError, match="SHA-256"):
        await bring_bundle(vault, found, tmp_path / "broken")
    assert inside(tmp_path) == before


async def test_storing_it_again_under_its_id_is_done_at_once_and_another_archive_is_refused(
    clock: HandClock, archive: Path, tmp_path: Path
) -> None:
    """A run that changed its carrier after the manifest stores nothing twice."""
    storage = MemoryStorage(clock)
    vault = await made(storage, clock)
    stored = await store_bundle(vault, WHO, new(), archive)
    before = await names(storage)
    assert await store_bundle(vault, WHO, new(), archive) == stored
    assert await names(storage) == before
    other = tmp_path / "other.tar.zst"
    other.write_bytes(b"another")
    with pytest.raises(UsageError, match="another archive"):
        await store_bundle(vault, WHO, new(), other)


@pytest.mark.parametrize("fault", ["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
async def test_a_writer_that_dies_leaves_a_whole_bundle_or_parts_that_a_prune_clears(
    clock: HandClock, archive: Path, at: int, fault: str
) -> None:
    """Killed before and after each of its puts; what it leaves goes after a day, what counts stays."""
    inner = MemoryStorage(clock)
    vault = await made(inner, clock)
    faulty = FaultyStorage(inner, at, "before" if fault == "before" else "after")
    with pytest.raises(KilledError):
        await store_bundle(msgspec.structs.replace(vault, storage=faulty), WHO, new(), archive)
    whole = (at, fault) == (4, "after")
    assert len(await all_of(vault)) == whole
    assert not (await survey(vault)).leftovers, "somebody may be about to commit"
    clock.moment += timedelta(days=2)
    prospect = await survey(vault)
    assert sorted(prospect.leftovers) == ([] if whole else await names(inner, "bundles"))
    await prune(vault, pruner(), {}, {})
    left = await names(inner, "bundles")
    assert len(left) == (4 if whole else 0)
    await store_bundle(vault, WHO, new(), archive)
    assert (await Verifier(vault).run(read_data=1.0)).good


async def test_a_commit_long_after_the_first_part_is_refused(clock: HandClock, archive: Path) -> None:
    """A prune may have cleared the first parts by then; a manifest over missing parts would be a lie."""
    storage = MemoryStorage(clock)
    vault = await made(storage, clock)

    def a_day_passes(done: int, total: int) -> None:
        clock.moment += timedelta(hours=5)

    with pytest.raises(RepositoryError, match="not committed"):
        await store_bundle(vault, WHO, new(), archive, a_day_passes)
    assert await all_of(vault) == []


async def test_a_removed_bundle_is_gone_at_once_for_good_and_for_whoever_reads(
    storage: Storage, clock: HandClock, archive: Path
) -> None:
    """A bundle that should not have been made: its parts go now, and storing it again does not bring it back."""
    vault = await made(storage, clock)
    await store_bundle(vault, WHO, new(), archive)
    await store_bundle(vault, WHO, new(SECOND), archive)
    place = BundlePlace(vault.id, CLUSTER, ID)
    done = await remove_bundles(vault, WHO, [place], "named")
    assert (done.bundles, done.retained) == (1, [])
    assert done.bytes > SIZE
    assert [found.id for found in await all_of(vault)] == [SECOND]
    assert await names(storage, f"bundles/{CLUSTER}/{ID}") == [bundle_name(CLUSTER, ID, "removed")]
    assert (await remove_bundles(vault, WHO, [place], "named")).bundles == 0
    with pytest.raises(UsageError, match="removed"):
        await store_bundle(vault, WHO, new(), archive)
    assert (await Verifier(vault).run(read_data=1.0)).good


async def test_a_removal_that_was_cut_off_is_finished_by_a_prune(clock: HandClock, archive: Path) -> None:
    """From the signed word on it is gone; the files follow, whoever deletes them."""
    storage = MemoryStorage(clock)
    vault = await made(storage, clock)
    await store_bundle(vault, WHO, new(), archive)
    cut = msgspec.structs.replace(vault, storage=FaultyStorage(storage, 1, "after"))
    with pytest.raises(KilledError):
        await remove_bundles(cut, WHO, [BundlePlace(vault.id, CLUSTER, ID)], "named")
    assert await all_of(vault) == []
    assert len((await survey(vault)).leftovers) == 4
    await prune(vault, pruner(), {}, {})
    assert await names(storage, "bundles") == [bundle_name(CLUSTER, ID, "removed")]


async def test_what_no_trusted_key_signed_is_named_removes_nothing_and_hides_no_other(
    clock: HandClock, archive: Path
) -> None:
    """Somebody with the bucket leaves a bundle and a removal of their own."""
    storage = MemoryStorage(clock)
    vault = await made(storage, clock)
    await store_bundle(vault, WHO, new(), archive)
    forger = msgspec.structs.replace(vault, trusted={MALLORY.key_id: MALLORY.public})
    theirs = msgspec.structs.replace(WHO, signer=MALLORY)
    await store_bundle(forger, theirs, new(SECOND, OTHER_CLUSTER), archive)
    with pytest.raises(RepositoryUntrustedError):
        await store_bundle(vault, theirs, new(SECOND), archive)
    removal = bundle_name(CLUSTER, ID, "removed")
    await storage.put(removal, b"{}")
    found = {one.id: one for one in await all_of(vault)}
    assert found[ID].body is not None
    assert isinstance(found[SECOND].wrong, RepositoryUntrustedError)
    assert not (await survey(vault)).leftovers
    report = await Verifier(vault).run()
    assert [one.error.code for one in report.findings] == ["repository_untrusted"]


async def test_a_bundle_that_was_moved_or_lost_a_part_is_found_out(clock: HandClock, archive: Path) -> None:
    """A manifest under another id or cluster, a part that is gone or another: each is named, none is handed out."""
    storage = MemoryStorage(clock)
    vault = await made(storage, clock)
    stored = await store_bundle(vault, WHO, new(), archive)
    data = await storage.read(bundle_name(CLUSTER, ID), at_most=10**9)
    await storage.put(bundle_name(CLUSTER, SECOND), data)
    await storage.put(bundle_name(OTHER_CLUSTER, ID), data)
    part = bundle_part_name(CLUSTER, ID, stored.body.parts[1].id)
    held = await storage.read(part, at_most=10**9)
    await storage.delete(part)
    report = await Verifier(vault).run()
    assert (report.bundles, len(report.findings)) == (0, 3)
    assert any(f"{part} is not there" in one.error.message for one in report.findings)
    await storage.put(part, flipped(held, len(held) - 1, 1))
    assert len((await Verifier(vault).run()).findings) == 2, "as large as it was"
    report = await Verifier(vault).run(read_data=1.0)
    assert (len(report.findings), report.bundle_parts_read) == (3, 2)


async def test_a_copy_brings_bundles_along_and_takes_away_what_its_source_removed(
    clock: HandClock, archive: Path, tmp_path: Path
) -> None:
    """The second place has what the first has; a prune there clears what was removed here."""
    source, target = MemoryStorage(clock), FolderStorage(tmp_path / "copy")
    vault = await made(source, clock)
    await store_bundle(vault, WHO, new(), archive)
    copied = await copy_repository(vault, target)
    assert (copied.damaged, copied.files) == ({}, 4)
    assert (await survey_copy(vault, target)).nothing
    there = await open_repository(target, access(clock))
    (found,) = await all_of(there)
    await bring_bundle(there, found, tmp_path / "back")
    assert held(tmp_path / "back") == held(archive)
    await remove_bundles(vault, WHO, [BundlePlace(vault.id, CLUSTER, ID)], "named")
    await copy_repository(vault, target)
    assert await all_of(there) == []
    await prune(there, pruner(), {}, {})
    assert await names(target, "bundles") == [bundle_name(CLUSTER, ID, "removed")]
    assert (await survey_copy(vault, target)).nothing


async def test_a_part_that_is_damaged_at_the_source_is_named_and_the_rest_copied(
    clock: HandClock, archive: Path
) -> None:
    """As with backups: one bad file must not keep all others from the second place."""
    source, target = MemoryStorage(clock), MemoryStorage(clock)
    vault = await made(source, clock)
    stored = await store_bundle(vault, WHO, new(), archive)
    name = bundle_part_name(CLUSTER, ID, stored.body.parts[0].id)
    await overwrite(source, name, b"x" * stored.body.parts[0].size)
    await source.put(bundle_name(CLUSTER, SECOND), b"{}")
    copied = await copy_repository(vault, target)
    assert sorted(copied.damaged) == sorted([name, bundle_name(CLUSTER, SECOND)])
    assert copied.files == 3
