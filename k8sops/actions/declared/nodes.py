"""Actions on nodes, as declared."""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.on_rows import RowOffer
from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.core.risk import Risk

_NODE_VERBS: Final = (
    Verb(verb="get", resource="nodes"),
    Verb(verb="list", resource="nodes"),
    Verb(verb="patch", resource="nodes"),
)

_DRAIN_READS: Final = (
    *(Verb(verb=verb, resource="pods") for verb in ("get", "list", "watch")),
    *(Verb(verb=verb, resource="poddisruptionbudgets", group="policy") for verb in ("list", "watch")),
    *(Verb(verb="list", resource=kind) for kind in ("namespaces", "services")),
    *(Verb(verb="list", resource=kind) for kind in ("persistentvolumeclaims", "persistentvolumes")),
    *(
        Verb(verb="list", resource=kind, group="apps")
        for kind in ("daemonsets", "deployments", "replicasets", "statefulsets")
    ),
    Verb(verb="list", resource="replicationcontrollers"),
    Verb(verb="list", resource="jobs", group="batch"),
    *(Verb(verb="list", resource=kind, group="storage.k8s.io") for kind in ("csinodes", "storageclasses")),
    *(Verb(verb=verb, resource="volumeattachments", group="storage.k8s.io") for verb in ("list", "watch")),
)

NODE_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        name="cordon",
        module="k8sops.actions.cordon",
        action_class="Cordon",
        params_class="CordonParams",
        summary="Keep new pods off nodes; what runs there stays.",
        details="A node that is cordoned already is left as it is and said so.",
        examples=(
            "k8sops cordon node-1 node-2",
            "k8sops cordon --selector topology.kubernetes.io/zone=zone-a --plan",
        ),
        risks=(Risk.READ, Risk.LOW),
        idempotent=True,
        policy_key="node.cordon",
        verbs=_NODE_VERBS,
        on_rows=(RowOffer(kinds=("nodes",), label="Cordon", keys=("c",), rows_as="nodes", written="name"),),
    ),
    ActionSpec(
        name="uncordon",
        module="k8sops.actions.cordon",
        action_class="Uncordon",
        params_class="UncordonParams",
        summary="Let new pods onto nodes again.",
        details="A node that is not cordoned is left as it is and said so.",
        examples=("k8sops uncordon node-1", "k8sops uncordon --selector topology.kubernetes.io/zone=zone-a"),
        risks=(Risk.READ, Risk.LOW),
        idempotent=True,
        policy_key="node.uncordon",
        verbs=_NODE_VERBS,
        on_rows=(RowOffer(kinds=("nodes",), label="Uncordon", keys=("u",), rows_as="nodes", written="name"),),
    ),
    ActionSpec(
        name="drain",
        module="k8sops.actions.drain.action",
        action_class="Drain",
        params_class="DrainParams",
        summary="Move all pods off nodes, as fast as their budgets allow.",
        details=(
            "The plan says what happens to each pod, where it will land, which budget paces it and how long it "
            "takes; what stops it names the flag that lets it go on. Nodes stay cordoned afterwards."
        ),
        examples=(
            "k8sops drain node-1 --ignore-daemonsets --plan",
            "k8sops drain --pool general --ignore-daemonsets --max-unavailable-capacity 20%",
            "k8sops drain -l topology.kubernetes.io/zone=zone-a --ignore-daemonsets --delete-emptydir-data",
        ),
        risks=(Risk.READ, Risk.LOW, Risk.DISRUPTIVE, Risk.DESTRUCTIVE),
        idempotent=True,
        policy_key="node.drain",
        verbs=(
            *_NODE_VERBS,
            Verb(verb="watch", resource="nodes"),
            *_DRAIN_READS,
            Verb(verb="create", resource="pods/eviction"),
            *(Verb(verb=verb, resource="pods") for verb in ("delete", "patch")),
            Verb(verb="get", resource="persistentvolumeclaims"),
            Verb(verb="get", resource="replicationcontrollers"),
            *(
                Verb(verb="get", resource=kind, group="apps")
                for kind in ("daemonsets", "deployments", "replicasets", "statefulsets")
            ),
            *(Verb(verb="patch", resource=kind, group="apps") for kind in ("deployments", "replicasets")),
        ),
        on_rows=(RowOffer(kinds=("nodes",), label="Drain", keys=("r",), rows_as="nodes", written="name"),),
    ),
)
