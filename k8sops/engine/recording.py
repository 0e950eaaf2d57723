"""The writing half of a run's journal: each record one transaction, under the lease, events and audit chain together.

What `journal` decides is put down here: a step's start and end, that it was broken off and may or may not be done,
and the progress that was held back meanwhile. That a step is done goes on record with the start of the next one, before
anything of that is sent; where no step follows at once, by itself. So steps in a row cost one commit each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from k8sops.core.audit import AuditEntry, AuditObject
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.events import QUIET, Emission, Progress
from k8sops.core.journal import Fenced
from k8sops.core.run import Run, StepRecord
from k8sops.engine.books import Books, run_entry
from k8sops.engine.leased_store import LeasedStore, unbroken
from k8sops.engine.progress import HeldProgress
from k8sops.store.database import Tx
from k8sops.store.events import Lease, set_progress
from k8sops.store.steps import NOTED, end_step, start_step, step_stands

Look = Callable[[Tx], bool]


def any_begun(steps: Mapping[str, StepRecord]) -> bool:
    """Whether a step of the plan, or a part of one, was begun; timers and what carriers note do not count."""
    return any(record.state != "waiting" and not path.startswith(NOTED) for path, record in steps.items())


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is put on record wholly or not at all."""

    emissions: Sequence[Emission] = ()
    rows: Callable[[Tx], object] | None = None
    entry: AuditEntry | None = None
    stands: Look | None = None
    """Whether it is on record; without it, it is one that may be made twice."""
    only_if: Look | None = None


class Item(msgspec.Struct, frozen=True):
    """A step or a part of one, as it is put on record."""

    path: str
    text: str
    about: AuditObject
    quiet: bool = False


class Recording:
    """What is on record of one run, and how more is put there."""

    def __init__(
        self,
        store: LeasedStore,
        books: Books,
        run: Run,
        lease: Lease,
        steps: dict[str, StepRecord],
        *,
        clock: Clock,
    ) -> None:
        self._store = store
        self._books = books
        # The digest covers the whole plan: made once, not for each record.
        self._entry = run_entry(run, "step", clock.now())
        self._run = run
        self._lease = lease
        self._steps = steps
        self._clock = clock
        self._held = HeldProgress()
        self._unstored: list[Record] = []
        """Ends of steps that go on record with whatever is written next."""
        self._writing = asyncio.Lock()
        self._storing: set[asyncio.Task[None]] = set()
        self._soon: asyncio.Handle | None = None

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
        return any_begun(self._steps)

    @property
    def held_progress(self) -> Progress | None:
        """Progress told by the action and not stored yet."""
        return self._held.newest

    async def _start(self, item: Item, *, known: bool) -> None:
        begun = Record(
            emissions=[Emission(kind="step_started", step=item.path, text=item.text)],
            rows=lambda tx: start_step(tx, self._lease, item.path, known=known),
            entry=replace(self._entry, code="step.intent", step=item.path, objects=(item.about,)),
            stands=lambda tx: step_stands(tx, self._lease, item.path, "started"),
        )
        await self._record("step.started", begun)
        self._steps[item.path] = StepRecord(path=item.path, state="started", started_at=self._clock.now())

    def _done(self, item: Item, text: str) -> None:
        """The step is done, which is stored with the start of the next one or, where none follows now, right after."""
        self._unstored.append(self._end_of(item, "done", text))
        self._now_is(item, "done", text)
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._store_soon)

    def _store_soon(self) -> None:
        self._soon = None
        if self._unstored:
            task = asyncio.create_task(self._store_alone(), name=f"what is done of {self._run.id}")
            self._storing.add(task)
            task.add_done_callback(self._storing.discard)

    async def _store_alone(self) -> None:
        # Trouble is met again by whoever writes next, who has this to write as well.
        with suppress(Fenced, K8sOpsError):
            await self._record("step.done")

    async def _end(
        self, item: Item, state: Literal["done", "failed"], text: str, *, code: str, outcome: str = ""
    ) -> None:
        """Put on record at once how a step ended."""
        text = self._books.text(text)
        end = self._end_of(item, state, text, code=code, outcome=outcome)
        try:
            await self._record(f"step.{state}", end)
        except asyncio.CancelledError:
            # What was done stays done on record, whoever cancels at this moment.
            await unbroken(self._record(f"step.{state}", unless_it_stands(end)))
            self._now_is(item, state, text)
            raise
        self._now_is(item, state, text)

    async def _broken_off(self, item: Item, why: str, *, begun: bool) -> None:
        """Put on record that a step was not seen to its end, where it is on record as started.

        In doubt it stays so: whoever carries the run on must not take it for not done.
        """
        state: Literal["started", "failed"] = "started" if begun else "failed"
        text = f"{item.text}: {self._books.text(why)}, "
        text += "may or may not be done" if begun else "not begun"
        end = replace(
            self._end_of(item, state, text, outcome="unknown" if begun else "failed"),
            stands=None,
            only_if=lambda tx: step_stands(tx, self._lease, item.path, "started"),
        )
        await self._record("step.broken_off" if begun else "step.failed", end)
        self._now_is(item, state, text)

    def _now_is(self, item: Item, state: Literal["started", "done", "failed"], text: str) -> None:
        if item.path in self._steps:
            self._steps[item.path] = replace(self._steps[item.path], state=state, result=text)

    def _end_of(
        self,
        item: Item,
        state: Literal["started", "done", "failed"],
        text: str,
        *,
        code: str = "step.outcome",
        outcome: str = "",
    ) -> Record:
        kind: Literal["step_done", "step_failed"] = "step_done" if state == "done" else "step_failed"
        return Record(
            emissions=[Emission(kind=kind, step=item.path, text=text, data=QUIET if item.quiet else {})],
            rows=lambda tx: end_step(tx, self._run.id, item.path, state=state, result=text),
            entry=replace(
                self._entry,
                code=code,
                step=item.path,
                objects=(replace(item.about, difference={}),),
                outcome=outcome or state,
                data={"text": text},
            ),
            stands=lambda tx: step_stands(tx, self._lease, item.path, state),
        )

    async def _record(self, name: str, record: Record | None = None, *, last: bool = False) -> None:
        """One transaction, with what is to be stored besides: ends of steps, and progress where it is due.

        One at a time, so that what a step came to is on record before anything of a later one is sent.
        """
        async with self._writing:
            held = self._held.take(self._clock.monotonic(), last=last)
            ends, self._unstored = self._unstored, []
            records = [*ends, record] if record else ends
            if held is not None:
                records.insert(
                    0,
                    Record(
                        emissions=[held.emission],
                        rows=lambda tx: set_progress(tx, self._run.id, held.progress),
                    ),
                )
            if not records:
                return
            try:
                # A commit that is of two steps has a name of its own: another crash point.
                if ends and name == "step.started":
                    await self._put_down("step.next", records)
                else:
                    await self._put_down(name, records)
            except BaseException:
                # Whatever broke it off, a cancel too: what is done is still to be put on record.
                self._unstored = [unless_it_stands(end) for end in ends] + self._unstored
                raise
            if held is not None:
                self._held.stored(held)

    async def _put_down(self, name: str, records: Sequence[Record]) -> None:
        """Events first, since numbering them proves the lease; the audit chain last."""
        telling = [record.stands for record in records if record.stands is not None]

        def work(tx: Tx) -> None:
            wanted = [record for record in records if record.only_if is None or record.only_if(tx)]
            if not wanted:
                return
            told = [emission for record in wanted for emission in record.emissions]
            self._books.tell(tx, self._run.id, told, lease=self._lease)
            for record in wanted:
                if record.rows is not None:
                    record.rows(tx)
            now = tx.now()
            self._books.chain(tx, [replace(record.entry, at=now) for record in wanted if record.entry])

        landed: Look | None = (lambda tx: all(stands(tx) for stands in telling)) if telling else None
        await self._store.write(work, name, landed)

    async def _now(self) -> datetime:
        return await self._store.read(lambda tx: tx.now())


def unless_it_stands(record: Record) -> Record:
    """The same record, to be made only where it has not been: after a write of which nobody knows what became."""
    stands = record.stands
    return record if stands is None else replace(record, only_if=lambda tx: not stands(tx))
