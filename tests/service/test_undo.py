"""What would take a run back: from what its done steps recorded, and only where one proposal can say it all."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from k8sops.core.actor import Actor
from k8sops.core.errors import UsageError
from k8sops.core.events import MADE, Event
from k8sops.core.plan import Step, Target
from k8sops.core.risk import Risk
from k8sops.core.run import Run, RunState
from k8sops.service.undoing import commands_of, undo_of
from tests.support.plans import NOW, a_plan


def step(name: str, undo: dict[str, Any] | None) -> Step:
    """A cordon of a node, and what takes it back."""
    return Step(
        id=f"cordon/{name}", verb="cordon", target=Target(kind="nodes", name=name), why="asked for",
        before={}, after={}, risk=Risk.LOW, undo=undo,
    )  # fmt: skip


def uncordon(*nodes: str, **more: Any) -> dict[str, Any]:
    """As the action records it."""
    return {"action": "uncordon", "params": {"nodes": [*nodes], **more}}


def a_run(*steps: Step, done: tuple[str, ...]) -> Run:
    """An ended run in which these steps were done."""
    events = tuple(
        Event(seq=number, at=NOW, kind="step_done", text="done", step=f"cordon/{name}")
        for number, name in enumerate(done, 1)
    )
    return Run(
        id="01R", plan=a_plan(steps=steps), state=RunState.FAILED, actor=Actor(name="alice"), events=events
    )


def test_the_steps_that_were_done_become_one_proposal() -> None:
    """Three nodes were to be cordoned, two were: exactly those two are taken back."""
    run = a_run(*(step(name, uncordon(name)) for name in ("a", "b", "c")), done=("a", "c"))
    assert undo_of(run) == ("uncordon", {"nodes": ["a", "c"]})


@pytest.mark.parametrize(
    ("undos", "says"),
    [
        ((None, None), "did nothing that could be undone"),
        ((uncordon("a"), {"action": "scale", "params": {}}), r"takes several actions \(scale, uncordon\)"),
        ((uncordon("a", force=False), uncordon("b", force=True)), "a proposal for each of its steps"),
    ],
)
def test_what_no_single_proposal_could_take_back_is_refused(
    undos: tuple[dict[str, Any] | None, ...], says: str
) -> None:
    """Taking back a part and calling it all would be worse than saying no."""
    steps = [step(name, undo) for name, undo in zip(("a", "b"), undos, strict=True)]
    with pytest.raises(UsageError, match=says):
        undo_of(a_run(*steps, done=("a", "b")))


def test_a_run_in_which_nothing_was_done_has_nothing_to_take_back() -> None:
    """It was denied, or failed at its first step."""
    with pytest.raises(UsageError, match="did nothing"):
        undo_of(a_run(step("a", uncordon("a")), done=()))


def scaled(namespace: str, name: str, **more: Any) -> Step:
    """A scale of one workload of several, and what takes it back."""
    entry = f"deployments.apps/{name}=2"
    undo = {"action": "scale", "params": {"exactly": [entry], "namespace": namespace, **more}}
    target = Target(kind="deployments.apps", name=name, namespace=namespace)
    return msgspec.structs.replace(step(f"{namespace}.{name}", undo), target=target)


def test_what_was_done_in_several_namespaces_is_taken_back_by_one_proposal() -> None:
    """Marked rows made one run: its undo is one, each object to what it was, where it is."""
    steps = (scaled("shop", "web"), scaled("payments", "web"))
    run = a_run(*steps, done=("shop.web", "payments.web"))
    entries = ["shop/deployments.apps/web=2", "payments/deployments.apps/web=2"]
    assert undo_of(run) == ("scale", {"exactly": entries})
    # What is done in one alone is written as ever.
    part = a_run(*steps, done=("payments.web",))
    assert undo_of(part)[1] == {"exactly": ["deployments.apps/web=2"], "namespace": "payments"}


def test_an_inverse_that_means_a_whole_namespace_is_not_joined_with_another_s() -> None:
    """Its namespace cannot be written in front of anything: joined, it would be done in one of them twice."""
    undos = [
        {"action": "scale", "params": {"to_zero": True, "namespace": name}} for name in ("shop", "payments")
    ]
    run = a_run(*(step(name, undo) for name, undo in zip("ab", undos, strict=True)), done=("a", "b"))
    with pytest.raises(UsageError, match="a proposal for each of its steps"):
        undo_of(run)


def made(namespace: str, *targets: str) -> dict[str, Any]:
    """As a restore tells it."""
    return {MADE: {"namespace": namespace, "targets": [*targets]}}


def a_restore(*told: dict[str, Any]) -> Run:
    """A run that made objects."""
    events = tuple(
        Event(seq=number, at=NOW, kind="note", text="made", step="restore/06", data=data)
        for number, data in enumerate(told, 1)
    )
    return Run(
        id="01R", plan=a_plan(steps=()), state=RunState.FAILED, actor=Actor(name="alice"), events=events
    )


def test_what_was_made_is_deleted_last_made_first_and_some_dozens_at_a_time() -> None:
    """A command line has an end; a Service that was made before its webhook outlives it."""
    many = [f"configmaps/item-{number:03d}" for number in range(100)]
    run = a_restore(made("shop", *many[:50]), made("shop", *many[50:]), made("", "clusterroles.x/a:b c"))
    commands = commands_of(run)
    assert commands[0] == "k8sops delete 'clusterroles.x/a:b c'"
    assert commands[1].startswith("k8sops delete configmaps/item-099 configmaps/item-098 ")
    assert [command.count("configmaps/") for command in commands] == [0, 40, 40, 20]
    assert all(command.endswith(" -n shop") for command in commands[1:])
    with pytest.raises(UsageError, match="takes 4 commands") as told:
        undo_of(run)
    assert "runs undo 01R --commands" in told.value.hint


def test_what_goes_with_a_namespace_that_was_made_needs_no_command_of_its_own() -> None:
    """And one proposal can say it all."""
    run = a_restore(made("", "namespaces/shop"), made("shop", "secrets/a", "secrets/b"))
    assert commands_of(run) == ["k8sops delete namespaces/shop"]
    assert undo_of(run) == ("delete", {"targets": ["namespaces/shop"]})
    two = a_restore(made("shop", "secrets/a"), made("shop", "secrets/a", "configmaps/b"))
    assert undo_of(two) == ("delete", {"targets": ["configmaps/b", "secrets/a"], "namespace": "shop"})


def test_what_was_made_in_several_namespaces_is_deleted_by_one_proposal() -> None:
    """A restore of two namespaces is one run, and so is its undo; at a command line each has its own `-n`."""
    run = a_restore(
        made("", "clusterroles.x/a"), made("shop", "secrets/a"), made("payments", "secrets/a", "secrets/b")
    )
    targets = ["payments/secrets/b", "payments/secrets/a", "shop/secrets/a", "clusterroles.x/a"]
    assert undo_of(run) == ("delete", {"targets": targets})
    assert commands_of(run) == [
        "k8sops delete secrets/b secrets/a -n payments",
        "k8sops delete secrets/a -n shop",
        "k8sops delete clusterroles.x/a",
    ]


def test_other_runs_have_the_commands_of_their_done_steps() -> None:
    """Last done, first undone."""
    undos = {name: uncordon(name) | {"command": f"k8sops uncordon {name}"} for name in ("a", "b", "c")}
    run = a_run(*(step(name, undo) for name, undo in undos.items()), done=("a", "c"))
    assert commands_of(run) == ["k8sops uncordon c", "k8sops uncordon a"]
    with pytest.raises(UsageError, match="did nothing"):
        commands_of(a_run(step("a", None), done=("a",)))
