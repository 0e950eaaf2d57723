"""`core.journal.Journal` on the store: each step on record before and after, under the lease.

What the record says is done is answered from it. A started step that never ended is what an earlier carrier died in:
done again where the action is idempotent, else settled by a look at the cluster, else left to a person; so is one whose
change was sent and not answered. Whatever breaks a step off (a cancel, a deadline, a defect) is on record too, as one
that may or may not be done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, NoReturn

import msgspec
from msgspec.structs import replace

from k8sops.core.audit import AuditObject
from k8sops.core.clock import Clock
from k8sops.core.errors import DeniedError, K8sOpsError, WaitError
from k8sops.core.events import Emission, Progress
from k8sops.core.journal import Errand, Parked, ReviewNeeded
from k8sops.core.plan import JsonObject, Step, Target
from k8sops.core.run import Run, StepRecord
from k8sops.engine.books import Books
from k8sops.engine.doubt import InDoubt, Settle, look, unanswered
from k8sops.engine.leased_store import LeasedStore, unbroken
from k8sops.engine.recording import Item, Record, Recording
from k8sops.engine.refusals import UNSIGNED
from k8sops.engine.timing import Timing
from k8sops.engine.under_way import UnderWay
from k8sops.store.database import Tx
from k8sops.store.events import Lease, first_at
from k8sops.store.runs import set_columns
from k8sops.store.signals import take_signal
from k8sops.store.steps import end_step, start_step, step_stands
from k8sops.store.times import to_ms

SIGNAL_LOOK_S: Final = 1.0
HANDED_OVER: Final = "handed over to another carrier"


Do = Callable[[], Awaitable[str]]


class RunJournal(Recording):
    """The journal of one run in the hands of one carrier."""

    def __init__(
        self,
        store: LeasedStore,
        books: Books,
        run: Run,
        lease: Lease,
        steps: dict[str, StepRecord],
        *,
        idempotent: bool,
        clock: Clock,
        timing: Timing,
        signals: bool = True,
    ) -> None:
        """`signals` is False where a signal would be hearsay: statements are signed, signals are not."""
        super().__init__(store, books, run, lease, steps, clock=clock)
        self._idempotent = idempotent
        self._timing = timing
        self._signals = signals
        self._waiting_for = run.progress.waiting_for
        self._under_way = UnderWay()
        self._inherited = frozenset(steps)
        """Paths on record when the run came here."""
        self.hand_over = False
        """Set when the carrier is to let go of the run before its next step."""

    @property
    def clock(self) -> Clock:
        """Time for deadlines within a step."""
        return self._clock

    @property
    def errand(self) -> Errand:
        """On whose behalf this is, as of now."""
        run = self._run
        return Errand(run=run.id, actor=run.who, reason=run.reason, leaving=self.hand_over)

    @property
    def may_leave(self) -> bool:
        """Whether the run can be left at this moment without putting a step in doubt."""
        return self._idempotent or not self.open_paths

    async def park_now(self) -> None:
        """Let go of the run; another carrier may claim it at once."""
        with suppress(Parked):
            await self._park(await self._now(), HANDED_OVER)

    async def step(self, step: Step, do: Do, *, settle: Settle | None = None) -> str:
        """Do a step of the plan once."""
        about = self._books.object_of(step.target, step.before, step.after)
        return await self._once(Item(step.id, f"{step.verb} {step.target.label}", about), do, settle)

    async def part(
        self, path: str, target: Target, do: Do, *, settle: Settle | None = None, quiet: bool = False
    ) -> str:
        """Do a part of a bulk step once."""
        about = AuditObject(kind=target.kind, name=target.name, namespace=target.namespace, uid=target.uid)
        return await self._once(Item(path, target.label, about, quiet=quiet), do, settle)

    async def _once(self, item: Item, do: Do, settle: Settle | None) -> str:
        record = self._steps.get(item.path)
        if record is not None and record.state == "done":
            return record.result
        in_doubt = record is not None and record.state == "started" and not self._idempotent
        if in_doubt and await self._settled(item, settle):
            return self._steps[item.path].result
        if self.hand_over:
            await self._park(await self._now(), HANDED_OVER)
        with self._under_way.step():
            try:
                return await self._do(item, do, known=record is not None)
            except InDoubt as doubt:
                return await self._decided(item, doubt, settle)

    async def _settled(self, item: Item, settle: Settle | None) -> bool:
        """Whether a step that an earlier carrier was in the middle of is done."""
        answer, trouble = await look(settle)
        if answer == "unknown":
            record = self._steps[item.path]
            end = record.result or "has no recorded end"
            known = f"{item.text} was started at {record.started_at:%H:%M:%S} UTC and {end}{trouble}"
            raise ReviewNeeded(item.path, known)
        if answer == "not_done":
            return False
        await self._shown_done(item)
        return True

    async def _decided(self, item: Item, doubt: InDoubt, settle: Settle | None) -> str:
        """What a step comes to whose change was sent and not answered for certain."""
        if settle is not None:
            await self._clock.sleep(self._timing.settle_after_s)
        answer, trouble = await look(settle)
        if answer == "done":
            return await self._shown_done(item)
        if answer == "unknown":
            raise ReviewNeeded(item.path, f"{item.text} may or may not be done: {doubt.known}{trouble}")
        doubt.dispelled()
        text = f"{item.text}: {doubt.known}; the cluster shows that it was not done"
        await self._end(item, "failed", text, code="step.settled", outcome="not_done")
        raise doubt.error

    async def _shown_done(self, item: Item) -> str:
        text = f"{item.text}: the cluster shows that it was done"
        await self._end(item, "done", text, code="step.settled")
        return text

    async def _do(self, item: Item, do: Do, *, known: bool) -> str:
        """Do it, its start and its end on record. Raises InDoubt where a person or the cluster has to say."""
        begun = False
        # An earlier carrier may have done it: that this one did not come to it does not undo that.
        doubtful = known and self._idempotent and self._steps[item.path].state == "started"
        try:
            await self._start(item, known=known)
            begun = True
            async with asyncio.timeout(self._timing.step_s) as deadline:
                result = await do()
        except K8sOpsError as error:
            if begun:
                await self._failed(item, error)
            raise
        except asyncio.CancelledError:
            await unbroken(self._broken_off(item, "interrupted", begun=begun or doubtful))
            raise
        except TimeoutError as error:
            if not begun or not deadline.expired():
                await self._broken_off(item, "TimeoutError", begun=begun)
                raise
            raise await self._too_long(item) from error
        except Exception as error:  # worker boundary: a defect in an action still leaves its step on record
            lost = () if self._idempotent else unanswered(error)
            why = lost[0].message if lost else f"a defect, {type(error).__name__}"
            await self._broken_off(item, why, begun=begun)
            if lost:
                raise InDoubt(why, error, lost) from error
            raise
        self._done(item, result)
        return result

    async def _failed(self, item: Item, error: K8sOpsError) -> None:
        lost = () if self._idempotent else unanswered(error)
        if not lost:
            await self._end(item, "failed", error.message, code="step.outcome")
            return
        await self._broken_off(item, lost[0].message, begun=True)
        raise InDoubt(lost[0].message, error, lost) from error

    async def _too_long(self, item: Item) -> Exception:
        limit = f"within {self._timing.step_s:g} s"
        await self._broken_off(item, f"not answered {limit}", begun=True)
        if not self._idempotent:
            return InDoubt(f"it did not end {limit}", WaitError(f"{item.text} did not end {limit}"))
        return WaitError(f"{item.text} did not end {limit} and may or may not be done")

    def results_below(self, path: str) -> dict[str, str]:
        """What is on record as done below a path, whoever carried the run then; in the order of its beginning."""
        done = [
            record
            for record in self._steps.values()
            if record.state == "done" and record.path.startswith(f"{path}/")
        ]
        return {record.path: record.result for record in sorted(done, key=lambda record: record.started_at)}

    async def under_way_s(self, path: str) -> float:
        """Seconds since the step was first begun, whoever carried the run then."""
        if path not in self._inherited:
            return 0.0

        def since(tx: Tx) -> float:
            begun = first_at(tx, self._run.id, "step_started", path)
            return (tx.now() - begun).total_seconds() if begun else 0.0

        return max(0.0, await self._store.read(since))

    async def pause(self, path: str, seconds: float) -> None:
        """A durable timer."""
        due = await self._due(path, seconds, f"waits {seconds:g} s")
        if due is None:
            return
        left = (due - await self._now()).total_seconds()
        if left > self._timing.short_pause_s and await self._all_quiet(left):
            await self._park(due, f"{path}: until {due:%H:%M:%S} UTC")
        left = (due - await self._now()).total_seconds()
        await self._clock.sleep(max(0.0, left))
        await self._pass(path, "the time has passed")

    async def wait_until(
        self, path: str, condition: Callable[[], Awaitable[str]], *, every_s: float, deadline_s: float
    ) -> None:
        """Park until the condition holds; it is asked at once, then each time the run is claimed again."""
        due = await self._due(path, deadline_s, "waits")
        if due is None:
            return
        while missing := await condition():
            now = await self._now()
            left = (due - now).total_seconds()
            if left <= 0:
                raise WaitError(f"{missing}, and the deadline of {deadline_s:g} s has passed")
            if await self._all_quiet(min(every_s, left)):
                await self._park(now + timedelta(seconds=min(every_s, left)), missing)
        await self._pass(path, "the condition holds")

    async def wait_signal(self, path: str, *, waiting_for: str, deadline_s: float) -> JsonObject:
        """Park until the signal has come. Raises DeniedError where a signal would be hearsay."""
        if not self._signals:
            raise DeniedError(f"{path}: {waiting_for} is not waited for, since {UNSIGNED}")
        due = await self._due(path, deadline_s, f"waits for {waiting_for}")
        if due is None:
            return _decoded(self._steps[path].result)
        while (sent := await self._store.read(lambda tx: take_signal(tx, self._run.id, path))) is None:
            left = (due - await self._now()).total_seconds()
            if left <= 0:
                raise WaitError(f"{waiting_for} did not come within {deadline_s:g} s")
            if await self._all_quiet(min(SIGNAL_LOOK_S, left)):
                await self._park(due, waiting_for, signal=path)
        await self._pass(path, msgspec.json.encode(sent).decode())
        return sent

    async def tell(self, emission: Emission) -> None:
        """A note at once; progress at most twice a second."""
        if emission.kind != "progress":
            await self._record("event", Record(emissions=[emission]))
            return
        self._held.tell(emission)
        await self.flush()

    async def flush(self, *, last: bool = False) -> None:
        """Store the progress that was held back, where it is due; at the `last`, that and all else that is told."""
        unfinished = last and (self._unstored or self._writing.locked())
        if unfinished or self._held.due(self._clock.monotonic(), last=last):
            await self._record("progress", last=last)

    async def _all_quiet(self, seconds: float) -> bool:
        """Whether parking would break no step off. The steps around this wait are done again where they may be."""
        return await self._under_way.all_quiet(seconds, but_around=self._idempotent)

    async def _due(self, path: str, seconds: float, text: str) -> datetime | None:
        """When the timer ends; None where it has passed already. The first call puts it on record."""
        record = self._steps.get(path)
        if record is not None:
            return None if record.state == "done" else record.due_at
        now = await self._now()
        due = now + timedelta(seconds=seconds)
        await self._record(
            "timer.started",
            Record(
                emissions=[Emission(kind="note", step=path, text=f"{path}: {text}")],
                rows=lambda tx: start_step(tx, self._lease, path, known=False, state="waiting", due_at=due),
                stands=lambda tx: step_stands(tx, self._lease, path, "waiting"),
            ),
        )
        self._steps[path] = StepRecord(path=path, state="waiting", started_at=now, due_at=due)
        return due

    async def _pass(self, path: str, result: str) -> None:
        passed = Record(rows=lambda tx: end_step(tx, self._run.id, path, state="done", result=result))
        await self._record("timer.passed", passed)
        self._steps[path] = replace(self._steps[path], state="done", result=result)

    async def _park(self, until: datetime, waiting_for: str, *, signal: str = "") -> NoReturn:
        waiting = Progress(waiting_for=waiting_for)
        # The same wait again, after another look, is no news.
        news = [Emission(kind="progress", text=waiting_for, data=msgspec.to_builtins(waiting))]

        def rows(tx: Tx) -> None:
            sent = bool(signal) and take_signal(tx, self._run.id, signal) is not None
            set_columns(
                tx,
                self._run.id,
                progress=msgspec.json.encode(waiting).decode(),
                wake_at=tx.now_ms() if sent else to_ms(until),
                lease_owner=None,
                lease_until=None,
            )

        told = news if waiting_for != self._waiting_for else ()
        await self._record("parked", Record(emissions=told, rows=rows), last=True)
        raise Parked(waiting_for)


def _decoded(result: str) -> JsonObject:
    found: JsonObject = msgspec.json.decode(result)
    return found
