"""Actions that change how many replicas run, as declared."""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.on_rows import RowOffer
from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.core.risk import Risk

SCALING_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        name="scale",
        module="k8sops.actions.scaling.action",
        action_class="Scale",
        params_class="ScaleParams",
        summary="Set how many replicas a workload runs, and wait until they are ready.",
        details=(
            "Works on deployments, statefulsets, replicasets and every kind that has the scale subresource; several at "
            "once, each with its own result. The plan rests on each object's uid and its present replicas: if either "
            "changes before it is applied, the plan is void and nothing is done. What would set the replicas back (an "
            "HPA, KEDA, GitOps) and what would keep pods from running (quota, limit ranges, no room) is found before."
        ),
        examples=(
            "k8sops scale deployment/web --replicas 5 -n shop",
            "k8sops scale deploy/web deploy/api --replicas +2 -n shop --plan",
            "k8sops scale deployments -l team=shop --replicas 50% -n shop",
            "k8sops scale deployment/web --replicas 8 --autoscaler bounds -n shop",
            "k8sops scale --to-zero -n staging --reason 'weekend'",
            "k8sops scale --restore 01JABC -n staging",
        ),
        risks=(Risk.READ, Risk.LOW, Risk.DISRUPTIVE),
        idempotent=True,
        policy_key="workload.scale",
        verbs=(
            Verb(verb="get", resource="*", group="*"),
            Verb(verb="get", resource="*/scale", group="*"),
            Verb(verb="update", resource="*/scale", group="*"),
            Verb(verb="list", resource="*", group="*"),
            Verb(verb="watch", resource="*", group="*"),
            Verb(verb="list", resource="pods"),
            Verb(verb="watch", resource="pods"),
            *(
                Verb(verb=verb, resource=resource, group=group, where_planned=True)
                for resource, group in (
                    ("horizontalpodautoscalers", "autoscaling"),
                    ("scaledobjects", "keda.sh"),
                    ("cronjobs", "batch"),
                )
                for verb in ("get", "list", "patch")
            ),
        ),
        on_rows=(RowOffer(kinds=("deployments", "statefulsets", "replicasets"), label="Scale", keys=("s",)),),
    ),
)
