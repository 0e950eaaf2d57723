"""The `Redactor` that records are made with: structures in, the same structures out with every secret digested.

A secret is replaced whole, never in part: `redacted:` and an HMAC-SHA256 of it. Works on objects as Kubernetes has
them and on plans' differences, whose keys are paths (`data.password`). A minimal one: it knows no context beyond one
structure, and text in which a secret stands without any sign of it stays.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

import msgspec

from k8sops.core.plan import JsonObject
from k8sops.redact.rules import is_reference, is_secret_flag, is_secret_name, is_secret_text

KEY_BYTES: Final = 32
MARK: Final = "redacted:"

_DIGITS: Final = 32
_DOMAIN: Final = b"k8sops redact 1\0"
_SECRET_KINDS: Final = frozenset({"secret", "secrets"})
_SECRET_FIELDS: Final = ("data", "stringData")
_LAST_APPLIED: Final = "last-applied-configuration"
_DEPTH: Final = 64


class KeyedRedactor:
    """Digests secrets under one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a redaction key has {KEY_BYTES} bytes")
        self._key: Final = key

    def __repr__(self) -> str:
        return "KeyedRedactor()"

    def redact(self, value: JsonObject, kind: str = "") -> JsonObject:
        """The same structure with each secret value replaced whole; once redacted, it stays as it is.

        `kind` is the object's where the structure does not say it itself: `secrets`, `deployments.apps`. Of a Secret
        everything under `data` and `stringData` is taken out.
        """
        kind = str(value.get("kind") or kind).split(".", 1)[0].lower()
        result: JsonObject = {}
        for key, item in value.items():
            field = key.split(".", 1)[0].split("[", 1)[0]
            whole = field == "stringData" or (kind in _SECRET_KINDS and field in _SECRET_FIELDS)
            result[key] = self._all_of(item) if whole else self._field(key, item, 0)
        return result

    def digest(self, value: Any) -> str:
        """What stands in a secret's place: the same for the same value under the same key."""
        if isinstance(value, str) and _is_digest(value):
            return value
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else _bytes_of(value)
        return MARK + hmac.digest(self._key, _DOMAIN + data, "sha256").hex()[:_DIGITS]

    def _any(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.digest(value) if is_secret_text(value) else value
        if depth >= _DEPTH and isinstance(value, dict | list | tuple):
            return self.digest(value)
        if isinstance(value, dict):
            return self._object(value, depth)
        if isinstance(value, list | tuple):
            return [
                self.digest(item)
                if isinstance(item, str) and is_secret_flag(before)
                else self._any(item, depth + 1)
                for before, item in zip([None, *value], value, strict=False)
            ]
        return value

    def _object(self, value: JsonObject, depth: int) -> JsonObject:
        if str(value.get("kind")).lower() in _SECRET_KINDS:
            return self.redact(value)
        named = self._named_value(value)
        return {
            key: self.digest(item) if key == named else self._field(str(key), item, depth + 1)
            for key, item in value.items()
        }

    def _field(self, name: str, value: Any, depth: int) -> Any:
        if name.endswith(_LAST_APPLIED):
            return self._all_of(value)
        if value is None or isinstance(value, bool) or not is_secret_name(name):
            return self._any(value, depth)
        return self._of_a_secret(value, depth)

    def _of_a_secret(self, value: Any, depth: int) -> Any:
        """What a secret's field holds: taken out, but for what only says where the secret is."""
        if value is None or isinstance(value, bool):
            return value
        if depth >= _DEPTH:
            return self.digest(value)
        if isinstance(value, dict):
            return {
                key: self._any(item, depth + 1)
                if is_reference(str(key))
                else self._of_a_secret(item, depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._of_a_secret(item, depth + 1) for item in value]
        return self.digest(value)

    def _all_of(self, value: Any) -> Any:
        """A Secret's data: its keys stay, every value goes."""
        if isinstance(value, dict):
            return {key: self._all_of(item) for key, item in value.items()}
        return None if value is None else self.digest(value)

    def _named_value(self, pair: JsonObject) -> str:
        """The key of the value in a `{name: DB_PASSWORD, value: …}`, as environments and headers are written."""
        name = pair.get("name", pair.get("key"))
        if not isinstance(name, str) or not isinstance(pair.get("value"), str | int | float):
            return ""
        return "value" if is_secret_name(name) and not isinstance(pair["value"], bool) else ""


def _bytes_of(value: Any) -> bytes:
    return b"\0" + msgspec.json.encode(value, order="deterministic")


def _is_digest(value: str) -> bool:
    digits = value.removeprefix(MARK)
    return (
        len(value) == len(MARK) + _DIGITS
        and len(digits) == _DIGITS
        and not set(digits) - set("0123456789abcdef")
    )
