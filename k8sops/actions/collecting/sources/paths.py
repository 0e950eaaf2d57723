"""Where in a bundle things lie, so that a person finds them without the index.

`cluster/`, `nodes/NODE/`, `namespaces/NAMESPACE/KIND.GROUP/NAME.yaml`, `k8sops/`. Names come from a cluster, and some
of its kinds take any text for one.
"""

from __future__ import annotations

from typing import Final

from k8sops.bundle.naming import safe_part
from k8sops.core.ports import Resource

CLUSTER: Final = "cluster"
OWN: Final = "k8sops"


def joined(*parts: str) -> str:
    """A path of parts that may be any text."""
    return "/".join(map(safe_part, parts))


def of_namespace(namespace: str, *more: str) -> str:
    """A path below a namespace's folder."""
    return joined("namespaces", namespace, *more)


def of_node(node: str, *more: str) -> str:
    """A path below a node's folder."""
    return joined("nodes", node, *more)


def of_kind(kind: str, namespace: str) -> str:
    """The folder of objects of a kind, spelled as `Resource.qualified`."""
    return of_namespace(namespace, kind) if namespace else joined(CLUSTER, kind)


def of_object(resource: Resource, name: str, namespace: str) -> str:
    """The path of an object, without the ending that tells its form."""
    return f"{of_kind(resource.qualified, namespace if resource.namespaced else '')}/{safe_part(name)}"
