"""One run in a carrier's hands: planned again, checked, applied, ended; or left, where the lease or the wait says so.

Before the first mutation the plan is made again and compared (drift), and this process's own policy is asked whether
it may carry the run at all; that this was done for this very plan is put where only carriers may write. A run that was
going already is not compared: part of it is done. A cancelled one that had begun is given to its action all the same,
which takes back what it may, whoever the carrier was.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.drift import drift_between
from k8sops.core.errors import (
    BlockedError,
    DeniedError,
    DriftedError,
    K8sOpsError,
    NeedsReviewError,
    StatementError,
    WaitError,
)
from k8sops.core.events import Emission
from k8sops.core.journal import Fenced, Interruption, Parked, ReviewNeeded
from k8sops.core.plan import Target
from k8sops.core.run import RunState
from k8sops.engine.books import Books, run_entry
from k8sops.engine.claiming import Claim
from k8sops.engine.endings import account, success
from k8sops.engine.journal import RunJournal
from k8sops.engine.lease_guard import LeaseGuard
from k8sops.engine.leased_store import LeasedStore
from k8sops.engine.port import ActionBook, Clusters, Grants, Rules
from k8sops.engine.proving import Proof
from k8sops.engine.replanning import (
    GONE,
    note_gone,
    noted_gone,
    plan_again,
    steps_on,
    told_gone,
    without_steps,
)
from k8sops.engine.signing import Witness
from k8sops.engine.timing import Timing
from k8sops.engine.transitions import change_state
from k8sops.store.database import Database, Tx
from k8sops.store.runs import load_row, run_of
from k8sops.store.steps import CHECKED, note_checked

log = logging.getLogger(__name__)


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What carrying takes besides the store."""

    actions: ActionBook
    clusters: Clusters
    rules: Rules
    witness: Witness | None = None
    """Where what is carried must be signed for: who judges that, instead of `Rules.carry_refused`."""
    grants: Grants | None = None
    """Who is asked about a run that rests on a grant."""


class Carriage:
    """The work on one claimed run."""

    def __init__(
        self,
        database: Database,
        books: Books,
        tools: Tools,
        claim: Claim,
        guard: LeaseGuard,
        clock: Clock,
        timing: Timing,
    ) -> None:
        self.guard = guard
        self.leaving = False
        self._store = LeasedStore(database, guard, clock)
        self._books = books
        self._tools = tools
        self._run = claim.run
        self._lease = claim.lease
        self._clock = clock
        self._timing = timing
        steps = dict(claim.steps)
        checked = steps.get(CHECKED)
        self._checked = checked.result if checked else ""
        self._gone = steps.get(GONE)
        self._missing: tuple[Target, ...] = ()
        """Targets that are gone, as this carrier found when it checked the plan."""
        self._plan = without_steps(claim.run.plan, noted_gone(self._gone))
        """What is carried out: the run's plan but for targets that were gone before it began."""
        self._cancelled_by = claim.cancel_by
        self._task: asyncio.Task[None] | None = None
        self._left = False
        self._entered = False
        self._handed_over = False
        """Whether `apply` has the run: from then on a cancel is for it to hear."""
        self._proof = (
            Proof(tools.witness, self._store, books, claim.run, claim.lease, steps) if tools.witness else None
        )
        self._journal = RunJournal(
            self._store,
            books,
            claim.run,
            claim.lease,
            steps,
            idempotent=tools.actions.named(claim.run.plan.action).idempotent,
            clock=clock,
            timing=timing,
            signals=tools.witness is None,
        )

    @property
    def fence(self) -> int:
        """The number of the lease it is carried under."""
        return self._lease.fence

    async def go(self) -> None:
        """Carry the run to its end, or leave it."""
        self._task = asyncio.create_task(self._work(), name=f"work on {self._run.id}")
        if self._cancelled_by and not self._gives_back:
            self._task.cancel()
        try:
            await asyncio.wait([self._task])
        except asyncio.CancelledError:
            self._task.add_done_callback(_seen)
            self._task.cancel()
            raise
        finally:
            self.leaving = True
        try:
            await self._conclude(self._task)
        except Fenced as error:
            log.warning("run %s: %s", self._run.id, error)

    def cancel(self, who: str) -> None:
        """Stop within a step. `who` is shown; the first one counts."""
        if self._cancelled_by or self.leaving:
            return
        self._cancelled_by = who
        if self._task is not None and (self._handed_over or not self._gives_back):
            self._task.cancel()

    def leave(self) -> None:
        """Let go now where nothing is in doubt, else before the next step; the run goes on elsewhere."""
        self._journal.hand_over = True
        if self._task is not None and not self._cancelled_by and self._journal.may_leave:
            self._left = True
            self._task.cancel()

    def fenced_out(self) -> None:
        """Stop at once: the run is another's."""
        self.guard.lose()
        if self._task is not None:
            self._task.cancel()

    async def flush(self) -> None:
        """Store progress that was held back."""
        if not self.leaving:
            try:
                await self._journal.flush()
            except Fenced:
                self.fenced_out()

    async def _work(self) -> None:
        await (self._enter() if self._proof is None else self._enter_proved(self._proof))
        self._entered = True
        plan = self._run.plan
        cluster = await self._tools.clusters.writer(
            plan.cluster.uid, self._run.id, plan.execute_as, self._may_mutate
        )
        self._handed_over = True
        if self._cancelled_by:
            self._cancel_inside()
        try:
            async with asyncio.timeout(self._timing.run_s) as deadline:
                await self._tools.actions.load(plan.action).apply(self._plan, cluster, self._journal)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            hours = self._timing.run_s / 3600
            raise WaitError(f"{plan.action} did not end within {hours:g} hours") from error

    @property
    def _gives_back(self) -> bool:
        """Whether the action is to be told that its run was cancelled, since it has begun and nothing is in doubt."""
        return self._journal.begun and self._tools.actions.named(self._run.plan.action).idempotent

    def _cancel_inside(self) -> None:
        """Cancel at the first moment at which `apply` waits: before it sends anything, and able to take things back."""
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().call_soon(task.cancel)

    async def _enter(self) -> None:
        if self._run.state is RunState.QUEUED:
            await self._check_grant()
            await self._check()
            await self._change(RunState.RUNNING, "running")
        elif self._checked != self._run.plan.digest:
            await self._check_grant()
            self._may_carry()

    async def _check_grant(self) -> None:
        """A schedule's standing approval is compared when it fires; a grant may be taken back at any time."""
        if not self._run.grant or self._run.schedule or self._tools.grants is None:
            return
        if refused := await self._tools.grants.carry_refused(self._run):
            raise DeniedError(f"run {self._run.id} may not be carried out: {refused}")

    async def _enter_proved(self, proof: Proof) -> None:
        """The same where the store is not believed: what is not proved to have begun is checked from the start."""
        if await proof.begun() and self._run.state is not RunState.QUEUED:
            if self._cancelled_by:
                proof.check_not_ended()
                return
            proof.check_again()
            await proof.settle()
            return
        if self._cancelled_by:
            # Only the store says that it has begun: there is nothing to take back.
            raise asyncio.CancelledError
        await self._check()
        if self._run.state is RunState.QUEUED:
            await self._change(RunState.RUNNING, "running")
        else:
            await proof.begin_alone(self._gone_notes(), self._keep_gone)

    async def _may_mutate(self) -> None:
        await self.guard.outlives(self._timing.mutation_s)

    def _may_carry(self) -> None:
        if self._proof is not None:
            self._proof.check_unsigned()
        elif refused := self._tools.rules.carry_refused(self._run):
            raise DeniedError(f"run {self._run.id} may not be carried out: {refused}")
        if self._run.plan.blockers:
            raise BlockedError(self._run.plan.blockers[0].text)

    async def _check(self) -> None:
        self._may_carry()
        plan = self._run.plan
        reader = self._tools.clusters.reader(plan.cluster.uid)
        again = await plan_again(self._tools.actions, plan, reader, self._clock)
        present = msgspec.structs.replace(again.plan, execute_as=plan.execute_as)
        if self._proof is not None:
            await self._proof.check(present)
        differences = drift_between(plan, present)
        if differences:
            raise DriftedError(
                f"the cluster has changed since the plan was made: {'; '.join(differences)}",
                hint="look at a new plan: run the command again",
            )
        self._missing = again.gone
        self._plan = without_steps(plan, steps_on(plan, again.gone))

    def _gone_notes(self) -> list[Emission]:
        return [Emission(kind="note", text=told_gone(self._missing))] if self._missing else []

    def _keep_gone(self, tx: Tx) -> None:
        """Put on record what is left out, for whoever takes the run over, in the transaction that begins it."""
        if self._missing or self._gone is not None:
            left_out = steps_on(self._run.plan, self._missing)
            note_gone(tx, self._lease, left_out, known=self._gone is not None)

    async def _conclude(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() and self._left:
            await self._journal.park_now()
            return
        if task.cancelled():
            if self.guard.lost or not self._cancelled_by:
                raise Fenced("another carrier has taken the run over")
            await self._end(RunState.CANCELLED, f"cancelled by {self._cancelled_by}: {self._account()}")
            return
        error = task.exception()
        if error is None:
            text = await self._success()
            await self._end(RunState.SUCCEEDED, text)
            return
        await self._fail(_innermost(error))

    async def _fail(self, error: BaseException) -> None:
        if isinstance(error, Parked):
            return
        if isinstance(error, Fenced):
            raise error
        if isinstance(error, ReviewNeeded):
            undecided = NeedsReviewError(
                error.known,
                hint=f"look at it, then `k8sops runs resume {self._run.id} --as done|retry|abandon`",
            )
            await self._end(RunState.NEEDS_REVIEW, f"{error.known}; {self._account()}", undecided)
        elif isinstance(error, DriftedError) and self._not_begun:
            await self._end(RunState.VOID, f"void: {error.message}", error)
        elif isinstance(error, DeniedError) and self._not_begun:
            await self._end(RunState.DENIED, error.message, error)
        elif self._cancelled_by and not self._handed_over and _is_trouble(error):
            kept = f"what it did was not taken back: {error}"
            await self._end(
                RunState.CANCELLED, f"cancelled by {self._cancelled_by}: {self._account()}; {kept}"
            )
        elif isinstance(error, K8sOpsError):
            told = f"; {self._account()}" if len(self._plan.steps) > 1 and self._journal.begun else ""
            await self._end(RunState.FAILED, f"failed: {error.message}{told}", error)
        else:
            log.error("run %s stopped on a defect", self._run.id, exc_info=error)
            defect = K8sOpsError(
                f"{self._run.plan.action} stopped on a defect of this program ({type(error).__name__}: {error}); "
                f"{self._account()}",
                hint="please report it with the output of `k8sops doctor`",
            )
            await self._end(RunState.FAILED, f"failed: {defect.message}", defect)

    @property
    def _not_begun(self) -> bool:
        """Whether nothing was sent to the cluster for it: the store's word alone is not enough for running."""
        if self._run.state is RunState.QUEUED:
            return True
        return self._proof is not None and not self._entered and not self._journal.begun

    async def _success(self) -> str:
        row, now = await self._store.read(lambda tx: (run_of(load_row(tx, self._run.id)), tx.now()))
        progress = self._journal.held_progress or row.progress
        return success(self._plan, progress, self._run.started_at or now, now)

    async def _end(self, state: RunState, text: str, error: K8sOpsError | None = None) -> None:
        await self._journal.flush(last=True)
        await self._change(state, text, error)

    async def _change(self, state: RunState, text: str, error: K8sOpsError | None = None) -> None:
        run = self._run

        def work(tx: Tx) -> None:
            entries = []
            if isinstance(error, StatementError):
                entries = [
                    run_entry(run, "statement.refused", tx.now(), reason=error.message, outcome="refused")
                ]
            notes = self._gone_notes() if state is RunState.RUNNING else []
            if state is RunState.RUNNING:
                self._keep_gone(tx)
            if state is RunState.RUNNING and self._proof is not None:
                self._proof.begin(tx)
                entries = [self._proof.started(tx)]
            elif state is RunState.RUNNING:
                note_checked(tx, self._lease, run.plan.digest)
            self._run = change_state(
                tx,
                self._books,
                run,
                state,
                text,
                error=error,
                lease=self._lease,
                entries=entries,
                before=notes,
            )

        await self._store.write(work, f"run.{state}", lambda tx: load_row(tx, run.id).state == str(state))

    def _account(self) -> str:
        return account(self._plan, self._journal.done_paths, self._journal.open_paths)


def _is_trouble(error: BaseException) -> bool:
    """Whether something kept the carrier from going on; a store that is not to be believed is another matter."""
    return isinstance(error, K8sOpsError) and not isinstance(error, StatementError)


def _seen(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()


def _innermost(error: BaseException) -> BaseException:
    """What an action's task group wraps: an interruption first, since it decides what becomes of the run."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [_innermost(inner) for inner in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, Interruption)), leaves[0])
