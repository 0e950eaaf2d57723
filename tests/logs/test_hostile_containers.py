"""Containers choose what they log: garbage, escapes, endless lines, broken clocks, secrets. Each reader stands it.

The commands run as processes, as people and scripts run them, on a real API server whose kubelet plays the containers.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from k8sops.bundle.opening import open_bundle
from k8sops.cluster.client import KubeCluster
from k8sops.core.plan import JsonObject
from k8sops.sandbox.logs import hostile
from k8sops.sandbox.manager import SandboxHandle
from tests.support.persons_at_door import on_cluster
from tests.support.workloads import create, naked_pod

DEADLINE_S = 120
SAID = ("binary", "ansi", "badutf8", "longline", "skewed", "secrets")
# What drives a terminal, or turns its text around; a tab does neither.
DRIVES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
EVENT = "\x1b]0;owned\x07\x1b[2J<script>alert(1)</script> \u202eevil password=pLanted4-hunter2"
MOST_KB = 300 * 1024
MEASURED = """
import atexit, pathlib, runpy, sys
peak = pathlib.Path(sys.argv.pop(1))
said = pathlib.Path("/proc/self/status")
atexit.register(lambda: peak.write_text(said.read_text().partition("VmHWM:")[2].split()[0]))
runpy.run_module("k8sops", run_name="__main__", alter_sys=True)
"""
# The kernel's word for a program's own most; what it tells of children holds whoever forked them, too.


class Containers:
    """Pods that say what they are named after, and the program beside them."""

    def __init__(self, sandbox: SandboxHandle, namespace: str, data: Path) -> None:
        self.namespace = namespace
        self._sandbox = sandbox
        self._peak = data.with_name("peak")
        self._env = os.environ | {
            "KUBECONFIG": str(sandbox.kubeconfig),
            "K8SOPS_NAMESPACE": namespace,
            "K8SOPS_DATA": str(data),
            "K8SOPS_DATABASE_URL": f"sqlite:///{data}/k8sops.db",
        }

    def run(self) -> None:
        """Make them, and an event that is as hostile; wait until each has said more than ten lines."""
        on_cluster(self._sandbox, self._make)
        deadline = time.monotonic() + DEADLINE_S
        while min(map(len, self.said().values())) <= hostile.LONG_EVERY:
            assert time.monotonic() < deadline
            time.sleep(0.2)

    async def _make(self, cluster: KubeCluster) -> None:
        for name in SAID:
            pod = naked_pod(name, self.namespace)
            pod["metadata"]["annotations"] = {
                "sandbox.k8sops.dev/log": name,
                "sandbox.k8sops.dev/log-rate": "20",
                "sandbox.k8sops.dev/log-keep": "30",
            }
            await create(cluster, pod)
        about = {"kind": "Pod", "name": "ansi", "namespace": self.namespace}
        await create(
            cluster,
            {
                "apiVersion": "v1", "kind": "Event", "metadata": {"name": "told", "namespace": self.namespace},
                "involvedObject": about, "reason": "Failed", "message": EVENT, "type": "Warning", "count": 3,
                "lastTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        )  # fmt: skip

    def said(self) -> dict[str, list[JsonObject]]:
        """What each has said so far, as documents."""
        done = self.k8sops("logs", ".", "--no-follow", "-o", "json")
        documents = [json.loads(line) for line in done.stdout.decode("utf-8", "strict").splitlines()]
        return {name: [one for one in documents if one["pod"] == name] for name in SAID}

    @property
    def peak_kb(self) -> int:
        """The most memory that the program held the last time, in KiB."""
        return int(self._peak.read_text())

    def k8sops(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run it to its end."""
        return subprocess.run(
            [sys.executable, "-c", MEASURED, self._peak, *arguments],
            capture_output=True, env=self._env, stdin=subprocess.DEVNULL, timeout=240, check=False,
        )  # fmt: skip


@pytest.fixture
def containers(sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path) -> Containers:
    """They speak."""
    found = Containers(sandbox, cluster_namespace, tmp_path / "data")
    found.run()
    return found


def test_lines_come_in_order_spelled_out_and_bounded(containers: Containers) -> None:
    """In a pipe, too: what is written to a file is shown by somebody's terminal later."""
    done = containers.k8sops("logs", ".", "--no-follow", "--timestamps")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("utf-8", "strict")
    assert not DRIVES.search(text), DRIVES.findall(text)[:5]
    assert all(re.search(rf"^{name} ", text, re.MULTILINE) for name in SAID)
    longest = max(text.splitlines(), key=len)
    assert len(longest) < 200_000, "ten megabytes of one line help nobody"
    assert re.search(r"[0-9,]+ bytes more", longest), "that it is cut is said where it is cut"
    # Three such lines were read, and not held.
    assert containers.peak_kb < MOST_KB


def test_a_clock_that_jumps_disorders_nobody_else_s_lines(containers: Containers) -> None:
    """Its own come as they were written; where they would belong by its clock, nobody can say."""
    done = containers.k8sops("logs", ".", "--no-follow", "-o", "json")
    assert done.returncode == 0, done.stderr
    documents = [json.loads(line) for line in done.stdout.decode("utf-8", "strict").splitlines()]
    assert {one["pod"] for one in documents} == set(SAID)
    times = [one["time"] for one in documents if one["pod"] != "skewed"]
    assert times == sorted(times)
    skewed = [one for one in documents if one["pod"] == "skewed"]
    assert [one["time"] for one in skewed] != sorted(one["time"] for one in skewed), "it jumps"
    numbers = [int(str(one["message"]).partition(" n=")[2].split()[0]) for one in skewed]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_bundle_of_them_keeps_what_they_said_but_for_secrets(
    containers: Containers, tmp_path: Path
) -> None:
    """Evidence is not mended; what is made of it for people is."""
    done = containers.k8sops("logs", "collect", "--to", f"{tmp_path}/out/", "--yes")
    assert done.returncode == 0, done.stderr
    assert not DRIVES.search(done.stderr.decode("utf-8", "strict"))
    (archive,) = (tmp_path / "out").glob("*.tar.zst")
    bundle = open_bundle(archive)
    files = dict(bundle.files())
    logs = {name: next(path for path in files if f"/{name}/" in path) for name in SAID}
    assert b"\x00" in files[logs["binary"]]
    assert b"\x1b" in files[logs["ansi"]]
    assert max(map(len, files[logs["longline"]].splitlines())) > hostile.LONG_LINE_BYTES - 100
    everything = b"\n".join(files.values())
    assert b"pLanted4" not in everything
    assert b"password=redacted:" in everything
    assert "private-key" in {rule.rule for rule in bundle.index.redaction.rules}
    for path, data in files.items():
        if path.endswith((".txt", ".html")):
            found = DRIVES.search(data.decode("utf-8", "strict"))
            assert found is None, (path, found)
    assert b"<script>alert" not in files["timeline.html"]
    assert b"&lt;script&gt;alert" in files["timeline.html"]


def test_a_timeline_of_them_is_text_and_a_page_without_anything_that_runs(containers: Containers) -> None:
    """It is sent around on the day after."""
    text = containers.k8sops("timeline")
    assert text.returncode == 0, text.stderr
    assert not DRIVES.search(text.stdout.decode("utf-8", "strict"))
    page = containers.k8sops("timeline", "-o", "html")
    assert page.returncode == 0, page.stderr
    assert b"<script>alert" not in page.stdout
    assert b"&lt;script&gt;alert" in page.stdout
    assert not DRIVES.search(page.stdout.decode("utf-8", "strict"))
