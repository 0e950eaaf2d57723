"""The client through the fault proxy, in front of a real API server; and the proxy's own word kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core import errors
from tests.support.clients import client_of
from tests.support.fault_proxy import FaultProxy


@pytest.fixture
async def proxy(kubeconfig: Path) -> AsyncIterator[FaultProxy]:
    """A proxy before the shared control plane."""
    async with FaultProxy(kubeconfig) as found:
        yield found


@pytest.fixture
async def cluster(proxy: FaultProxy) -> AsyncIterator[KubeCluster]:
    """A client that goes through the proxy."""
    async with client_of(proxy.kubeconfig) as found:
        yield found


def config_map(namespace: str) -> dict[str, Any]:
    """A ConfigMap called `a`."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}}


async def test_throttling_and_a_failure_and_a_reset_go_unnoticed_by_a_read(
    proxy: FaultProxy, cluster: KubeCluster
) -> None:
    """Three nuisances in a row cost time, not an error."""
    maps = await cluster.resource("cm")
    proxy.fail(429, path="configmaps", retry_after=0)
    proxy.fail(503, path="configmaps")
    proxy.reset(path="configmaps")
    proxy.reset(path="configmaps", after_bytes=20)
    assert [item async for item in cluster.list(maps, "kube-system")]
    assert sum("configmaps" in seen.path for seen in proxy.seen) == 5


async def test_a_mutation_whose_answer_is_lost_is_told_not_repeated(
    proxy: FaultProxy, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """It did happen here, which nobody could know: the caller must look before it acts again."""
    maps = await cluster.resource("cm")
    proxy.reset(method="POST", path="configmaps", after_bytes=0)
    with pytest.raises(errors.UnreachableError, match="was lost"):
        await cluster.create(maps, config_map(cluster_namespace))
    assert sum(seen.method == "POST" and "configmaps" in seen.path for seen in proxy.seen) == 1
    assert await cluster.get(maps, "a", cluster_namespace)


async def test_an_apply_whose_answer_is_lost_is_repeated(
    proxy: FaultProxy, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Server-side apply is idempotent."""
    maps = await cluster.resource("cm")
    proxy.reset(method="PATCH", after_bytes=0)
    await cluster.apply(maps, config_map(cluster_namespace), field_manager="k8sops")
    assert sum(seen.method == "PATCH" for seen in proxy.seen) == 2


async def test_a_slow_body_is_waited_for_and_a_stopped_one_is_not(
    proxy: FaultProxy, cluster: KubeCluster
) -> None:
    """Slow is not dead, as long as the deadline is not reached."""
    proxy.slow(path="/version", chunk=50, delay_s=0.02)
    assert (await cluster.server_version()).startswith("v1.")
    proxy.pause()
    with pytest.raises(errors.DeadlineError, match=r"within 0\.3 s"):
        await cluster.transport.request("GET", "/version", deadline_s=0.3)
    proxy.resume()
    assert (await cluster.server_version()).startswith("v1.")


@pytest.mark.parametrize("trouble", ["cut", "expire"])
async def test_a_watch_that_is_cut_or_expires_loses_nothing_and_doubles_nothing(
    proxy: FaultProxy, cluster: KubeCluster, cluster_namespace: str, trouble: str
) -> None:
    """What happens while the watch is away must arrive, once."""
    maps = await cluster.resource("cm")
    told: list[tuple[str, str]] = []
    async with aclosing(cluster.watch(maps, cluster_namespace)) as events:
        async with asyncio.timeout(120):
            async for event in events:
                name = event.object.get("metadata", {}).get("name", "")
                if name != "kube-root-ca.crt" and event.type not in {"lost", "recovered"}:
                    told.append((event.type, name))
                if event.type == "synced":
                    assert (proxy.cut_watches() if trouble == "cut" else proxy.expire_watches()) == 1
                    await cluster.create(maps, config_map(cluster_namespace))
                if name == "a" and event.type == "added":
                    await cluster.delete(maps, "a", cluster_namespace)
                if event.type == "deleted":
                    break
    assert told == [("synced", ""), ("added", "a"), ("deleted", "a")]
