"""An object as the text that is edited, and the text as the patch it means. Pure.

What the server keeps itself is left out of the text. It is not made printable as what is only read: a text that comes
back must be the one that went out, so where characters could play tricks on a terminal YAML's escapes stand for all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import yaml

from k8sops.core.errors import UsageError
from k8sops.core.merge_patch import differences, inverse_patch, merge_patch
from k8sops.core.plan import JsonObject
from k8sops.core.text import printable
from k8sops.service.object_yaml import yaml_text

_SERVERS: Final = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"})
_VALUE_SHOWN: Final = 40
_MOST_NAMED: Final = 3
_FIXED: Final = ("apiVersion", "kind")


def check_editable(found: Mapping[str, Any]) -> None:
    """Raise UsageError where an object is not edited as text."""
    if found.get("kind") == "Secret":
        raise UsageError("a Secret is not edited here: its values would be in the plan for all to read")


def editable(found: Mapping[str, Any]) -> JsonObject:
    """The part of an object that is edited."""
    metadata = {key: value for key, value in found.get("metadata", {}).items() if key not in _SERVERS}
    return {key: metadata if key == "metadata" else value for key, value in found.items() if key != "status"}


def text_of(found: JsonObject) -> str:
    """The text."""
    text = yaml_text(found)
    is_plain = all(printable(line) == line for line in text.split("\n"))
    return text if is_plain else yaml_text(found, escaped=True)


def patch_of(text: str, original: JsonObject) -> JsonObject:
    """What was changed in the text, as a merge patch; empty where nothing was.

    Raises UsageError where it is no object any more, or another one.
    """
    try:
        typed = yaml.safe_load(text)
        # What YAML takes for a date is a text to the API server.
        edited = json.loads(json.dumps(typed, default=_as_text))
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark is not None else ""
        raise UsageError(f"this is no YAML: {where}{error.problem or error.context}") from None
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"this is no YAML that an object can be: {error}") from None
    if not isinstance(edited, dict) or not isinstance(edited.get("metadata"), dict):
        raise UsageError("this is no object any more", hint="it has apiVersion, kind and metadata")
    for name in _FIXED:
        if edited.get(name) != original.get(name):
            raise UsageError(f"{name} may not change", hint="make another object instead")
    for name in ("name", "namespace"):
        if edited["metadata"].get(name) != original["metadata"].get(name):
            raise UsageError(f"metadata.{name} may not change", hint="make another object instead")
    return merge_patch(original, edited)


def moved_since(original: JsonObject, found: JsonObject, patch: JsonObject) -> list[str]:
    """What has another value than when the text was made, of all that the patch would change, a clause each."""
    before, now = inverse_patch(patch, original), inverse_patch(patch, found)
    moved = [_moved(*one) for one in differences(before, now)]
    more = len(moved) - _MOST_NAMED
    return moved if more <= 0 else [*moved[:_MOST_NAMED], f"and {more} more"]


def _moved(name: str, before: Any, now: Any) -> str:
    was, is_ = (json.dumps(value, ensure_ascii=False) for value in (before, now))
    if max(len(was), len(is_)) > _VALUE_SHOWN:
        return name
    return f"{name} was {was} and is {is_}"


def _as_text(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
