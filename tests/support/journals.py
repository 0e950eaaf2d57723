"""A journal in memory, for tests of what an action does; the engine's own is tested with the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn

from k8sops.core.clock import Clock, SystemClock
from k8sops.core.events import Emission
from k8sops.core.journal import Errand, Settled
from k8sops.core.plan import JsonObject, Step, Target


class NotedJournal:
    """Each step and part once; what was told is kept. With another's notes it is that of a carrier that takes over."""

    def __init__(
        self,
        run: str = "01JD7Q8Z4N5X6Y7V8W9ARVNRVN",
        *,
        before: NotedJournal | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.run = run
        self.done: dict[str, str] = dict(before.done) if before else {}
        self.told: list[Emission] = []
        self._clock = clock or SystemClock()

    @property
    def errand(self) -> Errand:
        """Of a run of the test's own."""
        return Errand(run=self.run, actor="alice")

    @property
    def clock(self) -> Clock:
        """Time."""
        return self._clock

    @property
    def notes(self) -> list[str]:
        """What was told besides progress."""
        return [emission.text for emission in self.told if emission.kind == "note"]

    async def step(
        self,
        step: Step,
        do: Callable[[], Awaitable[str]],
        *,
        settle: Callable[[], Awaitable[Settled]] | None = None,
    ) -> str:
        """Once."""
        return await self._once(step.id, do)

    async def part(
        self,
        path: str,
        target: Target,
        do: Callable[[], Awaitable[str]],
        *,
        settle: Callable[[], Awaitable[Settled]] | None = None,
        quiet: bool = False,
    ) -> str:
        """Once."""
        return await self._once(path, do)

    def results_below(self, path: str) -> dict[str, str]:
        """What is done below a path."""
        return {at: result for at, result in self.done.items() if at.startswith(f"{path}/")}

    async def under_way_s(self, path: str) -> float:
        """It was begun just now."""
        return 0.0

    async def pause(self, path: str, seconds: float) -> None:
        """By the clock."""
        await self._clock.sleep(seconds)

    async def wait_until(
        self, path: str, condition: Callable[[], Awaitable[str]], *, every_s: float, deadline_s: float
    ) -> None:
        """By asking, and the clock."""
        while await condition():
            await self._clock.sleep(every_s)

    async def wait_signal(self, path: str, *, waiting_for: str, deadline_s: float) -> JsonObject:
        """Nobody sends one."""
        self._nobody(waiting_for)

    async def tell(self, emission: Emission) -> None:
        """Kept."""
        self.told.append(emission)

    async def _once(self, path: str, do: Callable[[], Awaitable[str]]) -> str:
        if path not in self.done:
            self.done[path] = await do()
        return self.done[path]

    def _nobody(self, waiting_for: str) -> NoReturn:
        raise AssertionError(f"{waiting_for} was waited for")
