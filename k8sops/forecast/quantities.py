"""Kubernetes quantities (`250m`, `1.5Gi`, `2e3`) as exact numbers.

The grammar is apimachinery's `resource.Quantity`; its two roundings are here as well, since a forecast that rounds
otherwise than the scheduler is wrong by one unit exactly where a node is full.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Final

from k8sops.core.errors import UsageError

_FORM: Final = re.compile(
    r"([+-]?)(\d+\.?\d*|\.\d+)(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d+))?\Z", re.ASCII
)
_BINARY: Final = {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL: Final = {
    letter: Fraction(10) ** power
    for power, letter in zip((-9, -6, -3, 3, 6, 9, 12, 15, 18), "numkMGTPE", strict=True)
}
_FINEST: Final = 10**9
"""Anything finer than a billionth is rounded up to one."""
_MOST_EXPONENT: Final = 64


@lru_cache(maxsize=8192)
def parse(text: str) -> Fraction:
    """The exact value in the resource's own unit (cores, bytes, pieces).

    Raises UsageError where the text is no quantity. Source: the Quantity type of the Kubernetes API reference.
    """
    found = _FORM.match(text.strip())
    if found is None or (found[5] and abs(int(found[5])) > _MOST_EXPONENT):
        raise UsageError(
            f"{text!r} is not a quantity", hint="write a number with a unit, such as 250m, 1.5 or 2Gi"
        )
    sign, number, binary, decimal, exponent = found.groups()
    value = Fraction(number.rstrip("."))
    if binary:
        value *= _BINARY[binary]
    elif decimal:
        value *= _DECIMAL[decimal]
    elif exponent:
        value *= Fraction(10) ** int(exponent)
    value = Fraction(math.ceil(value * _FINEST), _FINEST)
    return -value if sign == "-" else value


@lru_cache(maxsize=8192)
def amount(resource: str, text: str) -> int:
    """What the scheduler counts with: thousandths of a core for `cpu`, whole units for all else, rounded up."""
    value = parse(text)
    return math.ceil(value * 1000) if resource == "cpu" else math.ceil(value)


def amounts(quantities: Mapping[str, str]) -> dict[str, int]:
    """All of a list of resources, in the scheduler's units."""
    return {resource: amount(resource, text) for resource, text in quantities.items()}


def in_words(resource: str, value: int) -> str:
    """A value in the scheduler's units as people write it: `250m`, `1.5`, `512Mi`."""
    if resource == "cpu":
        return f"{value}m" if value % 1000 else str(value // 1000)
    if resource in {"memory", "ephemeral-storage"} or resource.startswith("hugepages-"):
        return _bytes(value)
    return str(value)


def _bytes(value: int) -> str:
    for unit, size in reversed(_BINARY.items()):
        if abs(value) >= size:
            return f"{value / size:.1f}".removesuffix(".0") + unit
    return str(value)
