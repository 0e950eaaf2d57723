"""Take the screenshots: the real screen on a real, seeded control plane, at 120×40 and 80×24.

Pod names and ages differ from one sandbox to the next, so staleness is judged by what the pictures were made from: a
hash over the screen's sources, kept in `made-from.txt` and compared by `make check`.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from textual.pilot import Pilot

from k8sops.core.tables import TableQuery
from k8sops.sandbox.manager import SandboxManager
from k8sops.sandbox.seed import seed
from k8sops.service import open_ops
from k8sops.service.config import Config
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.live_table import LiveTable

HERE: Final = Path(__file__).parent
SOURCES: Final = (HERE.parent / "k8sops" / "tui", HERE)
STAMP: Final = HERE / "made-from.txt"
DEADLINE_S: Final = 30
SANDBOX: Final = "shots"
LARGE: Final = (120, 40)
SMALL: Final = (80, 24)

Scene = Callable[[Pilot[Any]], Awaitable[None]]


def sources_digest() -> str:
    """Sha256 over the files that decide what a screenshot looks like."""
    total = hashlib.sha256()
    for path in sorted(file for folder in SOURCES for file in folder.glob("*.py")):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


async def _settled(pilot: Pilot[Any], rows: int = 1) -> None:
    """Wait until the table shows something."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            await pilot.pause(0.2)
            tables = pilot.app.screen.query(LiveTable)
            if not tables or tables.first().total >= rows:
                return


async def _pods(pilot: Pilot[Any]) -> None:
    await _settled(pilot, rows=60)


async def _checkout(pilot: Pilot[Any]) -> None:
    await _settled(pilot, rows=60)
    await pilot.press("slash", *"checkout", "enter")
    await _settled(pilot)


async def _nodes(pilot: Pilot[Any]) -> None:
    await _settled(pilot, rows=60)
    await pilot.press("colon", *"nodes", "enter")
    await pilot.pause(1.0)
    await _settled(pilot, rows=5)


async def _yaml(pilot: Pilot[Any]) -> None:
    await _checkout(pilot)
    await pilot.press("enter")
    await pilot.pause(1.0)


SCENES: Final[tuple[tuple[str, tuple[int, int], Scene], ...]] = (
    ("pods", LARGE, _pods),
    ("pods-80x24", SMALL, _pods),
    ("checkout", LARGE, _checkout),
    ("nodes", LARGE, _nodes),
    ("yaml", LARGE, _yaml),
)


async def generate() -> None:
    """Bring up a sandbox, take every picture, take it down."""
    manager = SandboxManager()
    handle = await manager.up(SANDBOX)
    try:
        await seed(handle.kubeconfig, progress=_say)
        config = Config(kubeconfig=(handle.kubeconfig,))
        for name, size, scene in SCENES:
            app = K8sOpsApp(lambda: open_ops(config), TableQuery(kind="pods"), all_namespaces=True)
            async with app.run_test(size=size) as pilot:
                await scene(pilot)
                svg = app.export_screenshot(title="k8sops")
            (HERE / f"{name}.svg").write_text(_without_remote_fonts(svg), encoding="utf-8")
            _say(f"took {name}")
    finally:
        await manager.down(SANDBOX)
    STAMP.write_text(sources_digest() + "\n", encoding="utf-8")


def _without_remote_fonts(svg: str) -> str:
    """A picture must not fetch anything; the viewer's own monospace font serves."""
    return re.sub(r"@font-face\s*{[^}]*}", "", svg)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    asyncio.run(generate())
