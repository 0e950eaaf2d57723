"""What the API server says of those who ask and those who approve, where the policy wants it asked.

Whether the cluster is the one policy means, whether the requester may do by themselves what they ask for, and whether
an approver may: a plan whose requester lacks a right has a **blocker**, since carried out under another identity it
would lend them that identity's powers. Where the question may not be asked, that is a blocker as well: unknown is not
yes. A requester asks about themselves; about others one needs to be allowed to create SubjectAccessReviews.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from k8sops.actions.registry import spec_of
from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor, Identity
from k8sops.core.errors import DeniedError, ForbiddenError
from k8sops.core.plan import Finding, Plan
from k8sops.core.ports import AccessAnswer, AccessRequest
from k8sops.core.run import Run
from k8sops.policy.access import access_needed
from k8sops.service.clusters import cluster_refused
from k8sops.service.rules import PolicyRules

CODE: Final = "access"
MOST_ASKED: Final = 50
"""Questions for one plan; a plan of hundreds of objects is asked about the first of them."""
MOST_NAMED: Final = 3

Ask = Callable[[AccessRequest], Awaitable[AccessAnswer]]


class Access:
    """Asks one cluster."""

    def __init__(self, cluster: KubeCluster, rules: PolicyRules) -> None:
        self._cluster = cluster
        self._policy = rules.policy
        self._wanted = rules.policy.file.access_review

    @property
    def cluster_uid(self) -> str:
        """Of the cluster that is asked."""
        return self._cluster.info.uid

    @property
    def asks_approvers(self) -> bool:
        """Whether policy wants approvers asked about."""
        return self._wanted.approvers

    def check_cluster(self) -> None:
        """Raise DeniedError where this is not the cluster the policy means by its uid."""
        if refused := cluster_refused(self._policy, self._cluster):
            raise DeniedError(
                refused, hint="compare the certificate authority in your kubeconfig with the policy's pin"
            )

    async def reviewed(self, plan: Plan, actor: Actor) -> Plan:
        """The plan, with a blocker where its requester could not do this by themselves."""
        if not self._wanted.requester or not plan.steps:
            return plan
        lacking = await _lacking(await self._about(actor), plan)
        if not lacking:
            return plan
        finding = Finding(
            level="blocker",
            code=CODE,
            text=f"{self._called(actor)} may not do this themselves: the cluster does not allow them to {lacking}",
            subjects=(actor.name,),
        )
        return msgspec.structs.replace(plan, findings=(*plan.findings, finding))

    async def check_owner(self, plan: Plan, owner: Actor) -> None:
        """Raise DeniedError where policy asks it of requesters and a schedule's owner could not do this themselves.

        Their groups are those they had when they last changed the schedule: no API server tells another's.
        """
        blockers = (await self.reviewed(plan, owner)).blockers
        if lacking := next((one for one in blockers if one.code == CODE), None):
            raise DeniedError(
                lacking.text, hint="an administrator grants the right, or somebody who has it takes it over"
            )

    async def check_approver(self, run: Run, actor: Actor) -> None:
        """Raise DeniedError where this approver could not do it by themselves."""
        lacking = await _lacking(await self._about(actor), run.plan)
        if lacking:
            raise DeniedError(
                f"the vote does not count: {self._called(actor)} may not do this themselves, as the policy asks of"
                f" approvers; the cluster does not allow them to {lacking}",
                hint="somebody approves who may do it, or an administrator grants the right",
            )

    async def _about(self, actor: Actor) -> Ask:
        """Ask about ourselves where that is who it is: that takes no right of its own."""
        identity = self._identity_of(actor)
        if identity.username == (await self._cluster.whoami()).username:
            return self._cluster.can_i

        async def ask(request: AccessRequest) -> AccessAnswer:
            try:
                return await self._cluster.can_they(identity, request)
            except ForbiddenError:
                return AccessAnswer(allowed=False, reason="it may not be asked here")

        return ask

    def _called(self, actor: Actor) -> str:
        """What people call them: the chat's ids say nothing to anybody."""
        return self._policy.person_of(actor, self._cluster.info.uid).name or actor.name

    def _identity_of(self, actor: Actor) -> Identity:
        """What the cluster calls them: for a user of the chat as whom the policy says, else the name they go by."""
        if actor.team:
            person = self._policy.person_of(actor, self._cluster.info.uid)
            found = self._policy.file.execute_as.people.get(person.name) if person.mapped else None
            if found is not None:
                return Identity(username=found.user, groups=found.groups)
        # Groups that a door reports are the credentials' word at that door; what they cannot be is proved.
        return Identity(username=actor.name, groups=actor.groups)


async def _lacking(ask: Ask, plan: Plan) -> str:
    """What is not allowed, in words; empty where all of it is."""
    needed = access_needed(spec_of(plan.action).verbs, plan)[:MOST_ASKED]
    answers = [(request, await ask(request)) for request in needed]
    refused = [(request, answer) for request, answer in answers if not answer.allowed]
    if not refused:
        return ""
    named = ", ".join(_in_words(request) for request, _ in refused[:MOST_NAMED])
    more = f" and {len(refused) - MOST_NAMED} more" if len(refused) > MOST_NAMED else ""
    return f"{named}{more}{_reason(refused)}"


def _in_words(request: AccessRequest) -> str:
    """`update deployments/scale web in shop`."""
    resource = f"{request.resource}/{request.subresource}" if request.subresource else request.resource
    words = [request.verb, resource, request.name, f"in {request.namespace}" if request.namespace else ""]
    return " ".join(word for word in words if word)


def _reason(refused: Sequence[tuple[AccessRequest, AccessAnswer]]) -> str:
    why = next((answer.reason for _, answer in refused if answer.reason), "")
    return f" ({why})" if why else ""
