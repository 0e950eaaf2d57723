"""`k8sops edit` without --patch: the user's editor, at a real terminal and at none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.plan import JsonObject
from tests.cli.test_terminal import Open, Terminal
from tests.support.command import Command
from tests.support.workloads import create

EDITOR = """\
import sys, pathlib
file, script = pathlib.Path(sys.argv[-1]), pathlib.Path(sys.argv[-2])
text = file.read_text()
turn = script.with_suffix(f".{len(list(script.parent.glob('seen.*')))}")
(script.parent / f"seen.{turn.suffix[1:]}").write_text(text)
for line in turn.read_text().splitlines() if turn.exists() else ():
    old, new = line.split(" => ")
    text = text.replace(old, new)
file.write_text(text)
"""


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


class Hand:
    """Somebody's editor: in its n-th turn it replaces what `turns[n]` says, and keeps what it was shown."""

    def __init__(self, folder: Path, *turns: str) -> None:
        self.folder = folder
        program = folder / "editor.py"
        program.write_text(EDITOR)
        for number, turn in enumerate(turns):
            (folder / f"turn.{number}").write_text(turn)
        self.environment = {"KUBE_EDITOR": f"{sys.executable} {program} {folder / 'turn.txt'}"}

    def saw(self, turn: int) -> str:
        """What stood there when it was opened."""
        return (self.folder / f"seen.{turn}").read_text()


def _config_map(namespace: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "web", "namespace": namespace},
        "data": {"mode": "slow", "other": "kept"},
    }


async def _data(cluster: KubeCluster, namespace: str) -> JsonObject:
    found = await cluster.get(await cluster.resource("configmaps"), "web", namespace)
    data: JsonObject = found["data"]
    return data


async def test_what_is_typed_becomes_a_plan_and_a_mistake_is_mended_where_it_was_made(
    at_terminal: Open, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> None:
    """As with kubectl, but for the plan: a slip of the hand loses nothing that was typed."""
    await create(cluster, _config_map(cluster_namespace))
    hand = Hand(tmp_path, "mode: slow => mode: [slow", "mode: [slow => mode: fast")
    terminal = at_terminal("edit", "configmap/web", **hand.environment)
    await terminal.until("[y/N]")
    assert "data.mode" in terminal.seen
    terminal.type("y\n")
    assert await terminal.ended() == 0
    assert await _data(cluster, cluster_namespace) == {"mode": "fast", "other": "kept"}
    first, second = hand.saw(0), hand.saw(1)
    assert first.startswith("# What you change below becomes a plan")
    assert not {"managedFields", "resourceVersion", "uid:"} & set(first.split())
    assert "✗" not in first
    assert "# ✗ this is no YAML: line " in second
    assert "mode: [slow" in second


async def test_what_is_left_as_it_was_is_nothing_edited(
    at_terminal: Open, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> None:
    """Who only looked has done nothing wrong, and who gives up on a mistake neither."""
    await create(cluster, _config_map(cluster_namespace))
    terminal = at_terminal("edit", "configmap/web", **Hand(tmp_path).environment)
    assert await terminal.ended() == 0
    assert "nothing edited" in terminal.seen
    given_up = tmp_path / "given_up"
    given_up.mkdir()
    hand = Hand(given_up, "mode: slow => mode: [slow")
    terminal = at_terminal("edit", "configmap/web", **hand.environment)
    assert await terminal.ended() == 0
    assert "nothing edited" in terminal.seen
    assert (given_up / "seen.1").exists()
    assert await _data(cluster, cluster_namespace) == {"mode": "slow", "other": "kept"}


async def test_what_cannot_be_edited_is_one_sentence(
    at_terminal: Open, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> None:
    """A Secret's values would stand in the plan; an editor that is not there is named, with the way to name another."""
    secret = {**_config_map(cluster_namespace), "kind": "Secret", "data": {"key": "aHVudGVyMg=="}}
    await create(cluster, secret)
    await create(cluster, _config_map(cluster_namespace))
    hand = Hand(tmp_path)
    terminal = at_terminal("edit", "secret/web", **hand.environment)
    assert await terminal.ended() == 2
    assert "a Secret is not edited here" in terminal.seen
    assert not (tmp_path / "seen.0").exists()
    terminal = at_terminal("edit", "configmap/web", KUBE_EDITOR="/nonexistent/editor")
    assert await terminal.ended() == 2
    assert "/nonexistent/editor did not edit it" in terminal.seen
    terminal = at_terminal("edit", "configmap/web", "configmap/other", **hand.environment)
    assert await terminal.ended() == 2
    assert "one object is edited as text at a time" in terminal.seen


def test_without_a_terminal_the_flag_is_named(command: Command) -> None:
    """A script that forgot --patch must not hang in an editor."""
    told = command("edit", "configmap/web")
    assert told.code == 2
    assert "there is no terminal to edit at" in told.err
    assert "--patch" in told.err
