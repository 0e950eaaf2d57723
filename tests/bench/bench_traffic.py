"""How many changes of pods a second a sandbox does, straight into etcd and through its API server, and at what CPU.

`python -m tests.bench.bench_traffic [--updates 500 --for 30 --pods 2000]`, on a sandbox of its own. The CPU that one
change costs each process hardly depends on what else runs; the cores divided by their sum is the most that can be had.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

from k8sops.core.clock import SystemClock
from k8sops.sandbox.etcdapi import open_etcd_beside
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.seed.api import open_api
from k8sops.sandbox.snapshots import SnapshotCache
from k8sops.sandbox.state import SandboxFolder
from k8sops.sandbox.traffic import CONNECTIONS, Traffic, TrafficPlan, TrafficReport

NODES = 20
LEAST_OF_ASKED = 0.95


def cpu(handle: SandboxHandle) -> dict[str, float]:
    """CPU seconds that each process of the sandbox has taken, and this one."""
    state = SandboxFolder(handle.folder.parent, handle.name).load()
    assert state is not None
    taken = {record.component: sum(psutil.Process(record.pid).cpu_times()[:2]) for record in state.processes}
    return taken | {"traffic": time.process_time()}


async def stretch(handle: SandboxHandle, plan: TrafficPlan, *, through_api: bool) -> TrafficReport:
    """One stretch of traffic, and its figures."""
    async with (
        open_api(handle.kubeconfig, connections=CONNECTIONS) as api,
        open_etcd_beside(handle.kubeconfig) as etcd,
    ):
        before = cpu(handle)
        traffic = Traffic(api, plan, SystemClock(), say, None if through_api else etcd)
        report = await traffic.run()
        after = cpu(handle)
    # Putting the counts back costs as much as a change.
    writes = report.updates + report.restored
    each = {name: (after[name] - before[name]) * 1000 / writes for name in before}
    total, cores = sum(each.values()), psutil.cpu_count() or 1
    way = "through the API" if through_api else "into etcd"
    tell(f"{way}: changes a second", f"{report.achieved:.0f} of {plan.updates:g}, {report.refused} refused")
    tell(f"{way}: 19 of 20 took at most", f"{report.p95 * 1000:.0f} ms")
    tell(f"{way}: CPU of a change", f"{total:.2f} ms: " + ", ".join(f"{k} {v:.2f}" for k, v in each.items()))
    tell(f"{way}: the most that {cores} cores of this speed could do", f"{cores * 1000 / total:.0f}/s")
    tell(f"{way}: load average at the end", f"{os.getloadavg()[0]:.1f}")
    return report


async def run(updates: float, seconds: float, pods: int) -> int:
    """Both ways; the exit code says whether the first reached its rate."""
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
        manager = SandboxManager(Path(home) / "home", snapshots=SnapshotCache(Path(home) / "snapshots"))
        handle = await manager.up("moving", nodes=NODES, pods=pods, objects=pods + NODES, say=say)
        plan = TrafficPlan(updates=updates, seconds=seconds)
        try:
            direct = await stretch(handle, plan, through_api=False)
            await stretch(handle, plan, through_api=True)
        finally:
            await manager.down("moving")
    return 0 if direct.achieved >= LEAST_OF_ASKED * updates else 1


def tell(what: str, figure: str) -> None:
    """A figure."""
    sys.stdout.write(f"{what:<58} {figure}\n")
    sys.stdout.flush()


def say(line: str) -> None:
    """Progress goes beside the figures."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=float, default=500.0)
    parser.add_argument("--for", dest="seconds", type=float, default=30.0)
    parser.add_argument("--pods", type=int, default=2_000)
    options = parser.parse_args()
    return asyncio.run(run(options.updates, options.seconds, options.pods))


if __name__ == "__main__":
    sys.exit(main())
