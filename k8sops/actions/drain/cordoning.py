"""A drain's cordon: the node closed to new pods, with who closed it, why and when written on it.

The run's id on the node is what makes it this run's cordon: only that is ever taken back. A node that somebody else has
cordoned is used as it is and left as it was.
"""

from __future__ import annotations

from typing import Any, Final

from k8sops.actions.locked_patch import patch_under_lock
from k8sops.core.clock import Clock, rfc3339
from k8sops.core.journal import Errand
from k8sops.core.plan import JsonObject, Target
from k8sops.core.ports import Cluster

RUN: Final = "k8sops.dev/cordon-run"
WHO: Final = "k8sops.dev/cordon-by"
WHY: Final = "k8sops.dev/cordon-reason"
WHEN: Final = "k8sops.dev/cordon-at"
MARKS: Final = (RUN, WHO, WHY, WHEN)
TAINT: Final = "k8sops.dev/drain"
"""Key of the taint; its value is the run."""

LONGEST_REASON: Final = 1000


def marks(errand: Errand, clock: Clock) -> dict[str, str]:
    """The annotations of a cordon made now."""
    why = errand.reason[:LONGEST_REASON] or "drain"
    return {RUN: errand.run, WHO: errand.actor, WHY: why, WHEN: rfc3339(clock.now())}


async def cordon(cluster: Cluster, target: Target, errand: Errand, clock: Clock, *, taint: bool) -> str:
    """Close the node. Raises DriftedError where it is another node by now, NotFoundError where it is gone."""

    def change(node: JsonObject) -> JsonObject | None:
        spec: dict[str, Any] = node.get("spec") or {}
        body: JsonObject = {}
        if not spec.get("unschedulable"):
            body = {"metadata": {"annotations": marks(errand, clock)}, "spec": {"unschedulable": True}}
        taints = list(spec.get("taints") or [])
        if taint and not any(one.get("key") == TAINT for one in taints):
            ours = {"key": TAINT, "value": errand.run, "effect": "NoSchedule"}
            body["spec"] = body.get("spec", {}) | {"taints": [*taints, ours]}
        return body or None

    changed = await patch_under_lock(cluster, await cluster.resource("nodes"), target, change)
    return f"node {target.name} is cordoned" + ("" if changed else " already")


async def uncordon(cluster: Cluster, target: Target, run: str) -> str:
    """Open the node again where this run closed it, and take away what it wrote on it."""

    def change(node: JsonObject) -> JsonObject | None:
        spec: dict[str, Any] = node.get("spec") or {}
        body: JsonObject = {}
        if is_ours(node, run):
            body = {"metadata": {"annotations": dict.fromkeys(MARKS)}, "spec": {"unschedulable": None}}
        taints = list(spec.get("taints") or [])
        others = [one for one in taints if (one.get("key"), one.get("value")) != (TAINT, run)]
        if others != taints:
            body["spec"] = body.get("spec", {}) | {"taints": others or None}
        return body or None

    if await patch_under_lock(cluster, await cluster.resource("nodes"), target, change):
        return f"node {target.name} takes pods again"
    return f"node {target.name} is left as it is: this run did not cordon it"


def without_marks(node: JsonObject, body: JsonObject) -> None:
    """Have a patch that uncordons take away what drains wrote on the node, whichever runs they were."""
    annotations = node["metadata"].get("annotations") or {}
    if written := [key for key in MARKS if key in annotations]:
        body["metadata"]["annotations"] = dict.fromkeys(written)
    taints = (node.get("spec") or {}).get("taints") or []
    others = [one for one in taints if one.get("key") != TAINT]
    if others != taints:
        body["spec"]["taints"] = others or None


def is_ours(node: JsonObject, run: str) -> bool:
    """Whether this run cordoned the node and it still is."""
    annotations = (node.get("metadata") or {}).get("annotations") or {}
    return annotations.get(RUN) == run and bool((node.get("spec") or {}).get("unschedulable"))
