"""Checkpoints of the audit trail in the backup repository: put once, beside the folder's, and again where it failed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from k8sops.audit.checkpoints import SignedCheckpoint, parse_checkpoint, sign_checkpoint
from k8sops.audit.record import seal
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.errors import AuditError
from k8sops.engine.books import Books
from k8sops.policy.keys import new_key
from k8sops.service.backup_keys import make_identity
from k8sops.service.checkpoint_places import CheckpointPlaces
from k8sops.service.checkpointing import write_checkpoint
from k8sops.service.config import Config, config_of
from k8sops.service.repositories import ConfiguredRepositories
from k8sops.service.storing import Storage
from k8sops.store.database import Database, open_database
from tests.support.engine_world import NoRedactor
from tests.support.records import an_entry

KEY = new_key()
WORKER = Actor(name="worker", surface="worker")


def _signed(seq: int = 7, hash_: str = "a" * 64) -> SignedCheckpoint:
    at = datetime(2026, 11, 21, 3, tzinfo=UTC)
    return sign_checkpoint(KEY, origin="0" * 32, seq=seq, hash_=hash_, at=at)


@pytest.fixture
async def database(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    """On each kind of store, with keys of the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    found = await open_database(store_url, clock=SystemClock())
    yield found
    await found.aclose()


async def _make(config: Config) -> None:
    make_identity(SystemClock().now())
    storage = Storage(config, SystemClock(), UlidSource())
    await ConfiguredRepositories(config, storage, SystemClock(), UlidSource()).make()
    await storage.aclose()


async def test_a_place_that_is_no_repository_yet_stays_empty_and_takes_it_later(
    database: Database, tmp_path: Path
) -> None:
    """A file there would keep it from ever becoming one; what was signed meanwhile is not lost."""
    folder = tmp_path / "r"
    config = Config(
        repository=folder.as_uri(), checkpoints=tmp_path / "kept", database_url=database.url_shown
    )
    books = Books(seal, NoRedactor(), UlidSource())
    await database.write(lambda tx: books.chain(tx, [an_entry()]), name="test")
    places = CheckpointPlaces(config)
    signed = await write_checkpoint(database, books, actor=WORKER, places=places)
    assert signed is not None
    assert not folder.exists() or not list(folder.rglob("checkpoint-*"))
    own = Config(repository=folder.as_uri(), database_url=f"sqlite:///{tmp_path}/own/k8sops.db")
    await _make(own)
    assert await write_checkpoint(database, books, actor=WORKER, places=places) is None
    (kept,) = folder.glob("checkpoints/checkpoint-*.json")
    assert parse_checkpoint(kept.read_bytes()) == signed
    assert kept.read_bytes() == (tmp_path / "kept" / kept.name).read_bytes()


async def test_another_history_under_the_same_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two stores that claim to be one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    config = Config(repository=(tmp_path / "r").as_uri(), database_url=f"sqlite:///{tmp_path}/own/k8sops.db")
    await _make(config)
    await CheckpointPlaces(config).put(_signed())
    await CheckpointPlaces(config).put(_signed())
    with pytest.raises(AuditError, match="holds another checkpoint"):
        await CheckpointPlaces(config).put(_signed(hash_="b" * 64))


async def test_a_repository_can_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its files count, or it is another team's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = tmp_path / "r"
    entry = {"name": "main", "url": folder.as_uri(), "checkpoints": False}
    config = config_of({"repositories": [entry], "database_url": f"sqlite:///{tmp_path}/own/k8sops.db"})
    await _make(config)
    await CheckpointPlaces(config).put(_signed())
    assert not (folder / "checkpoints").exists()
