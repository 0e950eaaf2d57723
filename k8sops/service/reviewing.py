"""Closing reviews, for doors: who may, by policy, and the way to the store."""

from __future__ import annotations

from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.plan import ClusterInfo
from k8sops.core.run import Run, RunId
from k8sops.engine.reviewing import review
from k8sops.policy.policy import Policy
from k8sops.service.config import Config
from k8sops.service.emergency_words import word_on
from k8sops.service.policies import policy_of
from k8sops.service.signing import Signing
from k8sops.service.storing import Storage
from k8sops.store.statement_rows import SignedBytes


class PolicyReviewRules:
    """`engine.reviewing.ReviewRules` over the policy file of this process."""

    def __init__(self, policy: Policy, cluster: ClusterInfo) -> None:
        self._policy = policy
        self._cluster = cluster

    def person_of(self, actor: Actor, cluster_uid: str) -> str:
        """The person behind an actor; empty where nobody is mapped."""
        return self._policy.person_of(actor, cluster_uid).name

    def review_refused(self, run: Run, actor: Actor) -> str:
        """It takes a policy administrator who is somebody else than who broke the glass, under whatever name."""
        person = self._policy.person_of(actor, run.plan.cluster.uid)
        broke = self._policy.person_of(run.actor, run.plan.cluster.uid)
        if self._policy.shipped:
            return "the shipped policy names no administrators, who close reviews; write a policy file"
        if run.plan.cluster.uid != self._cluster.uid:
            return (
                f"it is for cluster {run.plan.cluster.name}, and this is {self._cluster.name}: use --context"
            )
        if not self._policy.is_administrator(person):
            return f"{person.name or actor.name} is no policy administrator"
        if actor.name == run.actor.name or person.name in {broke.name, run.person}:
            return "nobody reviews what they did themselves"
        return ""

    def unanswered(self, run: Run, statements: tuple[SignedBytes, ...]) -> str:
        """Judged by the reviewer's own policy file: whoever merged an emergency's records judged by theirs."""
        return word_on(self._policy, run, statements).missing


async def close_review(config: Config, run: RunId, note: str, actor: Actor, cluster: ClusterInfo) -> Run:
    """Close a run's review. Raises AlreadyDecidedError, DeniedError, UsageError, NoSuchRunError."""
    clock, ids = SystemClock(), UlidSource()
    policy = policy_of(config)
    storage = Storage(config, clock, ids)
    try:
        signer = await Signing(policy, cluster, clock, key=config.identity_key).signer()
        return await review(
            await storage.database(),
            await storage.books(),
            PolicyReviewRules(policy, cluster),
            run,
            note,
            actor,
            signer=signer,
        )
    finally:
        await storage.aclose()
