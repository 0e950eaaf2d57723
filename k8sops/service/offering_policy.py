"""What the policy says to an action whatever its plan may be: whether it refuses it, whether it wants a reason.

A rule that looks into the plan (`when`, or labels of objects) is left to the plan, and so is an action that is refused
only from a certain risk on: a menu that hides what would be allowed were worse than one that lets a person read a plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from k8sops.actions.declared.spec import ActionSpec
from k8sops.actions.registry import ACTIONS, spec_of
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.core.plan import ClusterInfo, Plan, Step, Target
from k8sops.core.risk import Risk
from k8sops.core.text import printable
from k8sops.policy.deciding import RuleTrace
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.policy import Policy
from k8sops.policy.reasons import reason_refused
from k8sops.policy.rule_model import Freeze, Rule
from k8sops.service.config import Config
from k8sops.service.policies import policy_of
from k8sops.service.session_specs import asked_spec

SUPPOSED_FOR: Final = timedelta(minutes=1)


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """The objects that an action would be about, and who asks."""

    kind: str
    """The plural."""
    namespace: str
    names: tuple[str, ...]
    actor: Actor


def policy_refusals(
    config: Config, cluster: ClusterInfo, meant: Meant, actions: Sequence[str], clock: Clock
) -> dict[str, str]:
    """Why each of these actions is refused; those that are not named may be tried. Raises PolicyError."""
    policy = policy_of(config)
    found = {name: _refused(policy, asked_spec(name), cluster, meant, clock) for name in actions}
    return {name: why for name, why in found.items() if why}


def refused_anywhere(policy: Policy, cluster: ClusterInfo, actor: Actor, clock: Clock) -> tuple[str, ...]:
    """The actions that are refused to the actor on this cluster whatever objects they are about, in any namespace."""
    meant = Meant(kind="objects", namespace="", names=("any",), actor=actor)
    return tuple(
        spec.name for spec in ACTIONS if _refused(policy, spec, cluster, meant, clock, anywhere=True)
    )


def _refused(
    policy: Policy,
    spec: ActionSpec,
    cluster: ClusterInfo,
    meant: Meant,
    clock: Clock,
    *,
    anywhere: bool = False,
) -> str:
    """The first rule that refuses the action at each of the risks it can have."""
    first = ""
    for risk in (one for one in spec.risks if one is not Risk.READ):
        verdict = policy.decide(_request(policy, spec, risk, cluster, meant, clock))
        why = next(_certain(policy, verdict.trace, anywhere=anywhere), "")
        if not why:
            return ""
        first = first or why
    return first


def reason_wanted(policy: Policy, action: str, cluster: ClusterInfo, meant: Meant, clock: Clock) -> str:
    """The reason that is wanted at each of the risks the action can have, as a sentence; empty where it depends."""
    spec, told = spec_of(action), ""
    for risk in (one for one in spec.risks if one is not Risk.READ):
        verdict = policy.decide(_request(policy, spec, risk, cluster, meant, clock))
        if verdict.decision.effect == "deny" or any(_doubtful(policy, verdict.trace)):
            return ""
        wanted = reason_refused(verdict.decision, "")
        if not wanted:
            return ""
        told = told or wanted
    return told


def _doubtful(policy: Policy, trace: Sequence[RuleTrace]) -> Iterator[bool]:
    """For each rule that wants a reason, whether some plan could change that."""
    rules = {rule.name: rule for _, rule in policy.file.each_rule()}
    for one in trace:
        rule = rules.get(one.rule) if one.matched and one.source in {"rule", "freeze"} else None
        if rule is not None and (rule.ticket or rule.reason == "required"):
            yield bool(rule.unless) or _looks_into_plans(rule)


def _request(
    policy: Policy, spec: ActionSpec, risk: Risk, cluster: ClusterInfo, meant: Meant, clock: Clock
) -> PolicyRequest:
    return PolicyRequest(
        plan=_supposed(spec, risk, cluster, meant, clock),
        actor=meant.actor,
        person=policy.person_of(meant.actor, cluster.uid),
        now=clock.now(),
        surface=meant.actor.surface,
        policy_key=spec.policy_key,
    )


def _certain(policy: Policy, trace: Sequence[RuleTrace], *, anywhere: bool) -> Iterator[str]:
    """The rules that refuse, as far as no plan could change that; `anywhere`, nor one in another namespace."""
    rules = {rule.name: rule for _, rule in policy.file.each_rule()}
    for one in trace:
        if not one.matched or one.effect != "deny":
            continue
        rule = rules.get(one.rule) if one.source in {"rule", "freeze"} else None
        if rule is not None and anywhere and any(match.namespaces for match in rule.unless):
            continue
        if rule is None or not _looks_into_plans(rule):
            why = one.why.removeprefix("denied: ")
            yield printable(f"policy: {why} ({one.rule})")


def _looks_into_plans(rule: Rule | Freeze) -> bool:
    return any(match.when is not None or match.labels for match in (rule.match, *rule.unless))


def _supposed(spec: ActionSpec, risk: Risk, cluster: ClusterInfo, meant: Meant, clock: Clock) -> Plan:
    now = clock.now()
    return Plan(
        action=spec.name,
        action_version=spec.version,
        summary="",
        cluster=cluster,
        params={"namespace": meant.namespace} if meant.namespace else {},
        steps=tuple(
            Step(
                id=f"{spec.name}/supposed:{number}",
                verb=spec.name,
                target=Target(kind=meant.kind, name=name, namespace=meant.namespace),
                why="",
                before={},
                after={},
                risk=risk,
            )
            for number, name in enumerate(meant.names)
        ),
        made_at=now,
        expires_at=now + SUPPOSED_FOR,
    )
