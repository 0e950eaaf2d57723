"""Waiting for a screen: until something holds of it, or until it shows some words and no longer changes.

What is looked at a frame too early fails on a busy machine alone; so whatever a worker or a thread brings is waited
for, and a picture names words that must be there first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual.css.query import NoMatches
from textual.pilot import Pilot

LOOKS_ALIKE = 4
BETWEEN_LOOKS_S = 0.01
DEADLINE_S = 120.0


async def until(pilot: Pilot[Any], holds: Callable[[], object], *, seconds: float = DEADLINE_S) -> None:
    """Wait until it holds, or fail with what is on the screen; what asks for a widget not there yet does not hold."""
    try:
        async with asyncio.timeout(seconds):
            while not _holds(holds):
                await _a_moment(pilot, BETWEEN_LOOKS_S)
    except TimeoutError:
        raise AssertionError(f"still not so after {seconds:g} s:\n{_drawn(pilot)}") from None


async def _a_moment(pilot: Pilot[Any], seconds: float | None = None) -> None:
    """Let the screen do what it has to; what broke it is the failure, and not that nothing came any more."""
    await pilot.pause(seconds)
    if pilot.app._exception is not None:
        raise pilot.app._exception


def _holds(holds: Callable[[], object]) -> bool:
    try:
        return bool(holds())
    except NoMatches:
        return False


async def at_rest(pilot: Pilot[Any], *words: str) -> None:
    """Wait until these words are on the screen and several looks at it were alike; fails after two minutes."""
    async with asyncio.timeout(DEADLINE_S):
        last, alike = "", 0
        while alike < LOOKS_ALIKE:
            await _a_moment(pilot)
            drawn = _drawn(pilot)
            alike = alike + 1 if drawn == last and all(word in drawn for word in words) else 0
            last = drawn


def _drawn(pilot: Pilot[Any]) -> str:
    """Text and styles of what is drawn, a line of the screen a line."""
    screen = pilot.app.screen
    if not screen.is_mounted or not screen.size:
        return ""
    strips = screen._compositor.render_strips()
    return "\n".join(strip.text + repr([segment.style for segment in strip]) for strip in strips)
