"""Progress held back: stored at most twice a second, with whatever else is written then, and the last of it always."""

from __future__ import annotations

from typing import Final

import msgspec

from k8sops.core.events import Emission, Progress

EVERY_S: Final = 0.5


class Held(msgspec.Struct, frozen=True):
    """Progress that is to be stored."""

    progress: Progress
    emission: Emission


class HeldProgress:
    """The newest progress of one run."""

    def __init__(self) -> None:
        self._held: Held | None = None
        self._stored_at = float("-inf")

    @property
    def newest(self) -> Progress | None:
        """What was told and is not stored yet."""
        return self._held.progress if self._held else None

    def tell(self, emission: Emission) -> None:
        """Keep it instead of what was held."""
        self._held = Held(msgspec.convert(emission.data, Progress), emission)

    def due(self, now: float, *, last: bool = False) -> bool:
        """Whether something is to be stored at this moment of the monotonic clock; the `last` of it does not wait."""
        return self._held is not None and (last or now - self._stored_at >= EVERY_S)

    def take(self, now: float, *, last: bool = False) -> Held | None:
        """What is due, to be stored now."""
        if not self.due(now, last=last):
            return None
        self._stored_at = now
        return self._held

    def stored(self, held: Held) -> None:
        """It is on record."""
        if self._held is held:
            self._held = None
