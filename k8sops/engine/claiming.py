"""Claiming: one run that is due, under a fresh lease, with its target locks, or nothing.

A run whose locks another holds stays queued, says whom it waits for, and is looked at again a second later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Final

import msgspec

from k8sops.core.errors import StoreCorruptError
from k8sops.core.events import Emission, Progress
from k8sops.core.run import Run, RunId, RunState, StepRecord
from k8sops.engine.books import Books, run_entry
from k8sops.engine.targets import label_of_key, lock_keys
from k8sops.engine.transitions import end_unreadable
from k8sops.store.database import Tx
from k8sops.store.events import Lease, set_progress
from k8sops.store.leases import Ability, Candidate, candidates, claim_in_turn, running_on, take_lease
from k8sops.store.locks import Holder, take_locks
from k8sops.store.runs import load_row, run_of, set_columns
from k8sops.store.steps import load_steps
from k8sops.store.times import to_ms
from k8sops.store.votes import votes_of

LOOK_AGAIN: Final = timedelta(seconds=1)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a carrier's hands."""

    run: Run
    lease: Lease
    steps: dict[str, StepRecord]
    cancel_by: str = ""


class Claimer(msgspec.Struct, frozen=True):
    """One carrier's way of claiming."""

    books: Books
    owner: str
    ttl_s: float
    most_at_once: Callable[[str], int]

    def anything(
        self, tx: Tx, ability: Ability, carried: Collection[RunId], *, take_over: bool = True
    ) -> bool:
        """Whether a writing transaction is worth it."""
        full = self._full(tx, ability)
        return bool(candidates(tx, ability, full=full, carried=carried, take_over=take_over))

    def claim(
        self, tx: Tx, ability: Ability, carried: Collection[RunId], *, take_over: bool = True
    ) -> Claim | None:
        """Claim the first run that is due and free to go."""
        claim_in_turn(tx)
        full = self._full(tx, ability)
        for candidate in candidates(tx, ability, full=full, carried=carried, take_over=take_over, lock=True):
            claim = _claim(tx, self.books, candidate, self.owner, self.ttl_s)
            if claim is not None:
                return claim
        return None

    def _full(self, tx: Tx, ability: Ability) -> list[str]:
        going = running_on(tx, ability.cluster_uids)
        return [uid for uid in ability.cluster_uids if going.get(uid, 0) >= self.most_at_once(uid)]


def _claim(tx: Tx, books: Books, candidate: Candidate, owner: str, ttl_s: float) -> Claim | None:
    row = load_row(tx, candidate.run)
    try:
        run = run_of(row, approvals=votes_of(tx, candidate.run))
        if (run.plan.action, run.plan.action_version) != (row.action, row.action_version):
            raise StoreCorruptError(f"the plan of run {run.id} is not of the action its row names")
    except StoreCorruptError as error:
        end_unreadable(tx, books, candidate.run, error.message)
        return None
    if not row.cancel_by:
        holder = take_locks(tx, run.id, lock_keys(run.plan))
        if holder is not None:
            _wait_behind(tx, books, run, holder)
            return None
    if run.state is RunState.QUEUED and run.progress.waiting_for:
        set_progress(tx, run.id, Progress())
    previous = row.lease_owner
    lease = take_lease(tx, run.id, owner, ttl_s)
    if previous and previous != owner and run.state is RunState.RUNNING:
        text = "its carrier stopped; another has taken the run over"
        entry = run_entry(
            run, "run.taken_over", tx.now(), data={"from": previous, "to": owner, "fence": lease.fence}
        )
        books.write(tx, run.id, [Emission(kind="note", text=text)], [entry], lease=lease)
    return Claim(run=run, lease=lease, steps=load_steps(tx, run.id), cancel_by=row.cancel_by or "")


def _wait_behind(tx: Tx, books: Books, run: Run, holder: Holder) -> None:
    who = f" by {holder.person}" if holder.person else ""
    text = f"{label_of_key(holder.key)}: held by run {holder.run} ({holder.action}{who})"
    set_columns(tx, run.id, wake_at=to_ms(tx.now() + LOOK_AGAIN))
    if run.progress.waiting_for == text:
        return
    waiting = Progress(waiting_for=text)
    set_progress(tx, run.id, waiting)
    books.write(tx, run.id, [Emission(kind="progress", text=text, data=msgspec.to_builtins(waiting))])
