"""What was signed in advance: the standing approval of a schedule, and time-boxed grants, as carriers judge them.

A firing is carried out where its schedule's owner and whoever policy asks for have signed the standing approval, the
plan is within it, and the firing is one its timetable has. Run-now is no such firing: who wants it now proposes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.clock import rfc3339
from k8sops.core.errors import K8sOpsError
from k8sops.core.persons import Person
from k8sops.core.plan import Decision, Plan
from k8sops.core.run import Run
from k8sops.engine.schedules.times import next_due, timetable
from k8sops.engine.signing import Evidence, Saying
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.grants import GrantSpec, decide_grant
from k8sops.policy.pins import pinned_keys
from k8sops.policy.policy import Policy
from k8sops.policy.standing import StandingApproval, within
from k8sops.policy.statement_quorum import Allowed, Ask, NotAllowed, quorum_of_statements
from k8sops.policy.statements import SCHEDULE, SKEW, About, Signed, Verified
from k8sops.service.signing import signed_rows
from k8sops.service.standing_votes import standing_of

MOST_LATE: Final = timedelta(days=1)
"""How long after its due instant a firing may still be carried out, catching up included."""


def standing_refused(
    policy: Policy, run: Run, evidence: Evidence, *, fresh: Plan | None, now: datetime, policy_key: str
) -> Verified | str:
    """The owner's statement this firing rests on, or why it does not rest on one, as a sentence."""
    try:
        record = standing_of(evidence.standing)
    except (msgspec.MsgspecError, ValueError):
        record = None
    if record is None:
        return f"the schedule {run.schedule} has no standing approval"
    approval = record.approval
    answer = standing_signed(
        policy,
        run.schedule,
        approval,
        _believed(run.plan, fresh),
        signed_rows(evidence.standing_statements),
        now,
        policy_key,
    )
    if isinstance(answer, NotAllowed):
        return f"the standing approval of {run.schedule}: {answer.why}"
    outside = within(approval, run.plan, now)
    why = outside[0] if outside else _not_due(approval, evidence.due, answer.proposal, now)
    return f"the schedule {run.schedule}: {why}" if why else answer.proposal


def about_standing(
    kind: Literal["standing", "vote"],
    name: str,
    approval: StandingApproval,
    *,
    verdict: str = "",
    reason: str = "",
) -> Saying:
    """What a schedule's owner says of its standing approval, or a voter."""
    return Saying(
        kind=kind,
        subject=f"{SCHEDULE}{name}",
        digest=approval.digest,
        cluster_uid=approval.cluster_uid,
        execute_as=approval.execute_as,
        verdict=verdict,
        reason=reason,
        until=approval.valid_until,
    )


def standing_signed(
    policy: Policy,
    name: str,
    approval: StandingApproval,
    plan: Plan,
    rows: Sequence[Signed],
    now: datetime,
    policy_key: str,
) -> Allowed | NotAllowed:
    """Whether the standing approval is signed for, by its owner and whom policy asks for, a plan being at hand."""

    def decide(ask: Ask) -> Decision:
        actor = Actor(name=ask.requester.name, surface="schedule", auth="statement")
        request = PolicyRequest(
            plan=plan,
            actor=actor,
            person=ask.requester,
            now=now,
            surface="schedule",
            policy_key=policy_key,
            schedule=name,
        )
        return policy.decide(request).decision

    return quorum_of_statements(
        rows,
        about=About(run=f"{SCHEDULE}{name}", digest=approval.digest, cluster_uid=approval.cluster_uid),
        execute_as=approval.execute_as,
        trusted=pinned_keys(policy.file),
        now=now,
        person_named=lambda person: policy.directory.person(person) or Person(),
        decide=decide,
        asked="standing",
    )


def grant_signed(
    policy: Policy, grant: str, spec: GrantSpec, rows: Sequence[Signed], now: datetime
) -> Allowed | NotAllowed:
    """Whether a grant is signed for, by who asked for it and whom policy's `grants` asks for."""
    return quorum_of_statements(
        rows,
        about=About(run=grant, digest=spec.digest, cluster_uid=spec.cluster_uid),
        execute_as="",
        trusted=pinned_keys(policy.file),
        now=now,
        person_named=lambda person: policy.directory.person(person) or Person(),
        decide=lambda ask: decide_grant(policy, spec, ask.requester, ask.made_at),
        asked="grant",
    )


def _believed(plan: Plan, fresh: Plan | None) -> Plan:
    return msgspec.structs.replace(plan, blast_radius=fresh.blast_radius if fresh else {}, decision=None)


def _not_due(approval: StandingApproval, due: datetime | None, asked: Verified, now: datetime) -> str:
    """Why this is no firing of the timetable people signed; empty where it is one."""
    if due is None:
        return "no firing of it made this run"
    try:
        on_time = next_due(timetable(approval.cron, approval.zone), due - timedelta(seconds=1)) == due
    except K8sOpsError as error:
        return error.message
    if not on_time:
        return f"{rfc3339(due)} is no time of {approval.cron} {approval.zone}"
    if not asked.statement.made_at - SKEW <= due <= now + SKEW:
        return f"{rfc3339(due)} is not between its approval and now"
    return f"it was due at {rfc3339(due)}, too long ago" if now - due > MOST_LATE else ""
