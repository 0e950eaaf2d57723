"""The embedded carrier, put through what every carrier must do, on both kinds of store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from k8sops.engine.carrier import EmbeddedCarrier
from k8sops.engine.port import Carrier
from tests.engine.carriers import suite
from tests.engine.carriers.hands import Hands, Lost
from tests.support.engine_world import World, serving


class LosableCarrier(EmbeddedCarrier):
    """Falls silent on command."""

    silent = False

    def vanish(self) -> None:
        """Neither claims nor heartbeats."""
        self.silent = True

    def come_back(self) -> None:
        """Both again."""
        self.silent = False

    async def _claim_round(self) -> None:
        if not self.silent:
            await super()._claim_round()

    async def _heartbeat(self) -> None:
        if not self.silent:
            await super()._heartbeat()

    async def _look_for_cancels(self) -> None:
        if not self.silent:
            await super()._look_for_cancels()

    async def bury(self) -> None:
        """End its tasks without a word to the store's others."""
        tasks = [task for _, task in self._carried.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class EmbeddedHands:
    """Carriers of this process."""

    @asynccontextmanager
    async def at_work(
        self, world: World, *, grace_s: float = 5.0, execute_as: str = ""
    ) -> AsyncIterator[Carrier]:
        """Closed in good order."""
        carrier = world.carrier(execute_as=execute_as)
        async with serving(carrier, grace_s=grace_s):
            yield carrier

    @asynccontextmanager
    async def losing(self, world: World) -> AsyncIterator[Lost]:
        """Done away with at the end."""
        carrier = world.carrier_of(LosableCarrier)
        loops = asyncio.create_task(carrier.serve())
        try:
            yield carrier
        finally:
            loops.cancel()
            await asyncio.wait([loops])
            await carrier.bury()


@pytest.fixture
def hands() -> Hands:
    """The carriers under test."""
    return EmbeddedHands()


class TestCarriesRuns(suite.CarriesRuns):
    """From queued to ended."""


class TestTakesOver(suite.TakesOver):
    """From a carrier that is gone."""


class TestUnanswered(suite.Unanswered):
    """Changes that may or may not have been made."""


class TestWaits(suite.Waits):
    """Timers, conditions and signals."""


class TestStops(suite.Stops):
    """Cancels."""
