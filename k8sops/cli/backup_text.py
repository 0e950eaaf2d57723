"""Backups as lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from k8sops.cli.columns_text import GUTTER, LEAST_LAST, age, aligned
from k8sops.cli.console import paint
from k8sops.core.moments import in_words
from k8sops.core.sizes import size_text
from k8sops.core.text import counted, printable

if TYPE_CHECKING:
    from k8sops.core.backups import BackupView
    from k8sops.service.backup_looking import FoundView

ID_SHOWN: Final = 10


def list_lines(found: Sequence[BackupView], now: datetime, width: int | None = None) -> Iterator[str]:
    """A table, in the order given: what it takes to choose one, and as much more as `width` columns have room for."""
    if not found:
        return
    columns = {heading: [heading, *(cell(one, now) for one in found)] for heading, cell in _COLUMNS.items()}
    shown = set(_ALWAYS)
    if len({one.cluster for one in found}) > 1:
        shown.add("CLUSTER")
    for heading in _IF_ROOM:
        if width is None or _width(columns, shown | {heading}) <= width:
            shown.add(heading)
    rows = list(zip(*(cells for heading, cells in columns.items() if heading in shown), strict=True))
    styles = ["low" if one.complete else "blocker" for one in found]
    yield from aligned(rows, styles=styles, styled=rows[0].index("STATE"))


def _width(columns: Mapping[str, Sequence[str]], shown: Collection[str]) -> int:
    """How wide these columns are; the last one may be cut."""
    widths = {heading: max(map(len, columns[heading])) for heading in shown}
    widths["OF"] = min(widths["OF"], LEAST_LAST)
    return sum(widths.values()) + len(GUTTER) * (len(widths) - 1)


_COLUMNS: Final[Mapping[str, Callable[[BackupView, datetime], str]]] = {
    "NO": lambda one, _: str(one.seq),
    "STATE": lambda one, _: "complete" if one.complete else f"INCOMPLETE ({counted(len(one.gaps), 'gap')})",
    "READ": lambda one, _: f"{one.last_read_at:%Y-%m-%d %H:%M:%S}",
    "AGE": lambda one, now: age(one.last_read_at, now),
    "OBJECTS": lambda one, _: f"{one.objects:,}",
    "SIZE": lambda one, _: size_text(one.bytes),
    "NEW": lambda one, _: size_text(one.new_bytes),
    "NAME": lambda one, _: one.name,
    "CLUSTER": lambda one, _: one.cluster_name or one.cluster[:8],
    "ID": lambda one, _: one.id[:ID_SHOWN],
    "OF": lambda one, _: one.selected,
}
_ALWAYS: Final = ("NO", "STATE", "READ", "AGE", "OBJECTS", "OF")
_IF_ROOM: Final = ("NAME", "NEW", "SIZE", "ID", "CLUSTER")


def show_lines(one: BackupView, now: datetime) -> Iterator[str]:
    """All there is to say of one backup; what is missing first, each gap and volume by its name."""
    state = paint("complete", "low", sys.stdout)
    if not one.complete:
        state = paint(f"INCOMPLETE: {counted(len(one.gaps), 'gap')}", "blocker", sys.stdout, bold=True)
    yield f"backup {one.seq} {printable(one.name)} of {printable(one.cluster_name) or one.cluster}: {state}"
    for gap in one.gaps:
        where = f" in {gap.namespace}" if gap.namespace else ""
        yield f"  {paint('✗', 'blocker', sys.stdout)} {printable(f'{gap.kind}{where}: {gap.why}')}"
    if one.volumes_not_captured:
        yield from volume_lines(one)
    took = in_words((one.made_at - one.began_at).total_seconds())
    spread = in_words((one.last_read_at - one.first_read_at).total_seconds())
    yield f"  id          {one.id}"
    yield f"  cluster     {one.cluster}, {printable(one.server_version)}"
    yield f"  made        {one.made_at:%Y-%m-%d %H:%M:%S} UTC, {age(one.made_at, now)} ago, in {took}"
    yield f"  read        {'every object' if one.full_read else 'only what changed'}, within {spread}"
    yield (f"  meanwhile   {counted(one.changed_meanwhile, 'object')} changed, {one.read_again} read again")
    yield f"  selected    {printable(one.selected)}"
    yield (
        f"  holds       {counted(one.objects, 'object')}, {size_text(one.bytes)}; "
        f"new then: {one.new_objects:,}, {size_text(one.new_bytes)}"
    )
    yield f"  run         {printable(one.run) or '-'}"
    yield f"  signed by   {one.signer}"
    yield f"  manifest    {one.sha256}"
    yield ""
    rows = [("KIND", "OBJECTS"), *((kind, f"{count:,}") for kind, count in one.kinds if count)]
    yield from aligned(rows)


def volume_lines(one: BackupView) -> Iterator[str]:
    """The claims whose data are not there, so that nobody takes them for saved."""
    missing = one.volumes_not_captured
    head = f"! the data of {counted(len(missing), 'volume')} are NOT in this backup, only their claims:"
    yield f"  {paint(head, 'warning', sys.stdout, bold=True)}"
    for claim in missing:
        yield f"      {printable(claim)}"


def found_lines(found: FoundView) -> Iterator[str]:
    """Each object with its history, newest last; a line for each stretch in which it was the same."""
    for one in found.objects:
        where = f"{one.namespace}/" if one.namespace else ""
        yield printable(f"{where}{one.kind}/{one.name}")
        for part in one.history:
            numbers = str(part.first) if part.first == part.last else f"{part.first}-{part.last}"
            yield (
                f"  {part.what:<10}  {part.first_at:%Y-%m-%d %H:%M:%S}  to {part.last_at:%Y-%m-%d %H:%M:%S}  "
                f"in {numbers}"
            )
