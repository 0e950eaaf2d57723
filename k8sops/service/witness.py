"""A carrier's judgement of signed runs: `engine.signing.Witness` over the policy file of this process.

The requester is whom a signature proves, policy is this file's, the cluster is the one this process is connected to.
As whom a run is carried out is what *this* policy says for that requester and plan; a plan that says otherwise was
made to borrow somebody's powers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from k8sops.actions.registry import spec_of
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.core.persons import Person
from k8sops.core.plan import ClusterInfo, Plan
from k8sops.core.run import Run, StepRecord
from k8sops.engine.signing import Evidence
from k8sops.policy.execute_as import execute_as_of
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.pins import pinned_keys
from k8sops.policy.policy import Policy
from k8sops.policy.statement_quorum import Allowed, NotAllowed, statements_that_hold
from k8sops.policy.statement_runs import signed_for
from k8sops.policy.statements import HELD, About, Verified
from k8sops.service.signed_grants import under_grants
from k8sops.service.signed_schedules import standing_refused
from k8sops.service.signing import signed_rows


class PolicyWitness:
    """Judges by one policy, on one cluster."""

    def __init__(
        self,
        policy: Policy,
        cluster: ClusterInfo,
        clock: Clock,
        *,
        own: Collection[str],
        own_person: str = "",
        policy_key: Callable[[str], str] = lambda action: spec_of(action).policy_key,
    ) -> None:
        """`own` are the identities this process is itself; `own_person` is whose process it is, by its key."""
        self._policy_key = policy_key
        self._policy = policy
        self._cluster = cluster
        self._clock = clock
        self._own = own
        self._own_person = own_person

    def unsigned(self, run: Run, evidence: Evidence) -> str:
        """Why nobody the policy pins has asked for this plan; empty where somebody has."""
        if run.plan.cluster.uid != self._cluster.uid:
            return f"its plan is for cluster {run.plan.cluster.uid}, which is not this one"
        asked = self._statements(run, evidence, "propose", self._clock.now())
        if run.schedule or any(one.statement.verdict != HELD for one in asked):
            return ""
        answer = self._answer(run, evidence, None, self._clock.now())
        return _why(answer) if isinstance(answer, NotAllowed) else ""

    def refused(self, run: Run, evidence: Evidence, *, fresh: Plan | None, at: datetime | None) -> str:
        """Why it must not be carried out; empty where it may."""
        now = at or self._clock.now()
        if fresh is not None:
            fresh = msgspec.structs.replace(fresh, cluster=self._cluster)
        answer = self._answer(run, evidence, fresh, now)
        if run.schedule and isinstance(answer, NotAllowed):
            outside = standing_refused(
                self._policy,
                run,
                evidence,
                fresh=fresh,
                now=now,
                policy_key=self._policy_key(run.plan.action),
            )
            return outside if isinstance(outside, str) else self._identity_refused(run, fresh, outside, now)
        if isinstance(answer, NotAllowed):
            return _why(answer)
        return self._identity_refused(run, fresh, answer.proposal, now)

    def settled(
        self, run: Run, evidence: Evidence, in_doubt: Mapping[str, StepRecord]
    ) -> dict[str, tuple[Literal["done", "retry"], str]]:
        """What the requester or an administrator has signed of each step since it was last begun: the newest word."""
        words: dict[str, tuple[Literal["done", "retry"], str]] = {}
        requesters = self._statements(run, evidence, "propose", evidence.begun_at or self._clock.now())
        may = {one.person for one in requesters[:1]}
        for path, record in in_doubt.items():
            for found in self._statements(run, evidence, "resume", self._clock.now(), step=path):
                allowed = found.person in may or self._policy.is_administrator(self._person(found.person))
                how = found.statement.verdict
                if allowed and found.statement.made_at > record.started_at and how in {"done", "retry"}:
                    words[path] = ("done" if how == "done" else "retry", found.person)
        return words

    def _answer(
        self, run: Run, evidence: Evidence, fresh: Plan | None, now: datetime
    ) -> Allowed | NotAllowed:
        return signed_for(
            self._policy,
            run=run.id,
            plan=run.plan,
            fresh=fresh,
            cluster_uid=self._cluster.uid,
            rows=signed_rows(evidence.statements),
            now=now,
            policy_key=self._policy_key(run.plan.action),
            under=under_grants(self._policy, evidence) if evidence.grants else None,
        )

    def _statements(
        self,
        run: Run,
        evidence: Evidence,
        kind: Literal["propose", "resume"],
        now: datetime,
        *,
        step: str = "",
    ) -> tuple[Verified, ...]:
        return statements_that_hold(
            signed_rows(evidence.statements),
            kind=kind,
            about=About(run=run.id, digest=run.plan.digest, cluster_uid=self._cluster.uid),
            trusted=pinned_keys(self._policy.file),
            now=now,
            person_named=self._person,
            step=step,
        )

    def _identity_refused(self, run: Run, fresh: Plan | None, asked: Verified, now: datetime) -> str:
        plan = msgspec.structs.replace(run.plan, blast_radius=fresh.blast_radius if fresh else {})
        request = PolicyRequest(
            plan=plan,
            actor=Actor(name=asked.person, surface=asked.surface, auth="statement"),
            person=self._person(asked.person),
            now=now,
            surface=asked.surface,
            policy_key=self._policy_key(plan.action),
            schedule=run.schedule,
        )
        wanted = execute_as_of(self._policy, self._policy.facts(request))
        if plan.execute_as == wanted or (plan.execute_as in self._own and asked.person == self._own_person):
            return ""
        return f"it is to be done as {plan.execute_as or 'nobody named'}, for which the policy has {wanted}"

    def _person(self, name: str) -> Person:
        return self._policy.directory.person(name) or Person()


def _why(answer: NotAllowed) -> str:
    """The sentence, with the first statement that does not count and why not."""
    return f"{answer.why} ({answer.ignored[0]})" if answer.ignored else answer.why
