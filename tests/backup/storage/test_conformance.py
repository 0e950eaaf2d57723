"""One suite for every storage: what the repository's promises rest on holds on each, or it is no storage for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from k8sops.backup.errors import RepositoryBrokenError
from k8sops.backup.storage.errors import NameTakenError, NotThereError, ReadOnlyStorageError
from k8sops.backup.storage.port import Storage
from k8sops.backup.storage.probing import prove_create_only, storage_now
from k8sops.core.errors import UsageError
from tests.backup.storage.places import Place, listed, names, opened

PACK = "packs/ab/ab0123456789abcdef0123456789abcd"


async def test_a_file_is_read_back_whole_and_in_part(storage: Storage) -> None:
    """A restore reads frames out of packs: one byte beside them and nothing opens."""
    data = bytes(range(256)) * 300
    await storage.put(PACK, data)
    assert await storage.read(PACK, at_most=len(data)) == data
    assert await storage.read_range(PACK, 0, 1) == data[:1]
    assert await storage.read_range(PACK, 70_001, 2_000) == data[70_001:72_001]
    assert await storage.read_range(PACK, len(data) - 5, 5) == data[-5:]


async def test_a_pack_of_the_greatest_size_and_an_empty_file_are_kept(storage: Storage) -> None:
    """16 MiB is what a pack holds; it has to go in a single put."""
    large = b"0123456789abcdef" * (1 << 20)
    await storage.put(PACK, large)
    await storage.put("checkpoints/empty", b"")
    assert await storage.read(PACK, at_most=1 << 24) == large
    assert await storage.read("checkpoints/empty", at_most=0) == b""
    assert {entry.name: entry.size for entry in await listed(storage)} == {
        PACK: 1 << 24,
        "checkpoints/empty": 0,
    }


async def test_a_name_that_is_taken_is_never_overwritten(storage: Storage) -> None:
    """A manifest's number belongs to who came first."""
    await storage.put("backups/c/000000000001", b"first")
    with pytest.raises(NameTakenError, match="backups/c/000000000001 exists already"):
        await storage.put("backups/c/000000000001", b"other")
    with pytest.raises(NameTakenError):
        await storage.put("backups/c/000000000001", b"first and more")
    assert await storage.read("backups/c/000000000001", at_most=100) == b"first"


async def test_the_same_bytes_again_are_no_error(storage: Storage) -> None:
    """A put whose answer was lost is sent again, and must not be told that somebody else was there."""
    await storage.put("indexes/a", b"the same")
    await storage.put("indexes/a", b"the same")
    assert await names(storage) == ["indexes/a"]


async def test_of_fifty_writers_one_wins(storage: Storage) -> None:
    """Two backups that end at the same moment must not both be number 17."""
    tries = [storage.put("backups/c/000000000017", f"writer {number}".encode()) for number in range(50)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    winners = [number for number, answer in enumerate(answers) if answer is None]
    assert len(winners) == 1
    assert {type(answer) for answer in answers if answer is not None} == {NameTakenError}
    assert await storage.read("backups/c/000000000017", at_most=100) == f"writer {winners[0]}".encode()


async def test_what_is_not_there_is_said_so(storage: Storage) -> None:
    """A missing pack has to be told apart from a storage that fails."""
    with pytest.raises(NotThereError):
        await storage.read("indexes/none", at_most=10)
    with pytest.raises(NotThereError):
        await storage.read_range("indexes/none", 0, 10)
    assert await storage.stat("indexes/none") is None
    assert await names(storage) == []
    assert await names(storage, "packs") == []


async def test_a_file_that_ends_early_is_refused(storage: Storage) -> None:
    """A pack cut short by somebody must not be taken for a frame."""
    await storage.put(PACK, b"0123456789")
    for offset, length in ((8, 5), (10, 1), (5_000, 10)):
        with pytest.raises(RepositoryBrokenError, match=f"{PACK} ends before byte"):
            await storage.read_range(PACK, offset, length)


async def test_a_file_that_is_too_large_is_not_read(storage: Storage) -> None:
    """Whoever can write to the bucket must not fill the memory of whoever reads a manifest."""
    await storage.put("repository.json", b"x" * 10_001)
    with pytest.raises(RepositoryBrokenError, match=r"repository.json is larger than the 10,000 bytes"):
        await storage.read("repository.json", at_most=10_000)
    assert len(await storage.read("repository.json", at_most=10_001)) == 10_001


async def test_folders_are_listed_by_whole_names(storage: Storage) -> None:
    """`packs` is not the beginning of `packs-old`, and what lies deeper belongs to it."""
    for name in ("packs/ab/one", "packs/cd/two", "packs-old/three", "repository.json", "keys/1/k.age"):
        await storage.put(name, name.encode())
    assert await names(storage, "packs") == ["packs/ab/one", "packs/cd/two"]
    assert await names(storage, "packs/ab") == ["packs/ab/one"]
    assert await names(storage) == [
        "keys/1/k.age",
        "packs-old/three",
        "packs/ab/one",
        "packs/cd/two",
        "repository.json",
    ]


async def test_a_listing_begins_after_a_name(storage: Storage) -> None:
    """The newest manifests are found without listing ten years of them."""
    for number in range(1, 8):
        await storage.put(f"backups/c/{number:012d}", b"manifest")
    assert await names(storage, "backups/c", after="backups/c/000000000005") == [
        "backups/c/000000000006",
        "backups/c/000000000007",
    ]
    assert await names(storage, "backups/c", after="backups/c/000000000007") == []


async def test_sizes_and_times_are_the_storage_s(storage: Storage) -> None:
    """Prune waits by the storage's clock, and sees no file as younger than one that was put before it."""
    await storage.put("doomed/one", b"123")
    before = await storage_now(storage)
    await storage.put("doomed/two", b"12345")
    one, two = await listed(storage, "doomed")
    assert (one.size, two.size) == (3, 5)
    # Object stores keep whole seconds.
    assert one.modified <= before + timedelta(seconds=1) <= two.modified + timedelta(seconds=1)
    assert await storage.stat("doomed/one") == one
    assert one.modified.utcoffset() == timedelta(0)


async def test_a_file_is_deleted_once_and_twice(storage: Storage) -> None:
    """A prune that died is begun again, and finds part of its work done."""
    await storage.put("packs/ab/one", b"1")
    await storage.put("packs/ab/two", b"2")
    await storage.delete("packs/ab/one")
    await storage.delete("packs/ab/one")
    await storage.delete("packs/never/was")
    assert await names(storage) == ["packs/ab/two"]
    await storage.put("packs/ab/one", b"another")
    assert await storage.read("packs/ab/one", at_most=10) == b"another"


async def test_the_storage_proves_that_it_puts_only_what_is_absent(storage: Storage) -> None:
    """Some that speak S3 ignore the condition; a repository on one of them loses backups."""
    await prove_create_only(storage)
    assert await names(storage) == []


@pytest.mark.parametrize(
    "name",
    [
        *("", "..", "../x", "packs/../../x", "/etc/passwd", "packs//x", "packs/", ".tmp-x", "packs/.x"),
        *("a\\b", "a\0b", "a\nb", "packs/ü", "a" * 301, "packs/٣"),
    ],
)
async def test_a_name_that_could_leave_the_place_is_refused(storage: Storage, name: str) -> None:
    """Names come out of files that somebody else may have written."""
    for attempt in (
        storage.put(name, b"x"),
        storage.read(name, at_most=10),
        storage.read_range(name, 0, 1),
        storage.stat(name),
        storage.delete(name),
        names(storage, name or ".."),
    ):
        with pytest.raises(RepositoryBrokenError, match="is not a name"):
            await attempt
    assert await names(storage) == []


async def test_a_read_only_location_reads_and_does_nothing_else(storage: Storage, place: Place) -> None:
    """The second copy must survive a mistake made with the first."""
    if place.url == "memory://":
        pytest.skip("memory is not shared between two openings")
    await storage.put("indexes/a", b"kept")
    glue = "&" if "?" in place.url else "?"
    view = await opened(f"{place.url}{glue}read_only=true", place.environ)
    assert await view.read("indexes/a", at_most=10) == b"kept"
    assert await view.read_range("indexes/a", 1, 2) == b"ep"
    assert await names(view) == ["indexes/a"]
    assert (await view.stat("indexes/a")) is not None
    with pytest.raises(ReadOnlyStorageError, match="read-only location: indexes/b was not written"):
        await view.put("indexes/b", b"x")
    with pytest.raises(ReadOnlyStorageError, match="read-only location: indexes/a was not deleted"):
        await view.delete("indexes/a")
    assert await view.sweep_drafts(older_than=timedelta(0)) == 0
    assert await storage.unwritable() == ""
    assert (await view.unwritable()).startswith(f"{view.location} is a read-only location: take another")
    assert await names(storage) == ["indexes/a"]


async def test_the_location_is_shown_without_its_options(storage: Storage, place: Place) -> None:
    """It stands in plans, records and chat messages."""
    assert storage.location == place.url.partition("?")[0]


async def test_a_bucket_that_is_not_there_is_no_empty_repository(place: Place) -> None:
    """A typing error in the bucket's name must not look like a first backup."""
    if "://backups/" not in place.url:
        pytest.skip("a folder is made, memory is always there")
    storage = await opened(place.url.replace("://backups/", "://bakcups/"), place.environ)
    for attempt in (storage.put("a", b"1"), names(storage), names(storage, "backups", after="backups/c")):
        with pytest.raises(UsageError, match=f"{storage.location}: there is no such bucket"):
            await attempt
