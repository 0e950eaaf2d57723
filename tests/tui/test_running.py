"""The screen of one run: watching it, stopping it, taking it back, and what it says when the store is away."""

from __future__ import annotations

from textual.widgets import Button, Input

from k8sops.core.clock import Clock
from k8sops.core.errors import StoreUnreachableError
from k8sops.core.events import Progress, waits
from k8sops.core.plan import Decision
from k8sops.core.run import RunError, RunState
from k8sops.tui.live_table import LiveTable
from k8sops.tui.running.lines_view import LinesView
from k8sops.tui.running.run_screen import RunScreen
from k8sops.tui.running.runs_screen import RunsScreen
from k8sops.tui.session import Session
from tests.tui.fake_runs import RunOps, a_run
from tests.tui.feeds import START
from tests.tui.run_stage import Stage, stage

RUN = "01RUNAAAA"


def _one(connection: Session, clock: Clock) -> RunScreen:
    return RunScreen(connection, RUN, clock)


def _running() -> RunOps:
    ops = RunOps()
    ops.put(a_run(RUN, state=RunState.RUNNING))
    ops.tell(RUN, "state", "running", data={"state": "running"})
    ops.tell(RUN, "step_started", "cordoning node-3", step="cordon/node-3")
    ops.tell(RUN, "step_done", "node-3 is cordoned", step="cordon/node-3")
    return ops


async def _opened(shown: Stage) -> None:
    await shown.open(_one)
    await shown.sees("Fits: 57 pods move, none stays pending.")


async def test_each_step_has_a_glyph_for_how_far_it_is() -> None:
    """The one question about a run under way is what has happened to the cluster so far."""
    ops = _running()
    async with stage(ops) as shown:
        await _opened(shown)
        await shown.sees(
            "~ running · drain · by bob@acme.example", "✓ cordon nodes/node-3", "node-3 is cordoned"
        )
        assert "  drain nodes/node-3" in shown.text()
        ops.tell(RUN, "step_started", "draining node-3", step="drain/node-3")
        await shown.sees("~ drain nodes/node-3")


async def test_progress_and_what_is_waited_for_stand_above_the_steps() -> None:
    """A drain that stands still must say what it waits for, and since when by the reader's clock."""
    ops = _running()
    async with stage(ops) as shown:
        await _opened(shown)
        waiting = waits("payments-pdb: 0 disruptions allowed", START)
        ops.tell(
            RUN,
            "progress",
            "12 of 57",
            data={"done": 12, "total": 57, "unit": "pods moved", **waiting},
        )
        await shown.sees("12 of 57 pods moved", "waiting for payments-pdb 0:00: 0 disruptions allowed")
        ops.tell(RUN, "step_done", "web-1 is gone", step="drain/node-3/evict:shop.web-1")
        await shown.sees("web-1 is gone")
        shown.clock.forward(134)
        await shown.sees("waiting for payments-pdb 2:14: 0 disruptions allowed")
        ops.tell(RUN, "progress", "57 of 57", data={"done": 57, "total": 57, "unit": "pods moved"})
        await shown.sees("57 of 57 pods moved")
        assert "payments-pdb" not in shown.text()


async def test_what_a_change_is_waited_for_after_it_was_made_is_shown_too() -> None:
    """A rollout's template is written in a moment; its pods are what one watches it for."""
    ops = _running()
    async with stage(ops) as shown:
        await _opened(shown)
        coming = {"done": 1, "total": 3, "unit": "replicas ready", "waiting_for": "pod web-2"}
        ops.tell(RUN, "progress", "1 of 3", data=coming, step="cordon/node-3")
        await shown.sees("1 of 3 replicas ready", "waiting for pod web-2")


async def test_the_end_comes_first_and_offers_the_way_back() -> None:
    """How it ended is read before how it went."""
    ops = _running()
    async with stage(ops) as shown:
        await _opened(shown)
        assert "undo" not in shown.offered()
        ops.become(RUN, RunState.SUCCEEDED, outcome="node-3 is empty: 57 pods moved", ended_at=START)
        await shown.sees("✓ succeeded: node-3 is empty: 57 pods moved")
        assert "cancel" not in shown.offered()
        assert "undo" in shown.offered()


async def test_a_step_whose_change_was_made_in_vain_is_no_success() -> None:
    """The template was written and the pods never came: a check mark beside that would be believed."""
    ops = _running()
    ops.tell(RUN, "step_started", "draining node-3", step="drain/node-3")
    ops.tell(RUN, "step_done", "node-3 is asked to go", step="drain/node-3")
    ops.tell(RUN, "progress", "0 of 2", data={"done": 0, "total": 2}, step="drain/node-3")
    why = "node-3 is not empty after 5 s"
    error = RunError(code="wait_deadline", message=why, hint="--timeout waits longer")
    ops.become(RUN, RunState.FAILED, outcome=f"failed: {why}", error=error, ended_at=START)
    async with stage(ops) as shown:
        await _opened(shown)
        await shown.sees(
            "✗ drain nodes/node-3", "but what it waits for did not come", "✓ cordon nodes/node-3"
        )
        ops.tell(RUN, "state", f"failed: {why}", data={"state": "failed"})
        await shown.press("r")
        log = shown.app.screen.query_one("#log", LinesView)
        await shown.until(lambda: any(line.endswith("failed") for line in log.texts))
        page = shown.app.screen.query_one("#page", LinesView).texts
        assert sum(why in line for line in [*page, *log.texts]) == 1, "once is enough"


async def test_a_failure_says_why_and_what_to_do() -> None:
    """An administrator at night reads one sentence, not a log."""
    ops = _running()
    error = RunError(
        code="wait_deadline", message="payments-pdb allowed none for 10 min", hint="--timeout waits longer"
    )
    ops.become(RUN, RunState.FAILED, outcome="", error=error, ended_at=START)
    async with stage(ops) as shown:
        await _opened(shown)
        await shown.sees("✗ failed: payments-pdb allowed none for 10 min", "--timeout waits longer")


async def test_stopping_asks_first_and_says_what_was_done() -> None:
    """A key hit by accident must not stop a drain."""
    ops = _running()
    async with stage(ops) as shown:
        await _opened(shown)
        await shown.until(lambda: "cancel" in shown.offered())
        await shown.press("c")
        await shown.asked()
        await shown.press("escape")
        assert ops.asked == []
        await shown.press("c")
        await shown.asked()
        shown.app.screen.query_one(Input).value = "wrong node"
        await shown.press("enter")
        await shown.until(lambda: ("cancel", RUN, "wrong node") in ops.asked)
        await shown.sees("- cancelled: 1 of 2 steps done")


async def test_a_store_that_goes_away_is_told_and_what_was_read_stays() -> None:
    """The run goes on without the reader; a blank screen would say the opposite."""
    ops = _running()
    async with stage(ops) as shown:
        await _opened(shown)
        ops.lose(StoreUnreachableError("the store at db:5432 does not answer"))
        await shown.until(lambda: "the store at db:5432 does not answer" in shown.banner)
        assert "What is shown may be old" in shown.banner
        assert "✓ cordon nodes/node-3" in shown.text()
        ops.lose(None)
        ops.tell(RUN, "step_started", "draining node-3", step="drain/node-3")
        await shown.press("r")
        await shown.sees("~ drain nodes/node-3")
        await shown.until(lambda: shown.banner == "")


async def test_a_run_that_needs_review_asks_what_became_of_its_step() -> None:
    """Only a person can tell; nothing is assumed, and the answer that changes nothing has the focus."""
    ops = _running()
    ops.become(RUN, RunState.NEEDS_REVIEW, outcome="its carrier died in drain/node-3", ended_at=START)
    async with stage(ops) as shown:
        await _opened(shown)
        await shown.until(lambda: "settle" in shown.offered())
        await shown.press("s")
        asked = await shown.asked()
        assert isinstance(asked.focused, Button)
        assert asked.focused.id == "choice-n"
        await shown.press("t")
        await shown.until(lambda: ("resume", RUN, "retry") in ops.asked)
        await shown.sees("~ running")


async def test_names_from_outside_are_never_markup_and_cannot_steer_the_terminal() -> None:
    """A pod may be called anything."""
    ops = _running()
    ops.tell(RUN, "note", "pod [bold]x[/bold] \x1b[31m says\u202e hello")
    async with stage(ops, size=(80, 24)) as shown:
        await _opened(shown)
        await shown.sees("[bold]x[/bold]")
        svg = shown.app.export_screenshot()
        assert "\x1b[31m" not in svg
        assert "\u202e" not in svg


async def test_a_run_that_is_not_there_is_one_sentence() -> None:
    """A run may have been cleared away since it was listed."""
    ops = RunOps()
    async with stage(ops) as shown:
        await shown.open(_one)
        await shown.sees(f"there is no run {RUN}")


async def test_a_proposal_in_production_wants_the_clusters_name_typed() -> None:
    """Destructive on production is never one key."""
    ops = RunOps()
    ops.put(a_run(RUN, decision=Decision(effect="confirm", why="production", typed_name=True)))
    async with stage(ops) as shown:
        await _opened(shown)
        await shown.press("enter")
        asked = await shown.asked()
        assert isinstance(asked.focused, Button)
        asked.query_one(Input).value = "acme"
        asked.query_one(Input).focus()
        await shown.press("enter")
        await shown.sees("what was typed is not acme-staging")
        assert ops.asked == []
        asked.query_one(Input).value = "acme-staging"
        await shown.press("enter")
        await shown.until(lambda: ("start", RUN) in ops.asked)


async def test_progress_on_record_is_shown_to_who_comes_later() -> None:
    """Somebody else's run is opened in its middle."""
    ops = RunOps()
    ops.put(a_run(RUN, state=RunState.RUNNING, progress=Progress(done=3, total=9, unit="pods moved")))
    async with stage(ops) as shown:
        await _opened(shown)
        await shown.sees("3 of 9 pods moved")


async def test_the_list_of_runs_says_how_long_each_has_waited_by_now() -> None:
    """Nothing happens to a stuck run, and yet its row must grow older."""
    ops = RunOps()
    waiting = Progress(waiting_for="shop/web: 1 replica not ready", waiting_since=START)
    ops.put(a_run(RUN, state=RunState.RUNNING, progress=waiting))
    async with stage(ops) as shown:
        await shown.open(RunsScreen)
        await shown.until(lambda: "shop/web: 1 replica not ready" in _what(shown))
        shown.clock.forward(134)
        await shown.until(lambda: "shop/web: 1 replica not ready, since 2 min 14 s" in _what(shown))


def _what(shown: Stage) -> list[str]:
    return [row.cells[4] for row in shown.app.screen.query_one(LiveTable).shown]


async def test_who_leaves_is_told_how_long_a_run_has_waited() -> None:
    """Whether to cancel depends on it."""
    ops = RunOps()
    waiting = Progress(waiting_for="shop/web: 1 replica not ready", waiting_since=START)
    ops.put(a_run(RUN, state=RunState.RUNNING, progress=waiting))
    ops.carrying.append(RUN)
    async with stage(ops) as shown:
        await _opened(shown)
        shown.app.clock.forward(134)
        shown.leave()
        await shown.sees("shop/web: 1 replica not ready, since 2 min 14 s")
