"""The screen on a made-up cluster of many pods, for the bench: `python -m tests.bench.tui_desk ROWS LINES_PER_S`.

Only what lies below the service is made up: what a key costs there is the screen's own. Every pod's log is a flood.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import msgspec

from k8sops.core.collector import collect_rarely
from k8sops.core.logs import LogEntry, LogStream, LogWanted
from k8sops.core.tables import TableQuery
from k8sops.tui import run_tui
from tests.tui.feeds import NODE_COLUMNS, POD_COLUMNS, START, DeskOps, Feed, many_pods, node

BATCHES_PER_S: Final = 20
PODS: Final = 20
TEXT: Final = (
    'level=info ts=2026-11-22T08:00:00Z msg="request served" method=GET path=/cart/items status=200 took=12ms'
)


class FloodOps(DeskOps):
    """Logs that never rest, of twenty pods."""

    lines_per_s = 0

    async def logs(self, wanted: LogWanted) -> AsyncGenerator[Sequence[LogEntry], None]:
        streams = [LogStream(wanted.namespace, f"{wanted.name}-{pod}", "app") for pod in range(PODS)]
        loop, each = asyncio.get_running_loop(), self.lines_per_s // BATCHES_PER_S
        due, number = loop.time(), 0
        while True:
            at = int(datetime.now(UTC).timestamp() * 1e9)
            yield [
                LogEntry(streams[number % PODS], at, f"{TEXT} n={number}")
                for number in range(number, number + each)
            ]
            number += each
            due += 1 / BATCHES_PER_S
            await asyncio.sleep(max(0.0, due - loop.time()))


@asynccontextmanager
async def _open(rows: int, lines_per_s: int) -> AsyncIterator[DeskOps]:
    late = datetime.now(UTC) - START
    pods = tuple(
        msgspec.structs.replace(row, created=row.created + late) if row.created is not None else row
        for row in many_pods(rows)
    )
    ops = FloodOps({"pods": Feed(POD_COLUMNS, pods), "nodes": Feed(NODE_COLUMNS, [node("node-1")])})
    ops.lines_per_s = lines_per_s
    yield ops


def main() -> None:
    """Run as the command line runs it."""
    rows, lines_per_s = int(sys.argv[1]), int(sys.argv[2])
    collect_rarely()
    sys.exit(run_tui(lambda: _open(rows, lines_per_s), TableQuery(kind="pods"), all_namespaces=True))


if __name__ == "__main__":
    main()
