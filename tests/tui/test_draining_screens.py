"""The drain's picture under a pilot: in the dialog before it, and on the run's screen while it fills in."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from textual.widget import Widget

from k8sops.core.events import waits
from k8sops.core.plan import Decision
from k8sops.core.run import RunState
from k8sops.tui.acting.form_pane import FormPane
from k8sops.tui.acting.plan_pane import PlanPane
from k8sops.tui.draining.pane import DrainPane, Part, TabsLine
from k8sops.tui.draining.toned import TonedLines
from k8sops.tui.running.lines_view import LinesView
from k8sops.tui.running.run_screen import RunScreen
from k8sops.tui.status import SaidLine
from tests.tui.acting_desk import Acting, ActingOps, acting, made_plan
from tests.tui.drain_scenes import SUMMARY, a_pod, drain_plan, drain_run
from tests.tui.fake_runs import RunOps
from tests.tui.feeds import START, node
from tests.tui.run_stage import Stage, stage


def _in_sight(screen: Widget) -> list[str]:
    """All that the picture says where it can be seen."""
    return [
        text
        for lines in screen.query(TonedLines)
        if lines.region.height and all(one.display for one in lines.ancestors_with_self)
        for text in lines.texts
    ]


def _tab(screen: Widget) -> str:
    return screen.query_one(DrainPane).tab


def _drains(ops: ActingOps, *, decision: Decision | None = None, blocked: bool = False) -> None:
    ops.answer = lambda action, params: drain_plan(decision=decision, blocked=blocked)


async def _wide(seen: Acting) -> None:
    assert _tab(seen.dialog) == "Plan"
    text = "\n".join(_in_sight(seen.dialog))
    for word in ("MOVES 5", "node-4", "▒", "wave 2", "paced by shop/payments-pdb", "TO KNOW"):
        assert word in text


async def test_wide_the_whole_picture_stands_in_the_dialog_and_the_plan_in_full_behind_it() -> None:
    """One look: who moves where, how full it gets, in which waves, and what it all means."""
    ops = ActingOps()
    _drains(ops)
    async with acting("nodes", node("node-3"), ops=ops, size=(120, 32)) as seen:
        await seen.press("r")
        await _wide(seen)
        await seen.press("right")
        assert _tab(seen.dialog) == "Details"
        assert seen.dialog.query_one(PlanPane).region.height > 5
        assert _in_sight(seen.dialog) == []
        await seen.press("left")
        await _wide(seen)
        await seen.press("enter")
        assert ops.started == ["run-1"]


async def test_narrow_the_parts_are_tabs_and_verdict_and_keys_stay() -> None:
    """At 80×24 nothing that decides scrolls away, whichever part is in sight."""
    ops = ActingOps()
    _drains(ops, blocked=True)
    async with acting("nodes", node("node-3"), ops=ops) as seen:
        await seen.press("r")
        found = {}
        for _ in range(4):
            for query in (".drain--verdict", "#tabs", "Sentence", "#buttons"):
                region = seen.dialog.query_one(query).region
                assert 0 < region.y < region.bottom < seen.app.size.height, query
            found[_tab(seen.dialog)] = "\n".join(_in_sight(seen.dialog))
            await seen.press("tab", "right") if not found.keys() - {"Pods"} else await seen.press("right")
        assert list(found) == ["Pods", "Room", "Waves", "Details"]
        assert "BLOCKED 1" in found["Pods"]
        assert "TO KNOW" in found["Room"]
        assert "wave 1" in found["Waves"]
        assert found["Details"] == ""
        assert _tab(seen.dialog) == "Pods"
        await seen.pilot.click(TabsLine, offset=(9, 0))
        assert _tab(seen.dialog) == "Room"


async def test_what_is_out_of_sight_is_said_with_its_headings_until_it_is_in_sight() -> None:
    """Which pods stay stands at the end of the list, and a list that just ends looks like all there is."""
    ops = ActingOps()
    pods = [a_pod(f"web-{n}", lands_on="node-4") for n in range(15)]
    ops.answer = lambda action, params: drain_plan(*pods, a_pod("agent-1", verb="keep", why="a DaemonSet's"))
    async with acting("nodes", node("node-3"), ops=ops) as seen:
        await seen.press("r")
        below = seen.dialog.query_one("#pods", Part).below
        await seen.until(lambda: below.display)
        assert "more lines, STAYS 1" in str(below.content)
        await seen.press("ctrl+d", "ctrl+d")
        await seen.until(lambda: not below.display)


@pytest.mark.parametrize("height", [24, 32])
async def test_where_one_acts_stays_in_sight_above_the_dialog(height: int) -> None:
    """The header of the screen below says which cluster it is, on every screen in the same place."""
    ops = ActingOps()
    _drains(ops)
    async with acting("nodes", node("node-3"), ops=ops, size=(80, height)) as seen:
        await seen.press("r")
        box = seen.dialog.query_one("#box").region
        await seen.until(lambda: seen.dialog.query_one("#box").region.bottom == height)
        assert box.y >= 1


async def test_on_a_low_screen_the_fields_of_a_drain_are_one_line() -> None:
    """The plan is what is read; of a field that has the focus is said what it means."""
    ops = ActingOps()
    _drains(ops, blocked=True)
    async with acting("nodes", node("node-3"), ops=ops) as seen:
        await seen.press("r")
        form, keys = seen.dialog.query_one(FormPane), seen.dialog.query_one("#keys", SaidLine)
        await seen.until(lambda: form.region.height == 1)
        assert "nothing makes again" in str(keys.content), "the way on has the focus"
        await seen.press("m")
        await seen.until(lambda: form.region.height > 1)
        assert "tab next" in str(keys.content)
        await seen.pilot.resize_terminal(80, 40)
        await seen.press("m")
        await seen.until(lambda: form.region.height == 2)


async def test_a_drain_of_an_empty_node_is_a_plan_like_any_other() -> None:
    """Nothing to draw is no reason to show nothing."""
    ops = ActingOps()
    async with acting("nodes", node("node-3"), ops=ops) as seen:
        await seen.press("r")
        assert not seen.dialog.query_one(DrainPane).display
        assert "Safe: drain" in seen.plan
        ops.answer = lambda action, params: drain_plan(*(a_pod(f"web-{n}") for n in range(200)))
        await seen.press("m", "up", "up", "space")
        assert seen.dialog.query_one(DrainPane).display
        pods = next(iter(seen.dialog.query(TonedLines)))
        await seen.press("ctrl+d")
        assert pods.scroll_offset.y > 0


def _glyphs(stage: Stage) -> dict[str, str]:
    return {line.split()[1]: line[0] for line in _in_sight(stage.app.screen) if " shop/" in line}


@pytest.mark.parametrize("size", [(120, 32), (80, 24)])
async def test_the_same_picture_fills_in_while_the_run_goes_on(size: tuple[int, int]) -> None:
    """Who applied it goes on looking at what he read, and sees what it waits for."""
    ops = RunOps()
    ops.put(drain_run(events=()))
    async with stage(ops, size=size) as seen:
        await seen.open(lambda session, clock: RunScreen(session, "01DRAIN", clock))
        await seen.until(lambda: _glyphs(seen).get("shop/web-1") == "·")
        assert SUMMARY in seen.text()
        path = "drain/node:node-3/evict:shop."
        ops.tell("01DRAIN", "step_started", "web-1", step=f"{path}web-1")
        ops.tell("01DRAIN", "step_done", "gone", step=f"{path}web-1")
        began = START - timedelta(seconds=40)
        ops.tell(
            "01DRAIN",
            "progress",
            "1 of 5",
            data={
                "done": 1,
                "total": 5,
                "leaving": [],
                **waits("shop/payments-pdb: 0 disruptions allowed", began),
            },
        )
        await seen.until(lambda: _glyphs(seen).get("shop/web-1") == "✓")
        await seen.until(lambda: _glyphs(seen).get("shop/pay-1") == "!")
        await seen.sees("waiting for shop/payments-pdb 0:40: 0 disruptions allowed")
        log = seen.app.screen.query_one("#log", LinesView)
        assert not log.region.height
        await seen.press("left")
        await seen.until(lambda: log.region.height)
        assert _in_sight(seen.app.screen) == []
        await seen.press("right")
        ops.become("01DRAIN", RunState.SUCCEEDED, outcome="done: 5 of 5 pods moved")
        await seen.until(lambda: _glyphs(seen).get("shop/pay-2") == "✓")
        await seen.sees("✓ succeeded: 5 of 5 pods moved")


async def test_who_approves_a_drain_reads_the_picture_and_what_has_drifted() -> None:
    """A yes to a picture that is out of date would be a yes to something else."""
    ops = RunOps()
    ops.drifted = ("node-3 has 2 pods more",)
    waiting = drain_run(RunState.AWAITING_APPROVAL)
    ops.put(msgspec.structs.replace(waiting, started_at=None))
    async with stage(ops) as seen:
        await seen.open(lambda session, clock: RunScreen(session, "01DRAIN", clock))
        await seen.sees("! drifted: node-3 has 2 pods more")
        assert _glyphs(seen)["shop/web-1"] == "→"
        plain = msgspec.structs.replace(
            waiting, id="02PLAIN", started_at=None, plan=made_plan(waiting.plan.cluster, "cordon", {})
        )
        ops.put(plain)
        await seen.press("n")
        await seen.until(lambda: not seen.app.screen.query(DrainPane))
        assert seen.app.screen.query_one("#page").region.height
