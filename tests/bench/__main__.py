"""All measurements: `python -m tests.bench`, on a sandbox of their own that is taken down afterwards.

`--kubeconfig FILE` uses a cluster that holds 10,000 pods already. Exits 1 where a limit was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from k8sops.sandbox.manager import SandboxManager
from k8sops.sandbox.seed import seed
from tests.bench import bench_audit, bench_cluster, bench_engine, bench_redact

PODS = 10_000
NODES = 500


def say(sentence: str) -> None:
    """Progress goes beside the figures, not among them."""
    sys.stderr.write(f"{sentence}\n")


async def on_a_sandbox() -> int:
    """Bring a sandbox up, fill it, measure on it, take it down."""
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
        manager = SandboxManager(Path(home))
        handle = await manager.up("bench", say=say)
        try:
            await seed(handle.kubeconfig, progress=say, pods=PODS, nodes=NODES)
            return await bench_cluster.run(handle.kubeconfig)
        finally:
            await manager.down("bench")


def main() -> int:
    """Entry point of `make bench`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, help="a cluster that holds the pods already")
    kubeconfig = parser.parse_args().kubeconfig
    missed = asyncio.run(bench_cluster.run(kubeconfig) if kubeconfig else on_a_sandbox())
    return (
        missed | bench_audit.main() | bench_redact.main() | asyncio.run(bench_engine.run(bench_engine.BUSY_S))
    )


if __name__ == "__main__":
    sys.exit(main())
