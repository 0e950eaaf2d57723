"""The ledger against the real disruption controller and the real Eviction API."""

from __future__ import annotations

import asyncio

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import ServerError, TooManyRequestsError
from k8sops.forecast.budgets import Ledger
from k8sops.forecast.objects import Budget, Pod
from tests.forecast.budget_world import BudgetWorld, alone, budget_world, ledger_now, unreckoned, until

CASES = 24


async def asked(cluster: KubeCluster, pod: Pod, *, really: bool = False) -> str:
    """The Eviction API's answer: `goes`, `refused` or `two`."""
    meta = pod.metadata
    try:
        if really:
            await cluster.evict(meta.name, meta.namespace, uid=meta.uid, grace_period_seconds=0)
        else:
            await cluster.preview_evict(meta.name, meta.namespace, uid=meta.uid)
    except TooManyRequestsError:
        return "refused"
    except ServerError as error:
        return "two" if "more than one PodDisruptionBudget" in error.message else error.message
    return "goes"


def foretold(ledger: Ledger, pod: Pod) -> str:
    """What the ledger says to the same question."""
    blocks = ledger.blocked_by(pod)
    if not blocks:
        return "goes"
    return "two" if blocks[0].code == "two_budgets" else "refused"


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_numbers_and_verdicts_are_those_of_the_cluster(
    cluster: KubeCluster, cluster_namespace: str, seed: int
) -> None:
    """Random workloads, pod states and budgets: status and dry-run eviction of each pod, then evictions in earnest."""
    async with budget_world(cluster, cluster_namespace, seed) as world:
        await asyncio.gather(*(world.add(f"app-{place:02}") for place in range(CASES)))
        await world.settle()
        await world.scramble()
        await until("the controller to agree", lambda: unreckoned(cluster, cluster_namespace))
        ledger, budgets, pods = await ledger_now(cluster, cluster_namespace)
        single = alone(ledger, budgets, pods)
        answers = await asyncio.gather(*(asked(cluster, pod) for pod in pods))
        assert {pod.key: answer for pod, answer in zip(pods, answers, strict=True)} == {
            pod.key: foretold(ledger, pod) for pod in pods
        }
        await asyncio.gather(*(_evict_all(world, ledger, one) for one in single))


async def _evict_all(world: BudgetWorld, ledger: Ledger, budget: Budget) -> None:
    """Evict the pods of a budget one after another, comparing each answer and what is left."""
    resource = await world.cluster.resource("poddisruptionbudgets")
    app = budget.metadata.name.rpartition("-")[0]
    for pod in await world.pods_of(app):
        assert await asked(world.cluster, pod, really=True) == foretold(ledger, pod), pod.key
        if ledger.blocked_by(pod):
            continue
        ledger.evict(pod)

        async def behind() -> str:
            found = await world.cluster.get(resource, budget.metadata.name, world.namespace)
            allowed, wanted = found["status"]["disruptionsAllowed"], ledger.allowed(budget.key)
            return "" if allowed == wanted else f"{budget.key} allows {allowed}, computed {wanted}"

        await until("the controller to count an eviction", behind)
