"""Recovery point objectives, on both stores: told when the newest complete backup is too old, once, and again later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from k8sops.actions.backups.ports import OpenRepository
from k8sops.audit.record import seal
from k8sops.backup.bodies import Gap
from k8sops.backup.canonical import canonical
from k8sops.backup.vault.items import Facts
from k8sops.backup.vault.writing import write_backup
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock, UlidSource, rfc3339
from k8sops.core.errors import UnreachableError
from k8sops.engine.books import Books
from k8sops.service.config import config_of
from k8sops.service.rpo import Objective, RpoWatch, standing
from k8sops.store.database import Database, Tx, open_database
from k8sops.store.schema import outbox
from tests.backup.clock import HandClock
from tests.backup.files import CLUSTER
from tests.backup.vault.clusters import each, facts, shop, writer
from tests.backup.vault.world import CountedIds
from tests.support.engine_world import NoRedactor
from tests.support.repositories import RepositoriesHere, in_memory

WORKER = Actor(name="worker", surface="worker")
CONFIG = config_of({"repositories": [{"name": "memory", "url": "file:///nowhere", "rpo": "26h"}]})


class Away(RepositoriesHere):
    """Its storage does not answer while `away` is set."""

    away = False

    async def find(self, location: str = "", *, writing: bool = False) -> OpenRepository | None:
        """As usual, or not."""
        if self.away:
            raise UnreachableError("the bucket does not answer")
        return await super().find(location, writing=writing)


class Night:
    """A repository, a worker's watch over it, and a clock that is moved by hand; two of the store's notices."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = HandClock()
        made = in_memory(self.clock)
        self.repositories = Away(made.storages, self.clock)
        books = Books(seal, NoRedactor(), UlidSource())
        self._watches = [
            RpoWatch(
                database, books, lambda: self.repositories, CONFIG, CLUSTER,
                clock=self.clock, ids=UlidSource(), every_s=0,
            )
            for _ in range(2)
        ]  # fmt: skip

    async def round(self) -> list[str]:
        """Every worker looks; what they told together."""
        return [text for watch in self._watches for text in await watch.round(WORKER)]

    async def backup(self, first_id: int, *, complete: bool = True) -> None:
        """A backup that is read now."""
        opened = await self.repositories.make()
        now = rfc3339(self.clock.now())
        gaps = () if complete else (Gap(group="", resource="pods", namespace="", why="refused"),)

        async def said() -> Facts:
            usual = await facts()

            cut = msgspec.structs.replace(usual.cut, first_at=now, last_at=now)
            return msgspec.structs.replace(usual, cut=cut, gaps=gaps, began_at=self.clock.now())

        who = writer(opened.vault, ids=CountedIds(first_id))
        await write_backup(opened.vault, who, each(shop(1).values()), said)

    async def notices(self) -> int:
        """How many lie in the outbox."""

        def count(tx: Tx) -> int:
            return len(tx.execute(select(outbox.c.id).where(outbox.c.kind == "backup.overdue")).all())

        return await self.database.read(count)


@pytest.fixture
async def night(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Night]:
    """On each kind of store."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    database = await open_database(store_url, clock=SystemClock())
    yield Night(database)
    await database.aclose()


async def test_a_repository_without_any_backup_is_told_once_by_two_workers(night: Night) -> None:
    """The state in which nobody is protected is the first that has to be told."""
    (told,) = [*await night.round(), *await night.round()]
    assert "there is no complete backup in memory" in told
    assert await night.notices() == 1


async def test_all_is_well_until_the_newest_complete_one_is_too_old(night: Night) -> None:
    """An incomplete one protects nobody."""
    await night.backup(1)
    assert await night.round() == []
    night.clock.moment += timedelta(hours=20)
    await night.backup(2, complete=False)
    assert await night.round() == []
    night.clock.moment += timedelta(hours=7)
    (told,) = await night.round()
    assert "the newest complete backup is 27 h" in told
    assert "the configuration allows 26 h" in told
    await night.backup(3)
    assert await night.round() == []
    night.clock.moment += timedelta(hours=27)
    assert len(await night.round()) == 1
    assert await night.notices() == 2


async def test_a_storage_that_is_away_hides_no_old_backup(night: Night) -> None:
    """What is known of it grows older all the same."""
    await night.backup(1)
    assert await night.round() == []
    night.repositories.away = True
    assert await night.round() == []
    night.clock.moment += timedelta(hours=27)
    (told,) = await night.round()
    assert "cannot be looked at now: the bucket does not answer" in told


async def test_a_smaller_backup_does_not_stand_in_for_a_schedule_s_own(night: Night) -> None:
    """One namespace every hour must not hide that the whole cluster was last read a week ago."""
    await night.backup(1)
    whole = Objective(repository="memory", span=timedelta(hours=26), said="schedule nightly", selection=b"{}")
    found = await standing(night.repositories, whole, CLUSTER, night.clock.now())
    assert (found.newest, found.trouble) == (None, "")
    same = msgspec.structs.replace(whole, selection=canonical({"namespaces": ["*"]}))
    found = await standing(night.repositories, same, CLUSTER, night.clock.now())
    assert found.newest == night.clock.now()


async def test_a_backup_of_tomorrow_hides_nothing(night: Night) -> None:
    """A machine whose clock ran ahead by a year would otherwise keep everybody quiet for that year."""
    await night.backup(1)
    night.clock.moment += timedelta(days=365)
    await night.backup(2)
    night.clock.moment -= timedelta(days=365)
    assert await night.round() == []
    night.clock.moment += timedelta(hours=27)
    (told,) = await night.round()
    assert "the newest complete backup is 27 h" in told
    assert "backup 2 says it was read at" in told
    assert "does not count: a clock was wrong" in told
