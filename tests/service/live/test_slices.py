"""Figures of thousands of pods: exact, and never at the cost of a key that waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.cluster.structs import Meta
from k8sops.core.ports import ClusterReader
from k8sops.core.tables import Column, Row
from k8sops.forecast.quantities import amount
from k8sops.service.live.figured_rows import FiguredRows
from k8sops.service.live.figures import Cells, used_of
from k8sops.service.live.slices import SLICE
from k8sops.service.live.usage import ContainerUsage, PodMetrics, Usage
from tests.service.live.test_figured_rows import HeldClock
from tests.tui.feeds import POD_COLUMNS, Feed, pod

DEADLINE_S = 60
SLICES = 8

QUANTITIES = st.one_of(
    st.builds(
        lambda number, unit: f"{number}{unit}",
        st.integers(min_value=0, max_value=10**15),
        st.sampled_from(["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi", "Ti", "e3"]),
    ),
    st.from_regex(r"[0-9]{1,6}\.[0-9]{0,4}(m|Mi|Gi|)", fullmatch=True),
)


class Turns:
    """How often the event loop has gone round."""

    count = 0


@asynccontextmanager
async def _counted() -> AsyncIterator[Turns]:
    turns = Turns()

    async def go_round() -> None:
        while True:
            turns.count += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(go_round())
    try:
        yield turns
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@given(cpu=QUANTITIES, memory=QUANTITIES)
def test_what_is_summed_quickly_is_what_the_scheduler_counts(cpu: str, memory: str) -> None:
    """Two ways to read a quantity must not differ by a unit."""
    used = used_of([{"cpu": cpu, "memory": memory}])
    assert used is not None
    assert (used.cpu, used.memory) == (amount("cpu", cpu), amount("memory", memory))


class _Metrics:
    """A reader of metrics that come all at once, as from metrics-server."""

    def __init__(self, count: int) -> None:
        self._pods = [
            PodMetrics(
                metadata=Meta(name=f"web-{number}", namespace="shop"),
                containers=(ContainerUsage(name="app", usage={"cpu": f"{number}n", "memory": "1Ki"}),),
            )
            for number in range(count)
        ]

    async def resource(self, kind: str) -> str:
        return kind

    async def list_as(self, *_: object, **__: object) -> AsyncIterator[PodMetrics]:
        for one in self._pods:
            yield one


async def test_measurements_of_many_pods_let_a_key_through() -> None:
    """Ten thousand figures summed in one go held up the screen for a third of a second, every fifty."""
    async with _counted() as turns:
        usage = Usage(cast("ClusterReader", _Metrics(SLICES * SLICE)))
        before = turns.count
        assert len(await usage.of_pods("")) == SLICES * SLICE
        assert turns.count - before >= SLICES


class _Figures:
    """Other figures for all rows at each look."""

    columns: Sequence[Column] = (Column(name="CPU", type="number"),)
    note = ""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.round = 0
        self.read_at = 0

    async def load(self) -> _Figures:
        return self

    async def read(self, rows: Sequence[Row]) -> Mapping[str, Cells]:
        self.round += 1
        self.read_at = self._turns.count
        return {row.uid: (f"{self.round}m",) for row in rows}


@pytest.mark.parametrize("is_filtered", [True, False])
async def test_new_figures_of_a_table_that_is_looked_at_as_a_whole_are_put_together_in_slices(
    is_filtered: bool,
) -> None:
    """A filter or an order looks at every row; what only shows a page of them costs a page."""
    feed = Feed(POD_COLUMNS, [pod(f"web-{number:05d}") for number in range(SLICES * SLICE)])
    async with _counted() as turns:
        clock, figures = HeldClock(), _Figures(turns)
        rows = FiguredRows(feed, figures.columns, figures.load, clock)
        try:
            await _round(rows, figures, 1)
            if is_filtered:
                assert {row.cells[4] for row in rows.rows} == {"1m"}
            clock.again.set()
            taken_at = await _round(rows, figures, 2, turns)
            assert (taken_at - figures.read_at >= SLICES) is is_filtered
            assert {row.cells[4] for row in rows.rows} == {"2m"}
        finally:
            await rows.aclose()


async def _round(rows: FiguredRows, figures: _Figures, number: int, turns: Turns | None = None) -> int:
    async with asyncio.timeout(DEADLINE_S), aclosing(rows.changes()) as changes:
        async for _ in changes:
            if rows.rows[0].cells[4] == f"{number}m":
                break
    return turns.count if turns is not None else figures.round
