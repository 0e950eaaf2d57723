"""Ages read as kubectl prints them, on both sides of every rounding step."""

from __future__ import annotations

from datetime import timedelta

import pytest

from k8sops.core.durations import UNKNOWN, age, human_duration, parse_duration
from tests.tui.feeds import START

M, H, D, Y = 60, 3600, 86400, 365 * 86400


@pytest.mark.parametrize(
    ("seconds", "printed"),
    [
        (-5, "<invalid>"),
        (-1.5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (9 * M + 59, "9m59s"),
        (10 * M + 30, "10m"),
        (179 * M, "179m"),
        (3 * H, "3h"),
        (7 * H + 59 * M, "7h59m"),
        (8 * H + 59 * M, "8h"),
        (47 * H, "47h"),
        (48 * H, "2d"),
        (7 * D + 23 * H, "7d23h"),
        (8 * D + H, "8d"),
        (2 * Y - D, "729d"),
        (2 * Y, "2y"),
        (2 * Y + 70 * D, "2y70d"),
        (8 * Y + 100 * D, "8y"),
    ],
)
def test_an_age_is_rounded_as_kubectl_rounds_it(seconds: float, printed: str) -> None:
    """A screen that disagrees with `kubectl get` beside it is not believed."""
    assert human_duration(seconds) == printed


def test_an_object_without_a_creation_time_has_an_unknown_age() -> None:
    """Some kinds are computed on request and were never created."""
    assert age(None, START) == UNKNOWN


def test_an_age_counts_from_creation_to_now() -> None:
    """The clock is the caller's, so that a printed age never freezes."""
    assert age(START - timedelta(minutes=5), START) == "5m"


@pytest.mark.parametrize(
    ("text", "seconds"), [("5d3h", 5 * D + 3 * H), ("45s", 45), ("1.5ms", 0.0015), ("2y70d", 2 * Y + 70 * D)]
)
def test_a_printed_duration_is_read_back(text: str, seconds: float) -> None:
    """Columns such as LAST SCHEDULE carry no timestamp, only this text to sort by."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "d", "5", "5 d", "web-5d"])
def test_other_text_is_no_duration(text: str) -> None:
    """A name that ends like a duration must not be sorted as one."""
    assert parse_duration(text) is None
