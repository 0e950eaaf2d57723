"""An object as it may lie in a bundle: without bookkeeping, and of a Secret nothing but its names.

Redaction stands behind this, and cannot see into what is compressed or encoded: copies of the whole manifest that
tools keep in annotations are left out of every object, since they say nothing that the object does not.
"""

from __future__ import annotations

from typing import Any, Final

from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource
from k8sops.core.secret_values import LAST_APPLIED

_COPIES: Final = frozenset(
    {
        LAST_APPLIED,
        "kapp.k14s.io/original",
        "objectset.rio.cattle.io/applied",
        "banzaicloud.com/last-applied",
    }
)
_TOLD: Final = ("apiVersion", "kind", "metadata", "type", "immutable")
NOT_SHOWN: Final = "(not shown)"


def plain(found: JsonObject, resource: Resource) -> JsonObject:
    """The object with its kind (items of a list come without), and without what must not or need not be kept."""
    kind = {"apiVersion": resource.api_version, "kind": resource.kind}
    shown: JsonObject = kind | found | kind
    metadata = dict(found.get("metadata") or {})
    metadata.pop("managedFields", None)
    is_secret = resource.qualified == "secrets"
    if annotations := metadata.get("annotations"):
        metadata["annotations"] = {
            key: NOT_SHOWN if is_secret else value for key, value in annotations.items() if key not in _COPIES
        }
    shown["metadata"] = metadata
    return _names_of(shown) if is_secret else shown


def _names_of(secret: JsonObject) -> JsonObject:
    """Which keys it has: whether one is missing is what an incident asks of a Secret.

    In a list of its own, so that nobody takes it for a manifest, nor a redaction for values.
    """
    values: dict[str, Any] = {**(secret.get("data") or {}), **(secret.get("stringData") or {})}
    known: JsonObject = {key: secret[key] for key in _TOLD if key in secret}
    return {**known, "keys": sorted(values)}
