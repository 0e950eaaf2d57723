"""Records as CloudEvents 1.0 (cloudevents.io), structured JSON, one event to a line, for event buses and collectors.

An event carries the whole record and its hash, so that it can be traced back to the chain. By itself it proves nothing:
whoever forwards events can leave some out, and only an export or the store is verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from k8sops.audit.findings import Row
from k8sops.audit.record import Record, open_record

SPEC_VERSION: Final = "1.0"
TYPE_PREFIX: Final = "dev.k8sops.audit.v1."
MEDIA_TYPE: Final = "application/cloudevents+json"

_ENCODER: Final = msgspec.json.Encoder()


def cloudevent_lines(rows: Iterable[Row], origin: str) -> Iterator[bytes]:
    """A line for each record of the store `origin`. Raises AuditError for bytes that are no record."""
    for _, hash_, data in rows:
        yield _ENCODER.encode(_event(open_record(data), hash_, data, origin)) + b"\n"


def _event(record: Record, hash_: str, data: bytes, origin: str) -> dict[str, Any]:
    event = {
        "specversion": SPEC_VERSION,
        "id": hash_,
        "source": f"urn:k8sops:store:{origin}",
        "type": TYPE_PREFIX + record.code,
        "subject": subject_of(record),
        "time": record.at,
        "datacontenttype": "application/json",
        # Extension attributes: lower-case letters and digits only. `sequence` is CloudEvents' own, and sorts as text.
        "sequence": f"{record.seq:016d}",
        "audithash": hash_,
        "auditprevious": record.previous,
        "auditperson": record.person,
        "auditrun": record.run,
        "auditoutcome": record.outcome,
        "auditcluster": record.cluster_uid,
    }
    # An attribute that is there must not be empty.
    return {name: value for name, value in event.items() if value} | {"data": msgspec.Raw(data)}


def subject_of(record: Record) -> str:
    """What the record is about, in one string: its first object, else its run, else its cluster."""
    if record.objects:
        about = record.objects[0]
        return "/".join(part for part in (about.namespace, about.kind, about.name) if part)
    if record.run:
        return f"run/{record.run}"
    return f"cluster/{record.cluster_uid}" if record.cluster_uid else ""
