"""Takes secrets out of what will be stored, shown or handed on. The seam:

- `TextRedactor(digests).redact(text) -> str` for a text, `.stream()` for bytes that come in pieces (`feed`, `finish`, and
  `found`: kind and line of each secret, never the secret).
- `KeyedRedactor(key).redact(structure)` for objects and differences, whose fields say what is secret.
- `load_redactor(path)` for the key of both, which lies in a file outside the database.

In place of a secret stands `redacted:` and a digest under the key: equal secrets have equal digests, so that a record
still shows whether a secret changed; without the key a digest can be compared with nothing.
"""

from k8sops.redact.keyfile import load_redactor
from k8sops.redact.redactor import KeyedRedactor
from k8sops.redact.text import Found, RedactingStream, TextRedactor

__all__ = ["Found", "KeyedRedactor", "RedactingStream", "TextRedactor", "load_redactor"]
