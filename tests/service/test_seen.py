"""What was seen of a repository, durable on both stores, and told in the audit trail each time it rises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from k8sops.audit.record import read_record
from k8sops.backup.chain import Mark
from k8sops.backup.errors import RepositoryRolledBackError
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.vault.making import make_repository
from k8sops.backup.vault.manifests import load_chain
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.service.config import Config
from k8sops.service.seen import SeenOnlyRead, StoredSeen
from k8sops.service.storing import Storage
from k8sops.store.audit_search import record_page
from tests.backup.clock import HandClock
from tests.backup.files import CLUSTER
from tests.backup.vault.clusters import backup, shop
from tests.backup.vault.world import PLAIN, access, maker

REPOSITORY = "01JD7Q8Z4N5X6Y7V8W9A000001"
ALICE = Actor(name="alice")


@pytest.fixture
async def storage(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Storage]:
    """On each kind of store."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    found = Storage(Config(database_url=store_url), SystemClock(), UlidSource())
    yield found
    await found.aclose()


async def _told(storage: Storage) -> list[tuple[str, object]]:
    rows = await (await storage.database()).read(lambda tx: record_page(tx, 0, 1 << 40, 1000))
    records = [read_record(data) for _, _, data in rows]
    return [(one.code, one.data.get("seq", one.data.get("epoch"))) for one in records]


async def test_each_rise_is_on_record_once(storage: Storage) -> None:
    """Whoever lowers a mark in the store is contradicted by a chain they cannot rewrite."""
    seen = StoredSeen(storage, lambda: ALICE)
    for seq in (1, 2, 2, 1):
        await seen.saw(REPOSITORY, CLUSTER, Mark(seq, f"{seq}" * 64))
    for epoch in (1, 1, 2):
        await seen.saw_epoch(REPOSITORY, epoch)
    assert await seen.newest(REPOSITORY, CLUSTER) == Mark(2, "2" * 64)
    assert await seen.greatest_epoch(REPOSITORY) == 2
    assert await seen.clusters(REPOSITORY) == (CLUSTER,)
    told = await _told(storage)
    assert told == [
        ("backup.seen", 1),
        ("backup.seen", 2),
        ("backup.epoch_seen", 1),
        ("backup.epoch_seen", 2),
    ]


async def test_another_process_refuses_a_repository_that_shows_less(storage: Storage) -> None:
    """That is what the mark is kept for: the one that wrote the newest backup may be gone."""
    clock = HandClock()
    place = MemoryStorage(clock)
    vault = await make_repository(
        place, PLAIN, access(clock, seen=StoredSeen(storage, lambda: ALICE)), maker()
    )
    await backup(vault, shop(1), first_id=1)
    newest = await backup(vault, shop(2), first_id=2)
    await place.delete(f"backups/{CLUSTER}/{newest.mark.seq:012d}")
    with pytest.raises(RepositoryRolledBackError):
        await load_chain(vault, CLUSTER)
    looking = SeenOnlyRead(await storage.database())
    assert await looking.newest(vault.id, CLUSTER) == newest.mark
    await looking.saw(vault.id, CLUSTER, Mark(9, "9" * 64))
    assert await looking.newest(vault.id, CLUSTER) == newest.mark
    await StoredSeen(storage, lambda: ALICE).accept(
        vault.id, CLUSTER, Mark(1, (await _digest(vault))), "tape"
    )
    assert (await load_chain(vault, CLUSTER)).live == (1,)
    assert (await _told(storage))[-1] == ("backup.rollback_accepted", 1)


async def test_a_copy_that_lags_behind_a_rekey_can_be_read(storage: Storage) -> None:
    """The source may be lost the hour after: its copy has the older epoch, and is held to what was seen there."""
    seen = StoredSeen(storage, lambda: ALICE)
    copy = seen.at("s3://elsewhere/" + "deep/" * 60)
    await copy.saw_epoch(REPOSITORY, 1)
    await seen.saw_epoch(REPOSITORY, 2)
    looking = SeenOnlyRead(await storage.database()).at("s3://elsewhere/" + "deep/" * 60)
    for one in (copy, looking):
        assert await one.greatest_epoch(REPOSITORY) == 1
    assert await seen.at("s3://other").greatest_epoch(REPOSITORY) == 0
    await copy.saw_epoch(REPOSITORY, 3)
    await copy.saw_epoch(REPOSITORY, 2)
    assert (await copy.greatest_epoch(REPOSITORY), await seen.greatest_epoch(REPOSITORY)) == (3, 2)
    assert [epoch for code, epoch in await _told(storage) if code == "backup.epoch_seen"] == [1, 2, 3]


async def test_a_loss_that_a_person_accepts_is_on_record_and_forgotten(storage: Storage) -> None:
    """Else a cluster whose folder was lost, or keys, could never be backed up into that place again."""
    seen = StoredSeen(storage, lambda: ALICE)
    copy = seen.at("s3://elsewhere")
    for one in (seen, copy):
        await one.saw(REPOSITORY, CLUSTER, Mark(5, "5" * 64))
        await one.saw_epoch(REPOSITORY, 3)
    await seen.accept_nothing(REPOSITORY, CLUSTER, "the bucket burnt")
    await seen.accept_epoch(REPOSITORY, 1, "the bucket burnt")
    assert (await seen.newest(REPOSITORY, CLUSTER), await seen.greatest_epoch(REPOSITORY)) == (None, 1)
    assert (await copy.newest(REPOSITORY, CLUSTER), await copy.greatest_epoch(REPOSITORY)) == (
        Mark(5, "5" * 64),
        3,
    )
    await copy.accept_epoch(REPOSITORY, 2, "and the other one")
    assert (await copy.greatest_epoch(REPOSITORY), await seen.greatest_epoch(REPOSITORY)) == (2, 1)
    await seen.saw(REPOSITORY, CLUSTER, Mark(1, "1" * 64))
    assert await seen.newest(REPOSITORY, CLUSTER) == Mark(1, "1" * 64)
    told = [number for code, number in await _told(storage) if code == "backup.rollback_accepted"]
    assert told == [0, 1, 2]


async def _digest(vault: object) -> str:
    from k8sops.backup.vault.manifests import ManifestFiles

    chain = await ManifestFiles(vault, CLUSTER).chain()  # type: ignore[arg-type]
    return chain.digests[1]
