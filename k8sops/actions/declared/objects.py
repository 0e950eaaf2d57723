"""Small actions on single objects, as declared."""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.on_rows import RowOffer
from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.core.risk import Risk

_READ_ANY: Final = (
    Verb(verb="get", resource="*", group="*"),
    Verb(verb="list", resource="*", group="*"),
)
_CRON_JOBS: Final = tuple(
    Verb(verb=verb, resource="cronjobs", group="batch") for verb in ("get", "list", "patch")
)

OBJECT_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        name="label",
        module="k8sops.actions.objects.labels",
        action_class="Label",
        params_class="LabelOnlyParams",
        summary="Set or remove labels, on any kind.",
        details=(
            "A value that is there already is replaced only with --overwrite. A pod that would leave its ReplicaSet "
            "or Service is told before."
        ),
        examples=(
            "k8sops label deployment/web tier=gold -n shop",
            "k8sops label node/node-1 maintenance=planned",
            "k8sops label pods -l app=web canary- -n shop --plan",
        ),
        risks=(Risk.READ, Risk.LOW, Risk.DISRUPTIVE),
        idempotent=True,
        policy_key="object.label",
        verbs=(*_READ_ANY, Verb(verb="patch", resource="*", group="*")),
        on_rows=(RowOffer(label="Set labels", rank=85),),
    ),
    ActionSpec(
        name="annotate",
        module="k8sops.actions.objects.labels",
        action_class="Annotate",
        params_class="AnnotateParams",
        summary="Set or remove annotations, on any kind.",
        details="A value that is there already is replaced only with --overwrite.",
        examples=(
            "k8sops annotate deployment/web owner=team-shop -n shop",
            "k8sops annotate pod/web-0 debug- -n shop",
        ),
        risks=(Risk.READ, Risk.LOW),
        idempotent=True,
        policy_key="object.annotate",
        verbs=(*_READ_ANY, Verb(verb="patch", resource="*", group="*")),
        on_rows=(RowOffer(label="Set annotations", rank=85),),
    ),
    ActionSpec(
        name="edit",
        module="k8sops.actions.objects.edit",
        action_class="Edit",
        params_class="EditParams",
        summary="Change fields of objects, of any kind but Secrets.",
        details=(
            "The server is asked beforehand what it would make of the objects, and each field that would change is in "
            "the plan, with those it would fill in by itself. It is sent as a server-side apply of the fields that "
            "change, and of no others; who held them is named before they are taken over. Without --patch, at a "
            "terminal, one object is edited as text in $KUBE_EDITOR, $VISUAL, $EDITOR or vi, as `e` does on the "
            "screen; what was changed is the patch."
        ),
        examples=(
            "k8sops edit deployment/web -n shop",
            """k8sops edit deployment/web --patch '{"spec":{"minReadySeconds":10}}' -n shop""",
            """k8sops edit configmap/web --patch '{"data":{"mode":null}}' -n shop --plan""",
        ),
        risks=(Risk.READ, Risk.LOW, Risk.DISRUPTIVE, Risk.DESTRUCTIVE),
        idempotent=True,
        policy_key="object.edit",
        verbs=(*_READ_ANY, Verb(verb="patch", resource="*", group="*")),
        on_rows=(RowOffer(label="Edit", keys=("e",), rank=80, opens="editor"),),
    ),
    ActionSpec(
        name="taint",
        module="k8sops.actions.objects.taint",
        action_class="Taint",
        params_class="TaintParams",
        summary="Set or remove taints of nodes.",
        details=(
            "A NoExecute taint ends pods without asking their budgets: the plan says which. `drain` asks."
        ),
        examples=(
            "k8sops taint node-1 dedicated=batch:NoSchedule",
            "k8sops taint node-1 dedicated-",
            "k8sops taint -l pool=old retired:NoSchedule --plan",
        ),
        risks=(Risk.READ, Risk.LOW, Risk.DISRUPTIVE),
        idempotent=True,
        policy_key="node.taint",
        verbs=(
            Verb(verb="get", resource="nodes"),
            Verb(verb="list", resource="nodes"),
            Verb(verb="patch", resource="nodes"),
            Verb(verb="list", resource="pods"),
        ),
        on_rows=(RowOffer(kinds=("nodes",), label="Set taints"),),
    ),
    ActionSpec(
        name="suspend",
        module="k8sops.actions.objects.cronjobs",
        action_class="Suspend",
        params_class="CronJobParams",
        summary="Keep CronJobs from making jobs; a job that runs goes on.",
        details="A CronJob that is suspended already is left as it is and said so. `resume` is the way back.",
        examples=(
            "k8sops suspend nightly-export -n batch",
            "k8sops suspend cronjobs -l team=data -n batch --plan",
        ),
        risks=(Risk.READ, Risk.LOW),
        idempotent=True,
        policy_key="cronjob.suspend",
        verbs=_CRON_JOBS,
        on_rows=(RowOffer(kinds=("cronjobs",), label="Suspend", keys=("s",)),),
    ),
    ActionSpec(
        name="resume",
        module="k8sops.actions.objects.cronjobs",
        action_class="Resume",
        params_class="CronJobParams",
        summary="Let CronJobs make jobs again.",
        details="A CronJob that is not suspended is left as it is and said so. (`runs resume` settles a run.)",
        examples=("k8sops resume nightly-export -n batch", "k8sops resume cronjobs -l team=data -n batch"),
        risks=(Risk.READ, Risk.LOW),
        idempotent=True,
        policy_key="cronjob.resume",
        verbs=_CRON_JOBS,
        on_rows=(
            RowOffer(
                kinds=("cronjobs",), label="Resume", keys=("s",), instead_of="suspend", where_cell="True"
            ),
        ),
    ),
    ActionSpec(
        name="trigger",
        module="k8sops.actions.objects.cronjobs",
        action_class="Trigger",
        params_class="CronJobParams",
        summary="Run CronJobs once, now: a Job from their template.",
        details=(
            "The Job is made as `kubectl create job --from=cronjob/NAME` makes it. Its name follows from the plan, so "
            "that a run that is taken over makes no second one."
        ),
        examples=(
            "k8sops trigger nightly-export -n batch",
            "k8sops trigger cronjob/nightly-export -n batch --plan",
        ),
        risks=(Risk.DISRUPTIVE,),
        idempotent=True,
        policy_key="cronjob.trigger",
        verbs=(
            Verb(verb="get", resource="cronjobs", group="batch"),
            Verb(verb="list", resource="cronjobs", group="batch"),
            Verb(verb="create", resource="jobs", group="batch"),
            Verb(verb="get", resource="jobs", group="batch"),
        ),
        on_rows=(RowOffer(kinds=("cronjobs",), label="Run once, now", keys=("t",), rank=40),),
    ),
    ActionSpec(
        name="evict",
        module="k8sops.actions.objects.evict",
        action_class="Evict",
        params_class="EvictParams",
        summary="Evict single pods, as their PodDisruptionBudgets allow.",
        details=(
            "The server is asked beforehand whether a budget forbids it now; the run then waits for the budget until "
            "its deadline. A pod that nothing makes again needs --force."
        ),
        examples=("k8sops evict web-7d4b9-x2x7k -n shop", "k8sops evict -l app=web -n shop --plan"),
        risks=(Risk.READ, Risk.DISRUPTIVE, Risk.DESTRUCTIVE),
        idempotent=True,
        policy_key="pod.evict",
        verbs=(
            Verb(verb="get", resource="pods"),
            Verb(verb="list", resource="pods"),
            Verb(verb="watch", resource="pods"),
            Verb(verb="create", resource="pods/eviction"),
        ),
        on_rows=(RowOffer(kinds=("pods",), label="Evict", rank=75),),
    ),
    ActionSpec(
        name="delete",
        module="k8sops.actions.objects.delete",
        action_class="Delete",
        params_class="DeleteParams",
        summary="Delete objects, having said what goes with them.",
        details=(
            "The plan lists what goes along by owner references, what is in a namespace, what is of a custom kind, and "
            "the finalizers that may hold it up. There is no undo."
        ),
        examples=(
            "k8sops delete pod/web-7d4b9-x2x7k -n shop",
            "k8sops delete deployment/old --plan -n shop",
            "k8sops delete configmaps -l release=old -n shop --cascade orphan",
        ),
        risks=(Risk.LOW, Risk.DISRUPTIVE, Risk.DESTRUCTIVE),
        idempotent=True,
        policy_key="object.delete",
        verbs=(
            *_READ_ANY,
            Verb(verb="watch", resource="*", group="*"),
            Verb(verb="delete", resource="*", group="*"),
        ),
        on_rows=(
            RowOffer(label="Delete", keys=("ctrl+d",), rank=90),
            RowOffer(kinds=("pods",), label="Delete", keys=("ctrl+d", "ctrl+k"), rank=90),
        ),
    ),
)
