"""From a row to a finished run and back, over the whole stack: Textual, service, store and a real API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.widgets import Input, TextArea

from k8sops.cluster.client import KubeCluster
from k8sops.core.tables import TableQuery
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
