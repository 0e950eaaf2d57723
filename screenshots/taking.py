"""Takes one picture: opens the application on the stage, does what is said of it, waits until it shows what it should.

A screen counts as settled when the words are there and two looks at it, a while apart, find the same. On a busy machine
what comes last may take longer than that while; whoever knows how it should look waits for that for a moment longer.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from k8sops.core.tables import TableQuery
from k8sops.service.config import load_config
from k8sops.service.contexts import ConfiguredContexts
from k8sops.tui.app import K8sOpsApp
from screenshots.frame import Frame, frame_of
from screenshots.pictures import Picture
from screenshots.stage import PREFIX, TEMPORARY, Standing
from screenshots.standing_still import StillClock, open_still

PATIENCE_S: Final = 60.0
BETWEEN_LOOKS_S: Final = 0.25
LATE_S: Final = 10.0
"""How much longer a settled screen is given to become what it should be."""
SHOWN_HOME: Final = "/home/alice/demo-sandboxes"
_HOME: Final = re.compile(rf"{TEMPORARY}/{PREFIX}\w{{8}}")
_TYPED: Final = (":", "/")
_AWAITED: Final = "~"


class NotSeenError(Exception):
    """The screen never showed what it should."""


def any_frame(_: Frame) -> bool:
    """Whatever the screen shows once it is settled."""
    return True


async def frame_taken(
    standing: Standing, picture: Picture, is_wanted: Callable[[Frame], bool] = any_frame
) -> Frame:
    """The picture's frame; one that is not wanted only where no other comes. Raises NotSeenError."""
    people = (picture.person, *picture.others)
    kubeconfigs = tuple(standing.plane.kubeconfig_of(one, first=one == people[0]) for one in people)
    config = load_config({"kubeconfig": kubeconfigs})
    moment = standing.stage.now
    app = K8sOpsApp(
        lambda: open_still(config, kubeconfigs, moment),
        TableQuery(kind="pods"),
        all_namespaces=True,
        clock=StillClock(moment),
        contexts=ConfiguredContexts(config),
        choice=config.screen_choice(),
    )
    async with app.run_test(size=picture.size) as pilot:
        look = _Look(pilot, picture.size, standing)
        await look.until("live since")
        for step in picture.steps:
            await _do(pilot, look, step)
        return await look.until(*picture.shows, is_wanted=is_wanted)


async def _do(pilot: Pilot[int], look: _Look, step: str) -> None:
    if step.startswith(_AWAITED):
        await look.until(step.removeprefix(_AWAITED))
    elif step.startswith(_TYPED):
        await pilot.press(*step, "enter")
        await look.until()
    else:
        await pilot.press(*step.split())
        await look.until()


class _Look:
    """Looks at the screen again and again."""

    def __init__(self, pilot: Pilot[int], size: tuple[int, int], standing: Standing) -> None:
        self._pilot: Final = pilot
        self._size: Final = size
        self._port: Final = re.compile(rf"(127\.0\.0\.1:){standing.plane.state.ports.apiserver}")

    async def until(self, *words: str, is_wanted: Callable[[Frame], bool] = any_frame) -> Frame:
        """Until it shows these words and stands still, and is what is wanted or is not going to be."""
        clock = asyncio.get_running_loop()
        shown, settled = "", 0.0
        frame: Frame | None = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    # What is exported is compared before it is taken apart, which costs as much again.
                    before, shown = shown, self._exported()
                    if shown == before:
                        frame = frame_of(shown, self._size)
                        if not _missing(frame, words):
                            settled = settled or clock.time()
                            if is_wanted(frame) or clock.time() - settled > LATE_S:
                                return frame
                    await self._pilot.pause(BETWEEN_LOOKS_S)
        except TimeoutError:
            text = "\n".join(frame.texts) if frame else ""
            missing = ", ".join(_missing(frame, words)) if frame else ""
            raise NotSeenError(f"not seen: {missing or 'a screen that stands still'}\n{text}") from None

    def _exported(self) -> str:
        for field in self._pilot.app.screen.query(Input):
            field.cursor_blink = False
        for area in self._pilot.app.screen.query(TextArea):
            area.cursor_blink = False
        svg = self._pilot.app.export_screenshot()
        # What differs from one time to the next, by something as long.
        return _HOME.sub(SHOWN_HOME, self._port.sub(r"\g<1>26443", svg))


def _missing(frame: Frame, words: tuple[str, ...]) -> list[str]:
    text = "\n".join(frame.texts)
    return [word for word in words if not re.search(word, text)]


@contextmanager
def at_home(standing: Standing) -> Iterator[None]:
    """The environment in which commands find the stage's store, policy and keys, and nothing of the user's."""
    before = dict(os.environ)
    wanted: Mapping[str, str] = standing.place.environment(before)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
