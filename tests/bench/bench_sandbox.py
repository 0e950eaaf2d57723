"""How long a large sandbox takes: the first of its size, then one out of the snapshot, and a list of all its pods.

`python -m tests.bench.bench_sandbox [--nodes 500 --pods 10000 --objects 20000]`, on sandboxes and a cache of its own. A
floor is measured beside it, since the machine's own speed moves: ten million additions, 0.6 s on the reference machine.
The limits are those of the sizes above. 100,000 pods on 2,000 nodes need 12 GiB of memory and 3 GiB of disk.
Wall time suffers from whatever else runs; the CPU seconds of all processes of the sandbox hardly do.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import psutil

from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.seed.api import open_api
from k8sops.sandbox.snapshots import SnapshotCache
from k8sops.sandbox.state import SandboxFolder

REFERENCE_S = 0.6
ADDITIONS = 10_000_000
SIZE = (500, 10_000, 20_000)
"""What the limits are for."""
FIRST_LIMIT_S = 90.0
SECOND_LIMIT_S = 30.0
MIB = 1 << 20


def floor() -> tuple[float, float]:
    """Wall and CPU seconds for ten million additions: the two differ where other work has the cores."""
    wall, cpu, total = time.perf_counter(), time.process_time(), 0
    for _ in range(ADDITIONS):
        total += 1  # noqa: SIM113 - the additions are what is measured
    return time.perf_counter() - wall, time.process_time() - cpu


def cost(handle: SandboxHandle) -> tuple[float, str]:
    """CPU seconds that the sandbox's processes have taken, and the memory of each."""
    state = SandboxFolder(handle.folder.parent, handle.name).load()
    assert state is not None
    seconds, memory = time.process_time(), []
    for record in state.processes:
        process = psutil.Process(record.pid)
        times = process.cpu_times()
        seconds += times.user + times.system
        memory.append(f"{record.component} {process.memory_info().rss // MIB} MiB")
    return seconds, ", ".join(memory)


async def listing(handle: SandboxHandle) -> str:
    """All pods, in pages of 500, and how long it took."""
    begun, count, size = time.perf_counter(), 0, 0
    async with open_api(handle.kubeconfig, connections=1) as api:
        token = ""
        while True:
            page = (await api.send("GET", f"/api/v1/pods?limit=500&continue={token}")).body
            size += len(page)
            parsed = msgspec.json.decode(page, type=_Page)
            count += len(parsed.items)
            token = parsed.metadata.continue_
            if not token:
                return f"{count:,} pods, {size / 1e6:.0f} MB, {time.perf_counter() - begun:.1f} s"


async def shown(handle: SandboxHandle) -> str:
    """`k8sops get pods -A` as a user runs it: rows, wall time and the most memory it held."""
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "k8sops", "--kubeconfig", str(handle.kubeconfig), "get", "pods", "-A"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    rows, most, watched = -1, 0, psutil.Process(process.pid)
    async for _ in process.stdout:
        rows += 1
        if rows % 1000 == 0:
            most = max(most, watched.memory_info().rss)
    await process.wait()
    return f"{rows:,} rows, {time.perf_counter() - begun:.1f} s, {most // MIB} MiB"


class _Metadata(msgspec.Struct):
    continue_: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct):
    items: list[msgspec.Raw]
    metadata: _Metadata


async def run(nodes: int, pods: int, objects: int) -> int:
    """Both starts; the exit code says whether they held their limits at the reference machine's speed."""
    missed, limited = 0, (nodes, pods, objects) == SIZE
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
        snapshots = SnapshotCache(Path(home) / "snapshots")
        manager = SandboxManager(Path(home) / "home", snapshots=snapshots)
        for name, limit in (("first", FIRST_LIMIT_S), ("second", SECOND_LIMIT_S)):
            wall_s, cpu_s = floor()
            slower = wall_s / REFERENCE_S
            tell(
                f"{'floor: 10M additions':<58} {wall_s:8.2f} s, {cpu_s:.2f} s of CPU, {slower:.1f} x the reference"
            )
            begun = time.perf_counter()
            handle = await manager.up(name, nodes=nodes, pods=pods, objects=objects, say=say)
            try:
                wall = time.perf_counter() - begun
                cpu, memory = cost(handle)
                told = f"{wall:8.1f} s, at reference speed {wall / slower:.1f} s"
                told += f", limit {limit:g} s" if limited else ""
                tell(f"{f'{name} sandbox: up':<58} {told}")
                tell(f"{f'{name} sandbox: CPU of all its processes by then':<58} {cpu:8.1f} s")
                tell(f"{f'{name} sandbox: list of its pods':<58} {await listing(handle)}")
                tell(f"{f'{name} sandbox: k8sops get pods -A':<58} {await shown(handle)}")
                tell(f"{f'{name} sandbox: memory':<58} {memory}; afterwards {cost(handle)[1]}")
                tell(f"{f'{name} sandbox: load average':<58} {os.getloadavg()[0]:8.1f}")
                missed += limited and wall / slower > limit
            finally:
                await manager.down(name)
        tell(f"{'snapshot':<58} {sum(one.bytes for one in snapshots.all()) // MIB:8} MiB")
    return 1 if missed else 0


def tell(line: str) -> None:
    """A figure."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def say(line: str) -> None:
    """Progress goes beside the figures."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    for flag, default in zip(("--nodes", "--pods", "--objects"), SIZE, strict=True):
        parser.add_argument(flag, type=int, default=default)
    options = parser.parse_args()
    return asyncio.run(run(options.nodes, options.pods, options.objects))


if __name__ == "__main__":
    sys.exit(main())
