"""The sandbox where there is no network but loopback: all of it works, and nothing ever tries to leave."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from k8sops.sandbox.binaries import ensure_binaries
from k8sops.sandbox.manager import SandboxManager
from k8sops.sandbox.versions import CONTROL_PLANE

NAME = "alone"
EVERYTHING = (
    ("up",),
    ("seed",),
    ("kubectl", "--", "logs", "-n", "shop", "deploy/web", "--tail=1"),
    ("kubectl", "--", "top", "nodes"),
    ("traffic", "--updates", "20", "--for", "5s"),
    ("down",),
)
"""Logs go to the address of a node, usage to that of an APIService: the two that could lead out of the machine."""


async def report_of(commands: list[list[str]], environment: dict[str, str]) -> dict[str, Any]:
    """What `loopback_runner` reports of them."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.sandbox.loopback_runner", json.dumps(commands)),
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    report: dict[str, Any] = json.loads(output)
    if "refused" in report:
        pytest.skip(f"this system has no network namespace for its users: {report['refused']}")
    return report


async def test_up_seed_traffic_and_down_work_on_loopback_alone_and_nothing_tries_to_leave() -> None:
    """A demo must not depend on a network, nor may what is played on a laptop be seen by one.

    Told by the kernel's own count of packets without a route, for every process in the namespace and every address;
    and by there being no datagram at all: not even a name was asked for.
    """
    await ensure_binaries([*CONTROL_PLANE, "kubectl"])
    # A short path: in a long one nodes have no addresses of their own that something could dial.
    with tempfile.TemporaryDirectory(prefix="k8sops-") as folder:
        home = Path(folder)
        environment = {
            "K8SOPS_SANDBOX_HOME": str(home / "s"),
            **{f"XDG_{what}_HOME": str(home / what.lower()) for what in ("CONFIG", "DATA", "STATE")},
        }
        program = [sys.executable, "-m", "k8sops", "sandbox"]
        commands = [[*program, first, "--name", NAME, *rest] for first, *rest in EVERYTHING]
        try:
            report = await report_of(commands, environment)
        finally:
            await SandboxManager(home / "s").down(NAME)
    done = report["done"]
    failed = [f"{one['command'][4:]} exit {one['code']}:\n{one['said']}" for one in done if one["code"]]
    assert not failed, "\n".join(failed)
    assert [one["command"][4] for one in done] == [first for first, *_ in EVERYTHING]
    assert report["routes"] == []
    assert report["after"] == report["before"] == dict.fromkeys(report["before"], 0)
    assert report["control"]["IpOutNoRoutes"] == 1
