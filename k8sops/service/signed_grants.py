"""Grants as a carrier believes them: signed for by who asked and by whom policy asks for, and not taken back.

What the store says of a grant is hearsay but for the words people signed the digest of.
"""

from __future__ import annotations

import msgspec

from k8sops.core.plan import Decision
from k8sops.engine.grants import ASKED
from k8sops.engine.signing import Evidence, GrantEvidence
from k8sops.policy.deciding import Verdict
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.grants import covers
from k8sops.policy.policy import Policy
from k8sops.policy.statement_quorum import NotAllowed
from k8sops.policy.statement_runs import Under
from k8sops.service.grant_rules import liftable, lifted
from k8sops.service.signed_schedules import grant_signed
from k8sops.service.signing import signed_rows


def under_grants(policy: Policy, evidence: Evidence) -> Under:
    """What policy decides of a request, approvals lifted where a signed grant among these covers it."""

    def decide(request: PolicyRequest, verdict: Verdict) -> Decision:
        if not liftable(verdict) or request.emergency:
            return verdict.decision
        found = (one for one in evidence.grants if grant_holds(policy, one, request))
        grant = next(found, None)
        return verdict.decision if grant is None else lifted(verdict, grant.id)

    return decide


def grant_holds(policy: Policy, grant: GrantEvidence, request: PolicyRequest) -> bool:
    """Whether the grant is signed for by whom policy asks, and covers the request."""
    try:
        spec = ASKED.decode(grant.asked).spec
        answer = grant_signed(policy, grant.id, spec, signed_rows(grant.statements), request.now)
    except (msgspec.MsgspecError, ValueError):
        return False
    if isinstance(answer, NotAllowed):
        return False
    return covers(spec, request.plan, request.person, request.now, policy_key=request.policy_key) is None
