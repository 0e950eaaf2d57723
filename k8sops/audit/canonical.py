"""Canonical JSON for records: RFC 8785, over text, whole numbers, booleans, null, lists and objects.

Numbers that are not whole, or that not every reader holds exactly, are turned into text before they get here: two
programs then cannot disagree on a digit. msgspec writes the bytes; where its order of keys could differ from RFC 8785's
(UTF-16 units against code points), the reference implementation does. A property test holds the two against each other.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Final

import msgspec
import rfc8785

from k8sops.core.clock import rfc3339

WHOLE: Final = 2**53 - 1
"""The greatest whole number every JSON reader holds exactly (RFC 8785, appendix D)."""
DEPTH: Final = 64

_DEEPER: Final = "(nested deeper than a record holds)"
# Sorts dictionaries; structs come in the order of their fields, which for everything recorded is the alphabet's.
ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_SCALARS: Final = frozenset({str, bool, int, float, type(None)})
_LISTS: Final = frozenset({list, tuple})
# UTF-8 lead bytes below 0xEE begin characters up to U+DFFF: among those, both orders of keys are the same.
_SAME_ORDER: Final = bytes(range(0xEE))


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of a value that `plain` has been over, or of a struct of such values."""
    data = ENCODER.encode(value)
    if data.isascii() or not data.translate(None, _SAME_ORDER):
        return data
    value = msgspec.to_builtins(value)
    return bytes(rfc8785.dumps(value)) if _has_awkward_key(value) else data


def _has_awkward_key(value: Any) -> bool:
    """Whether a key in there has characters whose order is another in UTF-16 than by code points."""
    left = [value]
    for item in left:
        if type(item) is dict:
            if any(not key.isascii() and max(key) > "\ud7ff" for key in item):
                return True
            left.extend(item.values())
        elif type(item) in _LISTS:
            left.extend(item)
    return False


def digest(value: Any) -> str:
    """Hex sha256 of the canonical bytes."""
    return hashlib.sha256(canonical(value)).hexdigest()


def plain(value: Any, depth: int = 0) -> Any:
    """The value as a record holds it; what JSON or UTF-8 cannot say exactly becomes text.

    Raises TypeError for an object that has no JSON form at all.
    """
    kind = type(value)
    if kind in _SCALARS:
        return _scalar(value)
    if depth >= DEPTH:
        return _DEEPER
    if kind is dict:
        return {text(str(key)): plain(item, depth + 1) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [plain(item, depth + 1) for item in value]
    return plain(_builtin(value), depth + 1)


def _scalar(value: str | float | bool | None) -> str | int | bool | None:
    if isinstance(value, str):
        return value if value.isascii() else text(value)
    if value is None or isinstance(value, bool):
        return value
    if abs(value) <= WHOLE and value == int(value):
        return int(value)
    return repr(value)


def _builtin(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else msgspec.to_builtins(value, str_keys=True)


def text(value: str) -> str:
    """Text that UTF-8 can hold: a lone surrogate, as file names and user names may bring, is spelled out."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "backslashreplace").decode()
    return str(value)


def is_plain(left: list[Any]) -> bool:
    """Whether these decoded lists and objects are such as `plain` leaves them; uses its argument up.

    Fractions are not looked for: the decoder refuses them.
    """
    for container in left:
        for item in container.values() if type(container) is dict else container:
            kind = type(item)
            if kind is str:
                continue
            if kind is int:
                if not -WHOLE <= item <= WHOLE:
                    return False
            elif kind is dict or kind is list:
                left.append(item)
    return True


def is_time(value: str) -> bool:
    """Whether this is a moment as `rfc3339` writes it; a pattern would take twice as long, for every record."""
    # The signs between the digits stand three apart.
    if len(value) != 24 or value[4:20:3] != "--T::." or value[23] != "Z":
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
