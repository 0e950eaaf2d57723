"""Verdict, pods, room and waves of one drain count the same pods, each of them once, or say what else they count."""

from __future__ import annotations

from typing import Any

import pytest

from k8sops.actions.drain.reading import Scene
from k8sops.core.plan import Plan
from k8sops.tui.draining.drawing import pod_lines, pods_title, room_lines, wave_lines
from k8sops.tui.draining.picture import picture_of
from k8sops.tui.draining.toned import TonedLine
from tests.actions.drain.made_up import budget, deployment, node, plan, pod, scene, workload

DAEMONS = {"ignore_daemonsets": True}
FLAGS = DAEMONS | {"delete_emptydir_data": True, "force": True}


def _of_every_fate(**more: Any) -> Scene:
    """On n1: one that moves, one with data, one held by a budget, one that has finished, a bare one, one that stays."""
    pods = [
        pod("web-a", "n1"),
        pod("web-b", "n1", empty_dir=True),
        pod("api-a", "n1", of=("ReplicaSet", "api-1"), app="api"),
        pod("job-a", "n1", of=("Job", "job"), app="job", phase="Succeeded"),
        pod("solo", "n1", of=None, app="solo"),
        pod("agent-a", "n1", of=("DaemonSet", "agent"), app="agent"),
    ]
    known = [
        *deployment("web", 3),
        *deployment("api", 1),
        ("Job", workload("Job", "job")),
        ("DaemonSet", workload("DaemonSet", "agent")),
    ]
    return scene((node("n1"), node("n2")), pods, workloads=known, **more)


def _texts(lines: list[TonedLine]) -> list[str]:
    return [" ".join("".join(text for text, _ in line).split()) for line in lines]


def _told(of: Plan) -> tuple[str, list[str], int, int]:
    """The title of the pods, what is said below the bars, how many come to nodes and how many are in waves."""
    picture = picture_of(of)
    (title,) = _texts([pods_title(picture, None)])
    below = _texts(room_lines(picture, None, 60))[len(picture.rooms) :]
    come = sum(room.arriving for room in picture.rooms)
    return title, below, come, sum(len(wave.paths) for wave in picture.waves)


def test_a_plan_that_is_blocked_counts_what_goes_as_it_was_asked_for() -> None:
    """Who reads 8, 6 and 7 of the same pods believes none of them."""
    blocked = plan(_of_every_fate(budgets=[budget("closed", "api", min_available=1)]), **DAEMONS)
    title, below, come, waved = _told(blocked)
    assert blocked.summary.endswith("2 of 5 pods could go.")
    assert title == "PODS 1 moves · 1 ends · 1 stays · 3 blocked"
    assert (come, below) == (3, ["2 of the 3 that come are blocked"]), "what is bare comes nowhere"
    assert waved == 2
    pods = _texts(pod_lines(picture_of(blocked), None, 90))
    headings = [line for line in pods if line.partition(" ")[0] in {"BLOCKED", "MOVES", "ENDS", "STAYS"}]
    assert headings == ["BLOCKED 3", "MOVES 1", "ENDS 1", "STAYS 1"]
    held = [line for line in _texts(wave_lines(picture_of(blocked), None, 90)) if line.startswith("held")]
    assert held == ["held 1 pod by shop/closed"]


def test_with_all_flags_given_what_ends_and_what_is_lost_does_not_move() -> None:
    """A pod that nothing makes again comes to no node."""
    free = plan(_of_every_fate(), **FLAGS)
    title, below, come, waved = _told(free)
    assert ": 3 pods move, 1 ends, 1 not made again, emptyDir data is lost" in free.summary
    assert title == "PODS 3 move · 2 end · 1 stays"
    assert (come, below, waved) == (3, [], 5)


def test_a_pod_whose_budget_is_closed_now_waits_in_all_of_them() -> None:
    """It comes to its node once the budget opens, so the bars reckon with it and say so."""
    pods = [pod("web-a", "n1"), pod("web-b", "n2", ready=False), pod("api-a", "n1", app="api")]
    waiting = plan(scene((node("n1"), node("n2")), pods, budgets=[budget("b", min_available=2)]))
    title, below, come, waved = _told(waiting)
    assert waiting.summary.startswith(
        "Waits: 1 pod moves, 1 waits, none stays pending; shop/b lets none go now"
    )
    assert title == "PODS 1 moves · 1 blocked"
    assert (come, below, waved) == (2, ["1 of the 2 that come is blocked"], 1)


@pytest.mark.parametrize("allowed", [False, True])
def test_a_pod_without_a_node_is_blocked_until_it_may_stay_pending(allowed: bool) -> None:
    """Then it leaves as the others do, and comes to no node."""
    pods = [pod("web-a", "n1"), pod("web-b", "n1", cpu="3")]
    told = plan(scene((node("n1"), node("n2", cpu="1")), pods), allow_pending=allowed)
    title, below, come, waved = _told(told)
    assert (come, below) == (1, [])
    if allowed:
        assert told.summary.startswith("Pending: 2 pods move, 1 stays pending")
        assert (title, waved) == ("PODS 2 move, 1 to no node yet", 2)
    else:
        assert told.summary.endswith("1 of 2 pods could go.")
        assert (title, waved) == ("PODS 1 moves · 1 blocked", 1)
