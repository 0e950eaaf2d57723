"""Sizes and moments as people type them for a bundle: `20MB`, `1h`, `2026-11-22T17:00Z`. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator

from k8sops.core.params import PlainText

_SIZE: Final = re.compile(r"(\d{1,12})\s*([kKMGT]?)(i?)B?")
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_AGO: Final = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")
_LARGEST: Final = 1 << 50


def bytes_of(text: str) -> int:
    """`20MB` is 20 million, `20MiB` is 20 × 1,048,576. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError("should be a size such as 20MB, 512KiB or 2GB")
    base = 1024 if found[3] else 1000
    size: int = int(found[1]) * base ** _POWERS[found[2].lower()]
    if size > _LARGEST:
        raise ValueError("is larger than any bundle could be")
    return size


def moment_of(text: str, now: datetime) -> datetime:
    """So long ago (`90s`, `1h30m`, `2d`), or the moment itself; without a zone it is UTC. Raises ValueError."""
    text = text.strip()
    if (ago := _AGO.fullmatch(text)) is not None and text:
        days, hours, minutes, seconds = (int(part or 0) for part in ago.groups())
        return now - timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "should be a duration such as 90s, 1h30m or 2d, or a moment such as 2026-11-22T17:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _size(text: str) -> str:
    if text and bytes_of(text) < 1:
        raise ValueError("should be more than nothing")
    return text


def _moment(text: str) -> str:
    if text:
        moment_of(text, datetime.now(UTC))
    return text


Size = Annotated[PlainText, AfterValidator(_size)]
"""A number of bytes as it is typed; `bytes_of` reads it."""

Moment = Annotated[PlainText, AfterValidator(_moment)]
"""A moment, or how long ago; `moment_of` reads it."""
