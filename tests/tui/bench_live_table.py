"""Measures the live table headless: `python -m tests.tui.bench_live_table [ROWS …]`.

Prints CPU milliseconds; the gates are 5 ms per 1,000 cell updates and 50 ms (p95) per filter keystroke at 10,000
rows. Not a test: figures depend on the machine.
"""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from k8sops.core.collector import collect_rarely
from k8sops.core.tables import Row
from k8sops.tui.live_table import LiveTable
from tests.tui.feeds import POD_COLUMNS, FixedClock, many_pods


class _Bench(App[None]):
    CSS = "LiveTable { height: 1fr; }"

    def compose(self) -> ComposeResult:
        yield LiveTable(clock=FixedClock())


async def _measured(pilot: Pilot[None], work: Callable[[], Awaitable[None] | None]) -> float:
    await pilot.pause()
    start = time.process_time()
    done = work()
    if done is not None:
        await done
    await pilot.pause()
    return (time.process_time() - start) * 1000


def _percentile(samples: list[float], share: float) -> float:
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * share))]


def _updated(rows: list[Row], chosen: random.Random, count: int) -> list[Row]:
    fresh = list(rows)
    for index in chosen.sample(range(len(rows)), count):
        row = fresh[index]
        cells = (*row.cells[:3], str(chosen.randrange(100)), *row.cells[4:])
        fresh[index] = msgspec.structs.replace(row, cells=cells)
    return fresh


async def bench(count: int) -> dict[str, float]:
    """Median or p95 CPU milliseconds of each operation on so many rows."""
    rows, chosen = many_pods(count), random.Random(1)  # noqa: S311 - which rows change is no secret
    figures: dict[str, float] = {}
    app = _Bench()
    async with app.run_test(size=(180, 50)) as pilot:
        table = app.query_one(LiveTable)
        table.focus()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        idle = [await _measured(pilot, lambda: None) for _ in range(20)]

        def show(fresh: list[Row]) -> Callable[[], None]:
            return lambda: table.show(POD_COLUMNS, fresh, with_namespace=True)

        async def updates() -> float:
            nonlocal rows
            samples = []
            for _ in range(20):
                rows = _updated(rows, chosen, 1000)
                samples.append(await _measured(pilot, show(rows)))
            return _percentile(samples, 0.5)

        figures["populate"] = await _measured(pilot, show(rows))
        figures["1,000 updates"] = await updates()
        keys = [await _measured(pilot, lambda: pilot.press("j")) for _ in range(60)]
        figures["key j p95"] = _percentile(keys, 0.95)
        unbound = [await _measured(pilot, lambda: pilot.press("f12")) for _ in range(20)]
        figures["key unbound p50"] = _percentile(unbound, 0.5)
        moves = [await _measured(pilot, lambda: table.action_cursor(1)) for _ in range(60)]
        figures["cursor move p95"] = _percentile(moves, 0.95)
        pages = [await _measured(pilot, lambda: table.action_page(1)) for _ in range(20)]
        figures["page"] = _percentile(pages, 0.5)
        texts = [
            "w",
            "we",
            "web",
            "web-0",
            "web-00",
            "web-001",
            "Crash",
            "^web-.*9$",
            "!Running",
            "-l app=web",
            "",
        ]
        typed = [await _measured(pilot, partial(table.set_filter, text)) for text in texts * 5]
        figures["filter keystroke p50"] = _percentile(typed, 0.5)
        figures["filter keystroke p95"] = _percentile(typed, 0.95)
        table.set_filter("crash")
        figures["1,000 updates filtered"] = await updates()
        table.set_filter("")
        for title in ("RESTARTS", "AGE", "NAME"):
            figures[f"sort {title} first"] = await _measured(pilot, partial(table.sort_by, title))
            figures[f"sort {title} again"] = await _measured(
                pilot, partial(table.sort_by, title, reverse=True)
            )
        figures["1,000 updates sorted"] = await updates()
        figures["idle pause"] = _percentile(idle, 0.5)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
        figures["memory above rows (MiB)"] = grown / 1024
    return figures


def main() -> None:
    """Print one column of figures per row count."""
    collect_rarely()
    for count in [int(argument) for argument in sys.argv[1:]] or [10_000, 50_000]:
        sys.stdout.write(f"{count:,} rows, CPU ms\n")
        for name, value in asyncio.run(bench(count)).items():
            sys.stdout.write(f"  {name:26} {value:8.1f}\n")


if __name__ == "__main__":
    main()
