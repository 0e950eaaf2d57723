"""The cache of snapshots: whole or not at all, private, bounded, and never trusted unread."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from k8sops.cli.sandbox import sandbox_group
from k8sops.core.errors import SandboxError, UsageError
from k8sops.sandbox import preload
from k8sops.sandbox.manager import wanted_load
from k8sops.sandbox.preload import progress, substitute
from k8sops.sandbox.seed.load_objects import LoadSize
from k8sops.sandbox.snapshots import About, Snapshot, SnapshotCache, key_of

SMALL = LoadSize(nodes=1, pods=10, rest=5)
OTHER = LoadSize(nodes=1, pods=11, rest=5)
THIRD = LoadSize(nodes=1, pods=12, rest=5)


def about(size: LoadSize) -> About:
    return About(size=size, moment="2026-01-01T00:00:00Z", tail="0123456789ab")


async def blocks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def inside(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def kept(cache: SnapshotCache, size: LoadSize, content: bytes = b"x" * 100) -> Snapshot:
    await cache.save(about(size), blocks(content[:40], content[40:]))
    found = cache.find(size)
    assert found is not None
    return found


async def test_what_is_kept_is_found_whole_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """A load may hold what somebody thinks is a secret; other users of the machine have no business with it."""
    cache = SnapshotCache(tmp_path / "snapshots")
    assert cache.find(SMALL) is None
    snapshot = await kept(cache, SMALL, bytes(range(100)))
    assert snapshot.database.read_bytes() == bytes(range(100))
    assert snapshot.is_whole()
    assert (snapshot.about.size, snapshot.about.tail) == (SMALL, "0123456789ab")
    assert cache.find(OTHER) is None
    assert {path.stat().st_mode & 0o777 for path in snapshot.folder.iterdir()} == {0o600}
    assert snapshot.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["flipped", "short", "gone"])
async def test_a_damaged_file_is_not_whole(tmp_path: Path, damage: str) -> None:
    """A disk that loses a bit must cost a minute, not a sandbox nobody understands."""
    snapshot = await kept(SnapshotCache(tmp_path), SMALL)
    match damage:
        case "flipped":
            snapshot.database.write_bytes(b"y" + snapshot.database.read_bytes()[1:])
        case "short":
            snapshot.database.write_bytes(snapshot.database.read_bytes()[:-1])
        case _:
            snapshot.database.unlink()
    assert not snapshot.is_whole()


async def test_a_snapshot_whose_description_is_unreadable_is_removed(tmp_path: Path) -> None:
    """It could never be used, and would stand in the way of the next."""
    cache = SnapshotCache(tmp_path)
    snapshot = await kept(cache, SMALL)
    (snapshot.folder / "about.json").write_text("{")
    assert cache.find(SMALL) is None
    assert not snapshot.folder.exists()
    assert (await kept(cache, SMALL)).is_whole()


async def test_a_cancelled_or_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C while a snapshot is written is likely: that is when a first start takes longest."""
    cache = SnapshotCache(tmp_path)
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * (5 << 20)
        begun.set()
        await asyncio.Event().wait()

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise SandboxError("etcd broke off")

    saving = asyncio.ensure_future(cache.save(about(SMALL), endless()))
    await asyncio.wait_for(begun.wait(), 60)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    with pytest.raises(SandboxError, match="broke off"):
        await cache.save(about(SMALL), broken())
    with pytest.raises(SandboxError, match="empty"):
        await cache.save(about(SMALL), blocks())
    assert inside(tmp_path) == []


async def test_a_draft_that_a_killed_process_left_is_swept_and_one_being_written_is_not(
    tmp_path: Path,
) -> None:
    """Half a gigabyte that nobody finds again would stay for ever; a neighbour's draft must survive our sweep."""
    cache = SnapshotCache(tmp_path)
    left = tmp_path / ".draft-left"
    left.mkdir()
    (left / "etcd.db").write_bytes(b"half")
    written, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 100
        written.set()
        await go_on.wait()

    saving = asyncio.ensure_future(cache.save(about(SMALL), slow()))
    await asyncio.wait_for(written.wait(), 60)
    assert not left.exists()
    await kept(SnapshotCache(tmp_path), OTHER)
    go_on.set()
    await saving
    assert {one.about.size for one in cache.all()} == {SMALL, OTHER}


async def test_the_least_recently_used_go_first_once_the_limit_is_reached(tmp_path: Path) -> None:
    """The cache must not fill the disk, nor forget what is used every day."""
    cache = SnapshotCache(tmp_path, limit_bytes=250)
    for age, size in ((300, SMALL), (200, OTHER)):
        snapshot = await kept(cache, size)
        moment = snapshot.used - age
        os.utime(snapshot.folder / "about.json", (moment, moment))
    assert cache.find(SMALL) is not None, "used just now"
    await kept(cache, THIRD)
    assert {one.about.size for one in cache.all()} == {SMALL, THIRD}
    assert [one.about.size for one in SnapshotCache(tmp_path / "none").all()] == []


async def test_clearing_removes_everything(tmp_path: Path) -> None:
    """What a person sees gone must be gone."""
    cache = SnapshotCache(tmp_path)
    await kept(cache, SMALL)
    await kept(cache, OTHER)
    (tmp_path / ".draft-left").mkdir()
    assert cache.clear() == 2
    assert inside(tmp_path) == []
    assert SnapshotCache(tmp_path / "none").clear() == 0


def test_every_other_load_has_another_name() -> None:
    """A snapshot taken for another's would be a cluster that was not asked for."""
    assert len({key_of(size) for size in (SMALL, OTHER, THIRD)}) == 3
    assert key_of(SMALL) == key_of(LoadSize(nodes=1, pods=10, rest=5))


@given(
    before=st.integers(preload.WINDOW - 30, preload.WINDOW + 30),
    count=st.integers(1, 3),
    gap=st.integers(0, 9),
)
def test_values_are_replaced_wherever_they_stand(
    tmp_path_factory: pytest.TempPathFactory, before: int, count: int, gap: int
) -> None:
    """One that lies across two windows would keep last week's time, or another cluster's uid."""
    path = tmp_path_factory.mktemp("windows") / "db"
    text = b"." * before + (b"2026-01-01T00:00:00Z" + b"-" * gap + b"0123456789ab") * count
    path.write_bytes(text)
    values = {b"2026-01-01T00:00:00Z": b"2027-02-02T02:02:02Z", b"0123456789ab": b"ba9876543210"}
    assert substitute(path, values) >= 1
    expected = text
    for old, new in values.items():
        expected = expected.replace(old, new)
    assert path.read_bytes() == expected
    path.unlink()


def test_only_values_of_one_length_are_replaced(tmp_path: Path) -> None:
    """Anything else would move what stands behind it, and break the database."""
    path = tmp_path / "db"
    path.write_bytes(b"abc")
    with pytest.raises(ValueError, match="same length"):
        substitute(path, {b"abc": b"ab"})
    assert substitute(path, {b"xyz": b"zyx"}) == 0
    assert path.read_bytes() == b"abc"


def test_a_load_is_checked_before_anything_is_started() -> None:
    """Minutes later would be too late to say that it cannot be."""
    assert wanted_load(5, 0, 0) is None
    assert wanted_load(500, 0, 300) is None
    assert wanted_load(500, 10_000, 20_000) == LoadSize(nodes=500, pods=10_000, rest=9_500)
    with pytest.raises(UsageError, match="do not fit"):
        wanted_load(5, 10_000, 0)
    with pytest.raises(UsageError, match="need nodes"):
        wanted_load(0, 10, 0)


def test_progress_tells_rate_and_remaining_time() -> None:
    """Whoever waits a minute wants to know for how long."""
    assert progress(5_000, 20_000, 2.0) == "5,000 of 20,000 objects, 2,500/s, about 6 s left"
    assert progress(0, 20_000, 0.0) == "0 of 20,000 objects, 0/s, about 0 s left"


async def test_the_cache_is_shown_and_cleared_by_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody should have to look for gigabytes in a cache folder by hand."""
    monkeypatch.setenv("K8SOPS_CACHE", str(tmp_path))
    runner = CliRunner()
    assert "there is no snapshot" in runner.invoke(sandbox_group, ["cache", "list"]).output
    snapshot = await kept(SnapshotCache(tmp_path / "snapshots"), SMALL)
    listed = msgspec.json.decode(runner.invoke(sandbox_group, ["cache", "list", "-o", "json"]).output)
    assert [(one["nodes"], one["pods"], one["others"], one["path"]) for one in listed] == [
        (1, 10, 5, str(snapshot.database))
    ]
    lines = runner.invoke(sandbox_group, ["cache", "list"]).output.splitlines()
    assert lines[1].split()[:3] == ["1", "10", "5"]
    assert runner.invoke(sandbox_group, ["cache", "clear"]).output == "1 snapshot removed\n"
    assert not snapshot.folder.exists()
