"""Whether a session may be, and its two records: policy is asked as for a change, then the beginning is chained.

What cannot be put on record is not begun. A refusal by policy is on record as well. Approvals cannot be waited for:
where policy wants them, a grant that was approved beforehand stands in for them, else the answer is no.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry, AuditObject
from k8sops.core.clock import Clock, IdSource
from k8sops.core.errors import ConfirmationError, DeniedError, K8sOpsError
from k8sops.core.plan import Decision, Plan, Step, Target
from k8sops.core.risk import Risk
from k8sops.core.sessions import REASON, YES, Consent, SessionWanted
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.reasons import reason_refused
from k8sops.service.clusters import cluster_refused
from k8sops.service.grant_rules import liftable
from k8sops.service.policies import load_rules
from k8sops.service.session_grants import lifted_by_grant

if TYPE_CHECKING:
    from k8sops.cluster.client import KubeCluster
    from k8sops.core.plan import JsonObject
    from k8sops.policy.deciding import Verdict
    from k8sops.policy.policy import Policy
    from k8sops.service.config import Config
    from k8sops.service.storing import Storage
    from k8sops.store.database import Tx

REFUSED: Final = "session.refused"
ENDED: Final = "session.ended"
READ_ONLY: Final = "it takes a screen without --read-only, and no read_only in configuration or policy"
_READS: Final = frozenset({"port_forward", "copy from"})
_VALID: Final = timedelta(minutes=1)
CHANGES_NOTHING: Final = "session"
"""The verb of the step that policy is shown."""


class Tally:
    """What is told of a session when it ends."""

    def __init__(self, number: str) -> None:
        self.id: Final = number
        self.outcome = "succeeded"
        self.data: dict[str, Any] = {}


class SessionBook:
    """Permissions and records of the sessions of one process on one cluster."""

    def __init__(
        self, cluster: KubeCluster, storage: Storage, config: Config, clock: Clock, ids: IdSource
    ) -> None:
        self._cluster = cluster
        self._storage = storage
        self._rules = load_rules(config, clock)
        self._emergency = config.emergency
        self._clock = clock
        self._ids = ids

    @asynccontextmanager
    async def session(
        self, wanted: SessionWanted, pod: JsonObject, actor: Actor, consent: Consent, **data: Any
    ) -> AsyncIterator[Tally]:
        """A session that may be and is on record; leaving the context puts its end on record.

        Raises DeniedError, ConfirmationError where policy wants a reason or the cluster's name, and what the store
        raises; then nothing was begun.
        """
        target = _target(pod)
        plan = self._plan(wanted, target, pod, actor)
        decision, grant = await self._allowed(wanted, plan, target, actor, consent)
        tally, began = Tally(self._ids.new()), self._clock.now()
        told = {"session": tally.id, **data} | ({"grant": grant} if grant else {})
        await self._chain(
            f"session.{wanted.kind}", plan, target, actor, decision, reason=consent.reason, data=told
        )
        try:
            yield tally
        except asyncio.CancelledError:
            tally.outcome = "cancelled"
            raise
        except K8sOpsError as error:
            tally.outcome = "failed"
            tally.data["error"] = error.message
            raise
        finally:
            seconds = int((self._clock.now() - began).total_seconds())
            ended = {"session": tally.id, "seconds": seconds, **tally.data}
            # Whoever goes away must not take the record along.
            await asyncio.shield(
                self._chain(ENDED, plan, target, actor, decision, outcome=tally.outcome, data=ended)
            )

    async def _allowed(
        self, wanted: SessionWanted, plan: Plan, target: Target, actor: Actor, consent: Consent
    ) -> tuple[Decision, str]:
        """What policy decided, and the digest of the grant that stood in for approvals."""
        policy, now = self._rules.policy, self._clock.now()
        if refused := cluster_refused(policy, self._cluster):
            raise DeniedError(
                refused, hint="compare the certificate authority in your kubeconfig with the policy's pin"
            )
        request = PolicyRequest(
            plan=plan,
            actor=actor,
            person=policy.person_of(actor, plan.cluster.uid),
            now=now,
            surface=actor.surface,
            policy_key=plan.action,
            emergency=self._emergency,
        )
        verdict, grant = policy.decide(request), ""
        decision, why = verdict.decision, ""
        if lifted := await lifted_by_grant(self._storage, policy, request, verdict):
            decision, grant = lifted.decision, lifted.grant
        if decision.effect == "deny":
            why = f"policy refuses {wanted.said}: {decision.why}"
            hint = (
                READ_ONLY if policy.read_only else f"the rule would have to except the action {plan.action}"
            )
        elif decision.effect == "approve":
            why = f"{wanted.said} takes an approval, and a session cannot wait for one: {decision.why}"
            hint = _way_round(plan, verdict, policy)
        if why:
            await self._chain(REFUSED, plan, target, actor, decision, outcome="refused", reason=why)
            raise DeniedError(why, hint=hint)
        # What the baseline wants of every change, the key that begins a session answers; a rule's question is asked.
        asks = any(
            one.matched and one.effect == "confirm" and one.source != "baseline" for one in verdict.trace
        )
        _consented(decision, consent, plan.cluster.name or plan.cluster.context, asks=asks)
        return decision, grant

    def _plan(self, wanted: SessionWanted, target: Target, pod: JsonObject, actor: Actor) -> Plan:
        """What policy's conditions are asked about; nobody is shown it, and it is never carried out."""
        reads = f"{wanted.kind} {wanted.direction}" in _READS or wanted.kind in _READS
        step = Step(
            id=f"session.{wanted.kind}",
            verb=CHANGES_NOTHING,
            target=target,
            why=wanted.said,
            before={"metadata.labels": pod["metadata"].get("labels") or {}},
            after={},
            risk=Risk.LOW if reads else Risk.DISRUPTIVE,
        )
        now = self._clock.now()
        return Plan(
            action=f"session.{wanted.kind}",
            action_version=1,
            summary=wanted.said[:160],
            cluster=self._cluster.info,
            params={"namespace": wanted.namespace, "container": wanted.container, "port": wanted.port},
            steps=(step,),
            made_at=now,
            expires_at=now + _VALID,
            execute_as=f"user:{actor.name}",
        )

    async def _chain(
        self,
        code: str,
        plan: Plan,
        target: Target,
        actor: Actor,
        decision: Decision,
        *,
        outcome: str = "",
        reason: str = "",
        data: dict[str, Any] | None = None,
    ) -> None:
        database, books = await self._storage.database(), await self._storage.books()
        person = self._rules.person_of(actor, plan.cluster.uid)

        def work(tx: Tx) -> None:
            entry = AuditEntry(
                code=code,
                at=tx.now(),
                actor=actor,
                person=person,
                action=plan.action,
                effective=plan.execute_as,
                cluster_uid=plan.cluster.uid,
                cluster_name=plan.cluster.name,
                objects=(
                    AuditObject(
                        kind=target.kind, name=target.name, namespace=target.namespace, uid=target.uid
                    ),
                ),
                reason=reason,
                policy_version=decision.policy,
                verdict=decision.effect,
                outcome=outcome,
                data=data or {},
            )
            books.chain(tx, [entry])

        await database.write(work, name=code)


def _way_round(plan: Plan, verdict: Verdict, policy: Policy) -> str:
    """What somebody can do who needs an approval for a session."""
    if not liftable(verdict):
        return f"the rule would have to except the action {plan.action}: no grant stands in for this approval"
    most = policy.file.grants.risk
    if most.rank < plan.risk.rank:
        return f"this is {plan.risk} and the policy's `grants` cover at most {most}: its `risk` would have to be raised"
    namespace = shlex.quote(str(plan.params["namespace"]))
    return (
        "have it approved beforehand: "
        f"`k8sops grants request --action {plan.action} -n {namespace} --risk {plan.risk} --for 1h`"
    )


def _consented(decision: Decision, consent: Consent, cluster_name: str, *, asks: bool) -> None:
    """Raise ConfirmationError naming what is still wanted."""
    if (decision.reason_required or decision.tickets) and (why := reason_refused(decision, consent.reason)):
        raise ConfirmationError(why, hint=REASON)
    if decision.typed_name and consent.typed_name != cluster_name:
        raise ConfirmationError(f"policy wants the cluster's name typed: {cluster_name}", hint=cluster_name)
    # A reason that was asked for, or a name, is a yes as well.
    answered = consent.confirmed or decision.reason_required or decision.typed_name
    if asks and decision.effect == "confirm" and not answered:
        raise ConfirmationError(f"policy wants this confirmed: {decision.why}", hint=YES)


def _target(pod: JsonObject) -> Target:
    metadata = pod["metadata"]
    return Target(
        kind="pods", name=metadata["name"], namespace=metadata["namespace"], uid=str(metadata.get("uid", ""))
    )
