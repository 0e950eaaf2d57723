"""The tour is the demo where there is no terminal, and the proof that the whole program works end to end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from k8sops.cli.tour import Guide, Stop, TourError


async def test_the_tour_comes_true_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """`make demo` on a machine without a terminal: exit 0, no process, no folder."""
    environment = {**os.environ, "K8SOPS_SANDBOX_HOME": str(tmp_path / "sandboxes")}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "k8sops", "demo"],
        env=environment, capture_output=True, text=True, timeout=900, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "17 of 17 stops came true." in done.stdout
    assert "5 of 5 replicas ready" in done.stdout
    assert not list((tmp_path / "sandboxes").glob("tour-*/kubeconfig"))
    left = [
        process.info["name"]
        for process in psutil.process_iter(["name", "cmdline"])
        if any(str(tmp_path) in word for word in process.info["cmdline"] or ())
    ]
    assert left == []


def test_a_stop_that_does_not_come_true_fails_the_tour(kubeconfig: Path) -> None:
    """A tour that cannot fail would prove nothing."""
    guide = Guide({**os.environ, "KUBECONFIG": str(kubeconfig)})
    with pytest.raises(TourError, match="does not show"):
        guide.play(Stop("A claim", ("get", "nodes"), lambda _: False))
    with pytest.raises(TourError, match="exited 2"):
        guide.play(Stop("A mistake", ("get", "gizmos"), lambda _: True))
