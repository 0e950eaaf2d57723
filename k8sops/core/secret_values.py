"""The values of a Secret: hidden wherever they may stand, or decoded for who asked to see them.

Pure. That somebody looked goes on record in the service, before anything decoded here is shown.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from k8sops.core.plan import JsonObject

MASK: Final = "••••••••"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def is_secret(found: JsonObject) -> bool:
    """Whether the object is a core Secret, whose values are hidden unless asked for."""
    return found.get("kind") == "Secret" and found.get("apiVersion") == "v1"


def masked(found: JsonObject) -> JsonObject:
    """The object with each value of a Secret replaced whole; only the size stays.

    The copy that `kubectl apply` keeps in an annotation holds the same values, so it is masked as well.
    """
    if not is_secret(found):
        return found
    shown = _without_last_applied(found)
    for field in ("data", "stringData"):
        if isinstance(shown.get(field), dict):
            shown[field] = {key: _mask(value, encoded=field == "data") for key, value in shown[field].items()}
    return shown


def decoded(found: JsonObject) -> JsonObject:
    """A Secret with its values as they are meant: text as text, anything else in base64 with its size."""
    if not is_secret(found):
        return found
    shown = _without_last_applied(found)
    if isinstance(shown.get("data"), dict):
        shown["data"] = {key: _decode(str(value)) for key, value in shown["data"].items()}
    return shown


def _without_last_applied(found: JsonObject) -> JsonObject:
    shown = dict(found)
    metadata = shown.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(metadata, dict) and isinstance(annotations, dict) and LAST_APPLIED in annotations:
        shown["metadata"] = {**metadata, "annotations": {**annotations, LAST_APPLIED: MASK}}
    return shown


def _mask(value: Any, *, encoded: bool) -> str:
    text = str(value)
    try:
        size = len(base64.b64decode(text, validate=True)) if encoded else len(text.encode())
    except ValueError:
        size = len(text.encode())
    return f"{MASK} ({size} bytes)"


def _decode(encoded: str) -> str:
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:
        return encoded
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if text.replace("\n", "").replace("\t", "").replace("\r", "").isprintable() and (text or not data):
        return text
    return f"(binary, {len(data)} bytes, in base64) {encoded}"
