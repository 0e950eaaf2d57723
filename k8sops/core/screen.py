"""What a person has chosen for the screen, and what it remembers for them between two starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec


class ScreenChoice(msgspec.Struct, frozen=True, kw_only=True):
    """As configured; everything left out is as shipped."""

    theme: str = ""
    keys: Mapping[str, str] = {}
    """From the id of a key's action (`browse.describe`) to keys, several with commas between."""


class ScreenMemory(Protocol):
    """What is remembered; losing it loses comfort only, so that no failure of it is an error."""

    async def recall(self) -> dict[str, Any]:
        """All of it; empty where there is nothing, or nothing that can be read."""
        ...

    async def keep(self, **changed: Any) -> None:
        """Replace these, and leave what else is remembered."""
        ...


class NoMemory:
    """Remembers nothing."""

    async def recall(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    async def keep(self, **changed: Any) -> None:
        """Forget it at once."""
        del changed


class TryThis(msgspec.Struct, frozen=True):
    """Something worth trying on a demonstration: the question, how one gets there, and the command that goes there."""

    title: str
    how: str
    command: str
