"""Takes secrets out of what will be stored or shown: each is replaced whole by a keyed digest.

Equal secrets have equal digests under one key, so that a record still shows whether a secret changed; without the key,
which lies outside the database, a digest can be compared with nothing.
"""

from k8sops.redact.keyfile import load_redactor
from k8sops.redact.redactor import KeyedRedactor

__all__ = ["KeyedRedactor", "load_redactor"]
