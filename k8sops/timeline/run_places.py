"""Which namespaces a run of ours is about, told by its plan: what it changes, what moves along, what it selects. Pure.

A node concerns those that have pods on it; other objects without a namespace concern everybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from typing import Final

from k8sops.core.object_names import namespaces_asked
from k8sops.core.plan import JsonObject, Plan, Target

OUR_OWN: Final = frozenset({"backups", "bundles", "clusters", "indexes", "repositories"})
"""Kinds of what we keep ourselves, outside the cluster."""
_SELECTS: Final = frozenset({"include_namespaces", "all_namespaces"})
"""Params of actions that take whatever there is of a selection."""


def touches(plan: Plan, namespaces: Collection[str], nodes: Collection[str]) -> bool:
    """Whether it is about one of the namespaces, or about a node of these; about any where no namespace is given."""
    if not namespaces:
        return True
    if any(_is_in(target, namespaces, nodes) for target in _targets(plan)):
        return True
    if not _SELECTS.isdisjoint(plan.params):
        return any(_selects(plan.params, namespace) for namespace in namespaces)
    return any(_is_everybodys(step.target) for step in plan.steps)


def _targets(plan: Plan) -> Iterator[Target]:
    for step in plan.steps:
        yield step.target
        for item in step.bulk.items if step.bulk is not None else ():
            yield item.target
    # Of what moves along the plan lists the first alone.
    for name in plan.blast_radius.get("namespaces") or ():
        yield Target(kind="namespaces", name=str(name))


def _is_in(target: Target, namespaces: Collection[str], nodes: Collection[str]) -> bool:
    if target.kind == "nodes":
        return target.name in nodes
    return (target.name if target.kind == "namespaces" else target.namespace) in namespaces


def _is_everybodys(target: Target) -> bool:
    return not target.namespace and target.kind not in {"nodes", "namespaces", *OUR_OWN}


def _selects(params: JsonObject, namespace: str) -> bool:
    """By the words of the logs' and the backups' selections alike."""
    typed = () if params.get("all_namespaces") else namespaces_asked(params)
    wanted = [*(params.get("include_namespaces") or ()), *typed]
    unwanted = params.get("exclude_namespaces") or ()
    return _matches(namespace, wanted or ("*",)) and not _matches(namespace, unwanted)


def _matches(namespace: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(namespace, pattern) for pattern in patterns)
