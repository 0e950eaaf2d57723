"""From resource, namespace and name to the API path, escaped; and how a person names the object.

What no API server would accept as a name is refused here, before it can become another path or move a cursor.
"""

from __future__ import annotations

from urllib.parse import quote

from k8sops.cluster.one_line import one_line
from k8sops.core.errors import UsageError
from k8sops.core.ports import Resource

NAME_LIMIT = 253


def checked_name(name: str, what: str = "name") -> str:
    """The name itself. Raises UsageError for what cannot be a path segment (apimachinery, `path` validation)."""
    if not name:
        raise UsageError(f"the {what} is empty")
    if not name.isprintable():
        raise UsageError(f"the {what} {name[:100]!r} contains control characters")
    if name in {".", ".."} or "/" in name or "%" in name:
        raise UsageError(f"the {what} {one_line(name, 100)!r} may not be '.' or '..' nor contain '/' or '%'")
    if len(name) > NAME_LIMIT:
        raise UsageError(f"the {what} {one_line(name, 40)!r} is longer than {NAME_LIMIT} characters")
    return name


def group_path(resource: Resource) -> str:
    """`/api/v1` or `/apis/GROUP/VERSION`."""
    if resource.group:
        return f"/apis/{quote(resource.group)}/{quote(resource.version)}"
    return f"/api/{quote(resource.version)}"


def collection_path(resource: Resource, namespace: str = "") -> str:
    """The path of the collection; all namespaces where none is given, which a cluster-scoped kind ignores."""
    base = group_path(resource)
    if resource.namespaced and namespace:
        base = f"{base}/namespaces/{quote(checked_name(namespace, 'namespace'), safe='')}"
    return f"{base}/{quote(resource.plural)}"


def object_path(resource: Resource, name: str, namespace: str = "", subresource: str = "") -> str:
    """The path of one object, or of its subresource. Raises UsageError where its namespace is missing."""
    if resource.namespaced and not namespace:
        raise UsageError(
            f"{subject_of(resource, checked_name(name))} needs a namespace",
            hint="name it with -n/--namespace",
        )
    path = f"{collection_path(resource, namespace)}/{quote(checked_name(name), safe=':')}"
    return f"{path}/{quote(subresource)}" if subresource else path


def subject_of(resource: Resource, name: str = "", namespace: str = "") -> str:
    """`deployment shop/web`; for a collection `deployments in shop` or `deployments in all namespaces`."""
    where = namespace if resource.namespaced else ""
    if name:
        kind = resource.singular or resource.kind.lower()
        return f"{kind} {where}/{name}" if where else f"{kind} {name}"
    if not resource.namespaced:
        return resource.plural
    return f"{resource.plural} in {where or 'all namespaces'}"
