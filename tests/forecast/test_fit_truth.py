"""The fit preview against the real kube-scheduler; `python -m tests.bench.bench_fit` plays many more clusters."""

from __future__ import annotations

from k8sops.core.ports import Cluster
from tests.forecast.truth import many, priorities

CASES = [(f"t{seed}", seed) for seed in range(6)]


async def test_what_fits_is_never_refused_by_the_real_scheduler(cluster: Cluster) -> None:
    """A promise that a pod finds a place is what an administrator drains a node on."""
    async with priorities(cluster):
        tally = await many(cluster, CASES, at_once=6)
    assert tally.unmade == []
    assert tally.outcomes
    assert [str(one) for one in tally.wrong_promises] == []
    assert tally.accuracy() >= 0.9, "\n".join(
        str(one) for one in tally.outcomes if not one.right and not one.shuffled
    )
