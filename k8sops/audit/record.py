"""A record of the audit trail: an entry with its place in the chain, as exact bytes.

The bytes are canonical JSON with the sequence and the previous record's hash inside; the hash is sha256 over a domain
and these bytes. So a record cannot be moved, doubled or replaced without every later hash changing, and the hash of one
record fixes all before it. Record 1 points to a hash of the store's random id: no two stores' chains share a record.
Empty fields are left out. What was sealed is what is stored, shown and hashed: anything else is refused.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any, Final, NoReturn

import msgspec

from k8sops.audit.bounds import Cut, bounded
from k8sops.audit.canonical import ENCODER, WHOLE, canonical, is_plain, is_time, plain, text
from k8sops.audit.codes import CODE, CODES
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry, AuditObject, AuditVote
from k8sops.core.clock import parse_rfc3339, rfc3339
from k8sops.core.errors import AuditError
from k8sops.core.plan import JsonObject

FORMAT: Final = 1
RECORD_LIMIT: Final = 64 * 1024
"""Bytes of a record; what does not fit is cut, and its digest kept."""
HASH: Final = re.compile(r"[0-9a-f]{64}")

RECORD_DOMAIN: Final = b"k8sops audit record 1\0"
_GENESIS_DOMAIN: Final = b"k8sops audit genesis 1\0"
STORE_ID: Final = re.compile(r"[0-9a-f]{32}")


class Who(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """The actor as recorded: a shape of its own, so that old records stay readable when `Actor` grows."""

    auth: str = ""
    groups: tuple[str, ...] = ()
    name: str
    os_user: str = ""
    surface: str
    team: str = ""


class Record(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """An entry with its place. Field meanings are `AuditEntry`'s; `cut` maps JSON pointers to what did not fit.

    Fields stand in the order of the alphabet, which is the order they are written in.
    """

    action: str = ""
    actor: Who | None = None
    at: str
    cluster_name: str = ""
    cluster_uid: str = ""
    code: str
    cut: dict[str, Cut] = {}
    data: JsonObject = {}
    digest: str = ""
    effective: str = ""
    format: int
    objects: tuple[AuditObject, ...] = ()
    outcome: str = ""
    person: str = ""
    policy_version: str = ""
    previous: str
    reason: str = ""
    run: str = ""
    seq: int
    statement: str = ""
    step: str = ""
    verdict: str = ""
    votes: tuple[AuditVote, ...] = ()

    def entry(self) -> AuditEntry:
        """What was recorded, without its place in the chain and without what was cut."""
        fields = {name: getattr(self, name) for name in _COPIED}
        return AuditEntry(at=parse_rfc3339(self.at), actor=_actor(self.actor), **fields)


_COPIED: Final = tuple(
    name for name in AuditEntry.__struct_fields__ if name not in {"at", "actor"}
)  # the fields that a record holds as the entry has them


class Sealed(msgspec.Struct, frozen=True):
    """A record ready to store: its exact bytes, and the hash the next one points to."""

    data: bytes
    hash: str


def new_store_id() -> str:
    """A store's identity in its chain and checkpoints: 128 random bits, hex."""
    return secrets.token_hex(16)


def genesis(store_id: str) -> str:
    """The hash record 1 of a store points to. Raises AuditError where this is no store id."""
    if STORE_ID.fullmatch(store_id) is None:
        raise AuditError(f"{store_id[:40]!r} is not a store id: 32 hex digits")
    return hashlib.sha256(_GENESIS_DOMAIN + store_id.encode()).hexdigest()


def record_hash(data: bytes) -> str:
    """The hash of a record's bytes; the next record holds it as `previous`."""
    return hashlib.sha256(RECORD_DOMAIN + data).hexdigest()


def seal(entry: AuditEntry, seq: int, previous: str) -> Sealed:
    """Give the entry its place in the chain and fix its bytes.

    Raises ValueError for a code that is not listed or a place that is none: mistakes of the caller.
    """
    if entry.code not in CODES:
        raise ValueError(f"{entry.code!r} is not a listed audit code")
    if not 1 <= seq <= WHOLE or HASH.fullmatch(previous) is None:
        raise ValueError(f"record {seq} after {previous!r} is no place in a chain")
    record = _record_of(entry, seq, previous)
    try:
        data = canonical(record)
    except UnicodeEncodeError:
        record = msgspec.convert(plain(msgspec.to_builtins(record)), Record)
        data = canonical(record)
    if len(data) > RECORD_LIMIT:
        data = canonical(msgspec.convert(bounded(msgspec.to_builtins(record), RECORD_LIMIT), Record))
    return Sealed(data, record_hash(data))


def _record_of(entry: AuditEntry, seq: int, previous: str) -> Record:
    fields: dict[str, Any] = {name: getattr(entry, name) for name in _COPIED}
    fields["objects"] = tuple(
        msgspec.structs.replace(item, difference=plain(item.difference)) if item.difference else item
        for item in entry.objects
    )
    fields["data"] = plain(entry.data)
    return Record(
        format=FORMAT, seq=seq, previous=previous, at=rfc3339(entry.at), actor=_who(entry.actor), **fields
    )


def _who(actor: Actor | None) -> Who | None:
    if actor is None:
        return None
    return Who(
        name=actor.name,
        surface=actor.surface,
        groups=tuple(actor.groups),
        os_user=text(actor.os_user),
        team=actor.team,
        auth=actor.auth,
    )


def _actor(who: Who | None) -> Actor | None:
    return None if who is None else msgspec.convert(msgspec.to_builtins(who), Actor)


def _no_fraction(literal: str) -> NoReturn:
    raise ValueError(f"{literal[:40]} is not a whole number")


_DECODER: Final = msgspec.json.Decoder(Record, float_hook=_no_fraction)


def open_record(data: bytes) -> Record:
    """Read a record. Raises AuditError unless the bytes are exactly those that sealing it makes."""
    record = read_record(data)
    if HASH.fullmatch(record.previous) is None:
        raise AuditError(f"record {record.seq} does not say which hash it follows")
    return record


def read_record(data: bytes) -> Record:
    """The same for a reader that compares `previous` with a hash it knows, and need not look at its form."""
    if len(data) > RECORD_LIMIT:
        raise AuditError(f"a record of {len(data):,} bytes is larger than any that is written")
    try:
        record = _DECODER.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise AuditError(_unreadable(data, error)) from error
    # Runs for every record of a trail: what would be calls is written out, and the quick writer asked first.
    if ((ENCODER.encode(record) != data or not data.isascii()) and canonical(record) != data) or not _in_form(
        record
    ):
        raise AuditError(f"record {record.seq} is not in the one form a record has")
    return record


def _in_form(record: Record) -> bool:
    return (
        record.format == FORMAT
        and 1 <= record.seq <= WHOLE
        and is_time(record.at)
        and (record.code in CODES or CODE.fullmatch(record.code) is not None)
        and is_plain([record.data, *[item.difference for item in record.objects]])
    )


class _Format(msgspec.Struct):
    format: int = 0


_FORMAT: Final = msgspec.json.Decoder(_Format)


def _unreadable(data: bytes, error: Exception) -> str:
    try:
        found = _FORMAT.decode(data).format
    except (msgspec.MsgspecError, ValueError, RecursionError):
        found = 0
    if found > FORMAT:
        return f"the record has format {found}, which a newer version of k8sops wrote"
    return f"the bytes are not a record: {error}"
