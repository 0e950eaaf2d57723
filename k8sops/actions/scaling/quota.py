"""How many more pods of a template a namespace's ResourceQuotas and LimitRanges admit.

A workload takes any number of replicas; the pods that quota refuses are never made, and only the ReplicaSet's condition
says so (kubernetes#25146). So it is counted before. Pure: quotas and limits are given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from k8sops.core.plan import JsonObject
from k8sops.forecast.quantities import parse

UNLIMITED: Final = 10**9
_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How many more pods are admitted."""

    pods: int
    why: str = ""
    """What sets the limit, in a clause; empty where nothing does."""


def room_for(template: JsonObject, quotas: Sequence[JsonObject], ranges: Sequence[JsonObject]) -> Room:
    """The least that any quota admits; 0 where a LimitRange refuses such a pod at all."""
    pod, refused = _with_defaults(template, ranges)
    if refused:
        return Room(pods=0, why=refused)
    found = [one for quota in quotas if _covers(quota, pod, template) for one in _rooms(quota, pod)]
    return min(found, key=lambda one: one.pods, default=Room(pods=UNLIMITED))


_Sums = Mapping[str, Any]


def _with_defaults(template: JsonObject, ranges: Sequence[JsonObject]) -> tuple[_Sums, str]:
    """Requests and limits of the pod in sum, with the defaults that LimitRanges add; and why one refuses it."""
    spec: dict[str, Any] = template.get("spec") or {}
    limits_of = [
        one for found in ranges for one in found["spec"].get("limits") or () if one.get("type") == "Container"
    ]
    sums: dict[str, Any] = {}
    missing: set[str] = set()
    for container in spec.get("containers") or ():
        resources: dict[str, Any] = container.get("resources") or {}
        limits = dict(resources.get("limits") or {})
        requests = dict(resources.get("requests") or {})
        for one in limits_of:
            limits = {**(one.get("default") or {}), **limits}
        requests = {**limits, **requests} if not limits_of else requests
        for one in limits_of:
            requests = {**limits, **(one.get("defaultRequest") or {}), **requests}
            if why := _beyond(container, requests, limits, one):
                return sums, why
        for name, value in requests.items():
            sums[f"requests.{name}"] = sums.get(f"requests.{name}", 0) + parse(str(value))
        for name, value in limits.items():
            sums[f"limits.{name}"] = sums.get(f"limits.{name}", 0) + parse(str(value))
        missing |= {f"requests.{name}" for name in _COMPUTE if name not in requests}
        missing |= {f"limits.{name}" for name in _COMPUTE if name not in limits}
    sums["missing"] = missing
    return sums, ""


def _beyond(container: dict[str, Any], requests: _Sums, limits: _Sums, one: dict[str, Any]) -> str:
    for name, most in (one.get("max") or {}).items():
        asked = limits.get(name, requests.get(name))
        if asked is not None and parse(str(asked)) > parse(str(most)):
            return f"a LimitRange admits at most {most} {name}, container {container.get('name')} asks for {asked}"
    for name, least in (one.get("min") or {}).items():
        asked = requests.get(name)
        if asked is not None and parse(str(asked)) < parse(str(least)):
            return f"a LimitRange wants at least {least} {name}, container {container.get('name')} asks for {asked}"
    return ""


def _covers(quota: JsonObject, pod: _Sums, template: JsonObject) -> bool:
    """Whether the quota counts such a pod (kubernetes.io, Resource Quotas, Quota scopes)."""
    spec: dict[str, Any] = template.get("spec") or {}
    expressions = [{"scopeName": name, "operator": "Exists"} for name in quota["spec"].get("scopes") or ()]
    expressions += (quota["spec"].get("scopeSelector") or {}).get("matchExpressions") or []
    best_effort = not any(name.startswith(("requests.", "limits.")) for name in pod)
    timed = spec.get("activeDeadlineSeconds") is not None
    truths = {
        "BestEffort": best_effort,
        "NotBestEffort": not best_effort,
        "Terminating": timed,
        "NotTerminating": not timed,
    }
    for one in expressions:
        if one["scopeName"] == "PriorityClass":
            if not _priority_matches(one, str(spec.get("priorityClassName") or "")):
                return False
        elif not truths.get(one["scopeName"], False):
            return False
    return True


def _priority_matches(expression: dict[str, Any], name: str) -> bool:
    values = expression.get("values") or []
    operator = expression.get("operator")
    return {
        "In": name in values,
        "NotIn": name not in values,
        "Exists": bool(name),
        "DoesNotExist": not name,
    }.get(str(operator), False)


def _rooms(quota: JsonObject, pod: _Sums) -> list[Room]:
    name = quota["metadata"]["name"]
    hard: dict[str, str] = (quota.get("status") or {}).get("hard") or quota["spec"].get("hard") or {}
    used: dict[str, str] = (quota.get("status") or {}).get("used") or {}
    found = []
    for resource, most in hard.items():
        key = f"requests.{resource}" if resource in _COMPUTE else resource
        each = 1 if resource in {"pods", "count/pods"} else pod.get(key, 0)
        says = f"quota {name}: {resource} {used.get(resource, '0')} of {most} used"
        if key in pod["missing"]:
            found.append(
                Room(pods=0, why=f"quota {name} wants {key} to be given, and a container gives none")
            )
        elif each:
            left = parse(most) - parse(used.get(resource, "0"))
            found.append(Room(pods=max(0, int(left / each)), why=says))
    return found
