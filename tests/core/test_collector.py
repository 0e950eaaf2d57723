"""The garbage collector's manner is set by the program, and by nobody who only imports it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from k8sops.cli.main import entry
from k8sops.core.collector import THRESHOLDS


@pytest.fixture
def thresholds() -> Iterator[tuple[int, int, int]]:
    """As they were, and are again afterwards."""
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


def test_the_program_collects_rarely(
    thresholds: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At Python's own thresholds a seventh of a backup goes into looking at rows that are no garbage."""
    assert thresholds != THRESHOLDS
    monkeypatch.setattr("sys.argv", ["k8sops", "--version"])
    with pytest.raises(SystemExit):
        entry()
    assert gc.get_threshold() == THRESHOLDS
    assert "k8sops" in capsys.readouterr().out
