"""The one form in which an object is kept and named, and in which our own JSON is signed (FORMAT.md, Objects).

It is nearly RFC 8785, which makes a double of every number and so loses digits of a 64-bit integer that an API server
keeps; its reference implementation is pure Python besides. msgspec writes this form. What it is, is defined in
FORMAT.md, and a property test holds msgspec to that, so that no later version of it can rename what is stored.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from k8sops.backup.errors import UnstorableError

ID_BYTES: Final = 32
OBJECT_LIMIT: Final = 16 * 1024 * 1024
"""The largest object that is kept; an etcd takes 1.5 MiB unless it was told otherwise."""

_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


def canonical_object(data: bytes) -> bytes:
    """The canonical bytes of one object, from the JSON an API server answered, without its `managedFields`.

    Numbers keep their value exactly, which is why bytes are taken and no dictionaries: one that was decoded
    elsewhere may have lost digits. Raises UnstorableError for what is no JSON object, is nested too deeply, has a
    number no double holds, text that is not UTF-8, or more than 16 MiB.
    """
    try:
        value = _without_managed_fields(data)
        result = _ENCODER.encode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnstorableError(f"the object cannot be kept exactly: {_reason(error)}") from error
    if len(result) > OBJECT_LIMIT:
        raise UnstorableError(f"the object has {len(result):,} bytes; at most {OBJECT_LIMIT:,} are kept")
    return result


def canonical(value: Any) -> bytes:
    """The canonical JSON of a document of our own: dictionaries, lists, text, integers, booleans, null, structs.

    For such values, with keys in ASCII and integers below 2^53, these are the bytes of RFC 8785.
    """
    return _ENCODER.encode(value)


def object_id(id_key: bytes, data: bytes) -> bytes:
    """The id of an object: HMAC-SHA256 (RFC 2104) of its canonical bytes under the repository's id key; 32 bytes."""
    return hmac.digest(id_key, data, "sha256")


class Namer:
    """`object_id` for many objects under one key, which is prepared once. May be used by several threads."""

    def __init__(self, id_key: bytes) -> None:
        self._keyed: Final = HMAC(id_key, SHA256())

    def id_of(self, data: bytes) -> bytes:
        """The id of an object."""
        keyed = self._keyed.copy()
        keyed.update(data)
        return keyed.finalize()


def _without_managed_fields(data: bytes) -> dict[str, Any]:
    if len(data) > 4 * OBJECT_LIMIT:
        raise ValueError(f"it comes in {len(data):,} bytes")
    value = _OBJECT.decode(data)
    metadata = value.get("metadata")
    if not isinstance(metadata, dict):
        raise ValueError("it has no metadata")  # noqa: TRY004 - said to a person as any other reason
    metadata.pop("managedFields", None)
    return value


def _reason(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
