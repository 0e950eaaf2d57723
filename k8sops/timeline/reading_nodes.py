"""Moments from a node: when it was ready and when not, under pressure, closed to new pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from k8sops.core.logs import SECOND_NS
from k8sops.core.plan import JsonObject
from k8sops.core.timeline import Moment
from k8sops.timeline.facts import at, conditions, created, reasoned, sentence, subject_of

PRESSURES: Final = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
_FIRST: Final = 60 * SECOND_NS
"""What is told within this time of a node's making is how it began, not that something ended."""


def moments_of_node(node: JsonObject) -> tuple[Moment, ...]:
    """All that its status and taints tell the time of."""
    return tuple(one for one in (*_of_conditions(node), *_closed(node)) if one.at_ns)


def _of_conditions(node: JsonObject) -> Iterator[Moment]:
    found, subject = conditions(node), subject_of("Node", node)
    for kind in ("Ready", *PRESSURES):
        condition = found.get(kind)
        if condition is None:
            continue
        since, status = at(condition.get("lastTransitionTime")), condition.get("status")
        if kind == "Ready":
            bad = status != "True"
            text = f"is not ready{reasoned(condition)}" if bad else "became ready"
        elif status == "True":
            bad, text = True, f"{kind}{reasoned(condition)}"
        elif status == "False" and since - created(node) > _FIRST:
            bad, text = False, f"{kind} is over"
        else:
            continue
        yield Moment(at_ns=since, matter="node", subject=subject, text=text, bad=bad)


def _closed(node: JsonObject) -> Iterator[Moment]:
    marks: dict[str, Any] = (node.get("metadata") or {}).get("annotations") or {}
    subject = subject_of("Node", node)
    for taint in (node.get("spec") or {}).get("taints") or ():
        if taint.get("key") == "node.kubernetes.io/unschedulable" and not marks.get("k8sops.dev/cordon-at"):
            yield Moment(
                at_ns=at(taint.get("timeAdded")), matter="node", subject=subject, text="takes no new pods"
            )
    if marks.get("k8sops.dev/cordon-at"):
        by, why = (sentence(marks.get(f"k8sops.dev/cordon-{name}")) for name in ("by", "reason"))
        text = f"takes no new pods{f', closed by {by}' if by else ''}{f': {why}' if why else ''}"
        yield Moment(at_ns=at(marks["k8sops.dev/cordon-at"]), matter="node", subject=subject, text=text)
