"""Grants where sessions meet them: nobody can wait at a terminal for a vote, so the vote is given beforehand.

A grant is believed as for a run: by the policy file of this process, and where trust is `signed` by what people signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from k8sops.engine.grants import as_of, grant_of
from k8sops.engine.signing import GrantEvidence
from k8sops.service.grant_rules import PolicyGrantRules
from k8sops.service.signed_grants import grant_holds
from k8sops.store.grant_rows import grants_in_force
from k8sops.store.statement_rows import statements_about

if TYPE_CHECKING:
    from k8sops.core.plan import Decision
    from k8sops.engine.grants import Grant
    from k8sops.policy.deciding import Verdict
    from k8sops.policy.facts import PolicyRequest
    from k8sops.policy.policy import Policy
    from k8sops.service.storing import Storage
    from k8sops.store.database import Tx


class Lifted(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided under a grant, and which one."""

    decision: Decision
    grant: str
    """Its digest."""


async def lifted_by_grant(
    storage: Storage, policy: Policy, request: PolicyRequest, verdict: Verdict
) -> Lifted | None:
    """The decision under a grant that covers the session; None where there is none. Raises what the store raises."""
    if policy.shipped or verdict.decision.effect != "approve":
        return None

    def look(tx: Tx) -> list[tuple[Grant, GrantEvidence]]:
        now = tx.now()
        return [
            (
                as_of(grant_of(row), now),
                GrantEvidence(id=row.id, asked=row.spec, statements=statements_about(tx, row.id)),
            )
            for row in grants_in_force(tx)
        ]

    database = await storage.database()
    believed = [
        grant
        for grant, evidence in await database.read(look)
        if policy.trust == "local" or grant_holds(policy, evidence, request)
    ]
    found = PolicyGrantRules(policy).covering(request, verdict, believed)
    return None if found is None else Lifted(decision=found[1], grant=found[0].digest)
