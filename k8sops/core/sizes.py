"""Sizes in bytes as people read them."""

from __future__ import annotations

from typing import Final

_UNITS: Final = ("KiB", "MiB", "GiB", "TiB")


def size_text(count: int) -> str:
    """`512 B`, `4.2 MiB`: at most one digit after the point, powers of 1,024."""
    if count < 1024:
        return f"{count} B"
    size = count / 1024
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size /= 1024
        unit += 1
    return f"{size:.0f} {_UNITS[unit]}" if size >= 100 else f"{size:.1f} {_UNITS[unit]}"
