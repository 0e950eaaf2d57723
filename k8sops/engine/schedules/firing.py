"""The scheduler: what a worker runs so that due schedules become runs, any number of replicas side by side.

Each firing is claimed in a transaction (`claiming`), planned outside it, and closed in the transaction that makes its
run. The claim is kept alive while planning lasts; a process that dies or stops loses it within `lease_s`, and what it
still wrote would be refused. Nothing here knows plans, policy or audit: they are asked through `Hooks`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

import msgspec

from k8sops.core.errors import DeniedError, FencedOutError, K8sOpsError
from k8sops.core.run import RunId
from k8sops.core.text import printable
from k8sops.engine.schedules import claiming, ledger
from k8sops.engine.schedules.claiming import Firing, Handled, Tell
from k8sops.engine.schedules.gauge import look
from k8sops.engine.schedules.table import Schedule
from k8sops.store.database import Database, Tx

Complete = Callable[[Tx, RunId], None]

MOST_ATTEMPTS: Final = 30
"""With delays of 2, 4, 8, 16 and then 30 s, a firing that cannot be planned is given up after some 14 minutes."""
LONGEST_DELAY_S: Final = 30.0
LOOK_AGAIN_S: Final = 15.0

log: Final = logging.getLogger(__name__)


class Going(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a schedule that is in the way of the next one."""

    run: RunId
    in_doubt: bool = False
    """Whether it needs review: a step of it may or may not have been done, and nothing ends it but a person's word."""

    @property
    def why(self) -> str:
        """Why the next one does not go yet."""
        if not self.in_doubt:
            return f"run {self.run} of it has not ended"
        return (
            f"run {self.run} of it needs review, a step of it may or may not have been done:"
            f" `k8sops runs resume {self.run} --as done|retry|abandon`"
        )


class Hooks(Protocol):
    """What the scheduler asks of the engine around it."""

    @property
    def clusters(self) -> Sequence[str]:
        """Uids of the clusters this process can plan on; schedules of others are left alone."""
        ...

    def owner_refused(self, schedule: Schedule) -> str:
        """Why policy no longer lets the owner have this schedule, empty where it does. A reason pauses it."""
        ...

    async def running(self, schedule: Schedule) -> Sequence[Going]:
        """Its runs that have not ended, oldest first; what awaits approval counts, and what needs review."""
        ...

    async def cancel(self, run: RunId, why: str) -> None:
        """Ask a run to stop. Called again until it has; asking twice, or too late, is no error."""
        ...

    async def propose(self, firing: Firing, complete: Complete) -> RunId:
        """Plan the firing and write its run, calling `complete(tx, run id)` in that same transaction.

        May be cancelled. What it raises leaves no run: a transient K8sOpsError is tried again, another one fails the
        firing, which a DeniedError has told as a refusal.
        """
        ...

    def tell(self, tx: Tx, code: str, schedule: Schedule, text: str) -> None:
        """Audit, and notify of, what became of a schedule or a firing, in this transaction; `code` is the audit's."""
        ...


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How quick and how patient; seconds."""

    lease_s: float = 8.0
    poll_s: float = 1.0
    at_once: int = 8
    """Firings planned at the same time."""


class Scheduler:
    """Claims and carries out firings until it is told to stop."""

    def __init__(self, database: Database, hooks: Hooks, *, owner: str, timing: Timing | None = None) -> None:
        self._database = database
        self._hooks = hooks
        self._owner = owner
        self._timing = timing or Timing()
        self._tasks: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._stopping = False
        self.last_round: float = float("-inf")
        """When a round last ended well, on the loop's clock; readiness looks at it."""

    async def serve(self) -> None:
        """Work until `aclose`; a store that is away is waited for."""
        while not self._stopping:
            self._awake.clear()
            try:
                wait_s = await self.round()
            except K8sOpsError as error:
                log.warning("schedules wait for the store: %s", error.message)
                wait_s = self._timing.poll_s
            try:
                await asyncio.wait_for(self._awake.wait(), wait_s)
            except TimeoutError:
                continue

    def wake(self) -> None:
        """Something may be due: look now."""
        self._awake.set()

    async def round(self) -> float:
        """Start everything that is due and free to go; returns in how many seconds to look again."""
        found = await self._database.read(lambda tx: look(tx, self._hooks.clusters))
        if found.overdue:
            tell = self._hooks.tell
            await self._database.write(lambda tx: claiming.tell_overdue(tx, tell), name="schedule.overdue")
        if found.takeable:
            await self._take_all()
        moved = await self._claim_all() if found.due else 0
        self.last_round = asyncio.get_running_loop().time()
        if moved:
            return 0.0
        # What is due but could not be had is in another replica's transaction.
        return self._timing.poll_s if found.due else max(0.0, min(self._timing.poll_s, found.next_in_s))

    async def settled(self) -> None:
        """Return when nothing that was started is still being carried out."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def aclose(self, *, grace_s: float) -> None:
        """Claim no more; let firings be planned to the end within `grace_s` seconds, then leave them to others."""
        self._stopping = True
        self._awake.set()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=grace_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _free(self) -> bool:
        return not self._stopping and len(self._tasks) < self._timing.at_once

    async def _take_all(self) -> None:
        while self._free():
            firing = await self._database.write(self._take_open, name="schedule.take")
            if firing is None:
                return
            self._start(self._carry(firing))

    async def _claim_all(self) -> int:
        moved = 0
        while self._free():
            handled = await self._database.write(self._claim_due, name="schedule.claim")
            if handled is None:
                break
            moved += 1
            if handled.firing is not None:
                self._start(self._carry(handled.firing))
        return moved

    def _claim_due(self, tx: Tx) -> Handled | None:
        tell: Tell = self._hooks.tell
        return claiming.claim_due(tx, self._owner, self._timing.lease_s, self._hooks.clusters, tell)

    def _take_open(self, tx: Tx) -> Firing | None:
        return claiming.take_open(tx, self._owner, self._timing.lease_s, self._hooks.clusters)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._awake.set()

    async def _carry(self, firing: Firing) -> None:
        """Phase two, under a lease that is kept alive; whatever happens, the firing is settled or left to others."""
        work = asyncio.create_task(self._settle(firing))
        try:
            while not work.done():
                done, _ = await asyncio.wait({work}, timeout=self._timing.lease_s / 3)
                if not done and not await self._renewed(firing):
                    return
            await work
        except asyncio.CancelledError:
            await _end(work)
            await self._let_go(firing, 0.0, "its scheduler was stopped")
            raise
        finally:
            await _end(work)

    async def _settle(self, firing: Firing) -> None:
        try:
            await self._decide(firing)
        except FencedOutError:
            log.info("the firing of %s due %s is in other hands", firing.schedule.name, firing.due)
        except DeniedError as error:
            await self._failed(firing, error.message, again=False, code="schedule.refused")
        except K8sOpsError as error:
            await self._failed(firing, error.message, again=error.transient)
        except (
            Exception
        ) as error:  # worker boundary: a bug in one action's planner must not end the scheduler
            log.exception("the firing of %s due %s broke", firing.schedule.name, firing.due)
            await self._failed(firing, f"an internal error, {type(error).__name__}; see the log", again=False)

    async def _decide(self, firing: Firing) -> None:
        schedule = firing.schedule
        refused = self._hooks.owner_refused(schedule)
        if refused:
            tell: Tell = self._hooks.tell
            await self._write(lambda tx: claiming.pause(tx, schedule, refused, tell), "schedule.pause")
            log.warning("schedule %s is paused: %s", schedule.name, printable(refused))
            return
        running = await self._hooks.running(schedule)
        if not running:
            await self._hooks.propose(firing, lambda tx, run: claiming.complete(tx, firing, run))
            return
        # What only a person ends is named first: the others end by themselves.
        named = next((going for going in running if going.in_doubt), running[0]).why
        if schedule.spec.concurrency == "forbid":
            await self._skip(firing, "skipped", named)
            return
        if schedule.spec.concurrency == "replace":
            for going in running:
                await self._hooks.cancel(
                    going.run, f"{schedule.name} fired again at {firing.due:%Y-%m-%d %H:%M:%S} UTC"
                )
        await self._let_go(firing, min(2.0**firing.hold.attempt, LOOK_AGAIN_S), named)

    async def _failed(self, firing: Firing, why: str, *, again: bool, code: str = "schedule.skipped") -> None:
        attempt = firing.hold.attempt
        try:
            if again and attempt < MOST_ATTEMPTS:
                await self._let_go(firing, min(2.0 ** (attempt + 1), LONGEST_DELAY_S), why)
            else:
                await self._skip(firing, "failed", why, code)
        except K8sOpsError as error:
            log.warning("the firing of %s is left to its lease: %s", firing.schedule.name, error.message)

    async def _skip(
        self, firing: Firing, outcome: ledger.Settled, why: str, code: str = "schedule.skipped"
    ) -> None:
        def work(tx: Tx) -> None:
            if ledger.settle(tx, firing.hold, outcome, why):
                text = f"{firing.schedule.name} did not fire: {why}"
                self._hooks.tell(tx, code, firing.schedule, text)

        await self._write(work, "schedule.settle")

    async def _let_go(self, firing: Firing, delay_s: float, why: str) -> None:
        await self._write(lambda tx: ledger.release(tx, firing.hold, delay_s, why), "schedule.release")

    async def _renewed(self, firing: Firing) -> bool:
        """Whether the firing is still ours; a store that does not answer is no proof that it is not."""
        try:
            return await self._database.write(
                lambda tx: ledger.renew(tx, firing.hold, self._timing.lease_s), name="schedule.renew"
            )
        except K8sOpsError:
            return True

    async def _write(self, work: Callable[[Tx], object], name: str) -> None:
        await self._database.write(work, name=name)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
