"""What is loaded before the first rows are on the screen: each of these was once a tenth of a second of waiting."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

from k8sops.cluster.client import KubeCluster
from tests.support.workloads import create, naked_pod
from tests.tui.pty_terminal import PtyTerminal

DEADLINE_S: Final = 180
NOT_YET: Final = frozenset(
    {"aiohttp", "multidict", "yarl", "k8sops.cluster.wire", "k8sops.forecast", "k8sops.service.live.figures"}
    | {
        "alembic",
        "celpy",
        "cel",
        "cryptography",
        "google.protobuf",
        "jinja2",
        "kubernetes",
        "numpy",
        "obstore",
    }
    | {"psycopg", "pydantic", "pydantic_core", "pyrage", "requests", "slack_bolt", "slack_sdk", "sqlalchemy"}
    | {"sqlite3", "zstandard", "pygments", "markdown_it", "rich.markdown", "rich.syntax", "prometheus_client"}
    | {"textual.widgets._data_table", "textual.widgets._markdown", "textual.widgets._text_area", "csv"}
    | {"k8sops.audit", "k8sops.backup", "k8sops.engine", "k8sops.playbook", "k8sops.policy", "k8sops.redact"}
    | {"k8sops.sandbox", "k8sops.store", "k8sops.core.params", "k8sops.core.run", "k8sops.service.changing"}
    | {"k8sops.tui.acting.dialog", "k8sops.tui.desk", "k8sops.tui.detail", "k8sops.tui.draining"}
    | {"k8sops.tui.help", "k8sops.tui.logs", "k8sops.tui.overview", "k8sops.tui.running.leaving"}
    | {"k8sops.tui.running.words", "k8sops.tui.sessions.beginning", "k8sops.tui.shell.offered"}
)


def _first(loaded: set[str]) -> set[str]:
    """The forbidden ones among the modules, of a package its own name."""
    return {found for name in loaded for found in NOT_YET if name == found or name.startswith(f"{found}.")}


async def test_nothing_is_loaded_before_the_first_rows_that_they_do_not_need(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> None:
    """The whole way from the command line to rows of a real API server, by the modules of its process."""
    await create(cluster, naked_pod("web", cluster_namespace))
    report = tmp_path / "loaded"
    terminal = PtyTerminal(
        [
            *(sys.executable, "-m", "tests.tui.pty_first_rows", str(report)),
            *("--kubeconfig", str(kubeconfig), "tui", "pods", "-n", cluster_namespace),
        ],
        environ={"HISTFILE": "", "XDG_CONFIG_HOME": str(tmp_path), "K8SOPS_DATA": str(tmp_path)},
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not report.exists():
                terminal.pump()
                assert terminal.process.poll() in {None, 0}, terminal.text
                await asyncio.sleep(0.02)
    finally:
        terminal.close()
    loaded = set(report.read_text().split())
    assert {"k8sops.tui.browse", "k8sops.cluster.connect"} <= loaded
    assert _first(loaded) == set()
