"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from k8sops.core.text import counted, shortened


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (1, ("pod",), "1 pod"),
        (0, ("pod",), "0 pods"),
        (2, ("pod",), "2 pods"),
        (2, ("pod is", "pods are"), "2 pods are"),
    ],
)
def test_a_number_has_its_noun_in_the_right_form(number: int, words: tuple[str, ...], said: str) -> None:
    """`1 pods` reads as if nobody had looked."""
    assert counted(number, *words) == said


def test_a_text_that_is_too_long_is_cut_at_a_word() -> None:
    """Half a name reads like another one."""
    assert shortened("pods in shop", 12) == "pods in shop"
    assert shortened("pods in shopping", 12) == "pods in…"
