"""An object in words as doors show it: `core.describing`, without what looks like a secret. Pure."""

from __future__ import annotations

from datetime import datetime

from k8sops.core.describing import description
from k8sops.core.fact_lines import Width
from k8sops.core.plan import JsonObject
from k8sops.redact.masking import masked_values


def described(found: JsonObject, now: datetime, *, width: Width = len) -> list[str]:
    """The lines; `width` tells how many cells a text takes where it will be shown."""
    return description(found, now, masked_values, width=width)
