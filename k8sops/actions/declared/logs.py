"""The action on logs, as declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from k8sops.actions.declared.on_rows import RowOffer
from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.core.risk import Risk

_NEEDED: Final = (Verb(verb="list", resource="pods"), Verb(verb="get", resource="pods/log"))
# Of what else goes into a bundle each refusal is told there. Secrets and the nodes' proxy are not among it: a role that
# is made for this should not hand those out.
_READ: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "": {
        "list": ("events", "services", "resourcequotas", "limitranges", "nodes"),
        "get": (
            "nodes", "namespaces", "configmaps", "serviceaccounts", "persistentvolumeclaims", "persistentvolumes",
        ),
    },
    "apps": {
        "list": ("replicasets", "controllerrevisions"),
        "get": ("deployments", "statefulsets", "daemonsets", "replicasets"),
    },
    "batch": {"get": ("jobs", "cronjobs"), "list": ("jobs",)},
    "autoscaling": {"list": ("horizontalpodautoscalers",)},
    "policy": {"list": ("poddisruptionbudgets",)},
    "networking.k8s.io": {"list": ("ingresses", "networkpolicies")},
    "discovery.k8s.io": {"list": ("endpointslices",)},
    "coordination.k8s.io": {"list": ("leases",)},
    "apiregistration.k8s.io": {"list": ("apiservices",)},
    "metrics.k8s.io": {"list": ("pods", "nodes")},
}  # fmt: skip
_WANTED: Final = tuple(
    Verb(verb=verb, resource=resource, group=group, where_planned=True)
    for group, verbs in _READ.items()
    for verb, resources in verbs.items()
    for resource in resources
)

_WORKLOADS: Final = ("deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "cronjobs")
_OFFERS: Final = (
    RowOffer(kinds=("pods", *_WORKLOADS), label="Collect logs", rank=70, rows_as="query"),
    RowOffer(
        kinds=("nodes",),
        label="Collect logs",
        rank=70,
        rows_as="node",
        written="name",
        settles=(("all_namespaces", True),),
    ),
    RowOffer(kinds=("namespaces",), label="Collect logs", rank=70, rows_as="namespace", written="joined"),
)

LOG_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        name="logs",
        command="logs collect",
        module="k8sops.actions.collecting.action",
        action_class="Logs",
        params_class="LogsParams",
        summary="Collect logs, and what explains them, into a bundle without secrets.",
        details=(
            "Logs of every container, before its last restart too; events, objects and their owners, rollouts, nodes, "
            "metrics, the cluster's health, our own records; and a timeline of it all. Secrets are taken out on the "
            "way: the index says how many, and where. What cannot be had is listed, and the rest is kept."
        ),
        examples=(
            "k8sops logs collect -n shop",
            "k8sops logs collect deployment/web cronjob/nightly -n shop --since 2h --to ./",
            "k8sops logs collect -A -l app=web --since 2026-11-22T17:00Z --until 2026-11-22T17:30Z",
            "k8sops logs collect -n shop --split-size 20MB --exclude-sources audit,node-logs",
        ),
        risks=(Risk.READ, Risk.LOW, Risk.DISRUPTIVE),
        idempotent=True,
        policy_key="logs.collect",
        verbs=(*_NEEDED, *_WANTED),
        repositories=True,
        surroundings=True,
        on_rows=_OFFERS,
    ),
)
