"""Actions on rollouts of workloads, as declared."""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.on_rows import RowOffer
from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.core.risk import Risk

_KINDS: Final = ("deployments", "statefulsets", "daemonsets")
_READ: Final = (
    *(Verb(verb=verb, resource=kind, group="apps") for kind in _KINDS for verb in ("get", "list", "watch")),
    Verb(verb="list", resource="pods"),
)
_WRITE: Final = (*_READ, *(Verb(verb="patch", resource=kind, group="apps") for kind in _KINDS))
_REVISIONS: Final = (
    Verb(verb="list", resource="replicasets", group="apps"),
    Verb(verb="list", resource="controllerrevisions", group="apps"),
)
_PAUSE: Final = tuple(
    Verb(verb=verb, resource="deployments", group="apps") for verb in ("get", "list", "patch")
)

ROLLOUT_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        name="restart",
        module="k8sops.actions.rollouts.restart",
        action_class="Restart",
        params_class="RestartParams",
        summary="Replace every pod of workloads, as their update strategy says.",
        details=(
            "Writes the annotation that `kubectl rollout restart` writes, and waits until the rollouts are complete. "
            "With --wave N, N workloads at a time, each wave complete before the next."
        ),
        examples=(
            "k8sops restart deployment/web -n shop",
            "k8sops restart deployments -l team=shop -n shop --wave 1",
            "k8sops restart shop/deployment/web payments/deployment/api",
        ),
        risks=(Risk.DISRUPTIVE,),
        idempotent=True,
        policy_key="workload.restart",
        verbs=_WRITE,
        on_rows=(RowOffer(kinds=_KINDS, label="Restart", keys=("r",)),),
    ),
    ActionSpec(
        name="rollback",
        module="k8sops.actions.rollouts.rollback",
        action_class="Rollback",
        params_class="RollbackParams",
        summary="Go back to an earlier revision of a workload's pod template.",
        details=(
            "The plan shows what differs, field by field; values of environment variables are not shown. Without "
            "--to-revision, the newest revision that differs from the present one."
        ),
        examples=(
            "k8sops rollback deployment/checkout -n shop",
            "k8sops rollback sts/postgres -n data --to-revision 3 --plan",
        ),
        risks=(Risk.READ, Risk.DISRUPTIVE),
        idempotent=True,
        policy_key="workload.rollback",
        verbs=(*_WRITE, *_REVISIONS),
        on_rows=(RowOffer(kinds=_KINDS, label="Roll back", rank=55),),
    ),
    ActionSpec(
        name="set-image",
        module="k8sops.actions.rollouts.set_image",
        action_class="SetImage",
        params_class="SetImageParams",
        summary="Set the image of containers, and wait for the rollout.",
        details="CONTAINER=IMAGE follows the workloads; *=IMAGE means every container.",
        examples=(
            "k8sops set-image deployment/web app=example/web:2.0 -n shop",
            "k8sops set-image daemonset/agent '*=example/agent:1.4' -n kube-system --plan",
        ),
        risks=(Risk.READ, Risk.DISRUPTIVE),
        idempotent=True,
        policy_key="workload.set-image",
        verbs=_WRITE,
        on_rows=(RowOffer(kinds=_KINDS, label="Set image", keys=("i",)),),
    ),
    ActionSpec(
        name="rollout-status",
        command="rollout status",
        module="k8sops.actions.rollouts.pausing",
        action_class="RolloutStatus",
        params_class="WorkloadParams",
        summary="Follow rollouts until they are complete; changes nothing.",
        details="Says what is missing all the while, and at the deadline which pods are not ready and why.",
        examples=("k8sops rollout status deployment/web -n shop",),
        risks=(Risk.READ,),
        idempotent=True,
        policy_key="workload.status",
        verbs=_READ,
        elsewhere="the table and the run of a restart show the same, live",
    ),
    ActionSpec(
        name="rollout-pause",
        command="rollout pause",
        module="k8sops.actions.rollouts.pausing",
        action_class="RolloutPause",
        params_class="PauseParams",
        summary="Hold changes of Deployments' templates.",
        details="Running pods stay; several changes can be made and then rolled out as one.",
        examples=("k8sops rollout pause deployment/web -n shop",),
        risks=(Risk.READ, Risk.LOW),
        idempotent=True,
        policy_key="workload.pause",
        verbs=_PAUSE,
        on_rows=(RowOffer(kinds=("deployments",), label="Pause rollouts", rank=60),),
    ),
    ActionSpec(
        name="rollout-resume",
        command="rollout resume",
        module="k8sops.actions.rollouts.pausing",
        action_class="RolloutResume",
        params_class="PauseParams",
        summary="Roll out what was held.",
        details="Whatever was changed while the Deployment was paused is rolled out at once: the plan says so.",
        examples=("k8sops rollout resume deployment/web -n shop",),
        risks=(Risk.READ, Risk.LOW, Risk.DISRUPTIVE),
        idempotent=True,
        policy_key="workload.resume",
        verbs=_PAUSE,
        on_rows=(RowOffer(kinds=("deployments",), label="Resume rollouts", rank=60),),
    ),
)
