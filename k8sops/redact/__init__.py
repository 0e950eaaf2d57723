"""Takes secrets out of what will be stored, shown or handed on. The seam:

- `TextRedactor(digests, settings).redact(text) -> str` for a text; its `.stream()` for bytes that come in pieces:
  `feed`, `finish`, and `tally`: what was taken out, and on which lines.
- `KeyedRedactor(key).redact(structure)` for objects and differences, whose fields say what is secret.
- `load_redactor(path)` for the key of both, which lies in a file outside the database.

In place of a secret stands `redacted:` and a digest under the key: equal secrets have equal digests, so that a record
still shows whether a secret changed; without the key a digest can be compared with nothing. Each name is loaded when it
is asked for: many only ask `rules` what a secret is, and the patterns for text take a tenth of a second to load.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from k8sops.core.redaction import RedactionRule, RedactionSettings
    from k8sops.redact.keyfile import load_redactor
    from k8sops.redact.records import RecordRedactor
    from k8sops.redact.redactor import KeyedRedactor
    from k8sops.redact.report import Tally
    from k8sops.redact.stream import RedactingStream
    from k8sops.redact.text import TextRedactor

__all__ = [
    "KeyedRedactor",
    "RecordRedactor",
    "RedactingStream",
    "RedactionRule",
    "RedactionSettings",
    "Tally",
    "TextRedactor",
    "load_redactor",
]

_MODULES: Final = MappingProxyType(
    {
        "KeyedRedactor": "k8sops.redact.redactor",
        "RecordRedactor": "k8sops.redact.records",
        "RedactingStream": "k8sops.redact.stream",
        "RedactionRule": "k8sops.core.redaction",
        "RedactionSettings": "k8sops.core.redaction",
        "Tally": "k8sops.redact.report",
        "TextRedactor": "k8sops.redact.text",
        "load_redactor": "k8sops.redact.keyfile",
    }
)


def __getattr__(name: str) -> Any:
    """What is asked for, loaded now (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
