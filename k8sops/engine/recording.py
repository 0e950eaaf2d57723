"""The writing half of a run's journal: each record one transaction, under the lease, events and audit chain together.

What `journal` decides is put down here: a step's start and end, that it was broken off and may or may not be done,
and the progress that was held back meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from k8sops.core.audit import AuditEntry, AuditObject
from k8sops.core.clock import Clock
from k8sops.core.events import Emission, Progress
from k8sops.core.run import Run, StepRecord
from k8sops.engine.books import Books, run_entry
from k8sops.engine.leased_store import LeasedStore, unbroken
from k8sops.engine.progress import HeldProgress
from k8sops.store.database import Tx
from k8sops.store.events import Lease, set_progress
from k8sops.store.steps import NOTED, end_step, start_step, step_stands


def any_begun(steps: Mapping[str, StepRecord]) -> bool:
    """Whether a step of the plan, or a part of one, was begun; timers and what carriers note do not count."""
    return any(record.state != "waiting" and not path.startswith(NOTED) for path, record in steps.items())


class Item(msgspec.Struct, frozen=True):
    """A step or a part of one, as it is put on record."""

    path: str
    text: str
    about: AuditObject


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
        self,
        item: Item,
        state: Literal["done", "failed"],
        text: str,
        *,
        code: str = "step.outcome",
        outcome: str = "",
    ) -> None:
        def landed(tx: Tx) -> bool:
            return step_stands(tx, self._lease, item.path, state)

        def end(only_if: Callable[[Tx], bool] | None = None) -> Coroutine[Any, Any, None]:
            return self._ended(
                item, state, text, code=code, outcome=outcome or state, landed=landed, only_if=only_if
            )

        try:
            await end()
        except asyncio.CancelledError:
            # What was done stays done on record, whoever cancels at this moment.
            await unbroken(end(lambda tx: not landed(tx)))
            raise

    async def _broken_off(self, item: Item, why: str, *, begun: bool) -> None:
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
        item: Item,
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

    async def _now(self) -> datetime:
        return await self._store.read(lambda tx: tx.now())
