"""A SQLite store for tests that set its clock; PostgreSQL goes by its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A fresh store."""
    return f"sqlite:///{tmp_path}/store/k8sops.db"
