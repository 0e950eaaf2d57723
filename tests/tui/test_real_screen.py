"""The whole screen over the whole stack: Textual, service, watch and a real API server."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from textual.widgets import Static

from k8sops.cluster.client import KubeCluster
from k8sops.core.plan import JsonObject
from k8sops.core.tables import TableQuery
from k8sops.sandbox.binaries import ensure_binary
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.seed.etcd_copies import open_copies
from k8sops.service import open_ops
from k8sops.service.config import Config
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.live_table import LiveTable
from k8sops.tui.status import Banner, TableLine
from tests.support.clients import client_of
from tests.support.restarts import kill_api_server, repair
from tests.support.workloads import create, deployment, naked_pod
from tests.tui.at_rest import until

RESTART_DEADLINE_S = 180


def _table(app: K8sOpsApp) -> LiveTable:
    return app.screen.query_one(LiveTable)


def _names(app: K8sOpsApp) -> list[str]:
    return [row.name for row in _table(app).shown]


def _says(app: K8sOpsApp, widget: type[Static]) -> str:
    found = app.screen.query_one(widget)
    return str(found.content) if found.display else ""


async def _change_unseen(handle: SandboxHandle, early: JsonObject) -> None:
    """One pod comes and one goes in the database, while no API server can tell anybody."""
    late = early | {"metadata": early["metadata"] | {"name": "late", "uid": str(uuid.uuid4())}}
    del late["metadata"]["resourceVersion"]
    async with open_copies(handle.kubeconfig) as copies:
        assert copies is not None
        assert await copies.put([late]) == 1
    environment = SandboxManager(handle.folder.parent).etcdctl_environment(handle.name)
    etcdctl = await asyncio.create_subprocess_exec(
        *(await ensure_binary("etcdctl"), "del", "/registry/pods/default/goes"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    assert (await etcdctl.communicate())[0].split() == [b"1"]


async def test_a_pod_made_while_one_watches_appears_and_can_be_filtered_for(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """What the demo promises: rows that keep themselves true, on a real control plane."""
    config = Config(kubeconfig=(kubeconfig,), namespace=cluster_namespace)
    await create(cluster, deployment("early", cluster_namespace, replicas=2))
    app = K8sOpsApp(lambda: open_ops(config), TableQuery(kind="pods", namespace=cluster_namespace))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bool(app.screen.query(LiveTable)) and len(_names(app)) == 2)
        await create(cluster, deployment("late", cluster_namespace, replicas=1))
        await until(pilot, lambda: len(_names(app)) == 3)
        await pilot.press("slash", *"late", "enter")
        await until(pilot, lambda: [name.split("-")[0] for name in _names(app)] == ["late"])
        await pilot.press("q")
    assert app.return_code == 0


async def test_the_screen_outlives_an_api_server_restart_and_ends_true(fresh_cluster: SandboxHandle) -> None:
    """Old rows must not pass for true ones, and what came and went while nobody could look must be made good."""
    config = Config(kubeconfig=(fresh_cluster.kubeconfig,), namespace="default")
    app = K8sOpsApp(lambda: open_ops(config), TableQuery(kind="pods", namespace="default"))
    async with client_of(fresh_cluster.kubeconfig) as cluster, app.run_test(size=(120, 40)) as pilot:
        for name in ("early", "goes"):
            await create(cluster, naked_pod(name, "default"))
        await until(pilot, lambda: bool(app.screen.query(LiveTable)) and _names(app) == ["early", "goes"])
        await until(pilot, lambda: all("Running" in row.cells for row in _table(app).shown))
        early = await cluster.get(await cluster.resource("pods"), "early", "default")
        await kill_api_server(fresh_cluster)
        await until(pilot, lambda: "! STALE" in _says(app, TableLine))
        assert urlsplit(fresh_cluster.server).netloc in _says(app, Banner)
        assert "Last known rows shown. Reconnecting." in _says(app, Banner)
        assert _names(app) == ["early", "goes"]
        await _change_unseen(fresh_cluster, early)
        repairing = asyncio.create_task(repair(fresh_cluster))
        await until(pilot, lambda: "✓ live" in _says(app, TableLine), seconds=RESTART_DEADLINE_S)
        await repairing
        await until(pilot, lambda: _names(app) == ["early", "late"])
        assert _says(app, Banner) == ""
        await create(cluster, naked_pod("after", "default"))
        await until(pilot, lambda: _names(app) == ["after", "early", "late"])
        await pilot.press("q")
    assert app.return_code == 0
