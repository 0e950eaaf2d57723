"""An object as YAML for reading: managedFields out of the way, Secret values masked or decoded."""

from __future__ import annotations

from typing import Any

from k8sops.core.plan import JsonObject
from k8sops.core.secret_values import MASK, decoded, masked
from k8sops.core.text import printable
from k8sops.service.object_yaml import yaml_text

__all__ = ["MASK", "manifest_lines", "yaml_lines", "yaml_text"]


def manifest_lines(found: JsonObject, *, managed_fields: bool = False, secrets: bool = False) -> list[str]:
    """The object's YAML, line by line; made safe for a terminal."""
    shown = decoded(found) if secrets else masked(found)
    if not managed_fields and isinstance(shown.get("metadata"), dict):
        metadata = {key: value for key, value in shown["metadata"].items() if key != "managedFields"}
        shown = {**shown, "metadata": metadata}
    return yaml_lines(shown)


def yaml_lines(value: Any) -> list[str]:
    """Anything as YAML, as people write it; made safe for a terminal."""
    return [printable(line) for line in yaml_text(value).split("\n")[:-1]]
