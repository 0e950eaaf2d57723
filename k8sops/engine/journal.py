"""`core.journal.Journal` on the store: each step on record before and after, under the lease.

What the record says is done is answered from it. A started step that never ended is what an earlier carrier died in:
done again where the action is idempotent, else settled by a look at the cluster, else left to a person. Whatever
breaks a step off (a cancel, a deadline, a defect) is on record too, as one that may or may not be done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NoReturn

import msgspec
from msgspec.structs import replace

from k8sops.core.audit import AuditEntry, AuditObject
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError, WaitError
from k8sops.core.events import Emission, Progress
from k8sops.core.journal import Parked, ReviewNeeded, Settled
from k8sops.core.plan import JsonObject, Step, Target
from k8sops.core.run import Run, StepRecord
from k8sops.engine.books import Books, run_entry
from k8sops.engine.leased_store import LeasedStore, unbroken
from k8sops.engine.progress import HeldProgress
from k8sops.engine.timing import Timing
from k8sops.engine.under_way import UnderWay
from k8sops.store.database import Tx
from k8sops.store.events import Lease, set_progress
from k8sops.store.runs import set_columns
from k8sops.store.signals import take_signal
from k8sops.store.steps import CHECKED, end_step, start_step, step_stands
from k8sops.store.times import to_ms

SIGNAL_LOOK_S: Final = 1.0
HANDED_OVER: Final = "handed over to another carrier"

Do = Callable[[], Awaitable[str]]
Settle = Callable[[], Awaitable[Settled]]


class _Item(msgspec.Struct, frozen=True):
    """A step or a part of one, as it is put on record."""

    path: str
    text: str
    about: AuditObject


class RunJournal:
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
    ) -> None:
        self._store = store
        self._books = books
        # The digest covers the whole plan: made once, not for each record.
        self._entry = run_entry(run, "step", clock.now())
        self._run = run
        self._lease = lease
        self._steps = steps
        self._idempotent = idempotent
        self._clock = clock
        self._timing = timing
        self._held = HeldProgress()
        self._waiting_for = run.progress.waiting_for
        self._under_way = UnderWay()
        self.hand_over = False
        """Set when the carrier is to let go of the run before its next step."""

    @property
    def clock(self) -> Clock:
        """Time for deadlines within a step."""
        return self._clock

    @property
    def done_paths(self) -> tuple[str, ...]:
        """What is on record as done, timers and signals included."""
        return tuple(path for path, record in self._steps.items() if record.state == "done")

    @property
    def open_paths(self) -> tuple[str, ...]:
        """What was started and may or may not be done."""
        return tuple(path for path, record in self._steps.items() if record.state == "started")

    @property
    def begun(self) -> bool:
        """Whether any step is on record."""
        return any(record.state != "waiting" and path != CHECKED for path, record in self._steps.items())

    @property
    def held_progress(self) -> Progress | None:
        """Progress told by the action and not stored yet."""
        return self._held.newest

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
        return await self._once(_Item(step.id, f"{step.verb} {step.target.label}", about), do, settle)

    async def part(self, path: str, target: Target, do: Do, *, settle: Settle | None = None) -> str:
        """Do a part of a bulk step once."""
        about = AuditObject(kind=target.kind, name=target.name, namespace=target.namespace, uid=target.uid)
        return await self._once(_Item(path, target.label, about), do, settle)

    async def _once(self, item: _Item, do: Do, settle: Settle | None) -> str:
        record = self._steps.get(item.path)
        if record is not None and record.state == "done":
            return record.result
        in_doubt = record is not None and record.state == "started" and not self._idempotent
        if in_doubt and await self._settled(item, settle):
            return self._steps[item.path].result
        if self.hand_over:
            await self._park(await self._now(), HANDED_OVER)
        with self._under_way.step():
            return await self._do(item, do, known=record is not None)

    async def _settled(self, item: _Item, settle: Settle | None) -> bool:
        answer = await settle() if settle else "unknown"
        if answer == "unknown":
            record = self._steps[item.path]
            end = record.result or "has no recorded end"
            known = f"{item.text} was started at {record.started_at:%H:%M:%S} UTC and {end}"
            raise ReviewNeeded(item.path, known)
        if answer == "not_done":
            return False
        await self._end(item, "done", f"{item.text}: the cluster shows that it was done", code="step.settled")
        return True

    async def _do(self, item: _Item, do: Do, *, known: bool) -> str:
        begun = False
        try:
            await self._start(item, known=known)
            begun = True
            async with asyncio.timeout(self._timing.step_s) as deadline:
                result = await do()
        except K8sOpsError as error:
            if begun:
                await self._end(item, "failed", error.message)
            raise
        except asyncio.CancelledError:
            await unbroken(self._broken_off(item, "interrupted", begun=begun))
            raise
        except TimeoutError as error:
            if not deadline.expired():
                await self._broken_off(item, "TimeoutError", begun=begun)
                raise
            await self._broken_off(item, f"not answered within {self._timing.step_s:g} s", begun=begun)
            raise self._too_long(item) from error
        except Exception as error:  # worker boundary: a defect in an action still leaves its step on record
            await self._broken_off(item, f"a defect, {type(error).__name__}", begun=begun)
            raise
        await self._end(item, "done", result)
        return result

    def _too_long(self, item: _Item) -> BaseException:
        late = f"{item.text} did not end within {self._timing.step_s:g} s and may or may not be done"
        return WaitError(late) if self._idempotent else ReviewNeeded(item.path, late)

    async def _start(self, item: _Item, *, known: bool) -> None:
        def stands(tx: Tx) -> bool:
            return step_stands(tx, self._lease, item.path, "started")

        await self._record(
            "step.started",
            [Emission(kind="step_started", step=item.path, text=item.text)],
            rows=lambda tx: start_step(tx, self._lease, item.path, known=known),
            entry=replace(self._entry, code="step.intent", step=item.path, objects=(item.about,)),
            landed=stands,
        )
        self._steps[item.path] = StepRecord(path=item.path, state="started", started_at=self._clock.now())

    async def _end(
        self, item: _Item, state: Literal["done", "failed"], text: str, *, code: str = "step.outcome"
    ) -> None:
        def landed(tx: Tx) -> bool:
            return step_stands(tx, self._lease, item.path, state)

        def end(only_if: Callable[[Tx], bool] | None = None) -> Coroutine[Any, Any, None]:
            return self._ended(item, state, text, code=code, outcome=state, landed=landed, only_if=only_if)

        try:
            await end()
        except asyncio.CancelledError:
            # What was done stays done on record, whoever cancels at this moment.
            await unbroken(end(lambda tx: not landed(tx)))
            raise

    async def _broken_off(self, item: _Item, why: str, *, begun: bool) -> None:
        """Put on record that a step was not seen to its end, where it is on record as started.

        In doubt it stays so: whoever carries the run on must not take it for not done.
        """
        state: Literal["started", "failed"] = "started" if begun else "failed"
        text = f"{item.text}: {why}, " + ("may or may not be done" if begun else "not begun")
        await self._ended(
            item,
            state,
            text,
            code="step.outcome",
            outcome="unknown" if begun else "failed",
            only_if=lambda tx: step_stands(tx, self._lease, item.path, "started"),
        )

    async def _ended(
        self,
        item: _Item,
        state: Literal["started", "done", "failed"],
        text: str,
        *,
        code: str,
        outcome: str,
        landed: Callable[[Tx], bool] | None = None,
        only_if: Callable[[Tx], bool] | None = None,
    ) -> None:
        about = replace(item.about, difference={})
        data = {"text": text}
        await self._record(
            "step.broken_off" if outcome == "unknown" else f"step.{state}",
            [Emission(kind="step_done" if state == "done" else "step_failed", step=item.path, text=text)],
            rows=lambda tx: end_step(tx, self._run.id, item.path, state=state, result=text),
            entry=replace(
                self._entry, code=code, step=item.path, objects=(about,), outcome=outcome, data=data
            ),
            landed=landed,
            only_if=only_if,
        )
        if item.path in self._steps:
            self._steps[item.path] = replace(self._steps[item.path], state=state, result=text)

    async def _record(
        self,
        name: str,
        emissions: Sequence[Emission] = (),
        *,
        rows: Callable[[Tx], object] | None = None,
        entry: AuditEntry | None = None,
        landed: Callable[[Tx], bool] | None = None,
        only_if: Callable[[Tx], bool] | None = None,
        last: bool = False,
    ) -> None:
        """One transaction: events first, since numbering them proves the lease; the audit chain last."""
        held = self._held.take(self._clock.monotonic(), last=last)
        told = [held.emission, *emissions] if held else emissions

        def work(tx: Tx) -> None:
            if only_if is not None and not only_if(tx):
                return
            self._books.tell(tx, self._run.id, told, lease=self._lease)
            if held is not None:
                set_progress(tx, self._run.id, held.progress)
            if rows is not None:
                rows(tx)
            if entry is not None:
                self._books.chain(tx, [replace(entry, at=tx.now())])

        await self._store.write(work, name, landed)
        if held is not None:
            self._held.stored(held)

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
        """Park until the signal has come."""
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
            await self._record("event", [emission])
            return
        self._held.tell(emission)
        await self.flush()

    async def flush(self, *, last: bool = False) -> None:
        """Store the progress that was held back, where it is due; the `last` is."""
        if self._held.due(self._clock.monotonic(), last=last):
            await self._record("progress", last=last)

    async def _now(self) -> datetime:
        return await self._store.read(lambda tx: tx.now())

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
            [Emission(kind="note", step=path, text=f"{path}: {text}")],
            rows=lambda tx: start_step(tx, self._lease, path, known=False, state="waiting", due_at=due),
            landed=lambda tx: step_stands(tx, self._lease, path, "waiting"),
        )
        self._steps[path] = StepRecord(path=path, state="waiting", started_at=now, due_at=due)
        return due

    async def _pass(self, path: str, result: str) -> None:
        await self._record(
            "timer.passed",
            rows=lambda tx: end_step(tx, self._run.id, path, state="done", result=result),
        )
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

        await self._record("parked", news if waiting_for != self._waiting_for else (), rows=rows, last=True)
        raise Parked(waiting_for)


def _decoded(result: str) -> JsonObject:
    found: JsonObject = msgspec.json.decode(result)
    return found
