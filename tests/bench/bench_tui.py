"""The screen on 10,000 pods, as a person meets it: the real program on a real pseudo-terminal.

`python -m tests.bench.bench_tui --kubeconfig FILE`, on a sandbox that holds the pods. A frame counts as there when the
terminal has been written what only that frame shows. Latencies are those of a terminal beside the program.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import psutil

from k8sops.core.clock import SystemClock
from k8sops.sandbox.etcdapi import open_etcd_beside
from k8sops.sandbox.seed.api import open_api
from k8sops.sandbox.traffic import CONNECTIONS, Traffic, TrafficPlan
from tests.bench.bench_cluster import Figure
from tests.bench.measuring import MIB
from tests.tui.pty_terminal import PtyTerminal

ROWS, COLUMNS = 50, 180
STARTS = 5
KEYS = 100
UPDATES_PER_S = 500.0
TRAFFIC_S = 30.0
SETTLING_S = 3.0
TEXTS = ("r", "ru", "run", "runn", "runni", "^load-.*7$", "!Running", "-l app=web", "crash", "load-1")
CURSOR = "▌"
WITHIN_S = 60.0


class Stopwatch:
    """One program on one terminal, watched closely."""

    def __init__(self, kubeconfig: Path, *arguments: str) -> None:
        self._started = time.perf_counter()
        self.terminal = PtyTerminal(
            [sys.executable, "-m", "k8sops", "--kubeconfig", str(kubeconfig), "tui", *arguments],
            environ={"COLORTERM": "truecolor"},
            rows=ROWS,
            columns=COLUMNS,
        )

    def seconds_until(self, pattern: str, since: int = 0) -> float:
        """Seconds since now (or, without a place, since the start) until this has been written behind a place."""
        began = time.perf_counter() if since else self._started
        self._wait(lambda: re.search(pattern, self._written(since)))
        return time.perf_counter() - began

    def press(self, keys: str, pattern: str) -> float:
        """Milliseconds from a key to the frame that shows it."""
        self.terminal.pump()
        place = len(self.terminal.written)
        began = time.perf_counter()
        self.terminal.type(keys)
        self._wait(lambda: re.search(pattern, self._written(place)))
        return (time.perf_counter() - began) * 1000

    def rest(self, seconds: float) -> None:
        """Let it be, reading what it writes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.terminal.pump()
            time.sleep(0.01)

    @property
    def process(self) -> psutil.Process:
        """The program."""
        return psutil.Process(self.terminal.process.pid)

    def _written(self, since: int) -> str:
        return self.terminal.written[since:].decode(errors="replace")

    def _wait(self, holds: Callable[[], object]) -> None:
        end = time.monotonic() + WITHIN_S
        while not holds():
            assert time.monotonic() < end, f"did not come: {self.terminal.text[-2000:]}"
            self.terminal.pump()
            time.sleep(0.0005)


def starts(kubeconfig: Path, rows: str) -> list[Figure]:
    """How soon the first rows are there, and how soon all are."""
    first, whole = [], []
    for _ in range(STARTS):
        watch = Stopwatch(kubeconfig, "pods", "-A")
        try:
            first.append(watch.seconds_until(CURSOR))
            whole.append(watch.seconds_until(rf"{rows} rows.*live"))
        finally:
            watch.terminal.close()
    return [
        Figure("first rows after start, median", median(first), "s", 0.7),
        Figure("all rows after start, median", median(whole), "s"),
    ]


def keys(watch: Stopwatch, what: str) -> list[Figure]:
    """Cursor keys and keystrokes of filters."""
    moves = [watch.press("j", CURSOR) for _ in range(KEYS)]
    pages = [watch.press("\x06\x02"[number % 2], CURSOR) for number in range(20)]
    typed: list[float] = []
    for text in TEXTS:
        watch.press("/", "/")
        # The letter itself: how many were found is only written anew where that changed.
        typed += [watch.press(letter, re.escape(letter)) for letter in text]
        watch.press("\x1b", "rows")
        watch.rest(0.2)
    return [
        Figure(f"cursor key to frame{what}, p95", _p95(moves), "ms", 50),
        Figure(f"page key to frame{what}, p95", _p95(pages), "ms"),
        Figure(f"filter keystroke to frame{what}, p95", _p95(typed), "ms", 50),
    ]


async def under_traffic(watch: Stopwatch, kubeconfig: Path) -> list[Figure]:
    """CPU and the slowest key while 500 pods change a second."""
    traffic = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.bench_tui", "--kubeconfig", str(kubeconfig), "--traffic"
    )
    try:
        await asyncio.to_thread(watch.rest, SETTLING_S)
        before, began = sum(watch.process.cpu_times()[:2]), time.monotonic()
        slowest: list[float] = []
        while time.monotonic() - began < TRAFFIC_S - 2 * SETTLING_S:
            slowest.append(await asyncio.to_thread(watch.press, "jk"[len(slowest) % 2], CURSOR))
            await asyncio.to_thread(watch.rest, 0.2)
        taken = sum(watch.process.cpu_times()[:2]) - before
        share = 100 * taken / (time.monotonic() - began)
    finally:
        await traffic.wait()
    return [
        Figure(f"CPU at {UPDATES_PER_S:g} updates a second", share, "%", 25),
        Figure("slowest key to frame meanwhile", max(slowest), "ms", 100),
        Figure("key to frame meanwhile, p95", _p95(slowest), "ms"),
    ]


async def drive(kubeconfig: Path) -> None:
    """Be the traffic, in a process of its own."""
    plan = TrafficPlan(updates=UPDATES_PER_S, seconds=TRAFFIC_S)
    async with (
        open_api(kubeconfig, connections=CONNECTIONS) as api,
        open_etcd_beside(kubeconfig) as etcd,
    ):
        report = await Traffic(api, plan, SystemClock(), lambda _: None, etcd).run()
    sys.stderr.write(f"traffic: {report.achieved:.0f} changes a second\n")


async def run(kubeconfig: Path, rows: str) -> int:
    """All of it; 1 where a limit was missed."""
    figures = starts(kubeconfig, rows)
    watch = Stopwatch(kubeconfig, "pods", "-A")
    try:
        watch.seconds_until(rf"{rows} rows.*live")
        watch.rest(SETTLING_S)
        figures += keys(watch, "")
        figures += await under_traffic(watch, kubeconfig)
        figures.append(Figure("resident memory", watch.process.memory_info().rss / MIB, "MiB", 250))
    finally:
        watch.terminal.close()
    sys.stdout.write("\n".join(map(str, figures)) + f"\nload average {os.getloadavg()[0]:.1f}\n")
    return 0 if all(figure.held for figure in figures) else 1


def _p95(samples: list[float]) -> float:
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * 0.95))]


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--rows", default=r"[\d,]+", help="as the header says it, as a regular expression")
    parser.add_argument("--traffic", action="store_true", help="only let the pods change")
    options = parser.parse_args()
    if options.traffic:
        asyncio.run(drive(options.kubeconfig))
        return 0
    return asyncio.run(run(options.kubeconfig, options.rows))


if __name__ == "__main__":
    sys.exit(main())
