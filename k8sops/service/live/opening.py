"""Opens a live table as a desk shows it: figures beside what is measured, a pod's containers, several namespaces."""

from __future__ import annotations

import asyncio
import importlib
from typing import Final

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.ports import ClusterReader
from k8sops.core.tables import LiveRows, TableQuery

SEPARATOR: Final = ","
"""Between the namespaces of a query."""
CONTAINERS: Final = "containers"
"""The kind of the table of what runs in a pod."""
_FIGURED: Final = frozenset({"pods", "nodes"})


async def browse(
    reader: ClusterReader, query: TableQuery, clock: Clock, in_sight: asyncio.Event | None = None
) -> LiveRows:
    """The table, kept true; its figures are not loaded before it is in sight.

    Raises what the cluster answers, UnknownKindError first of all.
    """
    if query.kind == CONTAINERS and query.name:
        tables = await asyncio.to_thread(importlib.import_module, "k8sops.service.live.container_table")
        containers: LiveRows = await tables.container_table(reader, query, clock)
        return containers
    resource = await reader.resource(query.kind)
    names = sorted({name for name in query.namespace.split(SEPARATOR) if name})
    if len(names) > 1 and resource.namespaced:
        return await _joined(reader, query, names, clock, in_sight)
    base = await reader.rows(msgspec.structs.replace(query, namespace="".join(names[:1])))
    if resource.group or resource.plural not in _FIGURED:
        return base
    from k8sops.service.live.figured_rows import figured

    return figured(base, reader, resource.plural, query, clock, in_sight)


async def _joined(
    reader: ClusterReader,
    query: TableQuery,
    names: list[str],
    clock: Clock,
    in_sight: asyncio.Event | None,
) -> LiveRows:
    queries = [msgspec.structs.replace(query, namespace=name) for name in names]
    opened = await asyncio.gather(
        *(browse(reader, each, clock, in_sight) for each in queries), return_exceptions=True
    )
    tables = [each for each in opened if not isinstance(each, BaseException)]
    failed = next((each for each in opened if isinstance(each, BaseException)), None)
    if failed is not None:
        for table in tables:
            await table.aclose()
        raise failed
    from k8sops.service.live.joined_rows import JoinedRows

    return JoinedRows(tuple(zip(names, tables, strict=True)), clock)
