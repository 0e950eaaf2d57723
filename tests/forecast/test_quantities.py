"""Quantities read exactly as the API server reads them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.errors import UsageError
from k8sops.forecast.quantities import amount, in_words, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1", 1),
        ("+1", 1),
        ("-1", -1),
        ("1.", 1),
        (".5", Fraction(1, 2)),
        ("250m", Fraction(1, 4)),
        ("100u", Fraction(1, 10_000)),
        ("1n", Fraction(1, 10**9)),
        ("0.1n", Fraction(1, 10**9)),
        ("1k", 1000),
        ("2M", 2 * 10**6),
        ("3G", 3 * 10**9),
        ("1E", 10**18),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12e-1", Fraction(6, 5)),
        ("1Ki", 1024),
        ("1.5Gi", 3 * 2**29),
        ("8Ei", 2**63),
    ],
)
def test_a_quantity_is_read_exactly(text: str, value: Fraction) -> None:
    """A byte lost in a float is a pod that does not fit."""
    assert parse(text) == value


@pytest.mark.parametrize(
    "text", ["", "m", "1K", "1kI", "1e", "1.2.3", "0x1", "1 Gi", "1e999", "١", "Infinity", "nan"]
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    """Guessing at a typo would be a forecast of another pod."""
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize(
    ("resource", "text", "counted"),
    [
        ("cpu", "1", 1000),
        ("cpu", "1n", 1),
        ("cpu", "1500u", 2),
        ("memory", "100m", 1),
        ("memory", "1Gi", 2**30),
    ],
)
def test_the_scheduler_counts_thousandths_of_cores_and_whole_bytes_rounded_up(
    resource: str, text: str, counted: int
) -> None:
    """Rounding down would say that a pod fits which is refused by one unit."""
    assert amount(resource, text) == counted


@pytest.mark.parametrize(
    ("resource", "value", "words"),
    [
        ("cpu", 250, "250m"),
        ("cpu", 2000, "2"),
        ("memory", 3 * 2**29, "1.5Gi"),
        ("memory", 12, "12"),
        ("hugepages-2Mi", 2**21, "2Mi"),
        ("nvidia.com/gpu", 3, "3"),
    ],
)
def test_an_amount_is_told_as_people_write_it(resource: str, value: int, words: str) -> None:
    """Findings name amounts."""
    assert in_words(resource, value) == words


@given(
    st.integers(min_value=0, max_value=10**15),
    st.sampled_from(["n", "u", "m", "", "k", "M", "Ki", "Mi", "Gi"]),
)
def test_reading_is_exact_for_every_number_and_unit(number: int, unit: str) -> None:
    """No detour over floats."""
    assert parse(f"{number}{unit}") == number * parse(f"1{unit}")
