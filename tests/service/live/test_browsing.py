"""Tables with figures on a real control plane, whose metrics are played for pods that are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.clock import Clock
from k8sops.core.ports import ClusterReader
from k8sops.core.tables import LiveRows, TableQuery
from k8sops.service import open_ops
from k8sops.service.config import Config
from k8sops.service.live import opening
from tests.support.workloads import create, naked_pod

DEADLINE_S = 180


def _told(rows: LiveRows) -> dict[str, dict[str, str]]:
    names = [column.name for column in rows.columns]
    return {row.name: dict(zip(names, row.cells, strict=False)) for row in rows.rows}


async def test_pods_nodes_and_containers_show_what_they_use(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """The figures come from three APIs; whether they meet in one row is seen only on a server."""
    pod = naked_pod("web", cluster_namespace)
    pod["spec"]["containers"][0]["resources"] = {
        "requests": {"cpu": "100m", "memory": "64Mi"},
        "limits": {"memory": "128Mi"},
    }
    await create(cluster, pod)
    container = pod["spec"]["containers"][0]["name"]
    async with open_ops(Config(kubeconfig=(kubeconfig,), namespace=cluster_namespace)) as ops:
        pods = await ops.browse(TableQuery(kind="po", namespace=cluster_namespace))
        await _until(pods, "web", "CPU", "m")
        told = _told(pods)["web"]
        assert told["%CPU/L"] == "-"
        assert told["%CPU/R"].endswith("%")
        assert told["%MEM/L"].endswith("%")
        await pods.aclose()
        nodes = await ops.browse(TableQuery(kind="nodes"))
        await _until(nodes, "", "%CPU REQ", "%")
        assert all("/" in row["Pods"] for row in _told(nodes).values())
        await nodes.aclose()
        query = TableQuery(kind="containers", namespace=cluster_namespace, name="web")
        containers = await ops.browse(query)
        await _until(containers, container, "CPU", "m")
        assert _told(containers)[container]["State"] == "Running"
        await cluster.delete(await cluster.resource("pods"), "web", cluster_namespace)
        async with asyncio.timeout(DEADLINE_S), aclosing(containers.changes()) as changes:
            async for _ in changes:
                if not containers.rows:
                    break
        await containers.aclose()
        both = await ops.browse(TableQuery(kind="configmaps", namespace=f"{cluster_namespace},default"))
        async with asyncio.timeout(DEADLINE_S), aclosing(both.changes()) as changes:
            async for _ in changes:
                if {row.namespace for row in both.rows} == {cluster_namespace, "default"}:
                    break
        await both.aclose()


async def test_a_table_begun_before_there_is_a_screen_is_the_one_it_is_given(
    kubeconfig: Path, cluster_namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed a second time it would come later than without: what is begun has to be what is shown, and only once."""
    opened: list[TableQuery] = []
    browse = opening.browse

    async def counted(
        cluster: ClusterReader, query: TableQuery, clock: Clock, in_sight: asyncio.Event | None
    ) -> LiveRows:
        opened.append(query)
        return await browse(cluster, query, clock, in_sight)

    monkeypatch.setattr(opening, "browse", counted)
    first, other = (TableQuery(kind=kind, namespace=cluster_namespace) for kind in ("configmaps", "secrets"))

    class First:
        """The table, and what waits for it to be in sight."""

        def __init__(self) -> None:
            self.then: list[Callable[[], None]] = []

        async def __call__(self, context: str, default_namespace: str) -> TableQuery:
            return first

        def when_shown(self, then: Callable[[], None]) -> None:
            self.then.append(then)

    asked_first = First()
    async with open_ops(Config(kubeconfig=(kubeconfig,)), first=asked_first) as ops:
        for then in asked_first.then:
            then()
        given = await ops.browse(first)
        assert opened == [first]
        again = await ops.browse(first)
        assert opened == [first, first]
        assert again is not given
        ops.begin(first)
        elsewhere = await ops.browse(other)
        assert opened[-1] == other
        for rows in (given, again, elsewhere):
            await rows.aclose()


async def _until(rows: LiveRows, name: str, column: str, ending: str) -> None:
    """Follow until a cell (of any row where no name is given) ends so."""
    async with asyncio.timeout(DEADLINE_S), aclosing(rows.changes()) as changes:
        async for _ in changes:
            told = _told(rows)
            wanted = [told[name]] if name in told else list(told.values()) if not name else []
            if any(row.get(column, "").endswith(ending) for row in wanted):
                return
