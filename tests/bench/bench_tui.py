"""The screen on 10,000 pods, as a person meets it: the real program on a real pseudo-terminal.

`python -m tests.bench.bench_tui --kubeconfig FILE`, on a sandbox that holds the pods; `--made-up` measures what no
sandbox is needed for, on 100,000 rows and on a flood of log lines. A frame counts as there when the terminal has been
written what only that frame shows. Latencies are those of a terminal beside the program.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

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
KEYS_IN_FLOOD = 20
KEPT = 1 << 16
UPDATES_PER_S = 500.0
TRAFFIC_S = 30.0
SETTLING_S = 3.0
OVERVIEW_S = 60.0
FLOOD_S = 20.0
MADE_UP = 100_000
LINES_PER_S = 5000
PARTS = ("starts", "keys", "traffic", "overview")
TEXTS = ("r", "ru", "run", "runn", "runni", "^load-.*7$", "!Running", "-l app=web", "crash", "load-1")
CURSOR = "▌"
WITHIN_S = 60.0


class Pressed(NamedTuple):
    """Milliseconds from a key to its frame, and of CPU that the event loop took: the same on a busy machine."""

    ms: float
    worked_ms: float


class Stopwatch:
    """One program on one terminal, watched closely."""

    def __init__(self, *command: str) -> None:
        self._started = time.perf_counter()
        self.terminal = PtyTerminal(
            [sys.executable, "-m", *command],
            environ={"COLORTERM": "truecolor"},
            rows=ROWS,
            columns=COLUMNS,
        )

    def seconds_until(self, pattern: str, since: int = 0) -> float:
        """Seconds since now (or, without a place, since the start) until this has been written behind a place."""
        began = time.perf_counter() if since else self._started
        self._wait(lambda: re.search(pattern, self._written(since)))
        return time.perf_counter() - began

    def press(self, keys: str, pattern: str) -> Pressed:
        """From a key to the frame that shows it."""
        self.terminal.pump()
        # What a flood has written before would be copied with each piece that comes.
        self.terminal.written = b""
        began, taken = time.perf_counter(), self._worked_ms()
        self.terminal.type(keys)
        self._wait(lambda: re.search(pattern, self._written(0)))
        return Pressed((time.perf_counter() - began) * 1000, self._worked_ms() - taken)

    def rest(self, seconds: float) -> None:
        """Let it be, reading what it writes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.terminal.pump()
            self.terminal.written = self.terminal.written[-KEPT:]
            time.sleep(0.01)

    def cpu_share(self, seconds: float) -> float:
        """Percent of a core that it takes while it is left alone for so long."""
        before, began = sum(self.process.cpu_times()[:2]), time.monotonic()
        self.rest(seconds)
        return 100 * (sum(self.process.cpu_times()[:2]) - before) / (time.monotonic() - began)

    @property
    def process(self) -> psutil.Process:
        """The program."""
        return psutil.Process(self.terminal.process.pid)

    def _worked_ms(self) -> float:
        return int(Path(f"/proc/{self.terminal.process.pid}/schedstat").read_text().split()[0]) / 1e6

    def _written(self, since: int) -> str:
        return self.terminal.written[since:].decode(errors="replace")

    def _wait(self, holds: Callable[[], object]) -> None:
        end = time.monotonic() + WITHIN_S
        while not holds():
            assert time.monotonic() < end, f"did not come: {self.terminal.text[-2000:]}"
            self.terminal.pump()
            time.sleep(0.0005)


def opened(kubeconfig: Path) -> Stopwatch:
    """The program on all pods of a cluster."""
    return Stopwatch("k8sops", "--kubeconfig", str(kubeconfig), "tui", "pods", "-A")


def starts(kubeconfig: Path, rows: str) -> list[Figure]:
    """How soon the first rows are there, and how soon all are."""
    first, whole = [], []
    for _ in range(STARTS):
        watch = opened(kubeconfig)
        try:
            first.append(watch.seconds_until(CURSOR))
            whole.append(watch.seconds_until(rf"{rows} rows.*live"))
        finally:
            watch.terminal.close()
    return [
        Figure("first rows after start, median", median(first), "s", 0.7),
        Figure("all rows after start, median", median(whole), "s"),
    ]


def keys(watch: Stopwatch, what: str, *, filtering: float | None = None) -> list[Figure]:
    """Cursor keys and keystrokes of filters, which may have a limit of their own."""
    moves = [watch.press("j", CURSOR) for _ in range(KEYS)]
    pages = [watch.press("\x06\x02"[number % 2], CURSOR) for number in range(20)]
    typed: list[Pressed] = []
    for text in TEXTS:
        watch.press("/", "/")
        # The letter itself: how many were found is only written anew where that changed.
        typed += [watch.press(letter, re.escape(letter)) for letter in text]
        watch.press("\x1b", "rows")
        watch.rest(0.2)
    return [
        *_of_keys(f"cursor key to frame{what}", moves, limit=50),
        *_of_keys(f"page key to frame{what}", pages),
        *_of_keys(f"filter keystroke to frame{what}", typed, limit=filtering),
    ]


async def under_traffic(watch: Stopwatch, kubeconfig: Path) -> list[Figure]:
    """CPU and the slowest key while 500 pods change a second."""
    traffic = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.bench_tui", "--kubeconfig", str(kubeconfig), "--traffic"
    )
    try:
        await asyncio.to_thread(watch.rest, SETTLING_S)
        before, began = sum(watch.process.cpu_times()[:2]), time.monotonic()
        slowest: list[Pressed] = []
        while time.monotonic() - began < TRAFFIC_S - 2 * SETTLING_S:
            slowest.append(await asyncio.to_thread(watch.press, "jk"[len(slowest) % 2], CURSOR))
            await asyncio.to_thread(watch.rest, 0.2)
        taken = sum(watch.process.cpu_times()[:2]) - before
        share = 100 * taken / (time.monotonic() - began)
    finally:
        await traffic.wait()
    return [
        Figure(f"CPU at {UPDATES_PER_S:g} updates a second", share, "%", 25),
        Figure("slowest key to frame meanwhile", max(key.ms for key in slowest), "ms", 100),
        Figure("the most CPU of one", max(key.worked_ms for key in slowest), "ms"),
        *_of_keys("key to frame meanwhile", slowest),
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


def at_rest(watch: Stopwatch) -> list[Figure]:
    """What the overview of the whole cluster costs while nobody does anything."""
    watch.press(":overview\r", "(?i)overview")
    watch.rest(2 * SETTLING_S)
    return [Figure("CPU of the overview at rest", watch.cpu_share(OVERVIEW_S), "%")]


async def on_cluster(kubeconfig: Path, rows: str, parts: Sequence[str]) -> list[Figure]:
    """What a cluster is needed for."""
    figures = starts(kubeconfig, rows) if "starts" in parts else []
    watch = opened(kubeconfig)
    try:
        watch.seconds_until(rf"{rows} rows.*live")
        watch.rest(SETTLING_S)
        if "keys" in parts:
            figures += keys(watch, "", filtering=50)
        if "traffic" in parts:
            figures += await under_traffic(watch, kubeconfig)
        figures.append(Figure("resident memory", watch.process.memory_info().rss / MIB, "MiB", 250))
        if "overview" in parts:
            figures += at_rest(watch)
    finally:
        watch.terminal.close()
    return figures


def made_up(rows: int, lines_per_s: int) -> list[Figure]:
    """Many rows, and the log of pods that write without rest."""
    watch = Stopwatch("tests.bench.tui_desk", str(rows), str(lines_per_s))
    try:
        watch.seconds_until(rf"{rows:,} rows.*live")
        watch.rest(SETTLING_S)
        figures = keys(watch, f" on {rows:,} rows")
        figures.append(Figure(f"memory with {rows:,} rows", watch.process.memory_info().rss / MIB, "MiB"))
        watch.press("l", "following")
        watch.rest(2 * SETTLING_S)
        what = f"at {lines_per_s:,} log lines a second"
        figures.append(Figure(f"CPU {what}", watch.cpu_share(FLOOD_S), "%"))
        # Each says that the end is no longer followed, or that it is again.
        pressed = [watch.press("s", ("paused", "following")[number % 2]) for number in range(KEYS_IN_FLOOD)]
        figures += _of_keys(f"key to frame {what}", pressed)
        figures.append(Figure(f"memory {what}", watch.process.memory_info().rss / MIB, "MiB"))
    finally:
        watch.terminal.close()
    return figures


def told(figures: list[Figure]) -> int:
    """Print them; 1 where a limit was missed."""
    sys.stdout.write("\n".join(map(str, figures)) + f"\nload average {os.getloadavg()[0]:.1f}\n")
    return 0 if all(figure.held for figure in figures) else 1


def _of_keys(what: str, pressed: list[Pressed], limit: float | None = None) -> list[Figure]:
    return [
        Figure(f"{what}, p95", _p95([key.ms for key in pressed]), "ms", limit),
        Figure("its CPU, p95", _p95([key.worked_ms for key in pressed]), "ms"),
    ]


def _p95(samples: list[float]) -> float:
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * 0.95))]


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--rows", default=r"[\d,]+", help="as the header says it, as a regular expression")
    parser.add_argument("--traffic", action="store_true", help="only let the pods change")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure on it")
    parser.add_argument("--made-up", type=int, nargs="?", const=MADE_UP, help="so many rows of no cluster")
    parser.add_argument("--lines", type=int, default=LINES_PER_S, help="log lines a second with --made-up")
    options = parser.parse_args()
    if options.made_up:
        return told(made_up(options.made_up, options.lines))
    if options.kubeconfig is None:
        parser.error("--kubeconfig or --made-up")
    if options.traffic:
        asyncio.run(drive(options.kubeconfig))
        return 0
    return told(asyncio.run(on_cluster(options.kubeconfig, options.rows, options.parts)))


if __name__ == "__main__":
    sys.exit(main())
