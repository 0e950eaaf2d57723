"""The whole screen over the whole stack: Textual, service, watch and a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from k8sops.cluster.connect import connect
from k8sops.core.clock import SystemClock
from k8sops.core.tables import TableQuery
from k8sops.service import open_ops
from k8sops.service.config import Config
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.live_table import LiveTable
from tests.support.workloads import create, deployment

DEADLINE_S = 30


def _names(app: K8sOpsApp) -> list[str]:
    return [row.name for row in app.screen.query_one(LiveTable).shown]


async def _until(pilot: Pilot[Any], holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not holds():
            await pilot.pause(0.05)


async def test_a_pod_made_while_one_watches_appears_and_can_be_filtered_for(
    kubeconfig: Path, cluster_namespace: str
) -> None:
    """What the demo promises: rows that keep themselves true, on a real control plane."""
    config = Config(kubeconfig=(kubeconfig,), namespace=cluster_namespace)
    cluster = await connect(
        context=None, kubeconfig=(kubeconfig,), impersonate=None, clock=SystemClock(), cluster_names={}
    )
    await create(cluster, deployment("early", cluster_namespace, replicas=2))
    app = K8sOpsApp(lambda: open_ops(config), TableQuery(kind="pods", namespace=cluster_namespace))
    async with app.run_test(size=(80, 24)) as pilot:
        await _until(pilot, lambda: bool(app.screen.query(LiveTable)) and len(_names(app)) == 2)
        await create(cluster, deployment("late", cluster_namespace, replicas=1))
        await _until(pilot, lambda: len(_names(app)) == 3)
        await pilot.press("slash", *"late", "enter")
        await _until(pilot, lambda: [name.split("-")[0] for name in _names(app)] == ["late"])
        await pilot.press("q")
    await cluster.aclose()
    assert app.return_code == 0
