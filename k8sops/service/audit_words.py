"""What an audit record says in a line: who, on what, and what came of it. The same words at every door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from k8sops.audit.record import Record
from k8sops.core.desk import AuditView
from k8sops.service.audit_trail import Found

DATA_SHOWN: Final = 100


def view_of(found: Found) -> AuditView:
    """A record as the screen shows it."""
    record = found.record
    if record is None:
        return AuditView(seq=found.seq, trouble=found.trouble, document=found.document)
    return AuditView(
        seq=found.seq,
        at=record.at,
        code=record.code,
        who=who_of(record),
        run=record.run,
        what=what_of(record),
        outcome=record.outcome,
        document=found.document,
    )


def who_of(record: Record) -> str:
    """The person, else the name at the cluster or in the chat."""
    return record.person or (record.actor.name if record.actor else "")


def what_of(record: Record) -> str:
    """The action, what it was about, what came of it, and what was said."""
    objects = ", ".join(
        "/".join(part for part in (about.namespace, about.kind.partition(".")[0], about.name) if part)
        for about in record.objects[:3]
    )
    told = record.reason or str(record.data.get("text", "")) or ("" if objects else _data(record.data))
    if told == record.outcome:
        told = ""
    parts = (record.action, objects, f"→ {record.outcome}" if record.outcome else "", told and f"({told})")
    return " ".join(part for part in parts if part)


def _data(data: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} {value}" for key, value in data.items() if value and isinstance(value, str | int)
    )[:DATA_SHOWN]
