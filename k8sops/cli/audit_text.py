"""Audit records as lines: sequence, time, what, who, on what, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from k8sops.core.text import printable
from k8sops.service.audit_words import what_of, who_of

if TYPE_CHECKING:
    from k8sops.service.audit_trail import Found

RUN_SHOWN: Final = 10


def record_lines(found: Sequence[Found]) -> Iterator[str]:
    """A table, in the order given."""
    yield f"{'SEQ':>7}  {'WHEN':<19}  {'CODE':<20}  {'WHO':<16}  {'RUN':<10}  WHAT"
    for one in found:
        record = one.record
        if record is None:
            yield f"{one.seq:>7}  (cannot be read: {printable(one.trouble)}; run `k8sops audit verify`)"
            continue
        when = record.at[:19].replace("T", " ")
        who, run = who_of(record)[:16], record.run[:RUN_SHOWN]
        line = f"{one.seq:>7}  {when}  {record.code:<20}  {who:<16}  {run:<10}  {what_of(record)}"
        yield printable(line.rstrip())
