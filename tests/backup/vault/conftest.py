"""Memory and a folder in turn, and sealed and plain repositories on each."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.backup.storage.port import Storage
from k8sops.backup.vault.making import Protection
from tests.backup.clock import HandClock
from tests.backup.vault.world import PROTECTIONS, places


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands."""
    return HandClock()


@pytest.fixture(params=["memory", "folder"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> Storage:
    """An empty place of each kind."""
    return places(tmp_path, clock)[request.param]


@pytest.fixture(params=list(PROTECTIONS))
def protection(request: pytest.FixtureRequest) -> Protection:
    """Encrypted, and not."""
    return PROTECTIONS[request.param]
