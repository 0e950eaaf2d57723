"""What is said below a card: one message that is edited while the run goes on, and an end that somebody notices."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.events import QUIET, Event
from k8sops.core.run import Run, RunState
from k8sops_slack.thread.ending import channel_failure, concerns_channel, end_reply
from k8sops_slack.thread.progress import progress_message
from k8sops_slack.thread.telling import grouped_message, told_message
from tests.slack.bot.limits_kept import check_message
from tests.slack.bot.runs_shown import BOB, EVERY_STATE, FAILED, NOW, RAN, ROOM, RUNNING, a_run, done, drawn


def running(*events: Event) -> Run:
    return a_run(RunState.RUNNING, started_at=NOW, progress=RUNNING, events=events)


def test_progress_is_one_message_with_the_last_that_happened() -> None:
    """A drain tells hundreds of things; a thread of hundreds of messages is read by nobody."""
    quiet = Event(seq=9, at=NOW, kind="note", text="nobody needs this", data=QUIET)
    found = progress_message(running(*done(1, 2), quiet))
    assert drawn(found.blocks).splitlines() == [
        "🔄 *running* · ███░░░░░░░░░ 12 of 57 pods · about 1 min left",
        "waits for payments-pdb: 0 disruptions allowed, since 40 s",
        "✓ <!date^1795348801^{time_secs}|12:00:01 UTC> node-1 is empty",
        "✓ <!date^1795348802^{time_secs}|12:00:02 UTC> node-2 is empty",
        "2 of 3 steps done",
    ]
    assert found.text == "drain 3 nodes on PRODUCTION prod-eu: running"


def test_what_no_longer_fits_is_counted() -> None:
    """The page of the run has all of it."""
    events = [
        Event(seq=n, at=NOW + timedelta(seconds=n), kind="note", text=f"note {n}") for n in range(1, 31)
    ]
    lines = drawn(progress_message(running(*events)).blocks).splitlines()
    assert "… 25 before" in lines
    assert [line[-7:] for line in lines if "note" in line] == [f"note {n}" for n in range(26, 31)]


def test_the_end_mentions_its_requester() -> None:
    """Edits notify nobody; whoever asked went to do something else meanwhile."""
    run = a_run(RunState.SUCCEEDED, outcome="done: 57 pods moved", events=done(1, 2, 3), **RAN)
    found = end_reply(run, ROOM)
    assert found.text == (
        "<@UALICE> Succeeded after 1 min 50 s: drain 3 nodes on PRODUCTION prod-eu. 57 pods moved."
    )
    assert drawn(found.blocks).splitlines() == [
        "<@UALICE> drain 3 nodes on PRODUCTION prod-eu",
        "✅ *done in 1 min 50 s* · 57 pods moved",
        "approved by bob",
        "[Undo…]",
    ]


def test_who_asked_at_the_screen_is_mentioned_where_policy_knows_them_here() -> None:
    """One run, many doors: the mention follows the person, not the door."""
    run = a_run(RunState.FAILED, error=FAILED, actor=BOB, person="bob", **RAN)
    assert end_reply(run, ROOM).text.startswith("<@UBOB> ")
    stranger = msgspec.structs.replace(run, person="", actor=msgspec.structs.replace(BOB, name="*carol*"))
    assert end_reply(stranger, ROOM).text.startswith("∗carol∗ ")


def test_a_failure_is_for_the_whole_channel() -> None:
    """What was done, what was not, and why, without opening anything."""
    run = a_run(RunState.FAILED, error=FAILED, events=done(1), **RAN)
    assert [one.state for one in EVERY_STATE if concerns_channel(one)] == [
        RunState.FAILED,
        RunState.NEEDS_REVIEW,
    ]
    assert drawn(channel_failure(run, ROOM).blocks).splitlines() == [
        "❌ *failed* · drain 3 nodes on PRODUCTION prod-eu",
        "❌ *failed*: node-2 did not answer",
        "done: drain nodes/node-1 · not done: drain nodes/node-2, drain nodes/node-3",
        "look at its kubelet",
        "[Details]",
    ]


def test_the_requester_sees_who_was_asked_and_can_ask_again() -> None:
    """Waiting without knowing for whom is what makes people shout in the channel."""
    run = a_run(RunState.AWAITING_APPROVAL)
    found = told_message(run, msgspec.structs.replace(ROOM, told=("bob", "carol")))
    assert found.text == "Asked directly: bob, carol."
    assert drawn(found.blocks).splitlines()[-1] == "[Ask again] [Withdraw?]"
    assert drawn(told_message(run, ROOM).blocks).splitlines()[-1] == "[Withdraw?]"


def test_several_requests_of_one_person_are_one_message() -> None:
    """Ten cards in a row are read as noise."""
    runs = [a_run(RunState.AWAITING_APPROVAL)] * 60
    found = grouped_message(runs, ROOM)
    check_message(found.arguments())
    assert drawn(found.blocks).startswith("*alice asks for 60 approvals:*")
    assert "left out" in drawn(found.blocks)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=50), st.text(min_size=1, max_size=3), st.sampled_from(EVERY_STATE))
def test_whatever_happens_in_a_run_its_thread_is_one_that_slack_takes(
    text: str, character: str, run: Run
) -> None:
    """Events carry what clusters answer."""
    events = [
        Event(seq=n, at=NOW, kind="step_failed", text=character * 5000, step=text) for n in range(1, 40)
    ]
    run = msgspec.structs.replace(run, events=tuple(events), reason=text, person=text)
    for found in (
        progress_message(run),
        end_reply(run, ROOM),
        channel_failure(run, ROOM),
        told_message(run, ROOM),
    ):
        check_message(found.arguments())


@pytest.mark.parametrize("run", EVERY_STATE, ids=lambda run: str(run.state))
def test_the_thread_of_every_state_is_taken(run: Run) -> None:
    """The same for the usual."""
    for found in (progress_message(run), end_reply(run, ROOM), grouped_message([run], ROOM)):
        check_message(found.arguments())
