"""The engine's limits, as a test for whoever runs measurements with pytest."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest

from tests.bench.bench_engine import Fresh, figures, fresh_postgres, fresh_sqlite


@pytest.mark.bench
@pytest.mark.parametrize(
    ("name", "stores"),
    [("SQLite", fresh_sqlite()), ("PostgreSQL", fresh_postgres())],
    ids=lambda one: str(one)[:6],
)
async def test_steps_and_waiting_cost_no_more_than_they_may(
    name: str, stores: AbstractContextManager[Fresh]
) -> None:
    """A drain of a hundred nodes is thousands of steps; approvals wait for days."""
    with stores as fresh:
        missed = [str(figure) for figure in await figures(name, fresh, 20.0) if not figure.held]
    assert missed == []
