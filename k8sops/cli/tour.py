"""The tour: what `demo` shows where there is no terminal, played with the program's own commands on a real cluster.

Each stop runs one command as a user would and then checks on the cluster that what it said is true; the tour fails
with the first stop that is not. Later features add their stop to `STOPS`.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from k8sops.core.errors import K8sOpsError

if TYPE_CHECKING:
    from k8sops.sandbox.manager import SandboxHandle

COMMAND_DEADLINE_S: Final = 180
HERE: Final = "kubernetes-admin"
"""Who plays the tour, but for the stops that say otherwise."""

Answer = dict[str, Any]


class TourError(K8sOpsError):
    """A stop of the tour did not come true."""

    code = "tour"


@dataclass(frozen=True)
class Stop:
    """A command, what it is there to show, and how to know that it came true."""

    title: str
    command: tuple[str, ...]
    comes_true: Callable[[Guide], bool]
    exit_code: int = 0
    who: str = ""
    """Who types it, where not the administrator."""


class Guide:
    """Runs commands against one cluster and reads it back through the program itself."""

    def __init__(self, environment: Mapping[str, str], people: Mapping[str, Path] | None = None) -> None:
        """`environment` leads to cluster and store, `people` are kubeconfigs of others than the administrator."""
        self._environment = {**environment, "NO_COLOR": "1"}
        self._people = people or {}

    def play(self, stop: Stop) -> None:
        """Show the command and its output. Raises TourError."""
        click.echo(f"\n── {stop.title}\n{stop.who}$ {shlex.join(('k8sops', *stop.command))}")
        done = self._run(*stop.command, who=stop.who)
        click.echo(_indented(done.stderr + done.stdout))
        if done.returncode != stop.exit_code:
            raise TourError(f"{stop.title}: `k8sops {' '.join(stop.command)}` exited {done.returncode}")
        if not stop.comes_true(self):
            raise TourError(f"{stop.title}: the cluster does not show what the command said")

    def read(self, *arguments: str) -> Answer:
        """One JSON document from `k8sops get`."""
        answer: Answer = self.told("get", *arguments)
        return answer

    def told(self, *arguments: str) -> Any:
        """What a command says as JSON."""
        done = self._run(*arguments, "-o", "json")
        if done.returncode != 0:
            raise TourError(f"`k8sops {' '.join(arguments)}` exited {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def _run(self, *arguments: str, who: str = "") -> subprocess.CompletedProcess[str]:
        theirs = {"KUBECONFIG": str(self._people[who])} if who else {}
        return subprocess.run(  # noqa: S603 - the program itself, with the tour's own words
            [sys.executable, "-m", "k8sops", *arguments],
            env={**self._environment, **theirs},
            capture_output=True,
            text=True,
            timeout=COMMAND_DEADLINE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def _ready(guide: Guide, name: str, namespace: str) -> int:
    status = guide.read("deployment", name, "-n", namespace).get("status", {})
    return int(status.get("readyReplicas", 0))


def _crash_looping(guide: Guide) -> bool:
    pods = guide.read("pods", "-n", "shop", "-l", "app=checkout")["items"]
    waiting = [
        status.get("state", {}).get("waiting", {}).get("reason")
        for pod in pods
        for status in pod["status"].get("containerStatuses", [])
    ]
    return "CrashLoopBackOff" in waiting or any(
        status.get("restartCount", 0) > 0
        for pod in pods
        for status in pod["status"].get("containerStatuses", [])
    )


def _is_cordoned(guide: Guide, node: str) -> bool:
    return bool(guide.read("node", node)["spec"].get("unschedulable", False))


TROUBLE_STOPS: Final = (
    Stop(
        "Is everything well? checkout is not",
        ("get", "deployments", "-n", "shop"),
        lambda g: _ready(g, "checkout", "shop") == 0,
    ),
    Stop(
        "Its pods crash and restart",
        ("get", "pods", "-n", "shop", "-l", "app=checkout"),
        _crash_looping,
    ),
    Stop(
        "Last night somebody tried what checkout waits for, and could not",
        ("runs", "list", "--state", "failed"),
        lambda g: _states(g, by="alice").count("failed") == 1,
    ),
    Stop(
        "bob has seen the way back, and waits for a word from ops",
        ("approvals", "list"),
        lambda g: _states(g, by="bob")[0] == "awaiting_approval",
    ),
)


def approval_stops(guide: Guide) -> tuple[Stop, ...]:
    """bob's plan is approved by somebody else than bob, and then goes out with bob's own rights."""
    (waiting,) = guide.told("approvals", "list")["runs"]
    run, digest = str(waiting["id"]), str(waiting["digest"])[:12]
    return (
        Stop(
            "alice is of ops, and agrees to exactly this plan",
            ("approve", run, "--digest", digest, "--reason", "go"),
            lambda g: _states(g, by="bob")[0] == "queued",
            who="alice",
        ),
        Stop(
            "bob carries it out: checkout is back",
            ("runs", "start", run),
            lambda g: _ready(g, "checkout", "shop") == 3,
            who="bob",
        ),
    )


STOPS: Final = (
    Stop(
        "The shop needs more web servers: look at the plan first; nothing changes",
        ("scale", "deployment/web", "--replicas", "5", "-n", "shop", "--plan"),
        lambda g: g.read("deployment", "web", "-n", "shop")["spec"]["replicas"] == 3,
    ),
    Stop(
        "Apply it, and wait until the pods are ready",
        ("scale", "deployment/web", "--replicas", "5", "-n", "shop", "--yes", "--reason", "evening peak"),
        lambda g: _ready(g, "web", "shop") == 5,
    ),
    Stop(
        "A wrong order is refused in one sentence",
        ("scale", "deployment/wbe", "--replicas", "5", "-n", "shop", "--yes"),
        lambda g: _ready(g, "web", "shop") == 5,
        exit_code=1,
    ),
)


def _web_pods_on(guide: Guide, node: str) -> int:
    pods = guide.read("pods", "-n", "shop", "-l", "app=web")["items"]
    return sum(pod["spec"].get("nodeName") == node for pod in pods)


def node_stops(node: str) -> tuple[Stop, ...]:
    """Look at what a drain would do, move the web servers off a node, and let pods on again."""
    drain = ("drain", node, "--pod-selector", "app=web", "--yes", "--reason", "kernel update")
    return (
        Stop(
            "A node needs a new kernel: what would draining it do? Nothing is even cordoned yet",
            ("drain", node, "--plan"),
            lambda g: not _is_cordoned(g, node),
            exit_code=5,
        ),
        Stop(
            "Move the web servers off it first, as their budget allows",
            drain,
            lambda g: _is_cordoned(g, node) and _web_pods_on(g, node) == 0,
        ),
        Stop("The node says who closed it, and why", ("get", "nodes"), lambda g: _is_cordoned(g, node)),
        Stop("Let pods on again", ("uncordon", node, "--yes"), lambda g: not _is_cordoned(g, node)),
        Stop(
            "What came of it",
            ("get", "deployment", "web", "-n", "shop"),
            lambda g: _ready(g, "web", "shop") == 5,
        ),
    )


def _node_of_web(guide: Guide) -> tuple[Stop, ...]:
    web = guide.read("pods", "-n", "shop", "-l", "app=web")["items"]
    return node_stops(str(web[0]["spec"]["nodeName"]))


def _states(guide: Guide, by: str) -> list[str]:
    """Of the runs of one person or username, newest first."""
    return [str(run["state"]) for run in guide.told("runs", "list", "--by", by)]


def _undo_asked(guide: Guide) -> str:
    """The id of the scale's run, to go back by."""
    return str(
        next(run["id"] for run in guide.told("runs", "list", "--by", HERE) if run["action"] == "scale")
    )


def record_stops(guide: Guide) -> tuple[Stop, ...]:
    """Everything is on record, can be taken back, and the record can be proved."""
    return (
        Stop("All of it is on record", ("runs", "list"), lambda g: _states(g, by=HERE) == ["succeeded"] * 3),
        Stop(
            "The peak is over: plan the way back from the record, and go it",
            ("runs", "undo", _undo_asked(guide), "--yes"),
            lambda g: g.read("deployment", "web", "-n", "shop")["spec"]["replicas"] == 3,
        ),
        Stop(
            "Has anybody rewritten what happened?",
            ("audit", "verify"),
            lambda g: len(_states(g, by=HERE)) == 4,
        ),
    )


def play_tour(handle: SandboxHandle) -> None:
    """Play every stop in order, on a sandbox that has its history. Raises TourError at the first that is not true."""
    from k8sops.cli.sandbox_history import history_place
    from k8sops.sandbox.manager import SandboxManager
    from k8sops.sandbox.people import kubeconfigs

    people = kubeconfigs(SandboxManager(handle.folder.parent), handle.name)
    environment = history_place(handle).environment(os.environ) | {"KUBECONFIG": str(handle.kubeconfig)}
    guide = Guide(environment, people)
    played = 0
    # Each part is made when the one before has come true: what it names is on record only then.
    parts: tuple[Callable[[Guide], tuple[Stop, ...]], ...] = (
        lambda _: TROUBLE_STOPS,
        approval_stops,
        lambda _: STOPS,
        _node_of_web,
        record_stops,
    )
    for part in parts:
        for stop in part(guide):
            guide.play(stop)
            played += 1
    click.echo(f"\n{played} of {played} stops came true.")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.strip("\n").split("\n"))
