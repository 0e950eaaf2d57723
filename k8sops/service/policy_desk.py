"""A policy tried out: on a recorded plan, on what somebody is about to do, or by itself. Nothing is stored or changed.

The same words for a rehearsal as for the real thing; the exit code is the one that a run would end with.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import msgspec

from k8sops.actions.registry import spec_of
from k8sops.core.actor import Actor, Surface
from k8sops.core.clock import Clock
from k8sops.core.errors import ExitCode, UsageError
from k8sops.core.moments import parse_moment
from k8sops.core.plan import JsonObject, Plan
from k8sops.core.text import counted
from k8sops.policy.checks import warnings
from k8sops.policy.explain import explained, recorded_plan, verdict_document
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.load import load_policy
from k8sops.policy.model import PolicyFile
from k8sops.policy.policy import Policy
from k8sops.policy.schema import policy_schema_text

SURFACES: tuple[str, ...] = get_args(Surface)
_EXIT_OF_EFFECT = {"approve": ExitCode.WAITING_FOR_APPROVAL, "deny": ExitCode.DENIED}


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, from where, when, under which policy."""

    actor: str
    """A person's name in the policy, or a username on the plan's cluster."""
    groups: tuple[str, ...] = ()
    """Groups that the credentials claim; those of the policy are its own."""
    surface: Surface = "cli"
    emergency: bool = False
    schedule: str = ""
    at: str = ""
    policy: Path | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What policy says, in lines and as JSON, and the exit code a run would end with."""

    lines: tuple[str, ...]
    document: JsonObject
    exit_code: ExitCode


class CheckedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy file that is valid."""

    version: str
    sentence: str
    warnings: tuple[str, ...]
    """What is allowed, and will not work as it seems to."""


def rehearse(data: bytes, asked: Rehearsal, clock: Clock) -> Answer:
    """What policy says of a recorded plan. Raises UsageError, PolicyError."""
    policy, plan = load_policy(asked.policy), recorded_plan(data)
    actor = actor_meant(policy, asked, plan.cluster.uid)
    now = clock.now()
    request = PolicyRequest(
        plan=plan,
        actor=actor,
        person=policy.person_of(actor, plan.cluster.uid),
        now=parse_moment(asked.at, now, "--at") if asked.at else now,
        surface=asked.surface,
        policy_key=_policy_key(plan.action),
        emergency=asked.emergency,
        schedule=asked.schedule,
    )
    return _answer(policy, request)


def explain(
    policy: Policy, plan: Plan, actor: Actor, clock: Clock, *, emergency: bool = False, grant: str = ""
) -> Answer:
    """What policy says of a plan that was just made; `grant` is the digest of one that covers it."""
    request = PolicyRequest(
        plan=plan,
        actor=actor,
        person=policy.person_of(actor, plan.cluster.uid),
        now=clock.now(),
        surface=actor.surface,
        policy_key=_policy_key(plan.action),
        emergency=emergency,
    )
    answer = _answer(policy, request)
    if not grant or plan.decision is None:
        return answer
    return Answer(
        lines=(*answer.lines, "", f"No approvals are needed all the same: {plan.decision.why}."),
        document={**answer.document, "grant": grant, "decision": msgspec.to_builtins(plan.decision)},
        exit_code=ExitCode.DONE,
    )


def check_policy(path: Path | None) -> CheckedPolicy:
    """Read a policy file whole. Raises PolicyError, which says where it is wrong."""
    policy = load_policy(path)
    return CheckedPolicy(
        version=policy.version, sentence=in_a_sentence(policy), warnings=tuple(cautions(policy.file))
    )


def in_a_sentence(policy: Policy) -> str:
    """How much a policy says."""
    file = policy.file
    parts = (
        counted(len(file.rules), "rule"),
        counted(len(file.freezes), "freeze"),
        counted(len(file.people), "person", "people"),
        counted(len(file.clusters), "cluster"),
    )
    return f"version {policy.version}, trust {policy.trust}: {', '.join(parts)}"


def cautions(file: PolicyFile) -> list[str]:
    """What is allowed in the file and will not work as it seems to, a sentence each."""
    return [f"{found.path} {found.text}" for found in warnings(file)]


def schema_text() -> str:
    """The JSON Schema of a policy file."""
    return policy_schema_text()


def _answer(policy: Policy, request: PolicyRequest) -> Answer:
    verdict = policy.decide(request)
    code = _EXIT_OF_EFFECT.get(verdict.decision.effect, ExitCode.DONE)
    return Answer(
        lines=explained(policy, request, verdict),
        document={
            "actor": msgspec.to_builtins(request.actor),
            "person": msgspec.to_builtins(request.person),
            "plan_digest": request.plan.digest,
            **verdict_document(verdict),
        },
        exit_code=ExitCode.BLOCKED if request.plan.blockers else code,
    )


def actor_meant(policy: Policy, asked: Rehearsal, cluster_uid: str) -> Actor:
    """The actor meant: under a person's name, the one they have where the plan is for. Raises UsageError."""
    entry = policy.file.people.get(asked.actor)
    if entry is None:
        return Actor(name=asked.actor, groups=asked.groups, surface=asked.surface)
    if asked.surface == "slack":
        chat = next(iter(entry.slack), None)
        if chat is None:
            raise UsageError(f"the policy knows no chat user of {asked.actor}")
        return Actor(name=chat.user, team=chat.team, surface="slack")
    for user in entry.cluster:
        pins = (policy.directory.pin_named(name) for name in user.named)
        if any(pin is not None and pin.uid == cluster_uid for pin in pins):
            return Actor(name=user.username, groups=asked.groups, surface=asked.surface)
    raise UsageError(
        f"the policy gives {asked.actor} no username on the cluster of this plan ({cluster_uid})",
        hint="name a username instead, or add one under people",
    )


def _policy_key(action: str) -> str:
    return spec_of(action).policy_key
