"""How the suite gets carriers of the kind under test, and has them die."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from k8sops.engine.port import Carrier
from tests.support.engine_world import World, eventually
from tests.support.ledger import lines_of


class Carries(Protocol):
    """What has runs in its hands."""

    @property
    def carrying(self) -> tuple[str, ...]:
        """Which."""
        ...


class Lost(Carries, Protocol):
    """A carrier that stops being heard of, its runs still in its hands."""

    def vanish(self) -> None:
        """No claim and no heartbeat from now on; what it was doing goes on."""
        ...

    def come_back(self) -> None:
        """As a machine that slept."""
        ...


class Hands(Protocol):
    """A kind of carrier."""

    def at_work(
        self, world: World, *, grace_s: float = 5.0, execute_as: str = ""
    ) -> AbstractAsyncContextManager[Carrier]:
        """A carrier of the world's store, serving until the block ends; closed in good order then.

        `execute_as` is the identity it may carry as, `grace_s` how long it is given to close.
        """
        ...

    def losing(self, world: World) -> AbstractAsyncContextManager[Lost]:
        """A carrier that can vanish; done away with at the end, without a word to anybody."""
        ...


@asynccontextmanager
async def dying_in_step(
    hands: Hands, world: World, run: str, ledger: Path, lines: int, *, inside: int = 0
) -> AsyncIterator[Lost]:
    """The run, carried until so many lines are written and the next step hangs; its carrier then vanishes.

    `inside` says how many steps are around those that write.
    """
    async with hands.losing(world) as lost:

        async def hanging() -> bool:
            found = await world.get(run)
            begun = sum(event.kind == "step_started" for event in found.events)
            return len(lines_of(ledger)) == lines and begun == lines + 1 + inside

        await eventually(hanging)
        lost.vanish()
        yield lost


async def empty_handed(carrier: Carries) -> bool:
    """Whether it carries nothing."""
    return not carrier.carrying
