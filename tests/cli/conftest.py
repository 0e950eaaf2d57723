"""Commands run in this process, on a store of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Command


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `k8sops` in this process."""
    return Command(capsys)


@pytest.fixture
def own_store(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A SQLite store of the test's own, which commands use; and keys of its own."""
    monkeypatch.setenv("K8SOPS_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return sqlite_url


@pytest.fixture
def each_store(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same on each kind of store in turn."""
    monkeypatch.setenv("K8SOPS_DATABASE_URL", store_url)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return store_url
