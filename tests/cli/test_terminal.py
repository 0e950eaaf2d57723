"""At a real terminal: the question after the plan, colour, and Ctrl-C in the middle of a wait."""

from __future__ import annotations

import asyncio
import codecs
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from k8sops.cluster.client import KubeCluster
from tests.support.workloads import NEVER_READY, create, deployment, replicas_of

DEADLINE_S = 180


class Terminal:
    """A program under a pseudo-terminal; what it wrote so far is in `seen`."""

    def __init__(self, kubeconfig: Path, namespace: str, *arguments: str, **extra: str) -> None:
        environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        environment |= {
            "KUBECONFIG": str(kubeconfig),
            "K8SOPS_NAMESPACE": namespace,
            "TERM": "xterm",
            **extra,
        }
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "k8sops", *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""
        # A read may end in the middle of a character.
        self._text = codecs.getincrementaldecoder("utf-8")()

    async def until(self, text: str) -> None:
        """Read until the text has been written."""
        async with asyncio.timeout(DEADLINE_S):
            while text not in self.seen:
                self.seen += self._text.decode(await asyncio.to_thread(os.read, self._master, 65536))

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, text.encode())

    async def ended(self) -> int:
        """Read to the end and return the exit code."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                try:
                    piece = await asyncio.to_thread(os.read, self._master, 65536)
                except OSError:
                    # Linux reports the far end's closing as EIO.
                    break
                if not piece:
                    break
                self.seen += self._text.decode(piece)
            return await asyncio.to_thread(self.process.wait)

    def close(self) -> None:
        """End the program if it still runs, and the terminal with it."""
        self.process.kill()
        self.process.wait()
        os.close(self._master)


class Open(Protocol):
    """Runs `k8sops` with these arguments, and further environment, at a terminal."""

    def __call__(self, *arguments: str, **extra: str) -> Terminal: ...


@pytest.fixture
def at_terminal(kubeconfig: Path, cluster_namespace: str) -> Iterator[Open]:
    """Opens terminals in the test's namespace and closes them."""
    opened: list[Terminal] = []

    def start(*arguments: str, **extra: str) -> Terminal:
        opened.append(Terminal(kubeconfig, cluster_namespace, *arguments, **extra))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


async def test_the_plan_is_shown_before_the_question_and_no_changes_nothing(
    at_terminal: Open, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Enter alone means no."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    terminal = at_terminal("scale", "deployment/web", "--replicas", "2")
    await terminal.until("[y/N]")
    assert "goes from 1 to 2 replicas" in terminal.seen
    terminal.type("\n")
    assert await terminal.ended() == 2
    assert "not confirmed; nothing was done" in terminal.seen
    assert (await replicas_of(cluster, "deployments", "web", cluster_namespace))[0] == 1


async def test_yes_applies_the_plan(at_terminal: Open, cluster: KubeCluster, cluster_namespace: str) -> None:
    """And the risk is coloured as well as worded."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    terminal = at_terminal("scale", "deployment/web", "--replicas", "2")
    await terminal.until("[y/N]")
    terminal.type("y\n")
    assert await terminal.ended() == 0
    assert "2 of 2 replicas ready" in terminal.seen
    assert "\x1b[32mlow" in terminal.seen


async def test_no_color_is_honoured_on_a_terminal(
    at_terminal: Open, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """no-color.org: set to anything, no colour is added."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    arguments = ("scale", "deployment/web", "--replicas", "2", "--plan")
    terminal = at_terminal(*arguments, NO_COLOR="1")
    assert await terminal.ended() == 0
    assert "low" in terminal.seen
    assert "\x1b[3" not in terminal.seen


async def waiting_scale(at_terminal: Open, cluster: KubeCluster, namespace: str) -> Terminal:
    """A scale whose replicas never get ready, in its wait."""
    await create(cluster, deployment("web", namespace, replicas=1, annotations=NEVER_READY))
    terminal = at_terminal("scale", "deployment/web", "--replicas", "2", "--yes", "--timeout", "10m")
    await terminal.until("waiting for")
    return terminal


def assert_cancelled(terminal: Terminal) -> None:
    """Who, what was done, and the command that goes back."""
    assert "cancelled by kubernetes-admin" in terminal.seen
    assert "to go back: k8sops scale deployments/web --replicas 1" in terminal.seen
    assert "Traceback" not in terminal.seen


async def test_sigterm_cancels_safely_without_asking(
    at_terminal: Open, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """A machine that shuts down waits for nobody's answer."""
    terminal = await waiting_scale(at_terminal, cluster, cluster_namespace)
    terminal.process.send_signal(signal.SIGTERM)
    assert await terminal.ended() == 130
    assert_cancelled(terminal)


@pytest.mark.parametrize("answer", ["c\n", ""])
async def test_ctrl_c_asks_and_cancels_on_c_or_a_second_ctrl_c(
    at_terminal: Open, cluster: KubeCluster, cluster_namespace: str, answer: str
) -> None:
    """A change in the middle is the person's to decide; whoever is in a hurry presses twice."""
    terminal = await waiting_scale(at_terminal, cluster, cluster_namespace)
    terminal.process.send_signal(signal.SIGINT)
    await terminal.until("(k)eep it in the background")
    if answer:
        terminal.type(answer)
    else:
        terminal.process.send_signal(signal.SIGINT)
    assert await terminal.ended() == 130
    assert_cancelled(terminal)


async def test_whoever_stays_goes_on_following(
    at_terminal: Open, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """A Ctrl-C by mistake costs nothing."""
    terminal = await waiting_scale(at_terminal, cluster, cluster_namespace)
    terminal.process.send_signal(signal.SIGINT)
    await terminal.until("(k)eep it in the background")
    terminal.type("s\n")
    deployments = await cluster.resource("deployments")
    fix = {"spec": {"template": {"metadata": {"annotations": {"sandbox.k8sops.dev/play": None}}}}}
    await cluster.patch(deployments, "web", cluster_namespace, body=fix)
    assert await terminal.ended() == 0
    assert "2 of 2 replicas ready" in terminal.seen


async def test_a_run_that_is_kept_goes_on_in_a_background_worker(
    at_terminal: Open, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """The laptop can be closed: the worker left behind carries the run to its end, then ends itself."""
    terminal = await waiting_scale(at_terminal, cluster, cluster_namespace)
    terminal.process.send_signal(signal.SIGINT)
    await terminal.until("(k)eep it in the background")
    terminal.type("k\n")
    assert await terminal.ended() == 130
    found = re.search(r"process (\d+)", terminal.seen)
    assert found, terminal.seen
    worker = psutil.Process(int(found[1]))
    deployments = await cluster.resource("deployments")
    fix = {"spec": {"template": {"metadata": {"annotations": {"sandbox.k8sops.dev/play": None}}}}}
    await cluster.patch(deployments, "web", cluster_namespace, body=fix)
    await asyncio.to_thread(worker.wait, DEADLINE_S)
    run = re.search(r"Run (\w{26})", terminal.seen)
    assert run
    shown = at_terminal("runs", "show", run[1])
    assert await shown.ended() == 0
    assert "succeeded" in shown.seen
    assert "handed over" in shown.seen
