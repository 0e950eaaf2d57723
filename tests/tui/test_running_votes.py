"""Lists of runs, giving a vote, the counts in the header, and leaving while a run is carried here."""

from __future__ import annotations

import msgspec
from textual.widgets import Input, Static

from k8sops.core.clock import Clock
from k8sops.core.desk import ReviewView
from k8sops.core.errors import AlreadyDecidedError, ForbiddenError, StoreUnreachableError, UnreachableError
from k8sops.core.run import Approval, RunFilter, RunState, Vote
from k8sops.tui.live_table import LiveTable
from k8sops.tui.running.approvals_screen import ApprovalsScreen
from k8sops.tui.running.own_votes import MOST_ASKED, OwnVotes
from k8sops.tui.running.ringing import notification
from k8sops.tui.running.run_screen import RunScreen
from k8sops.tui.running.runs_screen import RunsScreen
from k8sops.tui.session import Session
from k8sops.tui.status import ClusterLine
from tests.tui.fake_runs import ALICE, RecordOps, RunOps, a_run
from tests.tui.feeds import START
from tests.tui.run_stage import Stage, stage

FIRST, SECOND = "01RUNAAAA", "01RUNBBBB"


def _one(connection: Session, clock: Clock) -> RunScreen:
    return RunScreen(connection, FIRST, clock)


def _two_waiting() -> RunOps:
    ops = RunOps()
    ops.put(a_run(FIRST, state=RunState.AWAITING_APPROVAL))
    ops.put(a_run(SECOND, state=RunState.AWAITING_APPROVAL, summary="Fits: 3 pods move."))
    return ops


async def _answer(shown: Stage, key: str, reason: str = "") -> None:
    """Press a key that asks, type a reason, and confirm."""
    await shown.press(key)
    asked = await shown.asked()
    asked.query_one(Input).value = reason
    asked.query_one(Input).focus()
    await shown.press("enter")


async def test_a_vote_is_on_the_digest_that_was_shown_and_n_goes_to_the_next() -> None:
    """Four eyes are worth nothing where the second pair cannot tell what it says yes to."""
    ops = _two_waiting()
    async with stage(ops) as shown:
        await shown.open(ApprovalsScreen)
        await shown.sees("2 requests", ops.kept[FIRST].plan.digest[:12])
        await shown.press("end", "enter")
        await shown.sees(
            "! awaiting approval", "needs 1 approval of ops; 0 given", ops.kept[FIRST].plan.digest[:12]
        )
        await _answer(shown, "y", "seen")
        digest = ops.kept[FIRST].plan.digest
        await shown.until(
            lambda: ("decide", FIRST, "approve", digest, "seen", "alice@acme.example") in ops.asked
        )
        await shown.sees("✓ approved by alice@acme.example", "approved; it is queued now")
        await shown.press("n")
        await shown.sees("Fits: 3 pods move.", "! awaiting approval")


async def test_that_nothing_has_drifted_is_said_as_well() -> None:
    """Silence could mean that nobody has looked."""
    async with stage(_two_waiting()) as shown:
        await shown.open(_one)
        await shown.sees("✓ the cluster still is as planned")


async def test_what_has_drifted_is_told_before_the_vote() -> None:
    """A yes to a plan that would be void is a wasted yes."""
    ops = _two_waiting()
    ops.drifted = ("node-3 has a new pod with local data",)
    async with stage(ops) as shown:
        await shown.open(_one)
        await shown.sees("! drifted: node-3 has a new pod with local data")
        await shown.press("y")
        await shown.asked()
        await shown.sees("! drifted: node-3 has a new pod with local data")


async def test_a_forged_proposal_gets_no_yes() -> None:
    """What nobody signed for must not be signed by who approves it."""
    ops = _two_waiting()
    ops.forged = "its signature does not fit"
    async with stage(ops) as shown:
        await shown.open(_one)
        await shown.until(lambda: "approve" in shown.offered())
        await _answer(shown, "y")
        await shown.until(lambda: "the proposal is forged" in shown.banner)
        assert not any(what[0] == "decide" for what in ops.asked)


async def test_who_may_not_approve_is_not_offered_to_and_told_why_and_may_still_say_no() -> None:
    """A yes that is asked for, confirmed and then thrown away costs a minute that nobody has."""
    ops = _two_waiting()
    ops.uncounted = "the vote does not count: approvals come from ops"
    async with stage(ops) as shown:
        await shown.open(_one)
        await shown.until(lambda: "approvals come from ops" in shown.banner)
        assert "approve" not in shown.offered()
        assert "deny" in shown.offered()


async def test_what_was_denied_elsewhere_while_open_is_told() -> None:
    """Two people look at the same request; the second must see that it is over, not vote into the void."""
    ops = _two_waiting()
    async with stage(ops) as shown:
        await shown.open(_one)
        await shown.until(lambda: "approve" in shown.offered())
        ops.become(FIRST, RunState.DENIED, outcome="denied by carol: not today", ended_at=START)
        await shown.sees("✗ denied by carol: not today")
        assert "approve" not in shown.offered()


async def test_a_vote_that_comes_too_late_says_so_and_shows_how_it_was_decided() -> None:
    """Between the plan and the yes lies a moment in which somebody else may have said no."""
    ops = _two_waiting()
    async with stage(ops) as shown:
        await shown.open(_one)
        await shown.until(lambda: "approve" in shown.offered())
        ops.refuses = AlreadyDecidedError("carol has denied it")
        await _answer(shown, "x")
        await shown.until(lambda: "carol has denied it" in shown.banner)


async def test_the_list_follows_the_store_and_keeps_what_it_read_while_that_is_away() -> None:
    """A list that goes blank when the store does says that there are no runs."""
    ops = _two_waiting()
    async with stage(ops) as shown:
        await shown.open(RunsScreen)
        await shown.sees("2 runs", "awaiting approval")
        ops.put(a_run("01RUNCCCC", state=RunState.RUNNING))
        await shown.press("r")
        await shown.sees("3 runs", "running")
        ops.lose(StoreUnreachableError("the store does not answer"))
        await shown.press("r")
        await shown.until(lambda: "the store does not answer" in shown.banner)
        assert len(shown.app.screen.query_one(LiveTable).shown) == 3
        assert "STALE" in shown.text()


async def test_what_a_narrow_list_cuts_is_told_whole_of_the_row_under_the_cursor() -> None:
    """At eighty columns the sentence on what a request would do ended before it said what it is about."""
    ops = RunOps()
    summary = (
        "Disruptive: shop/deployments/checkout goes back to revision 1 (checkout:3.0.4); 3 pods are replaced"
    )
    for number, name in enumerate(("01RUNAAAA", "01RUNBBBB")):
        run = a_run(name, state=RunState.AWAITING_APPROVAL)
        plan = msgspec.structs.replace(run.plan, summary=f"{summary}, request {number}")
        ops.put(msgspec.structs.replace(run, plan=plan))
    async with stage(ops, size=(80, 24)) as shown:
        await shown.open(ApprovalsScreen)

        def whole() -> str:
            found = shown.app.screen.query_one("#whole", Static)
            return str(found.content) if found.display else ""

        await shown.until(lambda: whole().startswith(summary))
        before = whole()
        await shown.press("down")
        await shown.until(lambda: whole() != before and whole().startswith(summary))
        await shown.pilot.resize_terminal(240, 24)
        await shown.until(lambda: not whole())


async def test_an_empty_list_says_what_it_is_empty_of() -> None:
    """No screen is empty."""
    async with stage(RunOps(), size=(80, 24)) as shown:
        await shown.open(ApprovalsScreen)
        await shown.sees("Nothing waits for approval.")


async def test_the_header_counts_what_waits_and_runs_and_rings_for_one_more() -> None:
    """Whoever may say yes is seldom looking at the list."""
    ops = _two_waiting()
    async with stage(ops) as shown:
        await shown.open(RunsScreen)
        await shown.until(lambda: "! 2 to approve" in shown.header)
        assert shown.app.bells == 0
        ops.put(a_run("01RUNCCCC", state=RunState.AWAITING_APPROVAL))
        ops.put(a_run("01RUNDDDD", state=RunState.RUNNING))
        shown.count()
        await shown.until(lambda: "! 3 to approve · ~ 1 running" in shown.header)
        assert shown.app.bells == 1
        ops.put(a_run("01RUNEEEE", state=RunState.AWAITING_APPROVAL, actor=ALICE))
        shown.count()
        await shown.until(lambda: "! 3 to approve · 1 waits · ~ 1 running" in shown.header)
        assert shown.app.bells == 1, "one's own request is no news"
        ops.put(a_run("01RUNFFFF", state=RunState.AWAITING_APPROVAL))
        await shown.press("end", "enter")
        await shown.until(lambda: "! 4 to approve · 1 waits" in shown.header)
        assert shown.app.bells == 2, "another screen has come between, and the news is told all the same"


async def test_what_others_have_to_decide_is_not_counted_as_ours_and_does_not_ring() -> None:
    """A bell for what one may not approve teaches not to listen to it."""
    ops = _two_waiting()
    ops.uncounted = "the vote does not count: the policy does not know who this is"
    async with stage(ops) as shown:
        await shown.open(RunsScreen)
        await shown.until(lambda: shown.header.endswith("alice@acme.example · 2 wait"))
        ops.put(a_run("01RUNCCCC", state=RunState.AWAITING_APPROVAL))
        shown.count()
        await shown.until(lambda: shown.header.endswith("alice@acme.example · 3 wait"))
        assert shown.app.bells == 0
        asked = ops.refusals_asked
        shown.count()
        await shown.app.workers.wait_for_complete()
        assert ops.refusals_asked == asked, "who may not approve a request may not five seconds later either"


async def test_a_request_one_has_approved_waits_for_others_from_then_on() -> None:
    """Two approvals are wanted: the second is not for who gave the first."""
    ops = _two_waiting()
    async with stage(ops) as shown:
        await shown.open(RunsScreen)
        await shown.until(lambda: "! 2 to approve" in shown.header)
        given = Approval(actor=ALICE, vote=Vote(verdict="approve", digest="", reason=""), at=START)
        ops.put(msgspec.structs.replace(ops.kept[FIRST], approvals=(given,)))
        shown.count()
        await shown.until(lambda: "! 1 to approve · 1 waits" in shown.header)


async def test_whom_the_api_server_does_not_name_has_nothing_to_approve() -> None:
    """A vote without a name cannot be given."""
    ops = _two_waiting()
    ops.cluster_away = ForbiddenError("selfsubjectreviews is forbidden")
    async with stage(ops) as shown:
        await shown.open(RunsScreen)
        await shown.until(lambda: "unknown identity · 2 wait" in shown.header)


async def test_a_long_queue_is_asked_about_in_parts_and_counted_whole() -> None:
    """Each question takes the store and policy a moment; five hundred would take seconds, again and again."""
    ops = RunOps()
    for number in range(MOST_ASKED + 5):
        ops.put(a_run(f"01RUN{number:04}", state=RunState.AWAITING_APPROVAL))
    waiting, votes = await ops.runs(RunFilter()), OwnVotes()
    assert len(await votes.among(ops, ALICE, waiting)) == MOST_ASKED
    assert ops.refusals_asked == MOST_ASKED
    assert await votes.among(ops, ALICE, waiting) == waiting
    assert ops.refusals_asked == 2 * MOST_ASKED


async def test_one_key_leads_from_anywhere_to_the_next_request_of_somebody_else() -> None:
    """A request waits for a person; a person must not have to look for the list first."""
    ops = RunOps()
    async with stage(ops) as shown:
        await shown.open(RunsScreen)
        await shown.press("exclamation_mark")
        await shown.until(lambda: any("Nothing waits" in note.message for note in shown.app._notifications))
        ops.put(a_run("01RUN0000", state=RunState.AWAITING_APPROVAL, actor=ALICE, summary="my own"))
        ops.put(a_run(FIRST, state=RunState.AWAITING_APPROVAL))
        ops.put(a_run(SECOND, state=RunState.AWAITING_APPROVAL, summary="Fits: 3 pods move."))
        await shown.press("exclamation_mark")
        await shown.sees("Fits: 57 pods move, none stays pending.", "! awaiting approval")
        await shown.press("exclamation_mark")
        await shown.sees("Fits: 3 pods move.")
        depth = len(shown.app.screen_stack)
        await shown.press("exclamation_mark")
        await shown.sees("Fits: 57 pods move, none stays pending.")
        assert len(shown.app.screen_stack) == depth, (
            "Esc leads back to where one was, not through all of them"
        )
        await shown.press("escape")
        await shown.until(lambda: isinstance(shown.app.screen, RunsScreen))


def test_a_notification_cannot_drive_the_terminal_it_is_told_by() -> None:
    """Somebody else wrote the sentence: an escape in it would be a command to the approver's terminal."""
    said = notification("bob asks for \x1b]52;c;aGk=\x07drain", {"TERM": "xterm"})
    assert said.startswith("\x1b]9;k8sops: ")
    assert said.count("\x1b") == 1
    assert said.count("\x07") == 1
    assert notification("x", {"TERM": "tmux-256color", "TMUX": "/s,1,0"}).startswith("\x1bPtmux;\x1b\x1b]9;")
    assert not notification("x", {"TERM": "linux"})


async def test_leaving_with_nothing_carried_here_asks_nothing() -> None:
    """Somebody else's run is none of ours."""
    ops = RunOps()
    ops.put(a_run(FIRST, state=RunState.RUNNING))
    async with stage(ops) as shown:
        await shown.until(lambda: shown.app.session.connected)
        shown.leave()
        await shown.until(lambda: shown.app.return_code is not None)


async def test_leaving_while_a_run_is_carried_here_asks_and_staying_changes_nothing() -> None:
    """A half-drained node is never just parked."""
    ops = RunOps()
    ops.put(a_run(FIRST, state=RunState.RUNNING))
    ops.carrying.append(FIRST)
    async with stage(ops) as shown:
        await shown.until(lambda: shown.app.session.connected)
        shown.leave()
        await shown.asked()
        await shown.sees("1 run carried here still going")
        await shown.press("s")
        assert ops.asked == []
        shown.leave()
        await shown.asked()
        await shown.press("k")
        await shown.until(lambda: ("leave_behind",) in ops.asked)


async def test_a_second_interrupt_while_asking_cancels_safely() -> None:
    """As at the command line: who presses Ctrl-C twice wants it to stop."""
    ops = RunOps()
    ops.put(a_run(FIRST, state=RunState.RUNNING))
    ops.carrying.append(FIRST)
    async with stage(ops) as shown:
        await shown.open(_one)
        await shown.sees("~ running")
        await shown.press("ctrl+c")
        await shown.asked()
        await shown.press("ctrl+c")
        await shown.until(lambda: ("cancel", FIRST, "the screen was left") in ops.asked)


async def test_open_reviews_and_standing_approvals_stand_among_the_requests() -> None:
    """What went round approvals is looked at by a person afterwards, or the rule is worth nothing."""
    ops = RecordOps()
    ops.put(a_run(FIRST, state=RunState.SUCCEEDED))
    ops.put(a_run(SECOND, state=RunState.AWAITING_APPROVAL))
    review = ReviewView(run=FIRST, kind="break_glass", opened_at=START, headline="drained", actor="bob")
    ops.kept_here.open_reviews.append(review)
    async with stage(ops) as shown:
        await shown.open(ApprovalsScreen)
        await shown.sees("3 requests", "web-night would do this by itself", "by breaking the glass: drained")
        assert "review" not in shown.offered()
        await shown.press("end")
        await shown.until(lambda: "review" in shown.offered())
        await _answer(shown, "v")
        assert ops.kept_here.done == [], "a review is closed with a note"
        await shown.press(*"fine", "enter")
        await shown.until(lambda: ("close_review", FIRST, "fine", "alice@acme.example") in ops.kept_here.done)
        await shown.sees("2 requests", f"the review of run {FIRST} is closed")


async def test_the_glass_is_broken_with_a_reason_and_never_by_a_slip() -> None:
    """An emergency has a key; Enter alone must not be it."""
    ops = _two_waiting()
    async with stage(ops) as shown:
        await shown.open(_one)
        await shown.until(lambda: "break_glass" in shown.offered())
        await shown.press("b")
        await shown.asked()
        await shown.press("enter")
        assert ops.asked == [], "a reason is asked for, and nothing else has the focus"
        await shown.press(*"orders", "space", *"are", "space", *"lost", "enter")
        await shown.until(lambda: ("start", FIRST, "orders are lost") in ops.asked)


async def test_who_we_are_stays_known_on_each_new_screen_while_the_cluster_is_away() -> None:
    """It was said when we connected; a header that has forgotten it makes one doubt every key."""
    ops = RunOps()
    ops.put(a_run(FIRST, state=RunState.AWAITING_APPROVAL))
    async with stage(ops) as shown:
        await shown.until(lambda: shown.app.session.username)
        ops.cluster_away = UnreachableError("connection refused")
        await shown.open(RunsScreen)
        await shown.until(lambda: "alice@acme.example · ! 1 to approve" in shown.header)
        await shown.open(RunsScreen)
        await shown.until(lambda: "alice@acme.example · ! 1 to approve" in shown.header)


async def test_a_cluster_that_is_away_is_no_trouble_of_the_store() -> None:
    """What waits is read from a local store: it is counted, and nobody looks for the trouble in the store."""
    ops = RunOps()
    ops.put(a_run(FIRST, state=RunState.AWAITING_APPROVAL))
    ops.cluster_away = UnreachableError("connection refused")
    async with stage(ops) as shown:
        await shown.open(RunsScreen)
        await shown.until(lambda: "identity not known yet · ! 1 to approve" in shown.header)
        ops.cluster_away = None
        await shown.until(lambda: "alice@acme.example · ! 1 to approve" in shown.header)
        ops.lose(UnreachableError("connection refused"))
        shown.app.screen.query_one(ClusterLine).count()
        await shown.pilot.pause()
        assert "! 1 to approve" in shown.header


async def test_a_store_that_is_away_is_said() -> None:
    """A number of before would be a lie: it is the store that would know."""
    ops = RunOps()
    async with stage(ops) as shown:
        await shown.open(RunsScreen)
        await shown.until(lambda: "alice@acme.example" in shown.header)
        ops.lose(StoreUnreachableError("the database is away"))
        await shown.until(lambda: "alice@acme.example · ! no store" in shown.header)
