"""Time-boxed grants: "restart in shop, for two hours", approved once, so that the same small request needs no more.

A grant stands in for approvals only. It never turns a denial, a freeze, a confirmation or a reason off, and it covers a
plan only where every object of it is within.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.clock import rfc3339
from k8sops.core.persons import Person
from k8sops.core.plan import Decision, Plan
from k8sops.core.risk import Risk
from k8sops.policy.deciding import Asked, added_up, refusal, told
from k8sops.policy.digests import digest_of
from k8sops.policy.facts import Facts, PolicyRequest, targets_of
from k8sops.policy.matching import fits
from k8sops.policy.policy import Policy

KIND: Final = "k8sops.grant.1"


class GrantSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a grant covers; people approve its digest."""

    actions: tuple[str, ...]
    """Names or policy keys, without globs: what is granted is what was read."""
    cluster_uid: str
    namespaces: tuple[str, ...]
    """Exact names; cluster-scoped objects are never covered."""
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Labels every object must have; a plan that does not tell them is not covered."""
    risk: Risk = Risk.LOW
    """The greatest."""
    most_targets: int = 1
    """In one plan."""
    people: tuple[str, ...] = ()
    """Who may use it, beside the members of `groups`; one of the two is not empty."""
    groups: tuple[str, ...] = ()
    valid_until: datetime

    @property
    def digest(self) -> str:
        """What is approved, signed and recorded."""
        return digest_of(KIND, self)


def covers(spec: GrantSpec, plan: Plan, person: Person, now: datetime, *, policy_key: str = "") -> str | None:
    """Why the grant does not cover this plan for this person, as a sentence; None where it does."""
    actor = Actor(name=person.name)
    request = PolicyRequest(
        plan=plan, actor=actor, person=person, now=now, surface=actor.surface, policy_key=policy_key
    )
    facts = Facts(request, None, "")
    targets = targets_of(plan)
    outside = sorted(name for name in facts.namespaces if name not in spec.namespaces)
    checks = (
        (now < spec.valid_until, f"the grant ended at {rfc3339(spec.valid_until)}"),
        (
            _may_use(spec, person),
            f"the grant is not for {person.name or 'somebody the policy does not know'}",
        ),
        (set(spec.actions) & set(facts.action_names), f"the grant is not for {plan.action}"),
        (plan.cluster.uid == spec.cluster_uid, "the grant is for another cluster"),
        (plan.risk.rank <= spec.risk.rank, f"the risk is {plan.risk}, the grant covers {spec.risk}"),
        (plan.steps and not plan.attachments, "the plan does not list what it touches"),
        (not outside, f"the grant does not cover namespace {outside[0] if outside else ''}"),
        (all(one.namespace for one in facts.objects), "the grant covers no object without a namespace"),
        (
            not _namespaces_themselves(plan),
            "the grant covers what is in a namespace, not the namespace itself",
        ),
        ((targets or 0) <= spec.most_targets, f"{targets} objects are more than {spec.most_targets}"),
        (
            _labelled(spec, facts),
            "an object has not the labels the grant is for, or the plan does not tell them",
        ),
        (not plan.blockers, "the plan has blockers"),
    )
    return next((why for holds, why in checks if not holds), None)


def _namespaces_themselves(plan: Plan) -> bool:
    return any(step.target.kind == "namespaces" for step in plan.steps)


def decide_grant(policy: Policy, spec: GrantSpec, person: Person, now: datetime) -> Decision:
    """What it takes to get a grant: what the policy's `grants` asks for; outside its limits it is denied."""
    limits = policy.file.grants
    seconds = (spec.valid_until - now).total_seconds()
    known = policy.cluster(spec.cluster_uid)
    checks = (
        (not policy.shipped, "the shipped policy knows nobody who could approve a grant"),
        (person.mapped, "a grant is asked for by a person the policy knows"),
        (not policy.read_only, "the policy is read-only"),
        (known is not None, "the policy does not list the cluster"),
        (spec.actions and spec.namespaces, "a grant names its actions and namespaces"),
        (
            not any(set("*?[") & set(name) for name in (*spec.actions, *spec.namespaces)),
            "a grant has no wildcards",
        ),
        (spec.people or spec.groups, "a grant names who may use it"),
        (spec.risk.rank <= limits.risk.rank, f"grants cover at most {limits.risk}, not {spec.risk}"),
        (0 < seconds <= limits.longest, f"a grant lasts at most {limits.longest} seconds, from now on"),
        (
            1 <= spec.most_targets <= limits.most_targets,
            f"grants cover at most {limits.most_targets} objects",
        ),
        (not _protected(policy, spec), "a grant covers no protected namespace"),
        (not _on_protected(policy, spec), "a grant stands in for no approval that a protected cluster takes"),
    )
    asked: list[Asked] = [refusal("grants", "baseline", why) for holds, why in checks if not holds][:1]
    return added_up([told("grants", "baseline", limits), *asked], version=policy.version, break_glass=False)


def _may_use(spec: GrantSpec, person: Person) -> bool:
    return person.mapped and (person.name in spec.people or bool(set(spec.groups) & set(person.groups)))


def _labelled(spec: GrantSpec, facts: Facts) -> bool:
    return (
        all(one.labels is not None and spec.labels.items() <= one.labels.items() for one in facts.objects)
        or not spec.labels
    )


def _on_protected(policy: Policy, spec: GrantSpec) -> bool:
    pin, rule = policy.cluster(spec.cluster_uid), policy.file.protected_clusters
    return pin is not None and pin.protected and rule is not None and rule.effect in {"approve", "deny"}


def _protected(policy: Policy, spec: GrantSpec) -> bool:
    protected = policy.file.protected_namespaces
    return protected is not None and any(fits(protected.namespaces, (name,)) for name in spec.namespaces)
