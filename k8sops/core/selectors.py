"""A LabelSelector in the words a list takes (Kubernetes, "Labels and Selectors", set-based requirements). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def selector_text(selector: Mapping[str, Any]) -> str:
    """A LabelSelector as it is typed after `-l`; empty selects everything."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for wanted in selector.get("matchExpressions") or ():
        key, values = wanted["key"], ",".join(wanted.get("values") or ())
        match wanted.get("operator"):
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(str(key))
            case "DoesNotExist":
                parts.append(f"!{key}")
    return ",".join(parts)
