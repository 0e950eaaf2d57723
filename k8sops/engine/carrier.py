"""The embedded carrier: this process executes queued runs, each under a lease it keeps alive.

Three loops: claim what is due, heartbeat what is held, look for cancels. A run's own work is one task, which ends it in
one transaction or, where the lease is gone, leaves it to whoever has it now. A store that is away is waited for; what
runs meanwhile is stopped by its lease, not by hope.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.run import RunId
from k8sops.engine.books import Books
from k8sops.engine.carrier_records import announce, retire
from k8sops.engine.carrying import Carriage, Tools
from k8sops.engine.claiming import Claim, Claimer
from k8sops.engine.hearing import Hearing
from k8sops.engine.lease_guard import LeaseGuard, uptime
from k8sops.engine.timing import Timing
from k8sops.store.carriers import CarrierCard
from k8sops.store.database import Database, Tx
from k8sops.store.leases import Ability, asked_to_cancel, extend_leases

AWAY_S: Final = 1.0
HAND_OVER_S: Final = 10.0

log = logging.getLogger(__name__)


class EmbeddedCarrier:
    """`engine.port.Carrier` in this process."""

    def __init__(
        self,
        database: Database,
        books: Books,
        tools: Tools,
        ability: Ability,
        card: CarrierCard,
        *,
        clock: Clock,
        timing: Timing | None = None,
        now: Callable[[], float] = uptime,
    ) -> None:
        self._database = database
        self._books = books
        self._tools = tools
        self._ability = ability
        self._card = card
        self._clock = clock
        self._timing = timing or Timing()
        self._now = now
        self._claimer = Claimer(books, card.id, self._timing.lease_ttl_s, tools.rules.most_at_once)
        self._hearing = Hearing(now, self._timing.heartbeat_s, self._timing.round_s)
        self._woken = asyncio.Event()
        self._closing = False
        self._claiming = asyncio.Lock()
        """Held from a claim until its carriage is known here, so that who lets go lets go of all of it."""
        self._idle = asyncio.Event()
        """Set once closing and empty-handed: nothing is left to wait for."""
        self._listing = asyncio.Lock()
        """Held while the carrier's row in the store is written, so that none is written once it has retired."""
        self._retired = False
        self._carried: dict[RunId, tuple[Carriage, asyncio.Task[None]]] = {}
        self.last_round: float = float("-inf")
        """When it last looked for work and could, on the loop's clock; readiness looks at it."""

    @property
    def carrying(self) -> tuple[RunId, ...]:
        """The runs in this process's hands."""
        return tuple(self._carried)

    @property
    def ability(self) -> Ability:
        """What it may and can carry."""
        return self._ability

    @property
    def id(self) -> str:
        """The name leases are held under."""
        return self._card.id

    def only(self, runs: tuple[RunId, ...]) -> None:
        """Claim no other runs than these."""
        self._ability = msgspec.structs.replace(self._ability, only=runs)
        self._card = msgspec.structs.replace(self._card, ability=self._ability)

    async def announce(self) -> None:
        """Say now, and not at the next heartbeat, who is here and what could be carried."""
        await self._said(lambda tx: None)

    def cancel(self, run: RunId, who: str) -> None:
        """Stop a run that is carried here without waiting for the next look at the store."""
        if run in self._carried:
            self._carried[run][0].cancel(who)

    def wake(self) -> None:
        """Look for work now."""
        self._woken.set()

    async def serve(self) -> None:
        """Claim and carry until closed."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._patiently(self._claim_round, self._timing.round_s, wakes=True))
            loops.create_task(self._patiently(self._heartbeat, self._timing.heartbeat_s))
            loops.create_task(self._patiently(self._look_for_cancels, self._timing.round_s))

    async def aclose(self, *, grace_s: float) -> None:
        """Stop claiming; wait, then hand over what is in no doubt, then cancel what still goes on."""
        await self.claim_no_more()
        await self._settle(grace_s)
        for carriage, _ in list(self._carried.values()):
            carriage.leave()
        await self._settle(HAND_OVER_S)
        for carriage, _ in list(self._carried.values()):
            carriage.cancel("the program is closing")
        await self._settle(HAND_OVER_S)
        for _, task in list(self._carried.values()):
            task.cancel()
        await self._settle(HAND_OVER_S)
        async with self._listing:
            self._retired = True
            with suppress(K8sOpsError):
                await self._database.write(
                    lambda tx: retire(tx, self._books, self._card), name="carrier.gone"
                )

    def _note_idle(self) -> None:
        if self._closing and not self._carried:
            self._idle.set()

    async def claim_no_more(self) -> None:
        """Stop claiming; what is carried goes on, and `serve` ends with it."""
        self._closing = True
        self._woken.set()
        async with self._claiming:
            self._note_idle()

    async def leave(self) -> None:
        """Stop claiming and park what is carried, for another carrier to go on with at once."""
        await self.claim_no_more()
        for carriage, _ in list(self._carried.values()):
            carriage.leave()
        await self._settle(HAND_OVER_S)

    async def _settle(self, seconds: float) -> None:
        tasks = [task for _, task in self._carried.values()]
        if tasks and seconds > 0:
            await asyncio.wait(tasks, timeout=seconds)

    async def _patiently(
        self, once: Callable[[], Awaitable[None]], every_s: float, *, wakes: bool = False
    ) -> None:
        """Repeat until closed and nothing is carried; a store that is away ends a round, not the loop."""
        stop = self._woken if wakes else self._idle
        said = ""
        while not (self._closing and (wakes or not self._carried)):
            pause = every_s
            try:
                await once()
                self._hearing.heard()
                said = ""
            except K8sOpsError as error:
                # Once, not every round: a store may be away for hours.
                log.log(
                    logging.DEBUG if said == error.code else logging.WARNING, "carrier: %s", error.message
                )
                said = error.code
                self._hearing.cut_off()
                pause = max(every_s, min(AWAY_S, self._timing.heartbeat_s))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()
            if wakes:
                self._woken.clear()

    async def _claim_round(self) -> None:
        while len(self._carried) < self._timing.most_at_once:
            async with self._claiming:
                if self._closing or not await self._claimed_one():
                    break
        self.last_round = asyncio.get_running_loop().time()

    async def _claimed_one(self) -> bool:
        ability, carried = self._ability, tuple(self._carried)
        # A read first: an idle carrier must not take the write lock twice a second.
        judges = self._hearing.judges()
        if not await self._database.read(
            lambda tx: self._claimer.anything(tx, ability, carried, take_over=judges)
        ):
            return False
        before = self._now()

        def work(tx: Tx) -> Claim | None:
            # Asked anew within the transaction, which may have had to wait for others.
            return self._claimer.claim(tx, ability, carried, take_over=self._hearing.judges(before))

        claim = await self._database.write(work, name="claimed")
        if claim is not None:
            self._begin(claim, before + self._timing.lease_ttl_s)
        return claim is not None

    def _begin(self, claim: Claim, lease_until: float) -> None:
        guard = LeaseGuard(lease_until, self._now)
        carriage = Carriage(self._database, self._books, self._tools, claim, guard, self._clock, self._timing)
        task = asyncio.create_task(carriage.go(), name=f"run {claim.run.id}")
        self._carried[claim.run.id] = (carriage, task)
        task.add_done_callback(lambda _: self._ended(claim.run.id))

    def _ended(self, run: RunId) -> None:
        _, task = self._carried.pop(run)
        self._note_idle()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("run %s: its carriage broke: %s", run, error)
        self._woken.set()

    async def _heartbeat(self) -> None:
        carried = dict(self._carried)
        if not (carried or self._card.resident or self._ability.only):
            return
        before = self._now()
        fences = {run: carriage.fence for run, (carriage, _) in carried.items()}
        held: frozenset[RunId] = frozenset()

        def extend(tx: Tx) -> None:
            nonlocal held
            held = extend_leases(tx, self.id, fences, self._timing.lease_ttl_s) if fences else frozenset()

        await self._said(extend)
        for run, (carriage, _) in carried.items():
            if run in held:
                carriage.guard.extended(before + self._timing.lease_ttl_s)
            elif not carriage.leaving:
                carriage.fenced_out()

    async def _said(self, also: Callable[[Tx], None]) -> None:
        """Say that the carrier lives, `also` in the same transaction."""

        def work(tx: Tx) -> None:
            entries = announce(tx, self._card, self._timing.lease_ttl_s) if not self._retired else []
            also(tx)
            self._books.chain(tx, entries)

        async with self._listing:
            await self._database.write(work, name="heartbeat")

    async def _look_for_cancels(self) -> None:
        if not self._carried:
            return
        asked = await self._database.read(lambda tx: asked_to_cancel(tx, self.id))
        for run, who in asked.items():
            self.cancel(run, who)
        for carriage, _ in list(self._carried.values()):
            await carriage.flush()
