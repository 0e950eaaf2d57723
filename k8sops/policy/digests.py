"""The digest of a spec that people sign: sha256 of the RFC 8785 form of its fields, times in RFC 3339."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec
import rfc8785

from k8sops.core.clock import rfc3339
from k8sops.core.errors import UsageError


def digest_of(kind: str, spec: msgspec.Struct) -> str:
    """Hex sha256. `kind` sets digests of different kinds of spec apart.

    Raises UsageError where a number is too large or a text is no Unicode.
    """
    try:
        canonical = rfc8785.dumps({"kind": kind, **_plain(msgspec.structs.asdict(spec))})
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise UsageError(f"what is to be approved has no canonical form: {error}") from error
    return hashlib.sha256(canonical).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
