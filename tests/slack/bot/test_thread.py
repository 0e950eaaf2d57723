"""What is said below a card: one message that is edited while the run goes on, and an end that somebody notices."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.events import QUIET, Event
from k8sops.core.run import Run, RunState
from k8sops.service.chat.asked import Asked
from k8sops.service.chat.news import News
from k8sops.service.chat.together import Together
from k8sops_slack.cards.card import card
from k8sops_slack.thread.ending import channel_failure, concerns_channel, end_reply
from k8sops_slack.thread.news import news_message
from k8sops_slack.thread.progress import progress_message
from k8sops_slack.thread.several import LISTED
from k8sops_slack.thread.telling import asks_message, escalated_message, one_more, reminder, told_message
from tests.slack.bot.limits_kept import check_message
from tests.slack.bot.runs_shown import (
    BOB,
    EVERY_STATE,
    FAILED,
    NOW,
    RAN,
    ROOM,
    RUN,
    RUNNING,
    a_run,
    done,
    drawn,
)


def running(*events: Event) -> Run:
    return a_run(RunState.RUNNING, started_at=NOW, progress=RUNNING, events=events)


def test_progress_is_one_message_with_the_last_that_happened() -> None:
    """A drain tells hundreds of things; a thread of hundreds of messages is read by nobody."""
    quiet = Event(seq=9, at=NOW, kind="note", text="nobody needs this", data=QUIET)
    found = progress_message(running(*done(1, 2), quiet))
    assert drawn(found.blocks).splitlines() == [
        "🔄 *running* · ███░░░░░░░░░ 12 of 57 pods · about 1 min left",
        "waits for payments-pdb: 0 disruptions allowed, since <!date^1795348760^{time_secs}|11:59:20 UTC>",
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


def asked(*persons: str, wave: int = 0, trouble: str = "") -> list[Asked]:
    at = NOW + timedelta(hours=wave)
    return [
        Asked(run=RUN, person=one, team="T1", user=f"U{one}", at=at, wave=wave, trouble=trouble)
        for one in persons
    ]


def test_the_requester_sees_who_was_asked_and_when_and_can_ask_again() -> None:
    """Waiting without knowing for whom is what makes people shout in the channel."""
    run = a_run(RunState.AWAITING_APPROVAL)
    everybody = [*asked("bob", "carol"), *asked("dora", wave=1), *asked("erin", trouble="user_disabled")]
    found = told_message(run, ROOM, everybody)
    assert re.sub(r"<!date[^|]*\|([^>]*)>", r"\1", found.text) == (
        "Asked directly: bob, carol (2026-11-22 12:00 UTC); dora (2026-11-22 13:00 UTC). Not reached: erin."
    )
    assert drawn(found.blocks).splitlines()[-1] == "[Ask again] [Withdraw?]"
    assert "Asked again just now." in told_message(run, ROOM, everybody, again=True).text
    nobody = told_message(run, ROOM, asked("erin", trouble="user_disabled"))
    assert nobody.text == "Nobody could be asked directly. Not reached: erin."
    assert drawn(nobody.blocks).splitlines()[-1] == "[Withdraw?]"


def test_where_nobody_is_left_to_ask_the_requester_hears_so() -> None:
    """They still have time to find somebody by themselves, or to ask for something else."""
    run = a_run(RunState.AWAITING_APPROVAL)
    others = escalated_message(run, [*asked("bob"), *asked("dora", wave=1)], ())
    assert "others are asked as well: drain 3 nodes on PRODUCTION prod-eu." in others.text
    nobody = escalated_message(run, asked("bob"), ("lead",))
    assert "nobody of lead can be asked here" in nobody.text


def numbered(number: int, state: RunState = RunState.AWAITING_APPROVAL, **changes: Any) -> Run:
    return msgspec.structs.replace(a_run(state, **changes), id=f"{RUN[:-4]}{number:04}")


def test_several_requests_of_one_person_are_one_message_with_the_buttons_of_each() -> None:
    """Ten cards in a row are read as noise."""
    found = asks_message([numbered(1), numbered(2)], ROOM)
    assert found.text.startswith("alice asks for 2 approvals: drain 3 nodes on PRODUCTION prod-eu and 1 more")
    lines = drawn(found.blocks).splitlines()
    assert lines[0] == "*alice asks for 2 approvals:*"
    assert lines.count("[+Approve?] [!Deny] [Details]") == 2
    assert {run for run in (numbered(1).id, numbered(2).id) if run in str(found.blocks)} == {
        numbered(1).id,
        numbered(2).id,
    }


def test_what_is_decided_leaves_the_list_and_is_told_in_a_line() -> None:
    """One that is left is a card again, and whoever said yes sees what came of it."""
    ended = numbered(2, RunState.SUCCEEDED, outcome="done: 57 pods moved", **RAN)
    found = drawn(asks_message([numbered(1), ended], ROOM).blocks).splitlines()
    assert found[0] == "*PRODUCTION prod-eu · drain 3 nodes*"
    assert found[-1].startswith("✅ *succeeded* · drain 3 nodes on PRODUCTION prod-eu · 57 pods moved")
    none = asks_message([numbered(1, RunState.DENIED, outcome="denied by bob"), ended], ROOM)
    assert none.text == "Nothing waits any more of what alice asked for"
    assert "Approve" not in drawn(none.blocks)


def test_no_more_are_listed_than_fit_and_the_others_are_counted() -> None:
    """An entry cut in half would be decided on half of what it says."""
    found = asks_message([numbered(number) for number in range(60)], ROOM)
    check_message(found.arguments())
    text = drawn(found.blocks)
    shown = text.count("[+Approve?]")
    assert 5 <= shown <= LISTED
    assert f"and {60 - shown} more: `/k8s runs` lists them" in text
    assert text.count("✋ needs 1 of <!subteam^S1>") == shown
    reminded = drawn(reminder([numbered(number) for number in range(60)], ROOM).blocks)
    assert reminded.startswith("*⏰ alice still waits for you: 60 approvals*")
    assert "more: `/k8s runs`" in reminded
    assert "Approve" not in reminded, "it is not edited, so nothing in it may be decided unseen"


def failed(number: int) -> News:
    return News(id=f"n{number}", kind="failed", run=numbered(number).id)


def told(*news: News, **changes: Any) -> Together:
    return Together(key="k", kind="news", team="T1", to="C1", news=news, rang_at=NOW, **changes)


def test_the_news_of_a_minute_are_one_message_with_a_list() -> None:
    """Five failures have one cause, and one look at it is enough."""
    runs = {one.id: one for one in (numbered(n, RunState.FAILED, error=FAILED, **RAN) for n in range(1, 6))}
    overdue = News(id="n9", kind="backup.overdue", text="the newest complete backup is 30 h old")
    found = news_message(told(*map(failed, range(1, 6)), overdue), runs, ROOM)
    assert found.text == "5 runs failed, 1 backup overdue"
    lines = drawn(found.blocks).splitlines()
    assert lines.count("❌ *failed* · drain 3 nodes on PRODUCTION prod-eu · node-2 did not answer") == 5
    assert "the newest complete backup is 30 h old" in lines
    one = news_message(told(failed(1)), runs, ROOM)
    assert one == card(runs[numbered(1).id], ROOM), "alone it is its card"


def test_what_was_held_back_says_so_and_what_was_not_kept_is_counted() -> None:
    """Else a failure of the night is taken for one of now."""
    runs = {one.id: one for one in (numbered(n, RunState.FAILED, error=FAILED, **RAN) for n in range(1, 31))}
    late = msgspec.structs.replace(told(*map(failed, range(1, 31)), left_out=7), kind="held_back")
    found = news_message(late, runs, ROOM)
    check_message(found.arguments())
    assert "and 27 more" in drawn(found.blocks)
    assert "quiet hours" in drawn(found.blocks)


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
        told_message(run, ROOM, asked(text, text)),
        asks_message([run, numbered(1)], ROOM),
        news_message(told(News(id="n", kind="failed", run=run.id, text=text)), {run.id: run}, ROOM),
    ):
        check_message(found.arguments())


@pytest.mark.parametrize("run", EVERY_STATE, ids=lambda run: str(run.state))
def test_the_thread_of_every_state_is_taken(run: Run) -> None:
    """The same for the usual."""
    for found in (
        progress_message(run),
        end_reply(run, ROOM),
        asks_message([run], ROOM),
        one_more(run, ROOM),
    ):
        check_message(found.arguments())
