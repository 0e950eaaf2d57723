"""A drain's picture as lines: what becomes of each pod, how full nodes get, waves in time, and how it fills in."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from rich.cells import cell_len

from k8sops.core.events import Progress
from k8sops.core.run import RunState
from k8sops.tui.draining.drawing import (
    pod_lines,
    pods_title,
    room_lines,
    room_title,
    wave_lines,
    waves_title,
)
from k8sops.tui.draining.filling import filling_of
from k8sops.tui.draining.knowing import known_lines, verdict
from k8sops.tui.draining.picture import has_picture, picture_of
from k8sops.tui.draining.toned import TonedLine, cells
from tests.tui.acting_desk import made_plan
from tests.tui.drain_scenes import CLUSTER, PODS, a_pod, drain_plan, drain_run, told
from tests.tui.feeds import START

PICTURE = picture_of(drain_plan())


def _texts(lines: list[TonedLine]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def _words(line: str) -> str:
    return " ".join(line.split())


def test_pods_are_grouped_with_what_is_blocked_first_and_each_says_where_or_why() -> None:
    """Who looks for what would go wrong must not scroll for it."""
    found = [_words(line) for line in _texts(pod_lines(PICTURE, None, 90))]
    assert found[:2] == ["BLOCKED 1", "✗ shop/数据-1 is made again by nothing: --force"]
    assert found[3] == "MOVES 5"
    assert "→ shop/web-1 → node-4" in found
    assert "→ shop/web-2 → node-5 if pods arrive in the expected order" in found
    assert "→ shop/cart-1 → node-4 loses its emptyDir data" in found
    assert "→ shop/pay-2 → node-5" in found, "its wave is below, on the axis"
    assert found[-2:] == ["STAYS 1", "= shop/agent-1 is managed by a DaemonSet"]


def test_pods_that_the_plan_does_not_list_are_counted() -> None:
    """A picture of twenty pods must not look like all of two thousand."""
    plan = drain_plan(*(a_pod(f"web-{number:04}", lands_on="node-4") for number in range(600)))
    lines = _texts(pod_lines(picture_of(plan), None, 60))
    assert _texts([pods_title(picture_of(plan), None)]) == ["PODS  20 move · 580 not listed"]
    assert lines[0] == "MOVES 20"
    assert lines[-1] == "and 580 more pods, which this plan does not list"


def test_a_bar_shows_the_resource_that_gets_tightest_before_and_after() -> None:
    """A node with cpu to spare and no memory left is full."""
    lines = _texts(room_lines(PICTURE, None, 60))
    assert lines[0].endswith("40 →  97 % cpu          +3")
    assert lines[1].endswith("20 →  90 % memory       +2"), "memory ends higher than cpu"
    assert lines[2].endswith("5 →   5 % cpu    cordoned")
    assert [line.count("▒") > 0 for line in lines] == [True, True, False]


def test_bars_fill_as_the_pods_go_that_are_expected_there() -> None:
    """Whether the nodes that stay take it is what one watches a drain for."""
    events = (told(1, "step_done", "web-1"), told(2, "step_done", "web-2"), told(3, "progress", leaving=[]))
    filling = filling_of(PICTURE, drain_run(), events, Progress(), START + timedelta(seconds=30))
    five, four, six = _texts(room_lines(PICTURE, filling, 60))
    assert "55" not in five
    assert five.endswith("59 →  97 % cpu      1 of 3"), "a third of the way from 40 to 97"
    assert four.endswith("55 →  90 % memory   1 of 2")
    assert six.endswith("5 →   5 % cpu    cordoned")
    before = _texts(room_lines(PICTURE, None, 60))[0]
    assert five.count("█") > before.count("█")
    assert five.count("▒") > 0
    late = START + timedelta(minutes=2)
    over = filling_of(PICTURE, drain_run(RunState.SUCCEEDED, ended_at=late), events, Progress(), late)
    full = _texts(room_lines(PICTURE, over, 60))
    assert full[0].endswith("97 →  97 % cpu      3 of 3")
    assert "▒" not in "".join(full)
    (title,) = _texts([room_title(over)])
    assert title == "ROOM  of what nodes can give, by now → after, as planned"


def test_bars_count_pods_that_the_plan_does_not_list_by_the_share_of_all_that_has_gone() -> None:
    """Of two thousand pods a plan lists the first: the bars would else stand still."""
    room = [{"node": "node-4", "arriving": 600, "cpu": [10, 70]}]
    plan = drain_plan(*(a_pod(f"web-{number:04}", lands_on="node-4") for number in range(600)), room=room)
    picture = picture_of(plan)
    half = Progress(done=290, total=600)
    filling = filling_of(picture, drain_run(), (), half, START + timedelta(seconds=9))
    (line,) = _texts(room_lines(picture, filling, 70))
    assert line.endswith("39 →  70 % cpu    290 of 600")


def test_a_pod_that_a_budget_held_at_first_fills_its_bar_once_it_has_gone() -> None:
    """The bars reckon with it from the start."""
    held = a_pod("pay-1", lands_on="node-4", wave=0, blocked_by=[["shop/payments-pdb", "x", "later"]])
    picture = picture_of(drain_plan(held, room=[{"node": "node-4", "arriving": 1, "cpu": [10, 70]}]))
    for events, come in (
        ((), "0 of 1"),
        ((told(1, "step_done", "pay-1"), told(2, "progress", leaving=[])), "1 of 1"),
    ):
        filling = filling_of(picture, drain_run(), events, Progress(total=1), START + timedelta(seconds=9))
        assert [line.endswith(come) for line in _texts(room_lines(picture, filling, 70))] == [True]


def test_waves_stand_on_one_axis_with_the_budget_that_paces_them() -> None:
    """Why it takes a minute is as much worth as that it does."""
    axis, first, second = _texts(wave_lines(PICTURE, None, 90))
    assert "┆0" in axis
    assert first.endswith("4 pods")
    assert second.endswith("1 pod   paced by shop/payments-pdb")
    assert second.index("━") > first.rindex("━") - 1
    assert _texts([waves_title(PICTURE)]) == ["WAVES  about 1 min · limited by budget shop/payments-pdb"]


def test_a_budget_that_lets_none_go_is_named_below_the_waves() -> None:
    """Its pods are in no wave, and would else be missed."""
    held = a_pod("pay-1", wave=0, budgets=["shop/payments-pdb"], blocked_by=[["shop/payments-pdb", "x", "y"]])
    lines = _texts(wave_lines(picture_of(drain_plan(held)), None, 80))
    assert lines[0] == "No pod can go as things stand."
    assert _words(lines[1]) == "held 1 pod by shop/payments-pdb"


@pytest.mark.parametrize("width", [20, 33, 50, 77, 118])
def test_lines_keep_to_their_width_by_cells(width: int) -> None:
    """Wide characters and long names must not push what stands beside them."""
    long = a_pod("数据" * 30, lands_on="node-4" * 5)
    picture = picture_of(drain_plan(*PODS, long))
    run = drain_run(events=())
    filling = filling_of(picture, run, (), Progress(), START + timedelta(seconds=20))
    for lines in (
        pod_lines(picture, None, width),
        pod_lines(picture, filling, width),
        wave_lines(picture, filling, max(width, 60)),
        known_lines(drain_plan(blocked=True), width),
    ):
        assert max(map(cells, lines)) <= max(width, 60)
    names = {
        cell_len(line.split(" →")[0]) for line in _texts(pod_lines(PICTURE, None, 60)) if " → node" in line
    }
    assert len(names) == 1, "the column of destinations is one"


def test_a_run_fills_the_same_lines_in_pod_by_pod() -> None:
    """Asked and held by a budget, let go and still ending, gone: each has its own sign."""
    events = (
        told(1, "step_started", "web-1"),
        told(2, "step_done", "web-1"),
        told(3, "step_started", "web-2"),
        told(4, "step_done", "web-2"),
        told(5, "progress", leaving=["uid-web-2"]),
        told(6, "step_started", "cart-1"),
        told(7, "step_done", "cart-1"),
    )
    progress = Progress(waiting_for="shop/payments-pdb: 0 disruptions allowed")
    filling = filling_of(PICTURE, drain_run(), events, progress, START + timedelta(seconds=30))
    assert filling is not None
    found = {line.split()[1]: line[0] for line in _texts(pod_lines(PICTURE, filling, 90)) if "shop/" in line}
    assert found == {
        "shop/web-1": "✓",
        "shop/web-2": "~",
        "shop/cart-1": "~",
        "shop/pay-1": "!",
        "shop/pay-2": "!",
        "shop/agent-1": "=",
        "shop/数据-1": "·",
    }
    assert _texts([pods_title(PICTURE, filling)]) == ["PODS  1 gone · 2 leaving · 2 waiting · 1 to go"]
    _, hand, first, _ = _texts(wave_lines(PICTURE, filling, 100))
    assert "▼ now 30 s" in hand
    assert first.endswith("1 of 4 gone")


def test_a_run_that_succeeded_has_all_of_them_gone_and_one_that_failed_says_which_not() -> None:
    """A pod that went by itself has no line in the record, and is gone all the same."""
    events = (told(1, "step_done", "web-1"), told(2, "step_failed", "web-2"))
    late = START + timedelta(minutes=5)
    done = drain_run(RunState.SUCCEEDED, ended_at=late)
    filling = filling_of(PICTURE, done, events, Progress(), late)
    assert filling is not None
    assert {filling.state(pod) for pod in PICTURE.moves} == {"gone", "failed"}
    failed = msgspec.structs.replace(done, state=RunState.FAILED)
    filling = filling_of(PICTURE, failed, events, Progress(), late)
    assert filling is not None
    states = [filling.state(pod) for pod in PICTURE.moves]
    assert sorted(states) == ["failed", "leaving", "untouched", "untouched", "untouched"]
    assert "ended after 5 min" in _texts(wave_lines(PICTURE, filling, 100))[1]


def test_a_run_that_has_not_begun_is_its_plan() -> None:
    """An approver sees what the requester saw."""
    waiting = drain_run(RunState.AWAITING_APPROVAL)
    waiting = msgspec.structs.replace(waiting, started_at=None)
    assert filling_of(PICTURE, waiting, (), Progress(), START) is None


def test_the_verdict_has_risk_and_environment_as_words() -> None:
    """Colour alone says nothing to many."""
    assert str(verdict(drain_plan())).startswith(" DISRUPTIVE   PRODUCTION  Fits: 5 pods move")


def test_what_stops_it_and_what_is_to_be_known_is_text_and_no_markup() -> None:
    """The gravest first, with the flag."""
    assert _texts(known_lines(drain_plan(blocked=True), 80)) == [
        "✗ a pod nothing makes again [--force overrides]",
        "! redis [b]runs[/b] once",
    ]


def test_only_drains_with_pods_have_a_picture() -> None:
    """A drain of what is empty has nothing to draw."""
    assert has_picture(drain_plan())
    assert not has_picture(made_plan(CLUSTER, "drain", {}))
    assert not has_picture(made_plan(CLUSTER, "cordon", {}))
