"""What every reader of moments needs of an object: its subject, its times, a message as one line. Pure."""

from __future__ import annotations

from typing import Any, Final

from k8sops.core.logs import stamp_ns
from k8sops.core.plan import JsonObject

LONGEST_TEXT: Final = 400


def subject_of(kind: str, obj: JsonObject, container: str = "") -> str:
    """`Deployment shop/web`, `Node node-4`, `Pod shop/web-1 (app)`."""
    metadata: dict[str, Any] = obj.get("metadata") or {}
    return subject(kind, str(metadata.get("namespace") or ""), str(metadata.get("name") or ""), container)


def subject(kind: str, namespace: str, name: str, container: str = "") -> str:
    """The same, from names."""
    where = f"{namespace}/{name}" if namespace else name
    return f"{kind} {where} ({container})" if container else f"{kind} {where}"


def at(value: object) -> int:
    """A time as the API server writes it, in nanoseconds since the epoch; 0 where there is none."""
    return stamp_ns(value) if isinstance(value, str) and value else 0


def created(obj: JsonObject) -> int:
    """When the object was made."""
    return at((obj.get("metadata") or {}).get("creationTimestamp"))


def sentence(message: object) -> str:
    """A message of the cluster's in one line, not endless."""
    text = " ".join(str(message or "").split())
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def conditions(obj: JsonObject) -> dict[str, dict[str, Any]]:
    """The conditions of an object's status by type."""
    found = (obj.get("status") or {}).get("conditions") or ()
    return {str(one.get("type")): one for one in found if isinstance(one, dict)}


def reasoned(condition: dict[str, Any]) -> str:
    """`: reason, message` of a condition, as far as it has them."""
    parts = [sentence(condition.get(name)) for name in ("reason", "message")]
    said = ", ".join(part for part in parts if part)
    return f": {said}" if said else ""
