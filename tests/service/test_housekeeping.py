"""What a worker does on the side, on both stores: checkpoints, grants whose time is over, a policy that changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from k8sops.audit.checkpoints import parse_checkpoint
from k8sops.audit.record import read_record, seal
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.errors import AuditError
from k8sops.engine.books import Books
from k8sops.engine.granting import GrantDesk
from k8sops.engine.grants import get_grant
from k8sops.policy.grants import GrantSpec
from k8sops.policy.load import load_policy
from k8sops.policy.policy import Policy
from k8sops.service.config import Config
from k8sops.service.grant_rules import PolicyGrantRules
from k8sops.service.housekeeping import Housekeeping
from k8sops.store.audit_search import record_page
from k8sops.store.checkpoint_rows import all_checkpoints
from k8sops.store.database import Database, Tx, open_database
from k8sops.store.grant_rows import change_grant, load_grant
from tests.support.engine_world import NoRedactor
from tests.support.persons_at_door import team_policy
from tests.support.plans import CLUSTER
from tests.support.records import an_entry

WORKER = Actor(name="worker", surface="worker")


class Ticking:
    """A clock that is moved on by hand."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self.seconds = 0.0

    def now(self) -> Any:
        """The machine's, moved on."""
        return self._system.now() + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Seconds moved on."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """At once."""
        self.seconds += seconds


class House:
    """A store, its books and a worker's rounds."""

    def __init__(self, database: Database, folder: Path, clock: Ticking) -> None:
        self.database, self.clock, self.folder = database, clock, folder
        self.books = Books(seal, NoRedactor(), UlidSource())
        self.config = Config(checkpoints=folder / "kept")

    def keeping(self, policy: Policy) -> Housekeeping:
        """A process's."""
        return Housekeeping(self.database, self.books, policy, self.config, clock=self.clock)

    async def codes(self) -> list[str]:
        """What is on record."""
        rows = await self.database.read(lambda tx: record_page(tx, 0, 1 << 40, 1000))
        return [read_record(data).code for _, _, data in rows]

    async def record(self) -> None:
        """Something happened."""
        await self.database.write(lambda tx: self.books.chain(tx, [an_entry()]), name="test")


@pytest.fixture
async def house(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """On each kind of store, with a key of its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    clock = Ticking()
    database = await open_database(store_url, clock=clock)
    yield House(database, tmp_path, clock)
    await database.aclose()


async def test_checkpoints_come_from_time_to_time_and_only_where_there_is_something_new(house: House) -> None:
    """An idle store must not fill with signatures, nor a busy one go unsigned for long."""
    keeping = house.keeping(load_policy(None))
    await house.record()
    await keeping.round(WORKER)
    assert await house.codes() == ["step.outcome", "policy.changed", "carrier.key"]
    await house.record()
    await keeping.round(WORKER)
    assert len(await house.database.read(all_checkpoints)) == 1
    for _ in range(3):
        house.clock.seconds += 300
        await keeping.round(WORKER)
    rows = await house.database.read(all_checkpoints)
    assert len(rows) == 2
    files = sorted((house.folder / "kept").glob("checkpoint-*.json"))
    assert [parse_checkpoint(file.read_bytes()).checkpoint.seq for file in files] == [3, 4]


async def test_a_folder_that_holds_another_history_is_told_and_nothing_is_overwritten(house: House) -> None:
    """Two histories under one name are what checkpoints are for."""
    keeping = house.keeping(load_policy(None))
    await house.record()
    await keeping.round(WORKER)
    (file,) = (house.folder / "kept").glob("checkpoint-*.json")
    before = file.read_bytes()
    blocked = house.folder / "kept"
    blocked.rename(house.folder / "away")
    blocked.write_text("a file where the folder was")
    await house.record()
    house.clock.seconds += 300
    with pytest.raises(AuditError):
        await keeping.round(WORKER)
    assert (house.folder / "away" / file.name).read_bytes() == before


async def test_a_grant_s_end_is_put_on_record_once(house: House, tmp_path: Path) -> None:
    """Who asks what was allowed when finds both ends of it."""
    users = {"alice": "alice", "bob": "bob"}
    limits = {"effect": "confirm", "risk": "low", "longest": "8h"}
    policy = load_policy(team_policy(tmp_path / "team.yaml", CLUSTER.uid, users, grants=limits))
    desk = GrantDesk(house.database, house.books, PolicyGrantRules(policy), UlidSource())
    until = house.clock.now() + timedelta(hours=1)
    spec = GrantSpec(
        actions=("scale",),
        cluster_uid=CLUSTER.uid,
        namespaces=("shop",),
        people=("alice",),
        valid_until=until.replace(microsecond=0),
    )
    grant = await desk.request(spec, Actor(name="alice"), reason="", cluster_name="prod")
    assert grant.state == "active"
    await house.database.write(lambda tx: _end(tx, grant.id), name="test")
    keeping = house.keeping(policy)
    await keeping.round(WORKER)
    await keeping.round(WORKER)
    assert (await house.codes()).count("grant.expired") == 1
    assert (await get_grant(house.database, grant.id)).state == "expired"


async def test_two_processes_put_a_changed_policy_on_record_once(house: House, tmp_path: Path) -> None:
    """Ten workers start with a new file; the trail says so once."""
    for policy in (load_policy(None), load_policy(team_policy(tmp_path / "team.yaml", CLUSTER.uid, {}))):
        for _ in range(2):
            await house.keeping(policy).round(WORKER)
    assert (await house.codes()).count("policy.changed") == 2


def _end(tx: Tx, grant: str) -> None:
    row = load_grant(tx, grant)
    change_grant(tx, msgspec.structs.replace(row, expires_at=tx.now() - timedelta(seconds=1)))
