"""Waiting until a screen shows what a picture is to be taken of, and no longer changes.

A picture taken a frame too early fails on a busy machine alone; so each one names a word that must be there first.
"""

from __future__ import annotations

import asyncio
from typing import Any

from textual.pilot import Pilot

LOOKS_ALIKE = 4
DEADLINE_S = 60.0


async def at_rest(pilot: Pilot[Any], word: str = "") -> None:
    """Wait until this word is on the screen and several looks at it were alike; fails after a minute."""
    async with asyncio.timeout(DEADLINE_S):
        last, alike = "", 0
        while alike < LOOKS_ALIKE:
            await pilot.pause()
            drawn = _drawn(pilot)
            alike = alike + 1 if drawn == last and word in drawn else 0
            last = drawn


def _drawn(pilot: Pilot[Any]) -> str:
    """Text and styles of what is drawn, a line of the screen a line."""
    screen = pilot.app.screen
    if not screen.is_mounted or not screen.size:
        return ""
    strips = screen._compositor.render_strips()
    return "\n".join(strip.text + repr([segment.style for segment in strip]) for strip in strips)
