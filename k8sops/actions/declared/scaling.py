"""Actions that change how many replicas run, as declared."""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.core.risk import Risk

SCALING_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        name="scale",
        module="k8sops.actions.scale",
        action_class="Scale",
        params_class="ScaleParams",
        summary="Set how many replicas a workload runs, and wait until they are ready.",
        details=(
            "Works on deployments, statefulsets, replicasets and every kind that has the scale subresource. "
            "The plan rests on the object's uid and its present replicas: if either changes before it is applied, "
            "the plan is void and nothing is done."
        ),
        examples=(
            "k8sops scale deployment/web --replicas 5 -n shop",
            "k8sops scale sts/postgres --replicas 3 -n data --plan",
            "k8sops scale deploy/web --replicas 0 -n shop --yes --reason 'maintenance window'",
        ),
        risks=(Risk.READ, Risk.LOW, Risk.DISRUPTIVE),
        idempotent=True,
        policy_key="workload.scale",
        verbs=(
            Verb(verb="get", resource="*/scale", group="*"),
            Verb(verb="update", resource="*/scale", group="*"),
            Verb(verb="list", resource="*", group="*"),
            Verb(verb="watch", resource="*", group="*"),
            Verb(verb="list", resource="pods"),
            Verb(verb="watch", resource="pods"),
        ),
    ),
)
