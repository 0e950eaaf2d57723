"""The fit preview against the truth and the clock: `python -m tests.bench.bench_fit [--clusters N] [--seeds N]`.

Random clusters on a sandbox of their own, each moved by the real kube-scheduler, in the order the preview was given and
in another. Exits 1 where *fits* was wrong once, in either, or feasibility in the first for less than 98 % of pods, and
where a case could not be set up. `--speed` measures instead: 400 pods, 500 nodes, 10,000 pods.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from k8sops.cluster.connect import connect
from k8sops.core.clock import SystemClock
from k8sops.forecast.fit import preview
from k8sops.sandbox.manager import SandboxManager
from tests.bench.fit_load import large_world
from tests.forecast.truth import Outcome, Tally, many, priorities

ACCURACY = 0.98
SECONDS = 2.0


async def truth(clusters: int, seeds: int, at_once: int, kubeconfig: Path | None) -> int:
    """Play all cases and say what came of them."""
    if kubeconfig is not None:
        return await _play(kubeconfig, clusters, seeds, at_once)
    with tempfile.TemporaryDirectory(prefix="k8sops-fit-") as home:
        manager = SandboxManager(Path(home))
        handle = await manager.up("fit", nodes=0)
        try:
            return await _play(handle.kubeconfig, clusters, seeds, at_once)
        finally:
            await manager.down("fit")


async def _play(kubeconfig: Path, clusters: int, seeds: int, at_once: int) -> int:
    cluster = await connect(
        context=None, kubeconfig=[kubeconfig], impersonate=None, clock=SystemClock(), cluster_names={}
    )
    started = time.monotonic()
    try:
        named = [
            (f"c{index}s{seed}", seed * 1000 + index) for seed in range(seeds) for index in range(clusters)
        ]
        async with priorities(cluster):
            tally = await many(cluster, named, at_once, _tell)
    finally:
        await cluster.aclose()
    sys.stdout.write(f"{clusters} clusters x {seeds} seeds in {time.monotonic() - started:.0f} s: {tally}\n")
    for why in tally.unmade:
        sys.stdout.write(f"not set up: {why}\n")
    return int(bool(tally.wrong_promises or tally.unmade) or tally.accuracy() < ACCURACY)


def _tell(outcomes: list[Outcome], tally: Tally) -> None:
    for one in outcomes:
        if not one.right:
            sys.stdout.write(f"{'WRONG PROMISE ' if one.wrong_promise else ''}{one}\n")
    if tally.cases % 10 == 0:
        sys.stdout.write(f"{tally}\n")
    sys.stdout.flush()


def speed() -> int:
    """Seconds of processor for one preview; 1 where it took longer than allowed."""
    slow = False
    for cpu, what in ((8, "room for all"), (4, "room for few")):
        world, leaving, moving = large_world(cpu=cpu)
        started = time.process_time()
        fits = preview(world, leaving=leaving, moving=moving)
        took = time.process_time() - started
        slow = slow or took > SECONDS
        verdicts = dict(Counter(one.verdict for one in fits))
        sys.stdout.write(f"{what}: {took:.2f} s for {len(fits)} pods {verdicts}\n")
    return int(slow)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--kubeconfig", type=Path, help="a control plane that runs already")
    parser.add_argument("--speed", action="store_true", help="measure the preview instead")
    given = parser.parse_args()
    if given.speed:
        return speed()
    return asyncio.run(truth(given.clusters, given.seeds, given.at_once, given.kubeconfig))


if __name__ == "__main__":
    sys.exit(main())
