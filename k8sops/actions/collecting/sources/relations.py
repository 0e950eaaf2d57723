"""What stands around pods in their namespace: what selects them, scales them, guards them, bounds them.

A table of kinds, each with the question whether one object of it is about these pods. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from k8sops.actions.collecting.sources.involved import meta
from k8sops.core.plan import JsonObject
from k8sops.core.uses import named_by
from k8sops.forecast.objects import Selector
from k8sops.forecast.selectors import matches

_SERVICE_OF_SLICE: Final = "kubernetes.io/service-name"


class Surroundings(msgspec.Struct):
    """What is known of a namespace so far."""

    labels: Sequence[Mapping[str, str]]
    """Of each pod, or of the pods that a workload without any would make."""
    workloads: frozenset[tuple[str, str]]
    """Kind and name."""
    services: set[str]
    """Names of those that select one of the pods, or that a workload names."""


About = Callable[[JsonObject, Surroundings], bool]


class Relation(NamedTuple):
    """A kind, and which of it are about the pods."""

    kind: str
    about: About


def is_service(found: JsonObject, around: Surroundings) -> bool:
    """A Service selects by labels alone; one without a selector has its endpoints from elsewhere."""
    name, selector = str(meta(found).get("name")), _spec(found).get("selector")
    if isinstance(selector, dict) and selector and _selects({"matchLabels": selector}, around):
        around.services.add(name)
    return name in around.services


def is_slice(found: JsonObject, around: Surroundings) -> bool:
    """An EndpointSlice says in a label whose it is."""
    labels = meta(found).get("labels") or {}
    return labels.get(_SERVICE_OF_SLICE) in around.services


def is_ingress(found: JsonObject, around: Surroundings) -> bool:
    """An Ingress is about pods whose Service is one of its backends."""
    named = named_by({**found, "kind": "Ingress"})
    return any(one.kind == "services" and one.name in around.services for one in named)


def is_autoscaler(found: JsonObject, around: Surroundings) -> bool:
    """An autoscaler names its target by kind and name."""
    target: dict[str, Any] = _spec(found).get("scaleTargetRef") or {}
    return (str(target.get("kind")), str(target.get("name"))) in around.workloads


def is_budget(found: JsonObject, around: Surroundings) -> bool:
    """A budget guards what its selector matches; one without a selector guards nothing."""
    return _selects(_spec(found).get("selector"), around)


def is_policy(found: JsonObject, around: Surroundings) -> bool:
    """A network policy with an empty selector is about every pod of its namespace."""
    return _selects(_spec(found).get("podSelector") or {}, around)


def is_any(_: JsonObject, __: Surroundings) -> bool:
    """Bounds of a namespace are about all in it."""
    return True


RELATED: Final = (
    Relation("services", is_service),
    Relation("endpointslices.discovery.k8s.io", is_slice),
    Relation("ingresses.networking.k8s.io", is_ingress),
    Relation("horizontalpodautoscalers.autoscaling", is_autoscaler),
    Relation("poddisruptionbudgets.policy", is_budget),
    Relation("networkpolicies.networking.k8s.io", is_policy),
    Relation("resourcequotas", is_any),
    Relation("limitranges", is_any),
)
"""In this order: what is about Services comes after them."""


def _selects(selector: object, around: Surroundings) -> bool:
    if not isinstance(selector, dict):
        return False
    try:
        asked = msgspec.convert(selector, Selector)
    except msgspec.ValidationError:
        return False
    return any(matches(asked, labels) for labels in around.labels)


def _spec(found: JsonObject) -> dict[str, Any]:
    spec = found.get("spec")
    return spec if isinstance(spec, dict) else {}
