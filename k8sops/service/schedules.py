"""Schedules as people keep them: added, approved in advance, paused, changed, removed; each on record.

A schedule is added with the plan it would make now, and with that plan's decision: where policy only wants
confirmation, adding it is the standing approval; where it wants votes, the standing approval waits for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from k8sops.actions.registry import spec_of
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.core.clock import Clock, IdSource
from k8sops.core.digests import is_named
from k8sops.core.errors import (
    AlreadyDecidedError,
    BlockedError,
    DeniedError,
    K8sOpsError,
    ReasonWantedError,
    ScheduleExistsError,
    UsageError,
)
from k8sops.core.plan import Decision, Plan
from k8sops.core.risk import Risk, riskiest
from k8sops.core.run import Approval, Vote
from k8sops.core.schedules import ScheduleView
from k8sops.engine.schedules import claiming, table
from k8sops.engine.schedules.spec import ScheduleSpec, schedule_spec
from k8sops.engine.schedules.table import Schedule
from k8sops.engine.signing import Saying, say
from k8sops.policy.facts import targets_of
from k8sops.policy.quorum import vote_refused
from k8sops.policy.standing import StandingApproval
from k8sops.service.access import Access
from k8sops.service.planning import Planner
from k8sops.service.rules import PolicyRules
from k8sops.service.schedule_views import view_of
from k8sops.service.signed_schedules import about_standing
from k8sops.service.signing import Signing
from k8sops.service.standing_votes import StandingRecord, quorum_of, standing_of, supposed
from k8sops.service.storing import Storage
from k8sops.store.carriers import live_carriers
from k8sops.store.database import Tx
from k8sops.store.outbox import put_out

STANDS_FOR: Final = timedelta(days=90)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule before it is kept: what it would do now, and what its standing approval would allow."""

    spec: ScheduleSpec
    plan: Plan
    decision: Decision
    """What policy says of the riskiest plan the standing approval would cover."""
    standing: StandingApproval


class ScheduleDesk:
    """What people do to schedules on one cluster."""

    def __init__(
        self,
        storage: Storage,
        rules: PolicyRules,
        planner: Planner,
        access: Access,
        *,
        clock: Clock,
        ids: IdSource,
        signing: Signing | None = None,
    ) -> None:
        self._storage = storage
        self._rules = rules
        self._planner = planner
        self._access = access
        self._clock = clock
        self._ids = ids
        self._signing = signing

    async def draft(
        self,
        given: Mapping[str, Any],
        actor: Actor,
        *,
        stands_for: timedelta = STANDS_FOR,
        risk: Risk | None = None,
        most_targets: int | None = None,
    ) -> Draft:
        """Check the schedule and plan it once. Raises UsageError, DeniedError, BlockedError; a no is on record.

        `risk` and `most_targets` are the most it may do by itself; as much as it would do now where not given.
        """
        try:
            return await self._drafted(given, actor, stands_for, risk, most_targets)
        except (DeniedError, BlockedError) as error:
            await self._refused(error, actor, "add", str(given["name"]), action=str(given["action"]))
            raise

    async def _drafted(
        self,
        given: Mapping[str, Any],
        actor: Actor,
        stands_for: timedelta,
        risk: Risk | None,
        most_targets: int | None,
    ) -> Draft:
        params = self._planner.validated(str(given["action"]), given["params"]).model_dump(mode="json")
        spec = schedule_spec({**given, "params": params}, now=self._clock.now())
        asking = msgspec.structs.replace(actor, surface="schedule", auth="schedule")
        plan = await self._planner.planned(spec.action, spec.params, asking, schedule=spec.name)
        if plan.blockers:
            raise BlockedError(plan.blockers[0].text, hint="a schedule is added for what could be done now")
        if not self._rules.policy.shipped and not self._rules.person_of(asking, plan.cluster.uid):
            raise DeniedError(
                f"the policy does not know {actor.name}, who would own the schedule {spec.name!r}: it would be paused "
                "when it first fires",
                hint="somebody adds it whom the policy lists under `people`, or an administrator lists them there",
            )
        await self._access.check_owner(plan, actor)
        # A plan that finds nothing to do today says nothing about tomorrow.
        present = plan.risk if plan.steps else riskiest(spec_of(plan.action).risks)
        risk = risk or present
        if plan.risk.rank > risk.rank:
            raise UsageError(f"the schedule {spec.name!r} would be {plan.risk} now, more than {risk}")
        worst = supposed(plan, risk)
        decision = self._rules.decide(worst, asking, schedule=spec.name)
        if decision.effect == "deny":
            raise DeniedError(f"the schedule {spec.name!r} would be denied: {decision.why}")
        if unreasoned := self._rules.reason_refused(decision, spec.reason):
            raise ReasonWantedError(f"the schedule {spec.name!r}: {unreasoned}", hint="add --reason TEXT")
        spec = msgspec.structs.replace(spec, params=plan.params)
        standing = StandingApproval(
            action=plan.action,
            action_version=plan.action_version,
            params=plan.params,
            cluster_uid=plan.cluster.uid,
            cron=spec.timetable.cron,
            zone=spec.timetable.zone,
            execute_as=plan.execute_as,
            risk=risk,
            most_targets=max(most_targets or 1, targets_of(plan) or 0),
            warnings=_warnings(plan),
            valid_until=self._clock.now() + stands_for,
        )
        return Draft(spec=spec, plan=plan, decision=decision, standing=standing)

    async def keep(self, draft: Draft, actor: Actor, *, change: int | None = None) -> ScheduleView:
        """Add the schedule, or change the version given; its standing approval is granted, or waits for votes."""
        books = await self._storage.books()
        spec = msgspec.structs.replace(draft.spec, reason=books.text(draft.spec.reason))
        draft = msgspec.structs.replace(draft, spec=spec)
        owner = self._rules.person_of(actor, draft.plan.cluster.uid)
        decision = draft.decision
        record = StandingRecord(
            approval=draft.standing, granted=decision.effect != "approve", decision=decision
        )

        def work(tx: Tx) -> tuple[Schedule, str, str]:
            execute_as, cluster = draft.plan.execute_as, draft.plan.cluster.uid
            if change is None:
                table.add(
                    tx, draft.spec, owner=owner, actor=actor, execute_as=execute_as, cluster_uid=cluster
                )
            else:
                table.change(tx, draft.spec, version=change, owner=owner, actor=actor, execute_as=execute_as)
            kept = table.get(tx, draft.spec.name)
            table.approve(tx, kept.name, version=kept.version, standing=record.text())
            text = (
                f"{kept.name}: {draft.spec.action} at {draft.spec.timetable.cron} {draft.spec.timetable.zone}"
            )
            if not record.granted:
                text += f"; its standing approval awaits votes: {decision.why}"
            return table.get(tx, kept.name), "schedule.added" if change is None else "schedule.changed", text

        said = about_standing("standing", draft.spec.name, draft.standing, reason=draft.spec.reason)
        return await self._recorded(
            work, actor, "schedule.kept", name=draft.spec.name, asked="add", digest=record.digest, said=[said]
        )

    async def decide(self, name: str, vote: Vote, actor: Actor) -> ScheduleView:
        """Vote on a standing approval's digest. Raises AlreadyDecidedError, DeniedError, UsageError."""
        said: list[Saying] = []

        def work(tx: Tx) -> tuple[Schedule, str, str]:
            schedule = table.locked(tx, name)
            record = standing_of(schedule.standing)
            if record is None or record.granted:
                standing = "granted" if record else "not asked for"
                raise AlreadyDecidedError(f"the standing approval of {name} is {standing}; it takes no votes")
            if not is_named(record.digest, vote.digest):
                raise UsageError(
                    f"the vote is on digest {vote.digest[:12]}, the standing approval's is {record.digest[:12]}",
                    hint=f"`k8sops schedules show {name}` shows it",
                )
            decided = self._with_vote(tx, schedule, record, vote, actor)
            voted = about_standing("vote", name, record.approval, verdict=vote.verdict, reason=vote.reason)
            said[:] = [voted]
            table.approve(tx, name, version=schedule.version, standing=decided.text() if decided else "")
            who = self._who(actor, schedule)
            if decided is None:
                table.pause(tx, name, f"its standing approval was denied by {who}")
                return table.get(tx, name), "schedule.paused", f"{name}: standing approval denied by {who}"
            state = "granted" if decided.granted else "still lacks votes"
            return table.get(tx, name), "schedule.approved", f"{name}: approved by {who}; it {state}"

        return await self._recorded(
            work, actor, "schedule.voted", name=name, asked="vote",
            digest=vote.digest, reason=vote.reason, said=said,
        )  # fmt: skip

    def _with_vote(
        self, tx: Tx, schedule: Schedule, record: StandingRecord, vote: Vote, actor: Actor
    ) -> StandingRecord | None:
        person = self._rules.policy.person_of(actor, schedule.cluster_uid)
        owner = self._rules.policy.person_of(schedule.actor, schedule.cluster_uid)
        decision = record.decision
        if decision is None:
            raise AlreadyDecidedError(f"the standing approval of {schedule.name} takes no votes")
        if refused := vote_refused(decision, person, requester=owner):
            raise DeniedError(f"the vote does not count: {refused}")
        if any(earlier.person == person.name for earlier in record.votes):
            raise AlreadyDecidedError(
                f"{person.name} has voted on the standing approval of {schedule.name} already"
            )
        if vote.verdict == "deny":
            return None
        whole = msgspec.structs.replace(vote, digest=record.digest)
        votes = (*record.votes, Approval(actor=actor, vote=whole, at=tx.now(), person=person.name))
        voted = msgspec.structs.replace(record, votes=votes)
        quorum = quorum_of(self._rules.policy, voted, decision, schedule)
        return msgspec.structs.replace(voted, granted=quorum.reached)

    async def pause(self, name: str, why: str, actor: Actor) -> ScheduleView:
        """Stop firing. Raises NoSuchScheduleError."""

        def work(tx: Tx) -> tuple[Schedule, str, str]:
            who = self._who(actor, table.locked(tx, name))
            table.pause(tx, name, f"{who}: {why}" if why else f"by {who}")
            return table.get(tx, name), "schedule.paused", f"{name} was paused by {who}"

        return await self._recorded(work, actor, "schedule.paused", name=name, asked="pause", reason=why)

    async def resume(self, name: str, actor: Actor) -> ScheduleView:
        """Fire again."""

        def work(tx: Tx) -> tuple[Schedule, str, str]:
            schedule = table.locked(tx, name)
            self._check_theirs(schedule, actor)
            said = f"{name} was resumed by {self._who(actor, schedule)}"
            return table.resume(tx, name), "schedule.resumed", said

        return await self._recorded(work, actor, "schedule.resumed", name=name, asked="resume")

    async def remove(self, name: str, actor: Actor) -> ScheduleView:
        """Take it away; its firings stay on record."""

        def work(tx: Tx) -> tuple[Schedule, str, str]:
            gone = table.locked(tx, name)
            self._check_theirs(gone, actor)
            table.remove(tx, name)
            return gone, "schedule.removed", f"{name} was removed by {self._who(actor, gone)}"

        return await self._recorded(work, actor, "schedule.removed", name=name, asked="remove")

    async def run_now(self, name: str, actor: Actor) -> ScheduleView:
        """Fire at once beside the timetable; a worker carries it out."""

        def work(tx: Tx) -> tuple[Schedule, str, str]:
            schedule = table.locked(tx, name)
            self._check_theirs(schedule, actor)
            who = self._who(actor, schedule)
            due = claiming.run_now(tx, name, who)
            said = f"{name} is to run now ({due:%H:%M:%S} UTC), asked by {who}"
            return table.get(tx, name), "schedule.fired", said

        return await self._recorded(work, actor, "schedule.run_now", name=name, asked="run-now")

    def _who(self, actor: Actor, schedule: Schedule) -> str:
        """What people call them: a chat's ids say nothing to anybody."""
        return self._rules.person_of(actor, schedule.cluster_uid) or actor.name

    def _check_theirs(self, schedule: Schedule, actor: Actor) -> None:
        """Raise DeniedError where it is neither the actor's own nor they an administrator; anybody may pause."""
        policy = self._rules.policy
        person = policy.person_of(actor, schedule.cluster_uid)
        own = actor.name == schedule.actor.name or (person.mapped and person.name == schedule.owner)
        if not (policy.shipped or own or policy.is_administrator(person)):
            raise DeniedError(
                f"the schedule {schedule.name!r} is {schedule.owner or schedule.actor.name}'s",
                hint="its owner does that, or a policy administrator; anybody may pause it",
            )

    async def check_free(self, name: str) -> None:
        """Raise ScheduleExistsError where there is a schedule of this name."""
        database = await self._storage.database()
        if name in {schedule.name for schedule in await database.read(table.every)}:
            raise ScheduleExistsError(
                f"there is a schedule {name!r} already", hint="--replace changes it; or choose another name"
            )

    async def one(self, name: str) -> ScheduleView:
        """A schedule as it stands. Raises NoSuchScheduleError."""
        database = await self._storage.database()
        found, alive = await database.read(lambda tx: (table.get(tx, name), live_carriers(tx)))
        return view_of(found, self._clock.now(), alive)

    async def _recorded(
        self,
        work: Callable[[Tx], tuple[Schedule, str, str]],
        actor: Actor,
        boundary: str,
        *,
        name: str,
        asked: str,
        digest: str = "",
        reason: str = "",
        said: Sequence[Saying] | None = None,
    ) -> ScheduleView:
        """Do `work` and put it on record, or that it was refused; `said` is what the actor signs with it."""
        database, books = await self._storage.database(), await self._storage.books()
        signer = await self._signing.signer() if self._signing and said is not None else None

        def whole(tx: Tx) -> Schedule:
            schedule, code, text = work(tx)
            statement = next((say(tx, signer, one, actor) for one in said or ()), "")
            entry = AuditEntry(
                code=code,
                at=tx.now(),
                actor=actor,
                person=self._rules.person_of(actor, schedule.cluster_uid),
                action=schedule.spec.action,
                digest=digest,
                statement=statement,
                effective=schedule.execute_as,
                cluster_uid=schedule.cluster_uid,
                reason=reason,
                policy_version=self._rules.version,
                outcome=code.partition(".")[2],
                data={"schedule": schedule.name, "version": schedule.version, "text": text},
            )
            told = {"schedule": schedule.name, "text": text, "cluster": schedule.cluster_uid}
            put_out(tx, self._ids.new(), code, "", told)
            books.chain(tx, [entry])
            return schedule

        try:
            kept = await database.write(whole, name=boundary)
        except (DeniedError, AlreadyDecidedError) as error:
            await self._refused(error, actor, asked, name, digest=digest)
            raise
        return view_of(kept, self._clock.now(), await database.read(live_carriers))

    async def _refused(
        self, error: K8sOpsError, actor: Actor, asked: str, name: str, *, action: str = "", digest: str = ""
    ) -> None:
        """Put on record what was asked of a schedule and not done."""
        database, books = await self._storage.database(), await self._storage.books()

        def work(tx: Tx) -> None:
            found = next((one for one in table.every(tx) if one.name == name), None)
            cluster = found.cluster_uid if found else self._access.cluster_uid
            entry = AuditEntry(
                code="schedule.refused",
                at=tx.now(),
                actor=actor,
                person=self._rules.person_of(actor, cluster),
                action=action or (found.spec.action if found else ""),
                digest=digest,
                cluster_uid=cluster,
                reason=error.message,
                policy_version=self._rules.version,
                outcome="refused",
                data={"schedule": name, "asked": asked},
            )
            books.chain(tx, [entry])

        await database.write(work, name="schedule.refused")


def _warnings(plan: Plan) -> tuple[str, ...]:
    """Those it has now, and those that the action always lets pass."""
    present = {one.code for one in plan.findings if one.level == "warning"}
    return tuple(sorted({*present, *spec_of(plan.action).standing_warnings}))
