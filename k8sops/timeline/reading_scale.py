"""Moments from a HorizontalPodAutoscaler: when it last changed replicas, and why it cannot."""

from __future__ import annotations

from typing import Any

from k8sops.core.plan import JsonObject
from k8sops.core.timeline import Moment
from k8sops.timeline.facts import at, conditions, reasoned, subject_of


def moments_of_autoscaler(autoscaler: JsonObject) -> tuple[Moment, ...]:
    """Its last change, and conditions that keep it from the next."""
    subject = subject_of("HorizontalPodAutoscaler", autoscaler)
    spec: dict[str, Any] = autoscaler.get("spec") or {}
    status: dict[str, Any] = autoscaler.get("status") or {}
    target = spec.get("scaleTargetRef") or {}
    found = []
    if scaled := at(status.get("lastScaleTime")):
        text = f"set {target.get('kind')}/{target.get('name')} to {status.get('desiredReplicas')} replicas"
        found.append(Moment(at_ns=scaled, matter="scale", subject=subject, text=text))
    for kind, wrong in (("AbleToScale", "False"), ("ScalingActive", "False"), ("ScalingLimited", "True")):
        condition = conditions(autoscaler).get(kind) or {}
        since = at(condition.get("lastTransitionTime"))
        if since and condition.get("status") == wrong:
            bad = kind != "ScalingLimited"
            text = f"{'cannot scale' if bad else 'is at its limit'}{reasoned(condition)}"
            found.append(Moment(at_ns=since, matter="state", subject=subject, text=text, bad=bad))
    return tuple(found)
