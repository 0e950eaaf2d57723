"""An object as YAML for reading: managedFields out of the way, Secret values masked or decoded."""

from __future__ import annotations

from typing import Any

import yaml

from k8sops.core.plan import JsonObject
from k8sops.core.secret_values import MASK, decoded, masked
from k8sops.core.text import printable

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


def yaml_text(value: Any, *, escaped: bool = False) -> str:
    """Anything as YAML, as people write it; `escaped` has nothing but ASCII in it. Not made safe for a terminal."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=not escaped, width=10_000))


class _Dumper(yaml.SafeDumper):
    """Block style throughout, and texts of several lines as literal blocks, as people write them."""

    def ignore_aliases(self, data: Any) -> bool:
        """Anchors help no reader."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
