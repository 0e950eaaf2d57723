"""Which taints a pod bears (core/v1 Toleration); the numeric operators of KEP-5471 are off by default and bear none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from k8sops.cluster.nodes import Taint
from k8sops.forecast.objects import Toleration

CORDON: Final = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
"""The taint that a cordon brings."""

HARD: Final = frozenset({"NoSchedule", "NoExecute"})
"""Effects that keep a pod away."""


def tolerates(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    """Whether one of the tolerations bears the taint."""
    return any(_bears(one, taint) for one in tolerations)


def _bears(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case "Exists":
            return True
        case "Equal" | "":
            return toleration.value == taint.value
        case _:
            return False
