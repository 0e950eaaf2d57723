"""Spans of time as people read them."""

from __future__ import annotations

import pytest

from k8sops.core.moments import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "less than a second"),
        (1, "1 s"),
        (59.6, "1 min"),
        (110, "1 min 50 s"),
        (3600, "1 h"),
        (7509, "2 h 5 min"),
        (3605, "1 h"),
    ],
)
def test_a_length_of_time_is_told_in_two_units_at_most(seconds: float, words: str) -> None:
    """Rounded to the second; smaller units next to hours say nothing anybody needs."""
    assert in_words(seconds) == words
