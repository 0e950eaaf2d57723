"""Policy about time-boxed grants: who may have one, who votes on it, and what it changes of a decision.

A grant stands in for approvals that rules ask for, and for nothing else: where a freeze or a protected place asks for
them, they are still asked for, and whatever denies, is confirmed or wants a reason still does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.persons import Person
from k8sops.core.plan import Decision
from k8sops.core.run import Approval
from k8sops.engine.grants import Grant
from k8sops.policy.deciding import Verdict
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.grants import GrantSpec, covers, decide_grant
from k8sops.policy.policy import Policy
from k8sops.policy.quorum import Quorum, count, vote_refused
from k8sops.policy.reasons import reason_refused

LIFTABLE: Final = frozenset({"rule", "baseline"})
"""Sources of an `approve` that a grant stands in for."""


class PolicyGrantRules:
    """`engine.granting.GrantRules` over the policy file of this process."""

    def __init__(self, policy: Policy) -> None:
        self.policy: Final = policy

    def person_of(self, actor: Actor, cluster_uid: str) -> str:
        """The person behind an actor; empty where nobody is mapped."""
        return self._person(actor, cluster_uid).name

    def decide_grant(self, spec: GrantSpec, actor: Actor, now: datetime) -> Decision:
        """What it takes to get this grant."""
        return decide_grant(self.policy, spec, self._person(actor, spec.cluster_uid), now)

    def reason_refused(self, decision: Decision, reason: str) -> str:
        """Why the reason is not what policy wants; empty where it is."""
        return reason_refused(decision, reason)

    def grant_vote_refused(self, grant: Grant, actor: Actor) -> str:
        """Why this actor's vote cannot count: their own grant, an unmapped name, another group than asked for."""
        person = self._person(actor, grant.spec.cluster_uid)
        return vote_refused(self._decision(grant), person, requester=self._requester(grant))

    def grant_quorum(self, grant: Grant) -> tuple[bool, str]:
        """Whether the votes suffice by this policy, and how they stand."""
        quorum = self._counted(grant, grant.approvals)
        return quorum.reached, quorum.why

    def revoke_refused(self, grant: Grant, actor: Actor) -> str:
        """Taking back takes less than giving: the requester, who may use or approve it, or an administrator."""
        person = self._person(actor, grant.spec.cluster_uid)
        if not person.mapped:
            return "the policy does not know who this is"
        uses = person.name in grant.spec.people or bool(set(grant.spec.groups) & set(person.groups))
        votes = not vote_refused(self._decision(grant), person, requester=self._requester(grant))
        if person.name == grant.person or uses or votes or self.policy.is_administrator(person):
            return ""
        return f"it is for its requester, {grant.person}, whoever may approve it, or a policy administrator"

    def refused(self, grant: Grant, now: datetime) -> str:
        """Why this policy does not let the grant be used, whatever the store says of it; empty where it does."""
        if grant.state != "active":
            return f"grant {grant.id} is {grant.state}"
        decision = self._decision(grant)
        if decision.effect == "deny":
            return f"grant {grant.id}: {decision.why}"
        reached, why = self.grant_quorum(grant) if decision.effect == "approve" else (True, "")
        if not reached:
            return f"grant {grant.id}: {why}"
        return "" if now < grant.spec.valid_until else f"grant {grant.id} is expired"

    def covering(
        self, request: PolicyRequest, verdict: Verdict, grants: Iterable[Grant]
    ) -> tuple[Grant, Decision] | None:
        """The first grant under which this plan needs no approvals of its own, and the decision under it."""
        if not liftable(verdict) or request.emergency or request.schedule:
            return None
        for grant in grants:
            if not self.refused(grant, request.now) and self.covers(grant.spec, request) == "":
                return grant, lifted(verdict, grant.id)
        return None

    def covers(self, spec: GrantSpec, request: PolicyRequest) -> str:
        """Why the grant does not cover the request, as a sentence; empty where it does."""
        why = covers(spec, request.plan, request.person, request.now, policy_key=request.policy_key)
        return why or ""

    def _decision(self, grant: Grant) -> Decision:
        """What this policy asks for, as of the moment the grant was asked for."""
        return decide_grant(self.policy, grant.spec, self._requester(grant), grant.made_at)

    def _requester(self, grant: Grant) -> Person:
        return self._person(grant.actor, grant.spec.cluster_uid)

    def _person(self, actor: Actor, cluster_uid: str) -> Person:
        return self.policy.person_of(actor, cluster_uid)

    def _counted(self, grant: Grant, approvals: tuple[Approval, ...]) -> Quorum:
        return count(
            self._decision(grant),
            approvals,
            digest=grant.digest,
            requester=self._requester(grant),
            person_of=lambda actor: self._person(actor, grant.spec.cluster_uid),
        )


def liftable(verdict: Verdict) -> bool:
    """Whether approvals are all that stands in the way, and it is rules alone that ask for them."""
    asking = [trace for trace in verdict.trace if trace.matched and trace.effect == "approve"]
    return verdict.decision.effect == "approve" and all(trace.source in LIFTABLE for trace in asking)


def lifted(verdict: Verdict, grant: str) -> Decision:
    """The decision without its approvals: confirmed where any rule asks for that, else allowed."""
    confirms = any(trace.matched and trace.effect == "confirm" for trace in verdict.trace)
    return msgspec.structs.replace(
        verdict.decision,
        effect="confirm" if confirms or verdict.decision.typed_name else "allow",
        why=f"grant {grant} covers it",
        approvals=0,
        demands=(),
        ttl_s=None,
    )
