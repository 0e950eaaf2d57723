"""What the scheduler asks of the engine around it: plan a firing, put it on record, and let it go or have it approved.

Within its standing approval a firing is queued at once, recording the approval's digest. Outside it, it waits like
anybody's run: for its owner to start it, or for votes, whichever policy says; and everybody who listens is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.core.clock import IdSource
from k8sops.core.errors import AlreadyDecidedError, BlockedError
from k8sops.core.plan import Decision, Plan
from k8sops.core.run import Run, RunFilter, RunId, RunState
from k8sops.engine.books import Books
from k8sops.engine.desk import Desk
from k8sops.engine.schedules.claiming import Firing
from k8sops.engine.schedules.firing import Complete, Going
from k8sops.engine.schedules.table import Schedule, locked
from k8sops.engine.transitions import change_state
from k8sops.policy.standing import within
from k8sops.service.access import Access
from k8sops.service.action_book import RegistryBook
from k8sops.service.planning import Planner
from k8sops.service.reach import say_if_nobody_may, takes_back
from k8sops.service.rules import PolicyRules
from k8sops.service.standing_votes import StandingRecord, quorum_of, standing_of
from k8sops.store.database import Database, Tx
from k8sops.store.outbox import put_out
from k8sops.store.runs import list_runs

GOING = (*(state for state in RunState if not state.ended), RunState.NEEDS_REVIEW)
"""States in which a run of a schedule is in the way of the next: a step in doubt may yet be done, or done again."""
_EXPLAINED = frozenset({"schedule.skipped", "schedule.refused", "schedule.paused"})


class EngineHooks:
    """`engine.schedules.firing.Hooks` on the engine."""

    def __init__(
        self,
        database: Database,
        books: Books,
        rules: PolicyRules,
        planner: Planner,
        access: Access,
        ids: IdSource,
        clusters: Sequence[str],
    ) -> None:
        self.clusters = clusters
        self._database = database
        self._books = books
        self._rules = rules
        self._planner = planner
        self._access = access
        self._ids = ids
        self._desk = Desk(database, books, rules, ids)

    def owner_refused(self, schedule: Schedule) -> str:
        """A schedule whose owner a team's policy no longer knows is paused."""
        if self._rules.policy.shipped:
            return ""
        person = self._rules.person_of(asking(schedule), schedule.cluster_uid)
        if person and person == schedule.owner:
            return ""
        return f"the policy no longer knows its owner, {schedule.owner or schedule.actor.name}"

    async def running(self, schedule: Schedule) -> Sequence[Going]:
        """Its runs that have not ended, or need review, oldest first."""
        wanted = RunFilter(states=GOING, schedule=schedule.name, limit=1000)
        found = await self._database.read(lambda tx: list_runs(tx, wanted))
        return [Going(run=run.id, in_doubt=run.state is RunState.NEEDS_REVIEW) for run in reversed(found)]

    async def cancel(self, run: RunId, why: str) -> None:
        """Ask it to stop; too late is no error."""
        with suppress(AlreadyDecidedError):
            scheduler = Actor(name="the scheduler", surface="schedule")
            taken_back = takes_back(RegistryBook(), own=False)
            await self._desk.cancel(run, scheduler, why, taken_back=taken_back)

    async def propose(self, firing: Firing, complete: Complete) -> RunId:
        """Plan, compare with the standing approval, and write run and firing in one transaction.

        Raises DeniedError where its owner may not do this themselves and policy asks that, or where this is not the
        cluster policy means; BlockedError for a plan with another blocker.
        """
        schedule = firing.schedule
        self._access.check_cluster()
        plan = await self._planner.planned(
            schedule.spec.action, schedule.spec.params, asking(schedule), schedule=schedule.name
        )
        if plan.blockers:
            # Nobody could ever start it; as a run it would only stand in the way of the next firing.
            raise BlockedError(plan.blockers[0].text)
        await self._access.check_owner(plan, schedule.actor)
        now = await self._database.read(lambda tx: tx.now())
        record = standing_of(schedule.standing)
        outside: tuple[str, ...] = ("it has no standing approval",)
        if record is not None:
            granted: tuple[str, ...] = () if record.granted else ("its standing approval still lacks votes",)
            outside = (*granted, *within(record.approval, plan, now), *self._unmet(schedule, record, plan))
        run = self._run(schedule, plan, record.digest if record and not outside else "", outside)

        def work(tx: Tx) -> None:
            # Rows are locked in one order everywhere: schedule, run, audit head.
            locked(tx, schedule.name)
            written = self._desk.propose_in(tx, run)
            if run.grant and written.state is RunState.PROPOSED:
                change_state(
                    tx, self._books, written, RunState.QUEUED,
                    "within the standing approval of its schedule", code="run.queued", actor=run.actor,
                )  # fmt: skip
            complete(tx, run.id)
            text = f"{schedule.name} fired" + (f"; the run waits: {outside[0]}" if outside else "")
            self.tell(tx, "schedule.fired", schedule, text, run.id)

        await self._database.write(work, name="schedule.fired")
        await say_if_nobody_may(self._database, self._books, run.id)
        return run.id

    def _unmet(self, schedule: Schedule, record: StandingRecord, plan: Plan) -> Iterator[str]:
        """What policy asks for now, which may be more than when the standing approval was given."""
        decision = plan.decision
        if decision is None:
            return
        if decision.effect == "approve" and record.granted:
            quorum = quorum_of(self._rules.policy, record, decision, schedule)
            if not quorum.reached:
                yield f"policy asks for more than its standing approval has: {quorum.why}"
        if why := self._rules.reason_refused(decision, schedule.spec.reason):
            yield why

    def _run(self, schedule: Schedule, plan: Plan, grant: str, outside: Sequence[str]) -> Run:
        decision = plan.decision or self._rules.decide(plan, asking(schedule), schedule=schedule.name)
        if grant and decision.effect == "approve":
            decision = msgspec.structs.replace(
                decision, effect="confirm", why="approved in advance, by its schedule"
            )
        elif outside and decision.effect in {"allow", "confirm"} and plan.steps:
            decision = _explained(decision, outside)
        plan = msgspec.structs.replace(plan, decision=decision)
        return Run(
            id=self._ids.new(),
            plan=plan,
            state=RunState.AWAITING_APPROVAL if decision.effect == "approve" else RunState.PROPOSED,
            actor=asking(schedule),
            reason=schedule.spec.reason or f"schedule {schedule.name}",
            person=schedule.owner,
            schedule=schedule.name,
            grant=grant,
        )

    def tell(self, tx: Tx, code: str, schedule: Schedule, text: str, run: RunId = "") -> None:
        """Audit it and put it in the outbox."""
        entry = AuditEntry(
            code=code,
            at=tx.now(),
            actor=asking(schedule),
            person=schedule.owner,
            run=run,
            action=schedule.spec.action,
            effective=schedule.execute_as,
            cluster_uid=schedule.cluster_uid,
            reason=text if code in _EXPLAINED else "",
            policy_version=self._rules.version,
            outcome=code.partition(".")[2],
            data={"schedule": schedule.name, "text": text},
        )
        told = {"schedule": schedule.name, "text": text, "cluster": schedule.cluster_uid}
        put_out(tx, self._ids.new(), code, run, told)
        self._books.chain(tx, [entry])


def asking(schedule: Schedule) -> Actor:
    """Who asks when a schedule fires: its owner's name, at the surface `schedule`."""
    return msgspec.structs.replace(schedule.actor, surface="schedule", auth="schedule")


def _explained(decision: Decision, outside: Sequence[str]) -> Decision:
    return msgspec.structs.replace(decision, why=f"outside the standing approval: {'; '.join(outside)}")
