"""What rules are asked about, worked out once for each request: the cluster as policy knows it, and the plan's objects.

Where a plan does not tell something (a bulk step's namespaces, an object's labels), that is kept apart from "none":
conditions count it the strict way. Actions tell more through `blast_radius`: `namespaces` (all that are touched),
`labels` (by `Target.label`) and `targets` (how many).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import msgspec

from k8sops.core.actor import Actor, Surface
from k8sops.core.object_names import namespaces_asked
from k8sops.core.persons import Person
from k8sops.core.plan import Plan, Step
from k8sops.core.risk import Risk
from k8sops.policy.expression import bounded
from k8sops.policy.model import ClusterPin

UNCLASSIFIED: Final = "unclassified"


class PolicyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants which plan carried out, from where, and when."""

    plan: Plan
    actor: Actor
    person: Person
    """From `Policy.person_of`; for a schedule its owner."""
    now: datetime
    surface: Surface
    policy_key: str = ""
    """The action's, from the registry; the action's name where it is not given."""
    emergency: bool = False
    schedule: str = ""


class PlanObject(msgspec.Struct, frozen=True):
    """An object of the plan, as far as conditions ask about it."""

    label: str
    namespace: str
    labels: Mapping[str, str] | None
    """None where the plan does not tell."""


class Facts:
    """A request with what policy knows about its cluster."""

    def __init__(self, request: PolicyRequest, pin: ClusterPin | None, environment: str) -> None:
        self.request: Final = request
        self.plan: Final = request.plan
        self.pin: Final = pin
        self.environment: Final = environment

    @property
    def risk(self) -> Risk:
        """The plan's."""
        return self.plan.risk

    @cached_property
    def least_risk(self) -> Risk:
        """That of the plan's least risky step."""
        return min((step.risk for step in self.plan.steps), key=lambda risk: risk.rank, default=Risk.READ)

    @cached_property
    def action_names(self) -> tuple[str, ...]:
        """What globs on actions are compared with."""
        return tuple(dict.fromkeys((self.plan.action, self.request.policy_key or self.plan.action)))

    @cached_property
    def cluster_names(self) -> tuple[str, ...]:
        """What globs on clusters are compared with: nothing a kubeconfig says."""
        if self.pin is None:
            return (self.plan.cluster.uid,)
        return (self.pin.uid, self.pin.name, *self.pin.aliases)

    @property
    def cluster_shown(self) -> str:
        """The cluster, in sentences."""
        return self.pin.name if self.pin is not None else (self.plan.cluster.name or self.plan.cluster.uid)

    @cached_property
    def objects(self) -> tuple[PlanObject, ...]:
        """The objects of the plan's steps; of a plan without steps, what its params name."""
        if self.plan.steps:
            found = (self._object(step) for step in self.plan.steps)
            return tuple({(one.label, one.namespace): one for one in found}.values())
        return tuple(
            PlanObject(f"namespace {namespace}", namespace, None)
            for namespace in namespaces_asked(self.plan.params)
        )

    @cached_property
    def one_per_namespace(self) -> tuple[PlanObject, ...]:
        """The first object in each namespace: all that conditions on namespaces alone have to look at."""
        return tuple({one.namespace: one for one in reversed(self.objects)}.values())

    @cached_property
    def untold(self) -> bool:
        """Whether the plan touches objects it does not list, in namespaces it does not tell."""
        if self._told_namespaces is not None:
            return False
        return bool(self.plan.attachments) or not self.objects

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """All namespaces the plan tells of."""
        listed = {one.namespace for one in self.objects if one.namespace}
        return frozenset(listed | (self._told_namespaces or set()))

    @cached_property
    def variables(self) -> Any:
        """What CEL conditions see. Raises ConditionError where it is too large."""
        return bounded(self._variables())

    @cached_property
    def _told_namespaces(self) -> set[str] | None:
        told = self.plan.blast_radius.get("namespaces")
        if isinstance(told, list | tuple) and all(isinstance(name, str) for name in told):
            return set(told)
        return None

    def _object(self, step: Step) -> PlanObject:
        target = step.target
        is_namespace = target.kind == "namespaces"
        return PlanObject(
            target.label, target.name if is_namespace else target.namespace, labels_of(self.plan, step)
        )

    def _variables(self) -> dict[str, Any]:
        request, plan, person = self.request, self.plan, self.request.person
        pin = self.pin
        return {
            "plan": {
                "action": plan.action,
                "policy_key": request.policy_key or plan.action,
                "params": msgspec.to_builtins(plan.params),
                "steps": [_step_seen(plan, step) for step in plan.steps],
                "findings": [msgspec.to_builtins(finding) for finding in plan.findings],
                "warnings": [finding.code for finding in plan.findings if finding.level == "warning"],
                "blast_radius": msgspec.to_builtins(plan.blast_radius),
                "namespaces": sorted(self.namespaces),
                "risk": str(plan.risk),
                "execute_as": plan.execute_as,
            },
            "actor": {**msgspec.to_builtins(request.actor), "groups": list(request.actor.groups)},
            "person": {
                "name": person.name,
                "groups": list(person.groups),
                "mapped": person.mapped,
                "shared": person.shared,
            },
            "cluster": {
                "uid": plan.cluster.uid,
                "name": self.cluster_shown,
                "environment": self.environment,
                "labels": dict(pin.labels) if pin else {},
                "protected": pin.protected if pin else False,
                "known": pin is not None,
            },
            "now": request.now,
            "surface": request.surface,
            "emergency": request.emergency,
            "schedule": request.schedule,
        }


def targets_of(plan: Plan) -> int | None:
    """How many objects the plan touches, by `blast_radius` (`targets`) or its steps; None where it does not tell."""
    listed = len({(step.target.kind, step.target.namespace, step.target.name) for step in plan.steps})
    told = plan.blast_radius.get("targets")
    if isinstance(told, int):
        return max(told, listed)
    return None if plan.attachments else listed


def labels_of(plan: Plan, step: Step) -> Mapping[str, str] | None:
    """The labels of a step's object, where the plan tells: in `blast_radius`, else in what the object was."""
    told = plan.blast_radius.get("labels")
    found = told.get(step.target.label) if isinstance(told, dict) else None
    if found is None:
        found = step.before.get("metadata.labels")
    if found is None and isinstance(metadata := step.before.get("metadata"), dict):
        found = metadata.get("labels", {})
    if not isinstance(found, dict):
        return None
    return {str(key): str(value) for key, value in found.items()}


def _step_seen(plan: Plan, step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "verb": step.verb,
        "target": msgspec.to_builtins(step.target),
        "before": msgspec.to_builtins(step.before),
        "after": msgspec.to_builtins(step.after),
        "labels": dict(labels_of(plan, step) or {}),
        "risk": str(step.risk),
    }
