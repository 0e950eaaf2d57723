"""Whether labels answer a selector: label selectors, node selectors and their node fields.

Selectors come from a server that validated them; an operator it would refuse matches nothing, as in the scheduler.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from k8sops.forecast.objects import Node, NodeSelector, NodeSelectorTerm, Pod, Requirement, Selector

_WHOLE: Final = re.compile(r"[+-]?\d+\Z", re.ASCII)
_INT64: Final = 2**63


def matches(selector: Selector | None, labels: Mapping[str, str]) -> bool:
    """Whether the labels answer a LabelSelector: an empty one takes everything, None takes nothing."""
    if selector is None:
        return False
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        requirement_holds(one, labels) for one in selector.match_expressions
    )


def node_matches(selector: NodeSelector | NodeSelectorTerm | None, node: Node) -> bool:
    """Whether one of the terms takes the node; None is no condition at all, a selector without terms takes none."""
    if selector is None:
        return True
    terms = (selector,) if isinstance(selector, NodeSelectorTerm) else selector.node_selector_terms
    return any(_term_holds(term, node) for term in terms)


def required_nodes(pod: Pod, node: Node) -> bool:
    """Whether the pod's `nodeSelector` and required node affinity take the node."""
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in pod.spec.node_selector.items()):
        return False
    return node_matches(
        pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution, node
    )


def requirement_holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    """Whether one expression holds; `Gt` and `Lt` compare whole numbers and fail on anything else."""
    present = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return present is not None and present in requirement.values
        case "NotIn":
            return present is None or present not in requirement.values
        case "Exists":
            return present is not None
        case "DoesNotExist":
            return present is None
        case "Gt" | "Lt":
            return _compares(requirement, present)
        case _:
            return False


def _compares(requirement: Requirement, present: str | None) -> bool:
    bound = whole(requirement.values[0]) if len(requirement.values) == 1 else None
    here = whole(present) if present is not None else None
    if here is None or bound is None:
        return False
    return here > bound if requirement.operator == "Gt" else here < bound


def _term_holds(term: NodeSelectorTerm, node: Node) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False
    if not all(requirement_holds(one, node.metadata.labels) for one in term.match_expressions):
        return False
    return _fields_hold(term.match_fields, {"metadata.name": node.name})


def _fields_hold(requirements: Iterable[Requirement], fields: Mapping[str, str]) -> bool:
    return all(
        len(one.values) == 1
        and one.operator in {"In", "NotIn"}
        and (fields.get(one.key, "") == one.values[0]) == (one.operator == "In")
        for one in requirements
    )


def whole(text: str) -> int | None:
    """A whole number of 64 bits, None where the text is none."""
    if _WHOLE.match(text) is None:
        return None
    value = int(text)
    return value if -_INT64 <= value < _INT64 else None
