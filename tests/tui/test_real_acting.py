"""From a row to a finished run and back, over the whole stack: Textual, service, store and a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, TextArea

from k8sops.cluster.client import KubeCluster
from k8sops.core.tables import TableQuery
from k8sops.sandbox.manager import SandboxHandle
from k8sops.sandbox.namespaces import create_namespace, delete_namespace
from k8sops.sandbox.pytest_plugin import in_thread
from k8sops.service import open_ops
from k8sops.service.config import Config
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.acting.edit_screen import EditScreen
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.live_table import LiveTable
from k8sops.tui.running.lines_view import LinesView
from k8sops.tui.running.run_screen import RunScreen
from tests.support.workloads import create, deployment
from tests.tui.at_rest import until


def _is_planned(app: K8sOpsApp, **params: Any) -> bool:
    """Whether the plan that stands there is of these Params."""
    shown = app.screen._shown if isinstance(app.screen, ActionDialog) else None
    return shown is not None and params.items() <= shown.plan.params.items()


def _has_ended(app: K8sOpsApp) -> bool:
    screen = app.screen
    if not isinstance(screen, RunScreen) or not screen.query("#page"):
        return False
    return any(line.startswith("✓ succeeded") for line in screen.query_one("#page", LinesView).texts)


@pytest.fixture
def beside(sandbox: SandboxHandle, cluster_namespace: str) -> Iterator[str]:
    """Another namespace."""
    name = f"{cluster_namespace}-beside"
    in_thread(lambda: create_namespace(sandbox, name))
    yield name
    in_thread(lambda: delete_namespace(sandbox, name))


async def _replicas(cluster: KubeCluster, namespace: str) -> int:
    found = await cluster.get(await cluster.resource("deployments"), "web", namespace)
    return int(found["spec"]["replicas"])


async def test_a_row_is_scaled_taken_back_and_edited_by_keys_alone(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> None:
    """What the pilot tests show piece by piece works as one program on a cluster."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    config = Config(
        kubeconfig=(kubeconfig,), namespace=cluster_namespace, database_url=f"sqlite:///{tmp_path}/k8sops.db"
    )
    app = K8sOpsApp(lambda: open_ops(config), TableQuery(kind="deployments", namespace=cluster_namespace))
    async with app.run_test(size=(120, 32)) as pilot:
        await until(
            pilot, lambda: app.screen.query(LiveTable) and len(app.screen.query_one(LiveTable).shown) == 1
        )
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ActionDialog))
        await until(pilot, lambda: app.screen.query_one("#form Input", Input).value == "1")
        await until(pilot, lambda: _is_planned(app))
        await pilot.press("2")
        await until(pilot, lambda: _is_planned(app, replicas=2))
        await pilot.press("enter")
        await until(pilot, lambda: _has_ended(app))
        assert await _replicas(cluster, cluster_namespace) == 2
        await pilot.press("u")
        await until(pilot, lambda: _is_planned(app))
        await pilot.press("enter")
        await until(pilot, lambda: _has_ended(app))
        assert await _replicas(cluster, cluster_namespace) == 1
        while isinstance(app.screen, RunScreen):
            await pilot.press("escape")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, EditScreen))
        text = app.screen.query_one(TextArea)
        await until(pilot, lambda: "replicas: 1" in text.text)
        text.text = text.text.replace("replicas: 1", "replicas: 0")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: _is_planned(app))
        await pilot.press("enter")
        await until(pilot, lambda: _has_ended(app))
        assert await _replicas(cluster, cluster_namespace) == 0
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, RunScreen | EditScreen))


async def test_marked_rows_of_two_namespaces_are_one_plan_and_one_way_back(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str, beside: str, tmp_path: Path
) -> None:
    """Somebody marks what is to be scaled and presses one key, wherever the rows lie; `u` takes back all of it."""
    for namespace in (cluster_namespace, beside):
        await create(cluster, deployment("web", namespace, replicas=1))
    config = Config(
        kubeconfig=(kubeconfig,), namespace="default", database_url=f"sqlite:///{tmp_path}/k8sops.db"
    )
    query = TableQuery(kind="deployments", namespace=f"{cluster_namespace},{beside}")
    app = K8sOpsApp(lambda: open_ops(config), query)
    async with app.run_test(size=(120, 32)) as pilot:
        await until(
            pilot, lambda: app.screen.query(LiveTable) and len(app.screen.query_one(LiveTable).shown) == 2
        )
        await pilot.press("space", "j", "space")
        await until(pilot, lambda: len(app.screen.query_one(LiveTable).marked) == 2)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ActionDialog))
        await until(pilot, lambda: app.screen.query_one("#form Input", Input).value == "1")
        await until(pilot, lambda: _is_planned(app))
        await pilot.press("2")
        await until(pilot, lambda: _is_planned(app, replicas=2))
        await pilot.press("enter")
        await until(pilot, lambda: _has_ended(app))
        assert [await _replicas(cluster, each) for each in (cluster_namespace, beside)] == [2, 2]
        await pilot.press("u")
        await until(pilot, lambda: _is_planned(app))
        await pilot.press("enter")
        await until(pilot, lambda: _has_ended(app))
        assert [await _replicas(cluster, each) for each in (cluster_namespace, beside)] == [1, 1]
