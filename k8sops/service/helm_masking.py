"""What of a release looks like a secret, masked for reading: in its objects, in its notes. Pure.

Whoever needs a value asks for it, and that goes on record.
"""

from __future__ import annotations

from k8sops.core.plan import JsonObject
from k8sops.core.secret_values import MASK, is_secret, masked
from k8sops.redact.masking import masked_values
from k8sops.redact.rules import is_secret_text


def masked_object(found: JsonObject) -> JsonObject:
    """An object of a release's manifest: of a Secret all its values, of any other what looks like one."""
    return masked(found) if is_secret(found) else masked_values(found)


def masked_notes(notes: str) -> str:
    """Notes without lines in which a secret stands; a command that would fetch one is none."""
    return "\n".join(MASK if _tells(line) else line for line in notes.split("\n"))


def _tells(line: str) -> bool:
    return is_secret_text(line) and "$(" not in line and "kubectl" not in line
