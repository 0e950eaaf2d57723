"""Tables of any kind as the API server prints them, with identity, page by page.

With identity each row brings its object's metadata (`includeObject=Metadata`); without, it brings bare cells in one
answer, right only for a one-shot print. Cells are passed on as the server wrote them: displays apply `printable`,
which for the few rows on a screen costs nothing and for ten thousand would.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from k8sops.cluster.codecs import Event, unreadable
from k8sops.cluster.known import Identity
from k8sops.cluster.pages import PAGE_SIZE, Pairs, page_bodies
from k8sops.core.clock import Clock
from k8sops.core.errors import ServerError
from k8sops.core.tables import Column, Owner, Row, Table, TableQuery

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport
    from k8sops.core.ports import Resource

ACCEPT: Final = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
WITH_METADATA: Final = ("includeObject", "Metadata")
WITHOUT_OBJECT: Final = ("includeObject", "None")
CORDONED: Final = "SchedulingDisabled"
LONGEST_WHY: Final = 40
LONGEST_WHO: Final = 20


class _Marks(msgspec.Struct, frozen=True, gc=False):
    """Who cordoned a node, and why; of all annotations only these are decoded."""

    by: str = msgspec.field(default="", name="k8sops.dev/cordon-by")
    reason: str = msgspec.field(default="", name="k8sops.dev/cordon-reason")


class _Meta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: str = ""
    labels: dict[str, str] = {}
    owner_references: tuple[Owner, ...] = ()
    annotations: _Marks = _Marks()


class _Partial(msgspec.Struct, frozen=True, gc=False):
    metadata: _Meta = _Meta()


class _Row(msgspec.Struct, frozen=True, gc=False):
    cells: tuple[Any, ...] = ()
    object: _Partial | None = None


class _TableMeta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    resource_version: str = ""


class _Table(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    kind: str = ""
    metadata: _TableMeta = _TableMeta()
    column_definitions: tuple[Column, ...] | None = None
    rows: tuple[_Row, ...] | None = None


_TABLE: Final = msgspec.json.Decoder(_Table)
_EVENT: Final = msgspec.json.Decoder(Event[_Table])


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A row, and the state of the object it shows."""

    row: Row
    resource_version: str


class TableCodec:
    """Decodes table pages and table watch events; `columns` are those of the latest page that named them.

    With a clock its rows say when they were read.
    """

    accept = ACCEPT

    def __init__(self, clock: Clock | None = None) -> None:
        self.columns: tuple[Column, ...] = ()
        self._clock: Final = clock

    def page(self, data: bytes) -> list[Entry]:
        """The rows of a page. Raises ServerError where the server sent something other than a Table."""
        table = _decoded(data)
        if table.column_definitions:
            self.columns = table.column_definitions
        now = self._now()
        return [_entry(row, now) for row in table.rows or ()]

    def events(self, lines: bytes) -> list[Event[Entry]]:
        """The events in whole lines, one row each."""
        try:
            events = _EVENT.decode_lines(lines)
        except msgspec.MsgspecError as error:
            raise unreadable(error) from error
        now = self._now()
        return [Event(event.type, _entry(row, now)) for event in events for row in event.object.rows or ()]

    def identify(self, item: Entry) -> Identity:
        """Who the row's object is."""
        row = item.row
        return Identity(row.namespace, row.name, row.uid, item.resource_version)

    def keep(self, item: Entry) -> Entry:
        """The entry itself: the live table holds its row anyway."""
        return item

    def _now(self) -> datetime | None:
        return self._clock.now() if self._clock is not None else None


def _decoded(data: bytes) -> _Table:
    try:
        table = _TABLE.decode(data)
    except msgspec.MsgspecError as error:
        raise ServerError(f"the API server's table cannot be read: {error}") from error
    if table.kind != "Table":
        raise ServerError(
            f"the API server answered with {table.kind or 'no kind'} where a Table was asked for"
        )
    return table


def _entry(wire: _Row, read_at: datetime | None = None) -> Entry:
    meta = wire.object.metadata if wire.object is not None else _NO_META
    return Entry(
        Row(
            uid=meta.uid,
            name=meta.name,
            namespace=meta.namespace,
            cells=_with_cordon(_texts(wire.cells), meta.annotations),
            created=meta.creation_timestamp,
            labels=meta.labels,
            owners=meta.owner_references,
            deleting=bool(meta.deletion_timestamp),
            read_at=read_at,
        ),
        meta.resource_version,
    )


_NO_META: Final = _Meta()


def _with_cordon(cells: tuple[str, ...], marks: _Marks) -> tuple[str, ...]:
    """The status of a cordoned node, with who cordoned it and why, as one more word of it."""
    if not marks.by:
        return cells
    why = marks.reason.replace(",", ";")
    said = f"by {_cut(marks.by, LONGEST_WHO)}: {_cut(why, LONGEST_WHY)}"
    return tuple(f"{cell},{said}" if cell.endswith(CORDONED) else cell for cell in cells)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _texts(cells: tuple[Any, ...]) -> tuple[str, ...]:
    for cell in cells:
        if type(cell) is not str:
            return tuple([_text(each) for each in cells])
    return cells


def _text(cell: object) -> str:
    """A cell as kubectl would print it: absent is empty, structures are JSON."""
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return str(cell)
    return msgspec.json.encode(cell).decode()


def selectors(query: TableQuery) -> Pairs:
    """The query parameters that narrow the list; a name becomes a field selector, which every kind supports."""
    fields = [query.field_selector] if query.field_selector else []
    if query.name:
        fields.append(f"metadata.name={query.name}")
    pairs = [("fieldSelector", ",".join(fields))] if fields else []
    if query.label_selector:
        pairs.append(("labelSelector", query.label_selector))
    return pairs


async def read_table(transport: Transport, path: str, resource: Resource, query: TableQuery) -> Table:
    """A whole table of one collection; `path` is the collection's, with its namespace if the query has one."""
    # Of what has no namespace there is little, and nodes say in their metadata who cordoned them.
    if not query.with_identity and resource.namespaced:
        return await _read_bare(transport, path, resource, query)
    columns: tuple[Column, ...] = ()
    rows: list[Row] = []
    version = ""
    pages = table_pages(transport, path, query=selectors(query), subject=resource.qualified)
    async with aclosing(pages):
        async for page in pages:
            if page.restarted:
                rows.clear()
            columns = page.columns or columns
            rows += page.rows
            version = page.resource_version
    return Table(
        columns=columns,
        rows=tuple(rows),
        kind=resource.qualified,
        namespaced=resource.namespaced,
        resource_version=version,
    )


async def _read_bare(transport: Transport, path: str, resource: Resource, query: TableQuery) -> Table:
    data = await transport.request(
        "GET", path, query=[*selectors(query), WITHOUT_OBJECT], accept=ACCEPT, subject=resource.qualified
    )
    table = _decoded(data)
    columns = table.column_definitions or ()
    naming = next((place for place, column in enumerate(columns) if column.format == "name"), 0)
    rows: list[Row] = []
    for wire in table.rows or ():
        cells = _texts(wire.cells)
        name = cells[naming] if naming < len(cells) else ""
        rows.append(Row(uid="", name=name, namespace=query.namespace, cells=cells, created=None, labels={}))
    return Table(
        columns=columns,
        rows=tuple(rows),
        kind=resource.qualified,
        namespaced=resource.namespaced,
        resource_version=table.metadata.resource_version,
    )


class TablePage(msgspec.Struct, frozen=True, gc=False):
    """One page of a table; columns come with the first page only."""

    columns: tuple[Column, ...]
    rows: list[Row]
    resource_version: str
    restarted: bool


async def table_pages(
    transport: Transport,
    path: str,
    *,
    query: Pairs = (),
    page_size: int = PAGE_SIZE,
    deadline_s: float = 30.0,
    subject: str = "",
) -> AsyncGenerator[TablePage, None]:
    """The pages of one table with identity. `restarted` as in `pages`."""
    bodies = page_bodies(
        transport,
        path,
        query=[*query, WITH_METADATA],
        accept=ACCEPT,
        page_size=page_size,
        deadline_s=deadline_s,
        subject=subject,
    )
    async with aclosing(bodies):
        async for data, meta, restarted in bodies:
            table = _decoded(data)
            rows = [_entry(row).row for row in table.rows or ()]
            yield TablePage(table.column_definitions or (), rows, meta.resource_version, restarted)
