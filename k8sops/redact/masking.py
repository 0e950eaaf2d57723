"""What of a structure looks like a secret, masked for reading: by the field it is in, by how the text looks. Pure.

Leans towards masking too much: whoever needs a value asks for it, and that goes on record.
"""

from __future__ import annotations

from typing import Any

from k8sops.core.plan import JsonObject
from k8sops.core.secret_values import MASK
from k8sops.redact.rules import is_reference, is_secret_flag, is_secret_name, is_secret_text


def masked_values(values: JsonObject) -> JsonObject:
    """Values with what looks like a secret masked whole; structure and references stay."""
    named = _named_value(values)
    return {key: MASK if key == named else _field(str(key), value) for key, value in values.items()}


def _field(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _of_a_secret(value) if is_secret_name(name) else masked_values(value)
    if isinstance(value, list):
        if is_secret_name(name):
            return [_all(item) for item in value]
        return [
            MASK if isinstance(item, str) and is_secret_flag(before) else _field("", item)
            for before, item in zip([None, *value], value, strict=False)
        ]
    if value in (None, "") or isinstance(value, bool):
        return value
    return MASK if is_secret_name(name) or is_secret_text(str(value)) else value


def _of_a_secret(value: JsonObject) -> JsonObject:
    """What stands under a secret's name: only what says where the secret is stays."""
    return {
        key: inner if is_reference(str(key)) and not isinstance(inner, dict | list) else _all(inner)
        for key, inner in value.items()
    }


def _all(value: Any) -> Any:
    if isinstance(value, dict):
        return _of_a_secret(value)
    if isinstance(value, list):
        return [_all(inner) for inner in value]
    return value if value in (None, "") or isinstance(value, bool) else MASK


def _named_value(pair: JsonObject) -> str:
    """The key of the value in a `{name: DB_PASSWORD, value: …}`, as environments and headers are written."""
    name, value = pair.get("name", pair.get("key")), pair.get("value")
    is_pair = isinstance(name, str) and isinstance(value, str | int | float) and not isinstance(value, bool)
    return "value" if is_pair and value != "" and is_secret_name(str(name)) else ""
