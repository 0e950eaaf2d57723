"""Quantities of pods (`250m`, `1.5Gi`) as floats: good enough for usage that is made up, and for sizes of volumes."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

MEBI: Final = 1024.0**2

_UNITS: Final = {
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", start=1)},
    **dict(zip("numkMGTPE", (1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e9, 1e12, 1e15, 1e18), strict=True)),
}


@lru_cache(maxsize=4096)
def number(text: str) -> float:
    """The value in the resource's own unit (cores, bytes); 0 for what is no quantity.

    Source: the Quantity type of the Kubernetes API reference.
    """
    for unit, factor in _UNITS.items():
        if text.endswith(unit):
            return _float(text.removesuffix(unit)) * factor
    return _float(text)


def cores(value: float) -> str:
    """Cores as metrics-server writes them."""
    return f"{round(value * 1e9)}n"


def memory(value: float) -> str:
    """Bytes as metrics-server writes them."""
    return f"{round(value / 1024)}Ki"


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
