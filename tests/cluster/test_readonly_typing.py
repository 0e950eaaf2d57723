"""The first lock: a planner that calls a mutation does not pass mypy, in the project's own settings."""

from __future__ import annotations

import subprocess
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


SNIPPETS = {
    "reads.py": PLANNER.format(call="await cluster.preview_delete(pods, 'web', 'shop')"),
    "deletes.py": PLANNER.format(call="await cluster.delete(pods, 'web', 'shop')"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What mypy says of the snippets, with the project's configuration and cache: a first run is slow."""
    folder = tmp_path_factory.mktemp("typing")
    for name, source in SNIPPETS.items():
        (folder / name).write_text(source)
    where = ("--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *where, *(folder / name for name in SNIPPETS)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_a_planner_that_only_reads_passes(said: list[str]) -> None:
    """Else the next test would prove nothing."""
    assert [line for line in said if "deletes.py" not in line] == [
        "Found 1 error in 1 file (checked 2 source files)"
    ]


def test_a_planner_that_deletes_is_a_type_error(said: list[str]) -> None:
    """Planning changes nothing, and the machine says so before the code ever runs."""
    (error,) = [line for line in said if "deletes.py" in line]
    assert '"ClusterReader" has no attribute "delete"' in error
