"""Audit records as lines: sequence, time, what, who, on what, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from k8sops.core.text import printable

if TYPE_CHECKING:
    from k8sops.service.audit_trail import Found

RUN_SHOWN: Final = 10
DATA_SHOWN: Final = 100


def record_lines(found: Sequence[Found]) -> Iterator[str]:
    """A table, in the order given."""
    yield f"{'SEQ':>7}  {'WHEN':<19}  {'CODE':<20}  {'WHO':<16}  {'RUN':<10}  WHAT"
    for one in found:
        record = one.record
        if record is None:
            yield f"{one.seq:>7}  (cannot be read: {printable(one.trouble)}; run `k8sops audit verify`)"
            continue
        who = record.person or (record.actor.name if record.actor else "")
        when = record.at[:19].replace("T", " ")
        line = f"{one.seq:>7}  {when}  {record.code:<20}  {who[:16]:<16}  {record.run[:RUN_SHOWN]:<10}  {_what(one)}"
        yield printable(line.rstrip())


def _what(one: Found) -> str:
    record = one.record
    assert record is not None  # noqa: S101 - the caller has looked
    objects = ", ".join(
        "/".join(part for part in (about.namespace, about.kind.partition(".")[0], about.name) if part)
        for about in record.objects[:3]
    )
    told = record.reason or str(record.data.get("text", "")) or ("" if objects else _data(record.data))
    parts = (record.action, objects, f"→ {record.outcome}" if record.outcome else "", told and f"({told})")
    return " ".join(part for part in parts if part)


def _data(data: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} {value}" for key, value in data.items() if value and isinstance(value, str | int)
    )[:DATA_SHOWN]
