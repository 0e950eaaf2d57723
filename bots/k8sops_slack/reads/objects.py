"""Objects of any kind as rows: those in trouble first, with the columns that say why."""

from __future__ import annotations

from collections.abc import Sequence

from k8sops.core.severity import Severity, is_incomplete, severity_of
from k8sops.core.tables import Column, Row, Table, TableQuery
from k8sops_slack.reads.table import Listing

_RANK = [Severity.BAD, Severity.WARN, Severity.BUSY, Severity.NEUTRAL, Severity.OK, Severity.DONE]
_STATUS = ("status", "phase", "state", "conditions", "type")
_READY = "ready"
_OBJECT = "OBJECT"
_OF_EVENTS = frozenset({"LAST SEEN", "TYPE", "REASON", _OBJECT, "MESSAGE"})


def objects_listing(found: Table, *, query: TableQuery, cluster: str) -> Listing:
    """Worst first; where there is nothing, where that was looked for."""
    heads, rows = event_rows(found) if is_events(found) else object_rows(found)
    place = f" in {query.namespace}" if found.namespaced and query.namespace else ""
    named = f" named {query.name}" if query.name else ""
    more = "; -A looks in all namespaces" if place and not query.name else ""
    nothing = f"There is none{named}{place}{more}."
    return Listing(
        title=f"{query.kind}{place} on {cluster}",
        heads=heads,
        rows=rows,
        nothing=nothing,
        named=heads.index(_OBJECT) if is_events(found) else -1,
    )


def is_events(found: Table) -> bool:
    """Whether these are events, by their columns."""
    return {column.name.upper() for column in found.columns if column.priority == 0} >= _OF_EVENTS


def event_rows(found: Table) -> tuple[list[str], list[list[str]]]:
    """Events, warnings first: what is said of what, in so little room that on a phone the message is among it."""
    heads, rows = object_rows(found)
    places = {head: place for place, head in enumerate(heads)}
    apart = "NAMESPACE" in places
    return [*(["NAMESPACE"] if apart else []), "SEEN", "", _OBJECT, "WHAT"], [
        [
            *([row[0]] if apart else []),
            row[places["LAST SEEN"]],
            "" if row[places["TYPE"]] == "Normal" else "!",
            row[places[_OBJECT]],
            f"{row[places['REASON']]}: {row[places['MESSAGE']]}",
        ]
        for row in rows
    ]


def object_rows(found: Table) -> tuple[list[str], list[list[str]]]:
    """Headings and all rows, worst first; the namespace where there are several."""
    places = [number for number, column in enumerate(found.columns) if column.priority == 0]
    apart = found.namespaced and len({row.namespace for row in found.rows}) > 1
    heads = [*(["NAMESPACE"] if apart else []), *(found.columns[number].name.upper() for number in places)]
    ordered = sorted(
        found.rows, key=lambda row: (_RANK.index(trouble_of(found.columns, row)), row.namespace, row.name)
    )
    return heads, [
        [*([row.namespace] if apart else []), *(row.cells[number] or "-" for number in places)]
        for row in ordered
    ]


def trouble_of(columns: Sequence[Column], row: Row) -> Severity:
    """How bad a row is, by what the server wrote into its columns."""
    cells = {column.name.lower(): cell for column, cell in zip(columns, row.cells, strict=False)}
    said = next((severity_of(cells[name]) for name in _STATUS if name in cells), Severity.NEUTRAL)
    # What runs, and not all of it, is in trouble too; what is over has nothing left to be ready.
    if is_incomplete(cells.get(_READY, "")) and said in {Severity.OK, Severity.NEUTRAL}:
        return Severity.WARN
    return said
