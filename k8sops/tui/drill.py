"""What Enter leads to from a row, and Shift-J: the pods of a workload, a node or a namespace, the owner of a pod.

Only Kubernetes' own kinds have a way in; what a custom kind's fields mean is not guessed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from k8sops.core.plan import JsonObject
from k8sops.core.selectors import selector_text
from k8sops.core.tables import Row, TableQuery
from k8sops.tui.kind_names import known_kind, known_plural
from k8sops.tui.places import Place

SELECTING: Final = frozenset(
    {"deployments", "replicasets", "statefulsets", "daemonsets", "replicationcontrollers", "jobs", "services"}
    | {"poddisruptionbudgets"}
)
"""Kinds whose object says by labels which pods are theirs."""
CONTAINERS: Final = "containers"
"""The table of one pod's containers, which no server has (`Ops.browse`)."""


def place_in(kind: str, row: Row) -> Place | None:
    """Where a row leads without asking for its object; None where it leads nowhere."""
    plural = known_plural(kind)
    if plural == "pods":
        return Place(query=TableQuery(kind=CONTAINERS, namespace=row.namespace, name=row.name))
    if plural == "nodes":
        return Place(query=TableQuery(kind="pods", field_selector=f"spec.nodeName={row.name}"))
    if plural == "namespaces":
        return Place(query=TableQuery(kind="pods", namespace=row.name))
    if plural == "cronjobs":
        return Place(query=TableQuery(kind="jobs", namespace=row.namespace), owner=row.uid)
    if plural == "customresourcedefinitions":
        # A definition is named by plural and group.
        return Place(query=TableQuery(kind=row.name))
    return None


def pod_of(query: TableQuery, row: Row) -> Row:
    """The pod in whose table of containers a row stands: what is acted on and described is the pod."""
    uid = row.uid.partition("/")[0]
    return msgspec.structs.replace(
        row, name=query.name, namespace=query.namespace, uid=uid, cells=(query.name,)
    )


def pods_place(row: Row, found: JsonObject) -> Place | None:
    """The pods that an object selects; None where it selects none."""
    spec = found.get("spec") or {}
    selector = spec.get("selector")
    if selector is None:
        return None
    if found.get("kind") in {"Service", "ReplicationController"}:
        if not selector:
            return None
        selector = {"matchLabels": selector}
    query = TableQuery(kind="pods", namespace=row.namespace, label_selector=selector_text(selector))
    return Place(query=query)


def owner_place(row: Row) -> Place | None:
    """The table the owner stands in, the cursor on it; None for a row without an owner."""
    if not row.owners:
        return None
    owner = row.owners[0]
    return Place(query=TableQuery(kind=known_kind(owner.kind), namespace=row.namespace), seek=owner.uid)
