"""Schedules on the screen: what each would do and when, how it went, and what a person does to it."""

from __future__ import annotations

from textual.widgets import Input

from k8sops.core.errors import DeniedError, StoreUnreachableError
from k8sops.core.run import RunState
from k8sops.tui.running.run_screen import RunScreen
from k8sops.tui.screens import SCREENS
from tests.tui.fake_runs import RecordOps, a_run
from tests.tui.run_stage import Stage, stage


def _ops() -> RecordOps:
    ops = RecordOps()
    ops.put(a_run("01RUNAAAA", state=RunState.FAILED))
    return ops


async def _answer(shown: Stage, key: str, text: str = "") -> None:
    await shown.press(key)
    asked = await shown.asked()
    for box in asked.query(Input):
        box.value = text
        box.focus()
    await shown.press("enter")


async def test_the_list_tells_when_each_fires_how_it_went_and_the_keys_act_on_it() -> None:
    """A schedule that failed every night for a week looks like one that is well unless its last run is told."""
    ops = _ops()
    async with stage(ops) as shown:
        await shown.open(SCREENS["schedules"])
        await shown.sees("2 schedules", "Sun 11-22 03:00", "failed 9h", "restart deployment/web -n shop")
        await _answer(shown, "p", "holiday")
        await shown.until(lambda: ("pause", "nightly", "holiday", "alice@acme.example") in ops.kept_here.done)
        await shown.sees("✓ nightly is paused", "paused")
        assert "fire" not in shown.offered(), "what is paused is not fired"
        await shown.press("p")
        await shown.asked()
        await shown.press("p")
        await shown.until(lambda: ("resume", "nightly") in ops.kept_here.done)
        await shown.sees("nightly fires again; no worker is alive")
        await shown.press("ctrl+d")
        await shown.asked()
        await shown.press("enter")
        assert ("remove", "nightly") not in ops.kept_here.done, "Cancel has the focus"


async def test_one_schedule_shows_its_rules_its_firings_and_takes_a_vote() -> None:
    """What a schedule may do by itself is approved once, so it has to be read before the yes."""
    ops = _ops()
    async with stage(ops, size=(80, 24)) as shown:
        await shown.open(SCREENS["schedules"])
        await shown.sees("web-night")
        await shown.press("end", "enter")
        await shown.sees("awaits votes", "no worker is alive", "skipped", "one was still going", "failed")
        await shown.sees("has not succeeded for 26 h")
        await _answer(shown, "y", "seen")
        await shown.until(lambda: ("vote", "web-night", "approve", "ab" * 32) in ops.kept_here.done)
        await shown.sees("the standing approval of web-night is granted")
        assert "approve" not in shown.offered()
        await shown.press("end", "enter")
        await shown.sees("This firing made no run.")
        await shown.press("home", "enter")
        await shown.until(lambda: isinstance(shown.app.screen, RunScreen))


async def test_what_is_refused_says_why_and_a_store_that_is_away_leaves_the_rows() -> None:
    """Somebody else's schedule is theirs; a list that goes blank would say there is none."""
    ops = _ops()
    async with stage(ops) as shown:
        await shown.open(SCREENS["schedules"])
        await shown.sees("2 schedules")
        ops.kept_here.refuses = DeniedError("the schedule 'nightly' is carol's", hint="anybody may pause it")
        await shown.press("t")
        await shown.asked()
        await shown.press("t")
        await shown.until(lambda: "✗ the schedule 'nightly' is carol's" in shown.banner)
        ops.lose(StoreUnreachableError("the store does not answer"))
        await shown.press("ctrl+r")
        await shown.until(lambda: "the store does not answer" in shown.banner)
        await shown.sees("2 schedules · ! STALE since", "nightly")
