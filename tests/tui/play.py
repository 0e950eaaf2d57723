"""The screens on a made-up cluster, to look at by hand: `python -m tests.tui.play [ROWS]`.

Rows keep changing; after twenty seconds the connection is lost for ten.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec

from k8sops.core.tables import FeedState, TableQuery
from k8sops.tui import run_tui
from tests.tui.feeds import NODE_COLUMNS, POD_COLUMNS, START, DeskOps, Feed, many_pods, node
from tests.tui.scenes import SECRET, SHOP, WEB_POD


async def _happen(feed: Feed) -> None:
    chosen, beat = random.Random(1), 0  # noqa: S311 - which rows change is no secret
    while True:
        await asyncio.sleep(0.2)
        beat += 1
        row = chosen.choice(feed.rows)
        cells = (*row.cells[:3], str(chosen.randrange(100)), *row.cells[4:])
        feed.put(msgspec.structs.replace(row, cells=cells))
        if beat % 150 == 100:
            feed.become(FeedState.STALE, "127.0.0.1:6443 refuses the connection", datetime.now(UTC))
        if beat % 150 == 0:
            feed.become(FeedState.LIVE)


@asynccontextmanager
async def _open(count: int) -> AsyncIterator[DeskOps]:
    late = datetime.now(UTC) - START
    rows = [
        msgspec.structs.replace(row, created=row.created + late) if row.created is not None else row
        for row in (many_pods(count) if count else SHOP)
    ]
    pods = Feed(POD_COLUMNS, rows)
    nodes = Feed(NODE_COLUMNS, [node("node-1"), node("node-2", status="Ready,SchedulingDisabled")])
    happening = asyncio.create_task(_happen(pods))
    try:
        named = {row.name: WEB_POD for row in SHOP} | {"cart-redis-0": SECRET}
        yield DeskOps({"pods": pods, "nodes": nodes}, named)
    finally:
        happening.cancel()


def main() -> None:
    """Play."""
    count = int(sys.argv[1]) if sys.argv[1:] else 0
    sys.exit(run_tui(lambda: _open(count), TableQuery(kind="pods"), all_namespaces=True))


if __name__ == "__main__":
    main()
