"""Grants where runs meet them: looked for when a plan is proposed, and asked again before its first mutation."""

from __future__ import annotations

import msgspec

from k8sops.actions.registry import spec_of
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.core.errors import UnreachableError
from k8sops.core.plan import Plan
from k8sops.core.run import Run
from k8sops.engine.grants import Grant, as_of, grant_of
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.policy import Policy
from k8sops.service.grant_rules import PolicyGrantRules
from k8sops.service.storing import Storage
from k8sops.store.database import Tx
from k8sops.store.grant_rows import grants_in_force, grants_of_digest


class GrantBook:
    """`engine.port.Grants` over the store and the policy file of this process."""

    def __init__(self, storage: Storage, policy: Policy, clock: Clock) -> None:
        self._storage = storage
        self._policy = policy
        self._rules = PolicyGrantRules(policy)
        self._clock = clock

    async def covering(self, plan: Plan, actor: Actor) -> tuple[Plan, str]:
        """The plan with its decision as it is under a grant, and the grant's digest; unchanged where none covers it.

        The store is asked only where approvals are all that is wanted.
        """
        if plan.decision is None or plan.decision.effect != "approve" or self._policy.shipped:
            return plan, ""
        request = self._request(plan, actor)
        try:
            database = await self._storage.database()
            grants = [grant_of(row) for row in await database.read(grants_in_force)]
        except UnreachableError:
            # A plan is shown without the store; whoever proposes it hears that it is away.
            return plan, ""
        found = self._rules.covering(request, self._policy.decide(request), grants)
        if found is None:
            return plan, ""
        grant, decision = found
        return msgspec.structs.replace(plan, decision=decision), grant.digest

    async def carry_refused(self, run: Run) -> str:
        """Why the run may no longer rest on its grant, by this policy and as the store has it now; else empty."""
        database = await self._storage.database()

        def look(tx: Tx) -> list[Grant]:
            now = tx.now()
            return [as_of(grant_of(row), now) for row in grants_of_digest(tx, run.grant)]

        request = self._request(run.plan, run.actor)
        verdict = self._policy.decide(request)
        if verdict.decision.effect != "approve":
            return verdict.decision.why if verdict.decision.effect == "deny" else ""
        grants = await database.read(look)
        if self._rules.covering(request, verdict, grants) is not None:
            return ""
        whys = [
            self._rules.refused(one, request.now) or self._rules.covers(one.spec, request) for one in grants
        ]
        return next(
            (why for why in whys if why), "the grant it rests on does not stand in for what policy asks"
        )

    def _request(self, plan: Plan, actor: Actor) -> PolicyRequest:
        return PolicyRequest(
            plan=plan,
            actor=actor,
            person=self._policy.person_of(actor, plan.cluster.uid),
            now=self._clock.now(),
            surface=actor.surface,
            policy_key=spec_of(plan.action).policy_key,
        )
