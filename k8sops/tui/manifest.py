"""An object as YAML for reading: managedFields out of the way, Secret values masked wherever they may stand."""

from __future__ import annotations

import base64
from typing import Any

import yaml

from k8sops.core.plan import JsonObject
from k8sops.core.text import printable

MASK = "••••••••"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def manifest_lines(found: JsonObject, *, managed_fields: bool = False, secrets: bool = False) -> list[str]:
    """The object's YAML, line by line; made safe for a terminal."""
    shown = found if secrets else masked(found)
    if not managed_fields and isinstance(shown.get("metadata"), dict):
        metadata = {key: value for key, value in shown["metadata"].items() if key != "managedFields"}
        shown = {**shown, "metadata": metadata}
    text = yaml.dump(shown, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return [printable(line) for line in str(text).split("\n")[:-1]]


def has_secrets(found: JsonObject) -> bool:
    """Whether the object is a core Secret, whose values are masked unless asked for."""
    return found.get("kind") == "Secret" and found.get("apiVersion") == "v1"


def masked(found: JsonObject) -> JsonObject:
    """The object with each value of a Secret replaced whole; only the size stays.

    The copy that `kubectl apply` keeps in an annotation holds the same values, so it is masked as well.
    """
    if not has_secrets(found):
        return found
    shown = dict(found)
    for field in ("data", "stringData"):
        if isinstance(shown.get(field), dict):
            shown[field] = {key: _mask(value, encoded=field == "data") for key, value in shown[field].items()}
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


class _Dumper(yaml.SafeDumper):
    """Block style throughout, and texts of several lines as literal blocks, as people write them."""

    def ignore_aliases(self, data: Any) -> bool:
        """Anchors help no reader."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
