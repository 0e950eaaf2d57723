"""One seed from end to end: company, story, load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from k8sops.core.clock import SystemClock
from k8sops.sandbox.seed import SeedReport
from k8sops.sandbox.seed.api import open_api
from k8sops.sandbox.seed.company import CompanyWriter
from k8sops.sandbox.seed.etcd_copies import open_copies
from k8sops.sandbox.seed.load import WRITERS, LoadWriter
from k8sops.sandbox.seed.load_objects import load_size
from k8sops.sandbox.seed.story import TOLD, wait_until_true


async def run_seed(
    kubeconfig: Path, *, progress: Callable[[str], None], objects: int, pods: int, nodes: int
) -> SeedReport:
    """See `k8sops.sandbox.seed.seed`."""
    size = load_size(objects, pods, nodes)
    clock = SystemClock()
    begun = clock.monotonic()
    async with open_api(kubeconfig, connections=WRITERS) as api:
        company = await CompanyWriter(api, clock, progress).run()
        await wait_until_true(api, clock, progress)
        counts, created, rate = Counter(company.counts), company.created, 0.0
        if size.total:
            async with open_copies(kubeconfig) as copies:
                load = await LoadWriter(api, clock, progress, size, copies).run()
            counts.update(load.counts)
            created += load.created
            rate = load.created / load.seconds
    return SeedReport(
        applied=dict(sorted(counts.items())),
        created=created,
        seconds=clock.monotonic() - begun,
        objects_per_second=rate,
        story=TOLD,
    )
