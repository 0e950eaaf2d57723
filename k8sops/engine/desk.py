"""What people do to runs: propose, vote, start, cancel, settle. Each is one transaction, and told truthfully.

The desk decides nothing by itself: `Rules` says who may, `transitions` says from where to where. Votes are counted
under the run's row lock, so that of two at the same moment the second hears what the first did.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Row

from k8sops.core.actor import Actor
from k8sops.core.clock import IdSource
from k8sops.core.digests import SHORTEST_DIGEST, is_named
from k8sops.core.errors import (
    AlreadyDecidedError,
    ApprovalPendingError,
    BlockedError,
    DeniedError,
    K8sOpsError,
    ReasonWantedError,
    TargetLockedError,
    UsageError,
)
from k8sops.core.events import Emission
from k8sops.core.plan import Plan
from k8sops.core.run import WAITING, Approval, Run, RunId, RunState, Vote
from k8sops.engine.books import Books, run_entry, state_emission
from k8sops.engine.endings import account
from k8sops.engine.port import Rules
from k8sops.engine.recording import any_begun
from k8sops.engine.refusals import Answer, answered, refused
from k8sops.engine.signing import Signer, Started, about, forged, proposal_of, say, say_start, with_statement
from k8sops.engine.sweeping import expire
from k8sops.engine.targets import label_of_key, lock_keys
from k8sops.engine.transitions import change_state
from k8sops.store.database import Database, Tx
from k8sops.store.leases import lease_held
from k8sops.store.locks import Holder, take_locks
from k8sops.store.reviews import open_review
from k8sops.store.runs import find_id, insert_run, load_row, run_of, set_columns
from k8sops.store.steps import load_steps
from k8sops.store.times import from_ms
from k8sops.store.votes import insert_vote, last_of_each, votes_of


class Desk:
    """Proposals, votes and their consequences. With a signer, each is signed in the transaction that keeps it."""

    def __init__(
        self, database: Database, books: Books, rules: Rules, ids: IdSource, signer: Signer | None = None
    ) -> None:
        self._database = database
        self._books = books
        self._rules = rules
        self._ids = ids
        self._signer = signer

    async def propose(
        self,
        plan: Plan,
        actor: Actor,
        *,
        reason: str = "",
        hold: bool = False,
        emergency: bool = False,
        schedule: str = "",
        grant: str = "",
        run_id: RunId = "",
    ) -> Run:
        """Store a plan with what policy says of it. A denied one is stored too: that is on record as well.

        `run_id` is an id the caller has from the source of ids; none: a new one.
        """
        decision = plan.decision or self._rules.decide(plan, actor, schedule=schedule, emergency=emergency)
        plan = msgspec.structs.replace(plan, decision=decision)
        unreasoned = self._rules.reason_refused(decision, reason) if decision.effect != "deny" else ""
        if unreasoned:
            raise ReasonWantedError(f"{plan.action}: {unreasoned}", hint="add --reason TEXT")
        # What is blocked cannot be approved either: it is put forward for its requester to see.
        asks = decision.effect == "approve" and not plan.blockers
        state = RunState.AWAITING_APPROVAL if asks else RunState.PROPOSED
        run = Run(
            id=run_id or self._ids.new(),
            plan=plan,
            state=state,
            actor=actor,
            reason=self._books.text(reason),
            person=self._person(plan, actor),
            hold=hold,
            emergency=emergency,
            schedule=schedule,
            grant=grant,
        )
        return await self._database.write(
            lambda tx: self.propose_in(tx, run, statement=self._said_proposal(tx, run)), name="run.proposed"
        )

    def _person(self, plan: Plan, actor: Actor) -> str:
        denied = plan.decision is not None and plan.decision.effect == "deny"
        if self._signer is None or denied:
            return self._rules.person_of(actor, plan.cluster.uid)
        return self._signer.person_for(actor, plan.cluster.uid)

    def _said_proposal(self, tx: Tx, run: Run) -> str:
        """Sign what others are to approve; what only its requester confirms is signed with that, at the start.

        A held run's proposal says that it is held: its start takes the requester's word once more.
        """
        decision, signer = run.plan.decision, self._signer
        if signer is None or decision is None or run.state is not RunState.AWAITING_APPROVAL:
            return ""
        lasts = timedelta(seconds=decision.ttl_s) if decision.ttl_s else run.plan.expires_at - signer.now()
        until = signer.now() + lasts
        return say(tx, signer, proposal_of(run, until=until, held=run.hold), run.actor)

    def propose_in(self, tx: Tx, run: Run, *, statement: str = "") -> Run:
        """The same within a transaction of the caller's; `statement` is the hash of what was signed for it."""
        run = msgspec.structs.replace(run, proposed_at=tx.now())
        insert_run(tx, run)
        proposed = with_statement(
            run_entry(run, "run.proposed", tx.now(), reason=run.reason, outcome=str(run.state)), statement
        )
        entries = [proposed]
        if run.grant and not run.schedule:
            entries.append(run_entry(run, "grant.used", tx.now(), outcome="used", data={"grant": run.grant}))
        text = run.plan.summary if run.state is RunState.PROPOSED else f"awaiting approval: {_why(run)}"
        emission = state_emission(run.state, text)
        decision = run.plan.decision
        if decision is not None and decision.effect == "deny" and not run.plan.blockers:
            return change_state(
                tx,
                self._books,
                run,
                RunState.DENIED,
                f"denied: {decision.why}",
                before=[emission],
                entries=entries,
                error=DeniedError(decision.why),
            )
        self._books.write(tx, run.id, [emission], entries)
        return run

    async def decide(self, wanted: str, vote: Vote, actor: Actor) -> Run:
        """Record a vote; a denial ends the run, the last needed approval queues it.

        Raises AlreadyDecidedError, DeniedError where the vote cannot count, UsageError where it is on another digest.
        """
        vote = msgspec.structs.replace(vote, reason=self._books.text(vote.reason))

        def work(tx: Tx) -> Answer:
            run, row = locked(tx, wanted)
            if run.state is RunState.AWAITING_APPROVAL and tx.now_ms() > row.expires_at:
                run = expire(tx, self._books, run)
            error = self._vote_refusal(run, vote, actor)
            if error is None and vote.verdict == "approve":
                error = forged(tx, self._signer, run)
            if error is not None:
                person = self._rules.person_of(actor, run.plan.cluster.uid)
                return refused(tx, self._books, run, error, actor, code="run.vote_refused", person=person)
            voted = about(
                run, "vote", until=from_ms(row.expires_at), verdict=vote.verdict, reason=vote.reason
            )
            return self._counted(tx, run, vote, actor, say(tx, self._signer, voted, actor))

        return await answered(self._database, work, name="run.voted")

    def _vote_refusal(self, run: Run, vote: Vote, actor: Actor) -> K8sOpsError | None:
        if not is_named(run.plan.digest, vote.digest):
            return UsageError(
                f"the vote is on digest {vote.digest[:SHORTEST_DIGEST]}, the plan's is "
                f"{run.plan.digest[:SHORTEST_DIGEST]}",
                hint="look at the plan again and vote on its digest",
            )
        if run.state is RunState.PROPOSED and vote.verdict == "approve":
            return AlreadyDecidedError(
                f"run {run.id} needs no approval now; {run.who} starts it", hint="deny it to stop it"
            )
        if run.state not in {RunState.AWAITING_APPROVAL, RunState.PROPOSED}:
            return AlreadyDecidedError(f"run {run.id} is {standing(run)}; it takes no more votes")
        if vote.verdict == "deny":
            # It takes less to stop than to go on: anybody's no counts.
            return None
        return self.uncounted(run, actor)

    def uncounted(self, run: Run, actor: Actor) -> K8sOpsError | None:
        """Why this actor's approval cannot count."""
        why = self._rules.vote_refused(run, actor)
        if why:
            return DeniedError(f"the vote does not count: {why}")
        person = self._rules.person_of(actor, run.plan.cluster.uid) or actor.name
        earlier = next((one for one in run.approvals if one.who == person), None)
        if earlier is not None and not self._rules.counts_for_more(run, actor, earlier):
            verdict = "approved" if earlier.vote.verdict == "approve" else "denied"
            return AlreadyDecidedError(f"{person} has {verdict} run {run.id} already")
        return None

    def _counted(self, tx: Tx, run: Run, vote: Vote, actor: Actor, statement: str) -> Run:
        person = self._rules.person_of(actor, run.plan.cluster.uid)
        whole = msgspec.structs.replace(vote, digest=run.plan.digest)
        approval = Approval(actor=actor, vote=whole, at=tx.now(), person=person)
        # Who said yes in the chat may say it again at a terminal, and who said yes may still say no.
        insert_vote(tx, run.id, approval, self._ids.new())
        run = msgspec.structs.replace(run, approvals=last_of_each((*run.approvals, approval)))
        name = person or actor.name
        voted = with_statement(
            run_entry(
                run,
                "run.voted",
                tx.now(),
                actor=actor,
                person=person,
                reason=vote.reason,
                outcome=vote.verdict,
            ),
            statement,
        )
        if vote.verdict == "deny":
            text = f"denied by {name}" + (f": {vote.reason}" if vote.reason else "")
            return change_state(
                tx, self._books, run, RunState.DENIED, text, actor=actor, person=person, reason=vote.reason,
                entries=[voted], error=DeniedError(text),
            )  # fmt: skip
        reached, missing = self._rules.quorum_reached(run, run.approvals)
        note = Emission(kind="note", text=f"approved by {name}" + (f"; {missing}" if not reached else ""))
        if not reached:
            self._books.write(tx, run.id, [note], [voted])
            return run
        if run.hold:
            return change_state(
                tx, self._books, run, RunState.PROPOSED, "approved; held until its requester starts it",
                code="run.held",
                actor=actor, person=person, before=[note], entries=[voted],
            )  # fmt: skip
        return change_state(
            tx, self._books, run, RunState.QUEUED, "approved and queued", code="run.approved",
            actor=actor, person=person, before=[note], entries=[voted],
        )  # fmt: skip

    async def start(
        self, wanted: str, actor: Actor, *, break_glass: str = "", seen: str = "", emergency: bool = False
    ) -> Run:
        """Queue a confirmed, allowed or approved run, its targets locked; `seen` is the digest that was confirmed.

        `emergency`: this door is on the local store of an emergency, where each start breaks the glass.
        Raises BlockedError, ApprovalPendingError, DeniedError, AlreadyDecidedError, TargetLockedError.
        """
        break_glass = self._books.text(break_glass)

        def work(tx: Tx) -> Answer:
            run, row = locked(tx, wanted)
            _check_startable(run)
            if tx.now_ms() > row.expires_at:
                expire(tx, self._books, run)
                return DeniedError(f"the plan of run {run.id} has expired", hint="plan again")
            if (actor.name, actor.team) != (run.actor.name, run.actor.team):
                stranger = DeniedError(
                    f"run {run.id} was proposed by {run.who}; only its requester starts it",
                    hint="propose it yourself",
                )
                person = self._rules.person_of(actor, run.plan.cluster.uid)
                return refused(tx, self._books, run, stranger, actor, person=person)
            if break_glass:
                why = self._rules.break_glass_refused(run, actor)
                if why:
                    whole = DeniedError(f"the glass stays whole: {why}")
                    return refused(tx, self._books, run, whole, actor, code="break_glass.refused")
            elif run.state is RunState.AWAITING_APPROVAL:
                raise _pending(run, self._rules.quorum_reached(run, run.approvals)[1])
            holder = take_locks(tx, run.id, lock_keys(run.plan))
            if holder is not None:
                return refused(tx, self._books, run, _locked_by(holder), actor)
            broken = break_glass or (run.reason if emergency else "")
            said = say_start(tx, self._signer, run, actor, seen=seen, break_glass=broken)
            return self._queued(tx, run, actor, break_glass, said)

        return await answered(self._database, work, name="run.queued")

    def _queued(self, tx: Tx, run: Run, actor: Actor, break_glass: str, said: Started) -> Run:
        """`said` are the hashes of the statements that were signed for it. What goes round approvals is reviewed."""
        if not (break_glass or run.emergency):
            return change_state(
                tx, self._books, run, RunState.QUEUED, "queued", actor=actor, statement=said.proposal
            )
        reason = break_glass or run.reason
        open_review(tx, run.id, "break_glass" if break_glass else "emergency")
        used = "used" if break_glass else "emergency"
        entries = [
            with_statement(
                run_entry(run, code, tx.now(), actor=actor, reason=reason, outcome=outcome),
                said.break_glass,
            )
            for code, outcome in (("break_glass.used", used), ("review.opened", "open"))
        ]
        who = self._rules.person_of(actor, run.plan.cluster.uid) or actor.name
        what = f"the glass was broken by {who}" if break_glass else f"an emergency, says {who}"
        return change_state(
            tx,
            self._books,
            run,
            RunState.QUEUED,
            f"{what}: {reason}",
            actor=actor,
            reason=reason,
            entries=entries,
            columns={"emergency": True},
            statement=said.proposal,
        )

    async def cancel(
        self, wanted: str, actor: Actor, why: str, *, taken_back: Callable[[Tx, Run], bool] | None = None
    ) -> Run:
        """Stop a run: at once where nothing carries it, else by asking its carrier, which stops within a step.

        `taken_back` says whether somebody takes over a run that has begun and that nobody carries now, to take back
        what it did; it is then left to them, with the cancel on record.
        """
        why = self._books.text(why)

        def work(tx: Tx) -> Run:
            run, row = locked(tx, wanted)
            person = self._rules.person_of(actor, run.plan.cluster.uid)
            name = person or actor.name
            who = f"{name}: {why}" if why else name
            if run.state.ended:
                raise AlreadyDecidedError(f"run {run.id} is {standing(run)}; there is nothing to cancel")
            carried = lease_held(tx, row) or (
                taken_back is not None and _has_begun(tx, run) and taken_back(tx, run)
            )
            if carried and row.cancel_by is not None:
                return run
            said = say(tx, self._signer, about(run, "cancel", reason=why), actor)
            if not carried:
                text = f"cancelled by {who}: {_account(tx, run)}"
                return change_state(
                    tx, self._books, run, RunState.CANCELLED, text, actor=actor, person=person, reason=why,
                    statement=said,
                )  # fmt: skip
            set_columns(tx, run.id, cancel_by=who)
            entry = run_entry(run, "run.cancel_requested", tx.now(), actor=actor, person=person, reason=why)
            note = Emission(kind="note", text=f"cancel asked for by {who}")
            self._books.write(tx, run.id, [note], [with_statement(entry, said)])
            return run

        return await self._database.write(work, name="run.cancel_asked")


def _has_begun(tx: Tx, run: Run) -> bool:
    return run.state is RunState.RUNNING and any_begun(load_steps(tx, run.id))


def _account(tx: Tx, run: Run) -> str:
    """What a run that nobody carries has done so far."""
    if run.state is not RunState.RUNNING:
        return "it had not started, nothing was changed"
    steps = load_steps(tx, run.id)
    done = [path for path, record in steps.items() if record.state == "done"]
    return account(run.plan, done, [path for path, record in steps.items() if record.state == "started"])


def _check_startable(run: Run) -> None:
    if run.state is RunState.DENIED:
        raise DeniedError(f"run {run.id} was {run.outcome or 'denied'}", hint="propose it again")
    if run.state not in WAITING:
        raise AlreadyDecidedError(f"run {run.id} is {standing(run)}; only a proposed run can be started")
    if run.plan.blockers:
        first = run.plan.blockers[0]
        raise BlockedError(first.text, hint=f"{first.override} overrides it" if first.override else "")


def _pending(run: Run, missing: str) -> ApprovalPendingError:
    return ApprovalPendingError(
        f"run {run.id} awaits approval: {missing}",
        hint=f"`k8sops approve {run.id} --digest {run.plan.digest[:SHORTEST_DIGEST]}`",
    )


def _locked_by(holder: Holder) -> TargetLockedError:
    who = f" by {holder.person}" if holder.person else ""
    hint = f"wait for it: `k8sops runs watch {holder.run}`, or cancel it"
    if not holder.carried:
        hint = (
            "nobody carries that run now: `k8sops worker --until-idle` carries it to its end, "
            f"`k8sops runs watch {holder.run}` waits for one that does"
        )
    return TargetLockedError(
        f"{label_of_key(holder.key)} is being changed by run {holder.run} ({holder.action}{who})",
        hint=hint,
    )


def locked(tx: Tx, wanted: str) -> tuple[Run, Row[Any]]:
    """A run with its votes, and its row, held until the transaction ends."""
    row = load_row(tx, find_id(tx, wanted), lock=True)
    return run_of(row, approvals=votes_of(tx, row.id)), row


def _why(run: Run) -> str:
    return run.plan.decision.why if run.plan.decision else ""


def standing(run: Run) -> str:
    """The state in words that answer a late vote: who did it, where somebody did."""
    if run.outcome:
        told = run.outcome.startswith(str(run.state))
        return f"already {run.outcome}" if told else f"already {run.state} ({run.outcome})"
    return f"already {run.state}"
