"""What the policy in force says to every action on one cluster, asked as for a plan of each risk the action declares.

Nothing is planned: a rule that looks at a plan's objects is asked with one object in the namespace that is shown, and
says so by what it answers. What the plan of the moment gets is what the action's dialog tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from k8sops.actions.registry import ACTIONS, ActionSpec
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.core.desk import ActionVerdict, PolicyView, RuleView
from k8sops.core.persons import Person
from k8sops.core.plan import ClusterInfo, Plan, Step, Target
from k8sops.core.risk import Risk
from k8sops.core.text import printable
from k8sops.policy.explain import asked_for
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.policy import Policy
from k8sops.service.config import Config
from k8sops.service.policies import policy_of
from k8sops.service.policy_desk import Rehearsal, actor_meant, cautions, in_a_sentence

CLUSTER_WIDE = "node."


def policy_view(
    config: Config, cluster: ClusterInfo, actor: Actor, person: str, namespace: str, clock: Clock
) -> PolicyView:
    """The policy, asked for `actor`, or for a person it knows. Raises PolicyError, UsageError."""
    policy = policy_of(config)
    if person:
        actor = actor_meant(policy, Rehearsal(actor=person, surface=actor.surface), cluster.uid)
    known = policy.person_of(actor, cluster.uid)
    return PolicyView(
        sentence=in_a_sentence(policy),
        source=str(config.policy) if config.policy is not None else "shipped with k8sops",
        warnings=tuple(cautions(policy.file)),
        who=_who(policy, actor, known),
        person=person,
        namespace=namespace,
        people=tuple(_people(policy, cluster.uid)),
        verdicts=tuple(_verdicts(policy, cluster, actor, known, namespace, clock)),
    )


def _who(policy: Policy, actor: Actor, person: Person) -> str:
    if policy.shipped:
        return f"{actor.name}; the shipped policy knows no persons, and asks for confirmation only"
    if not person.name:
        return f"{actor.name}, whom the policy maps to no person: they may propose, and not approve"
    parts = [f"{person.name} ({actor.name})"]
    if person.groups:
        parts.append(f"in {', '.join(person.groups)}")
    if person.shared:
        parts.append("a shared identity: it may propose, and not approve")
    if policy.is_administrator(person):
        parts.append("a policy administrator")
    return ", ".join(parts)


def _people(policy: Policy, uid: str) -> Iterator[str]:
    for name, entry in policy.file.people.items():
        pins = (policy.directory.pin_named(named) for user in entry.cluster for named in user.named)
        if any(pin is not None and pin.uid == uid for pin in pins):
            yield name


def _verdicts(
    policy: Policy, cluster: ClusterInfo, actor: Actor, person: Person, namespace: str, clock: Clock
) -> Iterator[ActionVerdict]:
    for spec in ACTIONS:
        for risk in spec.risks:
            request = PolicyRequest(
                plan=_supposed(spec, risk, cluster, namespace, clock),
                actor=actor,
                person=person,
                now=clock.now(),
                surface=actor.surface,
                policy_key=spec.policy_key,
            )
            if risk is not Risk.READ or len(spec.risks) == 1:
                yield _verdict(policy, request, spec.typed)


def _supposed(spec: ActionSpec, risk: Risk, cluster: ClusterInfo, namespace: str, clock: Clock) -> Plan:
    where = "" if spec.policy_key.startswith(CLUSTER_WIDE) else namespace
    step = Step(
        id=f"{spec.name}/supposed",
        verb=spec.name,
        target=Target(kind="objects" if where else "nodes", name="any", namespace=where),
        why="",
        before={},
        after={},
        risk=risk,
    )
    now = clock.now()
    return Plan(
        action=spec.name,
        action_version=spec.version,
        summary="",
        cluster=cluster,
        params={"namespace": where} if where else {},
        steps=(step,),
        made_at=now,
        expires_at=now + timedelta(hours=1),
    )


def _verdict(policy: Policy, request: PolicyRequest, typed: str) -> ActionVerdict:
    verdict = policy.decide(request)
    return ActionVerdict(
        action=typed,
        risk=request.plan.risk,
        effect=verdict.decision.effect,
        asks=tuple(printable(line) for line in asked_for(verdict.decision)),
        why=verdict.decision.why,
        rules=tuple(
            RuleView(name=trace.rule, applies=trace.matched, effect=trace.effect, why=trace.why)
            for trace in verdict.trace
        ),
    )
