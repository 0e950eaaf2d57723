"""`index.json`, the first file of every bundle: what is in it, where from, what was taken out, and what is missing.

Field names are the format (FORMAT.md); what is added later is optional.
"""

from __future__ import annotations

from typing import Final

import msgspec

from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject

FORMAT: Final = 1
INDEX: Final = "index.json"
PLACES: Final = 200
"""Places that are named of one rule of redaction; more are counted."""


class IndexedFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of the bundle; bytes and lines as they are in it, after redaction."""

    path: str
    source: str
    bytes: int
    lines: int
    truncated: str = ""
    """Why it is not all of it."""
    dropped: int = 0
    """Bytes that came and were left out, as far as is known."""
    errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Missing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is not in the bundle, and why. As a `note`: the cluster has no such thing to give."""

    path: str
    source: str
    why: str
    note: bool = False


class RedactedBy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one rule took out: how many, and where, as `file:line`; `more` places are not named."""

    rule: str
    count: int
    places: tuple[str, ...] = ()
    more: int = 0


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """Whether secrets were taken out, and by which rules; never what they were."""

    on: bool
    rules: tuple[RedactedBy, ...] = ()


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Of what the bundle is."""

    made_by: str
    made_at: str
    run: str
    actor: str
    cluster: JsonObject
    selection: JsonObject
    since: str
    until: str
    sources: tuple[str, ...] = ()
    limits: JsonObject = {}


class Index(About, frozen=True, kw_only=True):
    """All of it. `complete` says that nothing is missing that was asked for and is there to be had."""

    format: int = FORMAT
    complete: bool = True
    redaction: Redaction = Redaction(on=True)
    files: tuple[IndexedFile, ...] = ()
    missing: tuple[Missing, ...] = ()


_DECODER: Final = msgspec.json.Decoder(Index)


def index_bytes(index: Index) -> bytes:
    """As it stands in the bundle."""
    return msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n"


def read_index(data: bytes) -> Index:
    """What stands in one. Raises UsageError for anything else, and for the form of a later version."""
    try:
        index = _DECODER.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"this is no index of a bundle: {error}") from error
    if index.format > FORMAT:
        raise UsageError(
            f"the bundle is of format {index.format}, and {FORMAT} is the latest that is known here",
            hint="take a newer k8sops",
        )
    return index
