"""The screens on a made-up cluster, as a program of its own: `python -m tests.tui.pty_desk [fails|stuck]`.

`fails` lets the screen meet an error nobody foresaw, with a secret near it; `stuck` blocks the event loop for good:
when it is sent `HAPPEN`, as only whoever watches knows when the first frame is there.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from k8sops.core.tables import Row, TableQuery
from k8sops.tui import run_tui
from tests.tui.feeds import NODE_COLUMNS, POD_COLUMNS, DeskOps, Feed, node
from tests.tui.scenes import SECRET, SECRET_TEXT, SHOP, WEB_POD

HAPPEN = signal.SIGUSR1


class _Trouble(Feed):
    """A table whose second reading goes wrong."""

    def __init__(self, how: str) -> None:
        self._how = how
        self._given: Sequence[Row] = SHOP
        super().__init__(POD_COLUMNS, SHOP)

    @property
    def rows(self) -> Sequence[Row]:
        password = SECRET_TEXT
        if self.version and self._how == "stuck":
            while password:
                time.sleep(1)
        if self.version and self._how == "fails":
            raise RuntimeError("nobody foresaw this")
        return self._given

    @rows.setter
    def rows(self, rows: Sequence[Row]) -> None:
        self._given = rows


@asynccontextmanager
async def _open(how: str) -> AsyncIterator[DeskOps]:
    pods = _Trouble(how) if how else Feed(POD_COLUMNS, SHOP)
    nodes = Feed(NODE_COLUMNS, [node("node-1"), node("node-2")])
    named = {row.name: WEB_POD for row in SHOP} | {"cart-redis-0": SECRET}
    happening = asyncio.create_task(_happen(pods)) if how else None
    try:
        yield DeskOps({"pods": pods, "nodes": nodes}, named)
    finally:
        if happening is not None:
            happening.cancel()


async def _happen(feed: Feed) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(HAPPEN, told.set)
    await told.wait()
    feed.set(SHOP)


def main() -> int:
    """Run as the command line runs it, with the same end for an error nobody foresaw."""
    how = sys.argv[1] if sys.argv[1:] else ""
    try:
        return run_tui(lambda: _open(how), TableQuery(kind="pods"), all_namespaces=True)
    except Exception as error:  # noqa: BLE001 - the outermost boundary, as in the program itself
        sys.stderr.write(f"error: a defect of this program: {type(error).__name__}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
