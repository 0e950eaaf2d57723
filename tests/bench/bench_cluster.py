"""Lists, tables and watches of 10,000 pods: against a bare download, against the official client, against the limits.

`python -m tests.bench.bench_cluster --kubeconfig FILE` on a cluster that holds the pods. Ratios take the best of
several rounds in turn, since other work on the machine only ever makes a round slower.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from k8sops.cluster.pages import list_items
from tests.bench.cases import EVENTS, PATH, UPDATES_PER_S, connected
from tests.bench.measuring import Cost
from tests.cluster.scripted_api import write_kubeconfig

ROUNDS = 5


class Figure(msgspec.Struct, frozen=True):
    """A measured figure and the most it may be; no limit is for information."""

    name: str
    value: float
    unit: str
    limit: float | None = None

    @property
    def held(self) -> bool:
        """Whether it is within its limit."""
        return self.limit is None or self.value <= self.limit

    def __str__(self) -> str:
        limit = "" if self.limit is None else f"   limit {self.limit:g}  {'held' if self.held else 'MISSED'}"
        return f"{self.name:<58} {self.value:8.2f} {self.unit:<3}{limit}"


async def cost_of(case: str, kubeconfig: Path) -> Cost:
    """Run one case in a process of its own. Raises CalledProcessError with what it said."""
    command = [sys.executable, "-m", "tests.bench.cases", case, str(kubeconfig)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 300)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, out)
    return msgspec.json.decode(out, type=Cost)


async def best_of(kubeconfig: Path, *cases: str, rounds: int = ROUNDS) -> dict[str, Cost]:
    """Every case in turn, several rounds; of each figure the least."""
    runs: dict[str, list[Cost]] = {case: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            runs[case].append(await cost_of(case, kubeconfig))
    return {
        case: Cost(
            costs[0].count,
            min(cost.wall_s for cost in costs),
            min(cost.cpu_s for cost in costs),
            max(cost.peak_mib for cost in costs),
            min(cost.first_s for cost in costs),
        )
        for case, costs in runs.items()
    }


async def table_figures(kubeconfig: Path) -> list[Figure]:
    """Server-side table with identity."""
    best = await best_of(kubeconfig, "bare_table", "our_table")
    bare, ours = best["bare_table"], best["our_table"]
    return [
        Figure(f"table: first page of {ours.count:,} rows", ours.first_s, "s", 0.15),
        Figure("table: all rows", ours.wall_s, "s"),
        Figure(f"table: bare download of the same {bare.count / 1e6:.1f} MB", bare.wall_s, "s"),
        Figure("table: all rows, against the bare download", ours.wall_s / bare.wall_s, "x", 1.2),
        Figure("table: memory above import", ours.peak_mib, "MiB"),
    ]


async def list_figures(kubeconfig: Path) -> list[Figure]:
    """Objects decoded to slim structs."""
    best = await best_of(kubeconfig, "bare_list", "our_list")
    bare, ours = best["bare_list"], best["our_list"]
    official = await cost_of("official_list", kubeconfig)
    return [
        Figure(f"list: {ours.count:,} pods, {bare.count / 1e6:.1f} MB", ours.wall_s, "s"),
        Figure("list: CPU beyond the bare download", ours.cpu_s - bare.cpu_s, "s", 0.5),
        Figure("list: memory above import", ours.peak_mib, "MiB", 60),
        Figure("list: official client, same pages", official.wall_s, "s"),
        Figure("list: official client, memory above import", official.peak_mib, "MiB"),
        Figure("list: official client against ours, CPU", official.cpu_s / ours.cpu_s, "x"),
    ]


async def watch_figures(kubeconfig: Path) -> list[Figure]:
    """Watch events of the cluster's own pods, replayed."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "events"
        size = await record(kubeconfig, recording)
        async with replaying(recording) as replayed:
            best = await best_of(replayed, "bare_watch", "our_watch")
            official = await cost_of("official_watch", replayed)
    bare, ours = best["bare_watch"], best["our_watch"]
    return [
        Figure(
            f"watch: {ours.count:,} events, {size / 1e6:.0f} MB, received and decoded, CPU",
            ours.cpu_s,
            "s",
            0.5,
        ),
        Figure("watch: the same, elapsed", ours.wall_s, "s"),
        Figure("watch: bare download of the same", bare.wall_s, "s"),
        Figure("watch: CPU beyond the bare download", ours.cpu_s - bare.cpu_s, "s"),
        Figure(f"watch: official client, {official.count:,} events", official.wall_s, "s"),
        Figure("watch: official client against ours, CPU", official.cpu_s / ours.cpu_s, "x"),
    ]


async def live_figures(kubeconfig: Path) -> list[Figure]:
    """A live table under a steady stream of updates."""
    best = (await best_of(kubeconfig, "live_updates"))["live_updates"]
    share = 100 * best.first_s / (best.count / UPDATES_PER_S)
    return [Figure(f"live table: {UPDATES_PER_S:,} updates/s, of one core", share, "%", 5)]


async def record(kubeconfig: Path, recording: Path) -> int:
    """Write EVENTS events of the cluster's own pods; returns their size in bytes."""
    lines: list[bytes] = []
    async with connected(kubeconfig) as transport:
        async for pod in list_items(transport, PATH, item_type=dict[str, Any], subject="pods"):
            pod |= {"kind": "Pod", "apiVersion": "v1"}
            lines.append(msgspec.json.encode({"type": "MODIFIED", "object": pod}))
    if not lines:
        raise SystemExit("the cluster has no pods to record")
    chosen = [lines[number % len(lines)] for number in range(EVENTS)]
    return await asyncio.to_thread(recording.write_bytes, b"\n".join(chosen) + b"\n")


@asynccontextmanager
async def replaying(recording: Path) -> AsyncIterator[Path]:
    """A kubeconfig of a replay server."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.replay", str(recording), stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        port = int(await asyncio.wait_for(process.stdout.readline(), 30))
        yield write_kubeconfig(recording.parent, port)
    finally:
        process.terminate()
        await process.wait()


async def run(kubeconfig: Path) -> int:
    """Measure everything and print it; the exit code says whether all limits held."""
    missed = 0
    for figures in (table_figures, list_figures, watch_figures, live_figures):
        for figure in await figures(kubeconfig):
            sys.stdout.write(f"{figure}\n")
            missed += not figure.held
        sys.stdout.flush()
    return 1 if missed else 0


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    return asyncio.run(run(parser.parse_args().kubeconfig))


if __name__ == "__main__":
    sys.exit(main())
