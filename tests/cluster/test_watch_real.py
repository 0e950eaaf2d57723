"""Watches against a real API server: expired through the fault proxy, and with the server killed and brought back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from k8sops.cluster.codecs import JsonCodec
from k8sops.cluster.live import LiveTable
from k8sops.cluster.reflector import Reflector
from k8sops.cluster.transport import Transport
from k8sops.core.clock import SystemClock
from k8sops.core.tables import FeedState
from tests.cluster.test_live import names, until
from tests.cluster.watching import Mirror
from tests.support.clients import transport_of
from tests.support.fault_proxy import FaultProxy
from tests.support.restarts import kill_api_server, repair

if TYPE_CHECKING:
    from k8sops.sandbox.manager import SandboxHandle


class ConfigMaps:
    """Config maps of one namespace, written past the proxy."""

    def __init__(self, transport: Transport, namespace: str) -> None:
        self._transport = transport
        self.path = f"/api/v1/namespaces/{namespace}/configmaps"

    async def put(self, name: str) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {"test": "watch"}},
        }
        await self._transport.request("POST", self.path, body=msgspec.json.encode(body))

    async def change(self, name: str) -> None:
        await self._transport.request(
            "PATCH",
            f"{self.path}/{name}",
            body=b'{"data":{"changed":"yes"}}',
            content_type="application/merge-patch+json",
        )

    async def drop(self, name: str) -> None:
        await self._transport.request("DELETE", f"{self.path}/{name}")

    async def truth(self) -> dict[str, tuple[str, str]]:
        body = await self._transport.request("GET", self.path, query=[("labelSelector", "test=watch")])
        items = msgspec.json.decode(body)["items"]
        return {
            f"{meta['namespace']}/{meta['name']}": (meta["uid"], meta["resourceVersion"])
            for meta in (item["metadata"] for item in items)
        }


def mirror_of(transport: Transport, path: str, *, streaming: bool) -> Mirror[dict[str, Any]]:
    codec = JsonCodec()
    query = [("labelSelector", "test=watch")]
    return Mirror(
        Reflector(
            transport, path, codec=codec, clock=SystemClock(), query=query, streaming=streaming, page_size=3
        ),
        codec,
    )


@pytest.mark.parametrize("streaming", [True, False], ids=["streaming list", "paged list"])
@pytest.mark.parametrize("in_stream", [True, False], ids=["as an ERROR event", "as HTTP 410"])
async def test_a_watch_expired_with_410_loses_nothing_and_doubles_nothing(
    kubeconfig: Path, cluster_namespace: str, streaming: bool, in_stream: bool
) -> None:
    """The mirror refuses every change that is no difference; at the end it must equal the cluster."""
    async with (
        transport_of(kubeconfig) as direct,
        FaultProxy(kubeconfig) as proxy,
        transport_of(proxy.kubeconfig) as transport,
    ):
        maps = ConfigMaps(direct, cluster_namespace)
        for number in range(8):
            await maps.put(f"map-{number}")
        mirror = mirror_of(transport, maps.path, streaming=streaming)
        try:
            await mirror.until(
                lambda: mirror.count("synced") == 1 and proxy.open_watches == 1, "a running watch"
            )
            assert mirror.objects == await maps.truth()
            proxy.pause()
            if in_stream:
                proxy.expire_watches()
            else:
                proxy.fail(410, reason="Expired", watches=True)
                proxy.cut_watches()
            await maps.drop("map-1")
            await maps.change("map-2")
            await maps.drop("map-3")
            await maps.put("map-3")
            await maps.put("map-9")
            proxy.resume()
            await mirror.until(lambda: mirror.count("recovered") >= 1, "recovery")
            truth = await maps.truth()
            await mirror.until(lambda: mirror.objects == truth, "the true state")
            await maps.put("later")
            truth = await maps.truth()
            await mirror.until(lambda: mirror.objects == truth, "a change after recovery")
            assert mirror.count("synced") == 1
            assert mirror.count("deleted") == 2
            assert mirror.count("lost") >= 1
        finally:
            await mirror.aclose()


async def test_a_real_server_streams_its_list(kubeconfig: Path, cluster_namespace: str) -> None:
    """KEP-3157 as the real server speaks it: one watch request, no list."""
    async with FaultProxy(kubeconfig) as proxy, transport_of(proxy.kubeconfig) as transport:
        maps = ConfigMaps(transport, cluster_namespace)
        await maps.put("map-1")
        before = len(proxy.seen)
        mirror = mirror_of(transport, maps.path, streaming=True)
        try:
            await mirror.until(lambda: mirror.count("synced") == 1, "the initial state")
            assert mirror.told == [("added", "map-1"), ("synced", "")]
            (request,) = proxy.seen[before:]
            assert "sendInitialEvents=true" in request.query
        finally:
            await mirror.aclose()


async def test_an_api_server_killed_under_a_live_table_is_told_and_survived(
    fresh_cluster: SandboxHandle,
) -> None:
    """The screen says it is stale while the server is away, and is true again once it is back."""
    async with transport_of(fresh_cluster.kubeconfig) as transport:
        maps = ConfigMaps(transport, "default")
        await maps.put("before")
        table = LiveTable(
            transport,
            maps.path,
            clock=SystemClock(),
            query=[("labelSelector", "test=watch")],
            subject="configmaps",
        )
        try:
            await until(table, lambda: table.state is FeedState.LIVE, "live")
            assert names(table) == ["before"]
            await kill_api_server(fresh_cluster)
            await until(table, lambda: table.state is FeedState.STALE, "stale")
            assert names(table) == ["before"]
            assert table.trouble
            await repair(fresh_cluster)
            await maps.put("after")
            # Rows that were read are there a moment before the feed that goes on from them is.
            await until(
                table,
                lambda: names(table) == ["after", "before"] and table.state is FeedState.LIVE,
                "the new object",
                deadline_s=180,
            )
            assert table.trouble == ""
        finally:
            await table.aclose()
