"""Pods and budgets for tests of the budgets' arithmetic, made without a cluster."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from k8sops.cluster.structs import Condition, OwnerReference
from k8sops.forecast.objects import Budget, BudgetSpec, BudgetStatus, FullMeta, Pod, PodStatus, Selector

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LONG_AGO = datetime(2026, 11, 1, tzinfo=UTC)


def pod(
    name: str,
    *,
    app: str = "web",
    owner: str = "web-1",
    kind: str = "ReplicaSet",
    ready: bool = True,
    phase: str = "Running",
    ending: bool = False,
    namespace: str = "shop",
) -> Pod:
    """A pod; its uid is its name, its controller's uid the controller's name; without an owner it is bare."""
    owners = (
        (OwnerReference(kind=kind, name=owner, uid=owner, api_version="apps/v1", controller=True),)
        if owner
        else ()
    )
    return Pod(
        metadata=FullMeta(
            name=name,
            namespace=namespace,
            uid=name,
            labels={"app": app},
            owner_references=owners,
            deletion_timestamp=LONG_AGO if ending else None,
        ),
        status=PodStatus(
            phase=phase, conditions=(Condition(type="Ready", status="True" if ready else "False"),)
        ),
    )


def budget(
    name: str = "web",
    *,
    app: str = "web",
    least: int | str | None = None,
    away: int | str | None = None,
    unhealthy: Literal["IfHealthyBudget", "AlwaysAllow"] = "IfHealthyBudget",
    granted: dict[str, Any] | None = None,
) -> Budget:
    """A budget over the pods of an app: `least` is minAvailable, `away` maxUnavailable."""
    return Budget(
        metadata=FullMeta(name=name, namespace="shop", uid=name),
        spec=BudgetSpec(
            selector=Selector(match_labels={"app": app}),
            min_available=least,
            max_unavailable=away,
            unhealthy_pod_eviction_policy=unhealthy,
        ),
        status=BudgetStatus(disrupted_pods=granted or {}),
    )
