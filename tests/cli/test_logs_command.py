"""`k8sops logs` as it is typed, on a real control plane: in a pipe, at a terminal, with a reader who leaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.plan import JsonObject
from k8sops.sandbox.manager import SandboxHandle
from tests.cli.test_terminal import Terminal
from tests.support.command import Told
from tests.support.persons_at_door import on_cluster
from tests.support.workloads import create, naked_pod

DEADLINE_S = 120

Pods = Callable[..., None]
Run = Callable[..., Told]


@pytest.fixture
def pods(sandbox: SandboxHandle, cluster_namespace: str) -> Pods:
    """Makes pods, each named by what it says, and waits until they run."""

    def make(*said: str, rate: str = "20") -> None:
        on_cluster(sandbox, lambda cluster: _running(cluster, cluster_namespace, said, rate))

    return make


@pytest.fixture
def k8sops(kubeconfig: Path, cluster_namespace: str) -> Run:
    """The program as a process of its own in the test's namespace, in a pipe."""

    def run(*arguments: str) -> Told:
        done = subprocess.run(
            [sys.executable, "-m", "k8sops", "logs", *arguments],
            capture_output=True, text=True, timeout=DEADLINE_S, stdin=subprocess.DEVNULL, check=False,
            env=os.environ | {"KUBECONFIG": str(kubeconfig), "K8SOPS_NAMESPACE": cluster_namespace},
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return Told(done.returncode, done.stdout, done.stderr)

    return run


@pytest.mark.parametrize(
    "typed", [(".", "-l", "a in"), (".", "--field-selector", "a=b"), ("collect", "-l", "a in", "--plan")]
)
def test_a_selector_that_cannot_be_read_is_usage(k8sops: Run, typed: tuple[str, ...]) -> None:
    """Exit 6 would say that the cluster is away; a script would try again for ever."""
    done = k8sops(*typed)
    assert done.code == 2
    assert f"the selector {typed[2]!r} is refused as invalid" in done.err


@pytest.mark.parametrize("how", ["--follow", "--no-follow"])
def test_a_namespace_that_does_not_exist_is_said_at_once(k8sops: Run, how: str) -> None:
    """Waited for, it looks like a namespace in which nothing speaks."""
    done = k8sops(".", "-n", "nope", how)
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("error: namespace nope does not exist\n")


@pytest.fixture
def at_terminal(kubeconfig: Path, cluster_namespace: str) -> Iterator[Callable[..., Terminal]]:
    """Runs `k8sops logs` at a terminal."""
    opened: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(kubeconfig, cluster_namespace, "logs", *arguments))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


async def _running(cluster: KubeCluster, namespace: str, said: tuple[str, ...], rate: str) -> None:
    for name in said:
        pod = naked_pod(name, namespace)
        pod["metadata"]["annotations"] = {
            "sandbox.k8sops.dev/log": name.partition("-")[0],
            "sandbox.k8sops.dev/log-rate": rate,
        }
        await create(cluster, pod)
    resource = await cluster.resource("pods")
    async with asyncio.timeout(DEADLINE_S):
        waiting = list(said)
        while waiting:
            waiting = [name for name in waiting if not _runs(await cluster.get(resource, name, namespace))]
            await asyncio.sleep(0.1)


def _runs(pod: JsonObject) -> bool:
    statuses: list[dict[str, Any]] = pod.get("status", {}).get("containerStatuses") or []
    return bool(statuses) and "running" in (statuses[0].get("state") or {})


def _until_lines(k8sops: Run, pattern: str, count: int) -> list[str]:
    """The lines there are, once there are so many: containers that just began have yet to speak."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        told = k8sops(pattern, "--no-follow", "-o", "json")
        lines = told.out.splitlines()
        if told.code == 0 and len(lines) >= count:
            return lines
        assert time.monotonic() < deadline, told


def test_all_there_is_comes_in_total_order_and_as_documents(k8sops: Run, pods: Pods) -> None:
    """Two pods, one order of time: what `jq` and a post-mortem want."""
    pods("numbered-1", "numbered-2")
    documents = [json.loads(one) for one in _until_lines(k8sops, "^numbered", 40)]
    assert {one["pod"] for one in documents} == {"numbered-1", "numbered-2"}
    assert [one["time"] for one in documents] == sorted(one["time"] for one in documents)


def test_a_template_a_filter_and_a_tail_work_together(k8sops: Run, pods: Pods) -> None:
    """As an administrator would write it."""
    pods("web")
    _until_lines(k8sops, "^web$", 30)
    told = k8sops(
        *("pod/web", "--no-follow", "--tail", "30", "-i", '"GET"'),
        *("--template", "{{ pod }} {{ fields.method }} {{ level }}"),
    )
    assert told.code == 0, told.err
    assert set(told.out.splitlines()) <= {"web GET info", "web GET error"}
    assert told.out


def test_secrets_are_taken_out_on_request(k8sops: Run, pods: Pods) -> None:
    """Before a line is shown to somebody who looks over one's shoulder."""
    pods("secrets", rate="200")
    plain = "".join(_until_lines(k8sops, "^secrets$", 200))
    told = k8sops("secrets", "--no-follow", "--tail", "200", "-o", "raw", "--redact")
    assert told.code == 0, told.err
    assert len(told.out.splitlines()) == 200
    assert "redacted:" in told.out
    assert "redacted:" not in plain


def test_nothing_selected_exits_1_where_nothing_is_waited_for(k8sops: Run) -> None:
    """A typo must not look like a quiet night."""
    told = k8sops("nosuchpod", "--no-follow")
    assert (told.code, told.out) == (1, "")
    assert "no container matches" in told.err


def test_a_kind_that_selects_no_pods_is_one_sentence(k8sops: Run) -> None:
    """As is a workload that is not there."""
    told = k8sops("deployment/nosuch", "--no-follow")
    assert told.code == 1
    assert "nosuch" in told.err
    assert len(told.err.splitlines()) <= 2


def test_a_reader_who_has_enough_ends_it_quietly(
    pods: Pods, kubeconfig: Path, cluster_namespace: str
) -> None:
    """`k8sops logs web | head -1` is no failure."""
    pods("numbered")
    process = subprocess.Popen(
        [sys.executable, "-m", "k8sops", "logs", "numbered"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        env=os.environ | {"KUBECONFIG": str(kubeconfig), "K8SOPS_NAMESPACE": cluster_namespace},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"numbered ")
    process.stdout.close()
    assert process.wait(DEADLINE_S) == 0
    said = process.stderr.read().decode()
    process.stderr.close()
    assert "Traceback" not in said
    assert "Broken" not in said


async def test_a_hostile_container_does_not_drive_the_terminal(
    sandbox: SandboxHandle, cluster: KubeCluster, cluster_namespace: str, at_terminal: Callable[..., Terminal]
) -> None:
    """Titles, clipboards, links, cleared screens: spelled out; and Ctrl-C tells what it came to."""
    await _running(cluster, cluster_namespace, ("ansi",), "50")
    for arguments in (("ansi",), ("ansi", "-o", "raw"), ("ansi", "-o", "json")):
        terminal = at_terminal(*arguments, "--tail=-1")
        await terminal.until("n=60")
        terminal.process.send_signal(signal.SIGINT)
        assert await terminal.ended() == 130
        assert "1 stream, 0 gaps" in terminal.seen
        assert "interrupted" not in terminal.seen
        assert "\x1b]" not in terminal.seen
        assert "\x1b[2J" not in terminal.seen
        assert "\x07" not in terminal.seen
        assert "\x9b" not in terminal.seen
