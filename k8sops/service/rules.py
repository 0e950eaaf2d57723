"""Policy as the engine asks it: `engine.port.Rules` over the policy file of this process.

Whoever carries a run asks its own file again; what the store says was decided is not believed (DESIGN §8, Persons).
"""

from __future__ import annotations

import msgspec

from k8sops.actions.registry import spec_of
from k8sops.cluster.identity import Impersonation
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.core.persons import Person
from k8sops.core.plan import Decision, Plan
from k8sops.core.run import Approval, Run
from k8sops.policy.deciding import Verdict
from k8sops.policy.execute_as import PERSON, SERVICE, carried_as, execute_as_of
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.model import KubernetesIdentity
from k8sops.policy.policy import Policy
from k8sops.policy.quorum import Quorum, count, counts_for_more, demands_of, in_words, vote_refused
from k8sops.policy.reasons import reason_refused
from k8sops.service.clusters import OWN


class PolicyRules:
    """What policy answers the engine."""

    def __init__(self, policy: Policy, clock: Clock) -> None:
        self.policy = policy
        self._clock = clock

    @property
    def version(self) -> str:
        """The version in force."""
        return self.policy.version

    def person_of(self, actor: Actor, cluster_uid: str) -> str:
        """The person behind an actor; empty where nobody is mapped."""
        return self._person(actor, cluster_uid).name

    def decide(self, plan: Plan, actor: Actor, *, schedule: str = "", emergency: bool = False) -> Decision:
        """What becomes of this plan."""
        return self.policy.decide(self._request(plan, actor, schedule=schedule, emergency=emergency)).decision

    def verdict(self, plan: Plan, actor: Actor) -> Verdict:
        """The decision, and how each rule was judged."""
        return self.policy.decide(self._request(plan, actor))

    def reason_refused(self, decision: Decision, reason: str) -> str:
        """Why the reason is not what policy wants; empty where it is."""
        return reason_refused(decision, reason)

    def vote_refused(self, run: Run, actor: Actor) -> str:
        """Why this actor's vote cannot count on this run; empty where it can."""
        person = self._person(actor, run.plan.cluster.uid)
        return vote_refused(self._decision(run), person, requester=self._requester(run))

    def counts_for_more(self, run: Run, actor: Actor, earlier: Approval) -> bool:
        """Whether an approval of this actor adds to the earlier one of the same person."""
        return counts_for_more(self._decision(run), actor, earlier.actor)

    def quorum_reached(self, run: Run, approvals: tuple[Approval, ...]) -> tuple[bool, str]:
        """Whether the approvals suffice, and what is missing, in a clause."""
        decision, quorum = self._decision(run), self._counted(run, approvals)
        wanted = "; and ".join(in_words(demand) for demand in demands_of(decision))
        return quorum.reached, f"{quorum.missing} more needed ({wanted})"

    def break_glass_refused(self, run: Run, actor: Actor) -> str:
        """Why this actor may not break the glass; empty where they may."""
        return self.policy.break_glass_refused(self._person(actor, run.plan.cluster.uid), actor.surface)

    def resume_refused(self, run: Run, actor: Actor) -> str:
        """Why this actor may not settle the run: it is its requester's, or an administrator's, to do."""
        person = self._person(actor, run.plan.cluster.uid)
        if self.policy.shipped or actor.name == run.actor.name or (person.name and person.name == run.person):
            return ""
        if self.policy.is_administrator(person):
            return ""
        return f"it is for its requester, {run.who}, or a policy administrator"

    def most_at_once(self, cluster_uid: str) -> int:
        """How many runs may go on this cluster at once."""
        return self.policy.most_at_once(cluster_uid)

    def carry_refused(self, run: Run) -> str:
        """Why this process must not carry the run, by its own policy file; empty where it may."""
        decision = self._decision(run)
        if decision.effect == "deny":
            return decision.why
        if decision.effect == "approve" and not run.grant:
            quorum = self._counted(run, run.approvals)
            if not quorum.reached:
                return quorum.why
        return self._identity_refused(run)

    def execute_as(self, plan: Plan, actor: Actor, *, schedule: str = "") -> str:
        """As whom policy wants the plan carried out; empty: as its requester, with their own credentials."""
        return execute_as_of(self.policy, self.policy.facts(self._request(plan, actor, schedule=schedule)))

    def own_identities(self, username: str, cluster_uid: str) -> tuple[str, ...]:
        """What `execute_as` may say for this process to carry a run with its own credentials."""
        person = self.policy.person_of(Actor(name=username), cluster_uid)
        return (f"{OWN}{username}", *((f"{PERSON}{person.name}",) if person.mapped else ()))

    def impersonated(self) -> tuple[str, ...]:
        """Every other identity this policy names a Kubernetes user for."""
        rules = self.policy.file.execute_as
        return (
            *(f"{SERVICE}{one.name}" for one in rules.services),
            *(f"{PERSON}{name}" for name in rules.people),
        )

    def impersonation(self, execute_as: str) -> Impersonation | None:
        """Whom to impersonate for that identity; None where this policy names nobody."""
        rules = self.policy.file.execute_as
        name = execute_as.partition(":")[2]
        if execute_as.startswith(PERSON):
            found: KubernetesIdentity | None = rules.people.get(name)
        else:
            found = next((one for one in rules.services if execute_as == f"{SERVICE}{one.name}"), None)
        return Impersonation(user=found.user, groups=found.groups) if found else None

    def _identity_refused(self, run: Run) -> str:
        """A service identity is for certain plans only; what a run says of it is checked, not believed."""
        if not run.plan.execute_as.startswith(SERVICE):
            return ""
        facts = self.policy.facts(self._request(run.plan, run.actor, schedule=run.schedule))
        answer = carried_as(self.policy, run.plan.execute_as, facts)
        return answer if isinstance(answer, str) else ""

    def _request(
        self, plan: Plan, actor: Actor, *, schedule: str = "", emergency: bool = False
    ) -> PolicyRequest:
        return PolicyRequest(
            plan=plan,
            actor=actor,
            person=self._person(actor, plan.cluster.uid),
            now=self._clock.now(),
            surface=actor.surface,
            policy_key=spec_of(plan.action).policy_key,
            emergency=emergency,
            schedule=schedule,
        )

    def _decision(self, run: Run) -> Decision:
        return self.decide(run.plan, run.actor, schedule=run.schedule, emergency=run.emergency)

    def _person(self, actor: Actor, cluster_uid: str) -> Person:
        if actor.surface == "schedule":
            # A schedule asks in the name of its owner: whoever holds the owner's credentials on this cluster.
            owner = msgspec.structs.replace(actor, surface="cli")
            return self.policy.person_of(owner, cluster_uid)
        return self.policy.person_of(actor, cluster_uid)

    def _requester(self, run: Run) -> Person:
        return self._person(run.actor, run.plan.cluster.uid)

    def _counted(self, run: Run, approvals: tuple[Approval, ...]) -> Quorum:
        return count(
            self._decision(run),
            approvals,
            digest=run.plan.digest,
            requester=self._requester(run),
            person_of=lambda actor: self._person(actor, run.plan.cluster.uid),
        )
