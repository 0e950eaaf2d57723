"""Whether a kind is served no more: discovery is some minutes old, and definitions come and go.

What reads every kind there is meets one that has gone since; that is not a kind whose objects could not be read.
"""

from __future__ import annotations

from k8sops.core.errors import K8sOpsError, NotFoundError
from k8sops.core.ports import ClusterReader, Resource


async def is_gone(cluster: ClusterReader, resource: Resource, error: K8sOpsError) -> bool:
    """Whether a kind is not served because its definition was deleted, though discovery may still name it.

    A list that is not found says no more than that this API server does not serve it: its objects may well be there.
    """
    if not isinstance(error, NotFoundError):
        return False
    try:
        definitions = await cluster.resource("customresourcedefinitions.apiextensions.k8s.io")
        found = await cluster.get(definitions, f"{resource.plural}.{resource.group}")
    except NotFoundError:
        return "." in resource.group and not resource.group.endswith(".k8s.io")
    except K8sOpsError:
        return False
    return bool(found["metadata"].get("deletionTimestamp"))
