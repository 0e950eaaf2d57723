"""A carrier's question about one run, put so that nothing the store says gets into the answer.

The digest is computed from the plan that would be carried out; what the digest does not cover (blast radius, findings'
text, the cluster's name) is taken from the plan this carrier made again, or else left out, which rules count as
unknown, the strict way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from datetime import datetime

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.persons import Person
from k8sops.core.plan import Decision, Plan
from k8sops.core.run import RunId
from k8sops.policy.deciding import Verdict
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.pins import pinned_keys
from k8sops.policy.policy import Policy
from k8sops.policy.statement_quorum import Allowed, Ask, NotAllowed, quorum_of_statements
from k8sops.policy.statements import About, Signed

Under = Callable[[PolicyRequest, Verdict], Decision]
"""The decision on a request under what was signed in advance, such as a grant; the verdict's own without."""


def signed_for(
    policy: Policy,
    *,
    run: RunId,
    plan: Plan,
    fresh: Plan | None,
    cluster_uid: str,
    rows: Sequence[Signed],
    now: datetime,
    policy_key: str,
    authors: Collection[str] = (),
    seen: Container[str] = frozenset(),
    under: Under | None = None,
) -> Allowed | NotAllowed:
    """Whether persons this policy pins have signed for the run of this plan, as this policy wants it.

    `plan` is the stored one, `fresh` the one made again at start (None at a takeover), `cluster_uid` that of the
    cluster the carrier is connected to, `policy_key` the registry's. `now`, `authors` and `seen` are as in
    `quorum_of_statements`; `under` may lift what was signed for in advance. Raises UsageError where the policy's pins
    contradict each other.
    """
    if plan.cluster.uid != cluster_uid:
        return NotAllowed(why=f"the plan of {run} is for another cluster than this carrier's", final=True)
    return quorum_of_statements(
        rows,
        about=About(run=run, digest=plan.digest, cluster_uid=cluster_uid),
        execute_as=plan.execute_as,
        trusted=pinned_keys(policy.file),
        now=now,
        person_named=lambda name: policy.directory.person(name) or Person(),
        decide=_decider(policy, _believed(plan, fresh), policy_key, now, under),
        authors=authors,
        seen=seen,
    )


def _decider(
    policy: Policy, plan: Plan, policy_key: str, now: datetime, under: Under | None
) -> Callable[[Ask], Decision]:
    def decide(ask: Ask) -> Decision:
        # Usernames and groups of credentials are not proved by a signature, so rules see the person alone.
        actor = Actor(name=ask.requester.name, surface=ask.surface, auth="statement")
        request = PolicyRequest(
            plan=plan,
            actor=actor,
            person=ask.requester,
            now=now,
            surface=ask.surface,
            policy_key=policy_key,
            emergency=ask.emergency,
        )
        verdict = policy.decide(request)
        return under(request, verdict) if under is not None else verdict.decision

    return decide


def _believed(plan: Plan, fresh: Plan | None) -> Plan:
    """The plan without what its digest does not cover."""
    return msgspec.structs.replace(
        plan,
        summary=fresh.summary if fresh else "",
        blast_radius=fresh.blast_radius if fresh else {},
        forecast=fresh.forecast if fresh else type(plan.forecast)(),
        findings=tuple(
            msgspec.structs.replace(finding, text="") for finding in plan.findings if finding.level != "note"
        ),
        steps=tuple(msgspec.structs.replace(step, why="") for step in plan.steps),
        cluster=msgspec.structs.replace(
            plan.cluster, context="", server="", name="", environment="unclassified"
        )
        if fresh is None
        else fresh.cluster,
        decision=None,
    )
