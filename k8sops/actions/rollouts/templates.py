"""Pod templates compared: what differs, path by path, and a hash that says whether two are the same.

Values of environment variables are never shown, since people put secrets there: that they differ is all a plan says.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import rfc8785

from k8sops.core.plan import JsonObject

POD_TEMPLATE_HASH: Final = "pod-template-hash"
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
"""The annotation of a template by which `kubectl rollout restart` makes it another one."""
NOT_SHOWN: Final = "(not shown)"
MOST_SHOWN: Final = 40


def template_of(workload: JsonObject) -> JsonObject:
    """The pod template without the label that the Deployment controller adds to its ReplicaSets'."""
    template: JsonObject = dict(workload["spec"]["template"])
    metadata: dict[str, Any] = dict(template.get("metadata") or {})
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != POD_TEMPLATE_HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}


def template_hash(workload: JsonObject) -> str:
    """The first 16 hex digits of a sha256 over the template's RFC 8785 JSON."""
    template = template_of(workload)
    metadata = {key: value for key, value in template["metadata"].items() if value}
    return hashlib.sha256(rfc8785.dumps({**template, "metadata": metadata})).hexdigest()[:16]


def differences(present: JsonObject, wanted: JsonObject) -> tuple[JsonObject, JsonObject]:
    """What differs, as path → value of each; at most 40 paths, the rest counted under `and more`."""
    before, after = flattened(present), flattened(wanted)
    paths = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
    shown = paths[:MOST_SHOWN]
    old = {path: _shown(path, before.get(path)) for path in shown}
    new = {path: _shown(path, after.get(path)) for path in shown}
    if rest := len(paths) - len(shown):
        old["and more"], new["and more"] = None, f"{rest} fields"
    return old, new


def runs_the_same(one: JsonObject, other: JsonObject) -> bool:
    """Whether two templates differ in nothing but when their pods were told to restart."""
    return _but_for_restarts(one) == _but_for_restarts(other)


def _but_for_restarts(template: JsonObject) -> dict[str, Any]:
    restarted = f"metadata.annotations.'{RESTARTED_AT}'"
    empty = ("metadata", "metadata.annotations", "metadata.labels")
    return {path: value for path, value in flattened(template).items() if path not in {restarted, *empty}}


def flattened(value: Any, path: str = "") -> dict[str, Any]:
    """A tree as path → leaf; items of a list go by their `name` where they have one."""
    if isinstance(value, dict):
        inner = {
            key: flat
            for name, one in value.items()
            for key, flat in flattened(one, _joined(path, name)).items()
        }
        return inner or ({path: {}} if path else {})
    if isinstance(value, list):
        found: dict[str, Any] = {}
        for index, one in enumerate(value):
            name = one.get("name") if isinstance(one, dict) else None
            found |= flattened(one, f"{path}[{name or index}]")
        return found or {path: []}
    return {path: value}


def _joined(path: str, name: str) -> str:
    key = f"'{name}'" if "." in name or "/" in name else name
    return f"{path}.{key}" if path else key


def _shown(path: str, value: Any) -> Any:
    hidden = ".env[" in path and path.endswith(".value") and value is not None
    return NOT_SHOWN if hidden else value
