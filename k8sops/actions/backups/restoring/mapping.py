"""What names a namespace within an object, when what was in one namespace is put into another.

Pure. Besides an object's own namespace these are references that the API itself defines; names that only a program
reads (in its configuration, in environment variables) are not known to anybody here, and the plan says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from k8sops.core.plan import JsonObject

Mapped = Mapping[str, str]


def put_elsewhere(kind: str, found: JsonObject, mapping: Mapped) -> JsonObject:
    """The object where it belongs now. Changes `found` and returns it."""
    if not mapping:
        return found
    metadata = found["metadata"]
    if "namespace" in metadata:
        metadata["namespace"] = mapping.get(metadata["namespace"], metadata["namespace"])
    if kind == "namespaces":
        metadata["name"] = mapping.get(metadata["name"], metadata["name"])
    for holder in _references(kind, found):
        namespace = holder.get("namespace")
        if isinstance(namespace, str):
            holder["namespace"] = mapping.get(namespace, namespace)
    return found


def _references(kind: str, found: JsonObject) -> Iterator[dict[str, Any]]:
    where = _WHERE.get(kind)
    if where is None:
        return
    for holder in where(found):
        if isinstance(holder, dict):
            yield holder


def _subjects(found: JsonObject) -> Iterator[Any]:
    yield from found.get("subjects") or ()


def _claim(found: JsonObject) -> Iterator[Any]:
    yield (found.get("spec") or {}).get("claimRef")


def _webhooks(found: JsonObject) -> Iterator[Any]:
    for hook in found.get("webhooks") or ():
        yield (hook.get("clientConfig") or {}).get("service")


def _api_service(found: JsonObject) -> Iterator[Any]:
    yield (found.get("spec") or {}).get("service")


def _conversion(found: JsonObject) -> Iterator[Any]:
    webhook = ((found.get("spec") or {}).get("conversion") or {}).get("webhook") or {}
    yield (webhook.get("clientConfig") or {}).get("service")


_WHERE: Final[dict[str, Callable[[JsonObject], Iterator[Any]]]] = {
    "rolebindings.rbac.authorization.k8s.io": _subjects,
    "clusterrolebindings.rbac.authorization.k8s.io": _subjects,
    "persistentvolumes": _claim,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _webhooks,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _webhooks,
    "apiservices.apiregistration.k8s.io": _api_service,
    "customresourcedefinitions.apiextensions.k8s.io": _conversion,
}
