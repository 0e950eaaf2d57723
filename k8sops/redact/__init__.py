"""Takes secrets out of what will be stored, shown or handed on. The seam:

- `TextRedactor(digests, settings).redact(text) -> str` for a text; its `.stream()` for bytes that come in pieces:
  `feed`, `finish`, and `tally`: what was taken out, and on which lines.
- `KeyedRedactor(key).redact(structure)` for objects and differences, whose fields say what is secret.
- `load_redactor(path)` for the key of both, which lies in a file outside the database.

In place of a secret stands `redacted:` and a digest under the key: equal secrets have equal digests, so that a record
still shows whether a secret changed; without the key a digest can be compared with nothing.
"""

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
