"""The folder: what is on the disk, who may read it, what a dead writer leaves, and traps laid in it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from k8sops.backup.errors import RepositoryBrokenError
from k8sops.backup.storage.errors import NameTakenError, NotThereError, StorageError
from k8sops.backup.storage.folder import FolderStorage
from k8sops.core.errors import UsageError
from tests.backup.storage.folder_work import (
    files_in,
    fill,
    keep,
    modes_in,
    plant,
    take_names_at_once,
    write_and_kill,
)
from tests.backup.storage.places import names

DAY = timedelta(days=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "deep" / "backups"


@pytest.fixture
def storage(root: Path) -> FolderStorage:
    """The storage in it."""
    return FolderStorage(root)


async def test_files_and_folders_are_the_owner_s_alone(storage: FolderStorage, root: Path) -> None:
    """A backup holds every Secret of a cluster; a umask of 0 must not open it."""
    before = os.umask(0)
    try:
        await storage.put("packs/ab/one", b"1")
    finally:
        os.umask(before)
    assert modes_in(root.parent) == {
        "": 0o700,
        "backups": 0o700,
        "backups/packs": 0o700,
        "backups/packs/ab": 0o700,
        "backups/packs/ab/one": 0o600,
    }


async def test_no_draft_is_left_whether_a_put_wins_or_loses(storage: FolderStorage, root: Path) -> None:
    """Drafts cost as much room as what they became."""
    await storage.put("indexes/a", b"1")
    with pytest.raises(NameTakenError):
        await storage.put("indexes/a", b"2")
    assert files_in(root) == ["indexes/a"]


@pytest.mark.parametrize("after", [1, 7, 20])
async def test_a_writer_that_is_killed_leaves_whole_files_and_drafts_only(
    storage: FolderStorage, root: Path, after: int
) -> None:
    """What a name stands for is whole, at whatever moment the process died, and what was told of is there."""
    killed = write_and_kill(root, after)
    found = await names(storage)
    assert len(found) >= killed.acknowledged >= after
    for name in found:
        number = int(name.rpartition("/")[2])
        assert await storage.read(name, at_most=1 << 22) == b"%d" % number * 50_000
    rest = set(files_in(root)) - set(found)
    assert all(name.startswith(".tmp-") for name in rest)


async def test_only_old_drafts_are_swept(storage: FolderStorage, root: Path) -> None:
    """A young one may belong to a backup that is running."""
    await storage.put("indexes/a", b"1")
    plant(root / f".tmp-{'0' * 32}", b"half", old=True)
    young = plant(root / f".tmp-{'1' * 32}", b"half")
    plant(root / "notes.txt", b"a person's", old=True)
    assert await names(storage) == ["indexes/a", "notes.txt"]
    assert await storage.sweep_drafts(older_than=DAY) == 1
    assert files_in(root) == [young.name, "indexes/a", "notes.txt"]
    assert await storage.sweep_drafts(older_than=DAY) == 0


async def test_two_processes_cannot_both_have_a_name(storage: FolderStorage, root: Path) -> None:
    """Two backups on two machines, one network folder."""
    won = take_names_at_once(root, "one", "two", "three")
    assert sum(won) == 100
    held = [await storage.read(name, at_most=10) for name in await names(storage)]
    assert [held.count(who) for who in (b"one", b"two", b"three")] == won


async def test_a_symbolic_link_is_not_followed(storage: FolderStorage, root: Path, tmp_path: Path) -> None:
    """Whoever may write to the folder must not have us read, write or delete elsewhere."""
    await storage.put("packs/ab/one", b"1")
    outside = tmp_path / "outside"
    outside.mkdir()
    plant(outside / "key", b"not ours")
    (root / "packs" / "cd").symlink_to(outside)
    (root / "packs" / "ab" / "link").symlink_to(outside / "key")
    for attempt in (
        storage.read("packs/cd/key", at_most=100),
        storage.read("packs/ab/link", at_most=100),
        storage.put("packs/cd/new", b"x"),
        storage.delete("packs/cd/key"),
    ):
        with pytest.raises(RepositoryBrokenError, match="no regular file below real folders"):
            await attempt
    assert await names(storage) == ["packs/ab/one"]
    await storage.delete("packs/ab/link")
    assert files_in(outside) == ["key"]


async def test_a_pipe_and_a_folder_are_no_files(storage: FolderStorage, root: Path) -> None:
    """Opening a pipe waits for its other end, for ever."""
    await storage.put("packs/ab/one", b"1")
    os.mkfifo(root / "packs" / "pipe")
    for name in ("packs/pipe", "packs/ab"):
        with pytest.raises(RepositoryBrokenError, match="no regular file"):
            await storage.read(name, at_most=10)
        assert await storage.stat(name) is None


async def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """A typing error that names a file."""
    storage = FolderStorage(plant(tmp_path / "file", b"x"))
    for attempt in (storage.put("a", b"1"), storage.read("a", at_most=1), names(storage)):
        with pytest.raises(UsageError, match="is not a folder"):
            await attempt


async def test_a_folder_that_cannot_be_made_is_told_with_what_to_do() -> None:
    """What could not be written was named as what is missing, and nobody looks into /proc for a probe."""
    storage = FolderStorage(Path("/proc/nope"))
    with pytest.raises(StorageError, match=r"file:///proc/nope is not there and cannot be made") as raised:
        await storage.put("probes/one", b"1")
    assert "a folder on a disk" in raised.value.hint


async def test_a_folder_that_is_mounted_read_only_is_known_before(
    storage: FolderStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second site during a disaster: whoever plans to write there hears of the mount, not of permissions."""
    mounted = SimpleNamespace(f_flag=os.ST_RDONLY)
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    monkeypatch.setattr(os, "statvfs", lambda _: mounted)
    assert "is mounted read-only" in await storage.unwritable()


async def test_a_folder_that_is_missing_is_empty_and_is_not_made_by_reading(tmp_path: Path) -> None:
    """A stick that is not plugged in holds no repository."""
    storage = FolderStorage(tmp_path / "stick")
    assert await names(storage) == []
    assert await storage.sweep_drafts(older_than=DAY) == 0
    with pytest.raises(NotThereError):
        await storage.read("repository.json", at_most=100)
    assert modes_in(tmp_path).keys() == {""}


async def test_a_folder_that_is_removed_under_a_backup_is_made_again(
    storage: FolderStorage, root: Path
) -> None:
    """Somebody tidies up empty folders."""
    await storage.put("packs/ab/one", b"1")
    await storage.delete("packs/ab/one")
    (root / "packs" / "ab").rmdir()
    await storage.put("packs/ab/two", b"2")
    assert await names(storage) == ["packs/ab/two"]


async def test_a_full_disk_is_told_and_leaves_nothing(root: Path) -> None:
    """The next run has to find the repository as it was."""
    assert fill(root) == f"StorageError file://{root} is full: packs/ab/one was not written"
    assert files_in(root) == []


def test_what_the_medium_keeps_is_said_to_be_kept() -> None:
    """Prune goes on where deletion is refused; a folder that may not be changed is one such place."""
    assert keep() == [
        "''",
        "user N may not write to TOP/packs, so not to file://TOP/packs/not/there: take another location, or let that "
        "user write there",
        "RetainedError file://TOP: packs/one: permission denied (as user N): it stays",
        "CredentialsError file://TOP: packs/two: permission denied (as user N)",
        "b'1'",
    ]
