"""Ages that were printed into cells, counted on by our own clock."""

from __future__ import annotations

from datetime import timedelta

import pytest

from k8sops.tui.printed_ages import counted_on
from tests.tui.feeds import START


@pytest.mark.parametrize(
    ("cell", "seconds", "said"),
    [
        ("5m12s", 0, "5m12s"),
        ("5m12s", 20, "5m32s"),
        ("3 (5m ago)", 60, "3 (6m ago)"),
        ("3 (47h ago)", 7200, "3 (2d1h ago)"),
        ("0", 60, "0"),
        ("<none>", 60, "<none>"),
        ("<invalid>", 60, "<invalid>"),
        ("3 (<invalid> ago)", 60, "3 (<invalid> ago)"),
        ("", 60, ""),
        ("5m12s", -3600, "5m12s"),
    ],
)
def test_an_age_grows_and_everything_else_stays_as_it_was_printed(
    cell: str, seconds: float, said: str
) -> None:
    """What is no age must not become one, and no clock that is set back makes an event younger."""
    assert counted_on(cell, START, START + timedelta(seconds=seconds)) == said
