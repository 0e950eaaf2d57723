"""The first lock: a planner that calls a mutation does not pass mypy, in the project's own settings."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLANNER = """
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.ports import Cluster, ClusterReader, Resource

async def plan(cluster: ClusterReader, pods: Resource) -> None:
    await cluster.get(pods, "web", "shop")
    {call}

def as_reader(cluster: ReadOnlyCluster) -> ClusterReader:
    return cluster

def reader_of(cluster: Cluster) -> ClusterReader:
    return cluster
"""


async def mypy(source: str, folder: Path) -> tuple[int, str]:
    """Exit status and output of mypy on this source, with the project's configuration."""
    snippet = folder / "planner.py"
    snippet.write_text(source)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(
            "-m",
            "mypy",
            "--config-file",
            str(ROOT / "pyproject.toml"),
            "--cache-dir",
            str(ROOT / ".mypy_cache"),
        ),
        str(snippet),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(180):
        out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the snippets go; the cache is the checkout's own, because a first mypy run is slow."""
    return tmp_path_factory.mktemp("typing")


async def test_a_planner_that_only_reads_passes(folder: Path) -> None:
    """Else the next test would prove nothing."""
    code, out = await mypy(PLANNER.format(call="await cluster.preview_delete(pods, 'web', 'shop')"), folder)
    assert code == 0, out


async def test_a_planner_that_deletes_is_a_type_error(folder: Path) -> None:
    """Planning changes nothing, and the machine says so before the code ever runs."""
    code, out = await mypy(PLANNER.format(call="await cluster.delete(pods, 'web', 'shop')"), folder)
    assert code == 1
    assert '"ClusterReader" has no attribute "delete"' in out
