"""Where the figures of a table's rows come from: asked for anew each time, in slices where it takes long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from k8sops.cluster.structs import Meta, Quantities
from k8sops.core.errors import ForbiddenError, NotFoundError
from k8sops.core.ports import ClusterReader
from k8sops.core.tables import Row, TableQuery
from k8sops.forecast.objects import Pod
from k8sops.forecast.quantities import amount
from k8sops.service.live.figures import (
    CPU,
    MEMORY,
    Cells,
    Load,
    Room,
    Size,
    Used,
    loads_of,
    node_cells,
    pod_cells,
    size_of_pod,
)
from k8sops.service.live.slices import breathe
from k8sops.service.live.usage import Usage

FEW: Final = 20
"""So many new pods are asked for one by one; more are listed with all others."""
PAGE: Final = 250
"""Objects of one request: summing what those ask for must not hold up a key."""
LIVING: Final = "status.phase!=Succeeded,status.phase!=Failed"


class FigureSource(Protocol):
    """Figures for the rows of one table."""

    @property
    def note(self) -> str:
        """What cannot be told, in a sentence; empty where everything can."""
        ...

    async def read(self, rows: Sequence[Row]) -> Mapping[str, Cells]:
        """The cells of the table's figures by the row's uid. Raises what the cluster answers."""
        ...


class PodFigures:
    """Usage of pods against their requests and limits; what a pod asks for is read once."""

    def __init__(self, reader: ClusterReader, query: TableQuery) -> None:
        self._reader: Final = reader
        self._query: Final = query
        self._usage: Final = Usage(reader)
        self._sizes: dict[str, Size] = {}
        self._told: Mapping[str, Cells] = {}

    @property
    def note(self) -> str:
        """Why there are no metrics."""
        return self._usage.note

    async def read(self, rows: Sequence[Row]) -> Mapping[str, Cells]:
        """The cells by uid; those that stayed the same are the same tuples."""
        query = self._query
        used = await self._usage.of_pods(query.namespace, query.label_selector)
        if used:
            await self._learn(rows)
        self._told = await _pod_cells_of(rows, used, self._sizes, self._told)
        return self._told

    async def _learn(self, rows: Sequence[Row]) -> None:
        unknown = [row for row in rows if row.uid not in self._sizes]
        if not unknown:
            return
        resource = await self._reader.resource("pods")
        if len(unknown) > FEW:
            query, sizes = self._query, {}
            selector = query.field_selector or (f"metadata.name={query.name}" if query.name else "")
            async for pod in self._reader.list_as(
                Pod,
                resource,
                query.namespace,
                label_selector=query.label_selector,
                field_selector=selector,
                page_size=PAGE,
            ):
                sizes[pod.metadata.uid] = size_of_pod(pod)
            # What is gone is forgotten; what came while this was read is asked for the next time.
            self._sizes = sizes
            return
        for row in unknown:
            try:
                found = await self._reader.get(resource, row.name, row.namespace)
            except NotFoundError:
                continue
            self._sizes[row.uid] = size_of_pod(msgspec.convert(found, Pod))


class NodeSpecified(msgspec.Struct, frozen=True, gc=False):
    """A node as far as it has something to give."""

    class Status(msgspec.Struct, frozen=True, gc=False):
        """What pods may ask for in sum."""

        allocatable: Quantities = {}

    metadata: Meta = Meta()
    status: Status = Status()


class NodeFigures:
    """What nodes have to give, what their pods ask for of it, and what is used."""

    def __init__(self, reader: ClusterReader) -> None:
        self._reader: Final = reader
        self._usage: Final = Usage(reader)
        self._unread = ""

    @property
    def note(self) -> str:
        """Why there are no metrics, or no sums of requests."""
        return "; ".join(part for part in (self._usage.note, self._unread) if part)

    async def read(self, rows: Sequence[Row]) -> Mapping[str, Cells]:
        """The cells by uid."""
        used = await self._usage.of_nodes()
        rooms = {
            one.metadata.name: _room(one)
            async for one in self._reader.list_as(NodeSpecified, await self._reader.resource("nodes"))
        }
        loads = await self._loads()
        return {
            row.uid: node_cells(
                used.get(row.name),
                rooms.get(row.name),
                loads.get(row.name, Load()) if loads is not None else None,
            )
            for row in rows
        }

    async def _loads(self) -> dict[str, Load] | None:
        pods = self._reader.list_as(
            Pod, await self._reader.resource("pods"), field_selector=LIVING, page_size=PAGE
        )
        try:
            sizes = [(pod.spec.node_name, size_of_pod(pod)) async for pod in pods if pod.spec.node_name]
        except ForbiddenError:
            self._unread = "what pods ask for may not be read in all namespaces"
            return None
        self._unread = ""
        return loads_of(sizes)


async def _pod_cells_of(
    rows: Sequence[Row],
    used: Mapping[tuple[str, str], Used],
    sizes: Mapping[str, Size],
    told: Mapping[str, Cells],
) -> dict[str, Cells]:
    cells: dict[str, Cells] = {}
    for number, row in enumerate(rows):
        await breathe(number)
        now = pod_cells(used.get((row.namespace, row.name)), sizes.get(row.uid))
        before = told.get(row.uid)
        cells[row.uid] = before if before == now else now
    return cells


def _room(node: NodeSpecified) -> Room:
    given = node.status.allocatable
    return Room(
        amount(CPU, given.get(CPU, "0")),
        amount(MEMORY, given.get(MEMORY, "0")),
        amount("pods", given.get("pods", "0")),
    )
