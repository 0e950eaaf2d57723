"""The card of a run: what a person on call sees on a phone, in every state, and what each button means."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.errors import UsageError
from k8sops.core.plan import Decision, Demand, Finding, Target
from k8sops.core.run import Run, RunState
from k8sops_slack.cards import clicks
from k8sops_slack.cards.card import card, card_lines
from k8sops_slack.cards.clicks import Click, click_on, read_click
from k8sops_slack.cards.room import Room
from tests.slack.bot.limits_kept import check_message
from tests.slack.bot.runs_shown import (
    BLOCKER,
    BOB,
    CONFIRM,
    EVERY_STATE,
    NEEDS_ONE,
    NOW,
    ROOM,
    WARNINGS,
    a_plan,
    a_run,
    approved,
    done,
    drawn,
)

EXPIRES = "<!date^1795352400^{date_short_pretty} {time}|2026-11-22 13:00 UTC>"


def shown(run: Run, room: Room = ROOM) -> str:
    return drawn(card(run, room).blocks)


def button(run: Run, action: str) -> dict[str, Any]:
    rows = [block["elements"] for block in card(run, ROOM).blocks if block["type"] == "actions"]
    return next(one for row in rows for one in row if one["action_id"] == action)


def test_a_request_is_eight_lines_and_three_buttons() -> None:
    """What is decided at night on a phone has to be on its first screen."""
    run = a_run(RunState.AWAITING_APPROVAL)
    assert shown(run).splitlines() == [
        "*PRODUCTION prod-eu · drain 3 nodes*",
        "Fits: 57 pods move, none stays pending; payments-pdb paces wave 2; about 1 min 50 s.",
        "⚠️ redis-0 runs once: it is away for 20 s",
        "⚠️ redis-1 runs once: it is away for 20 s",
        "⚠️ redis-2 runs once: it is away for 20 s",
        "and 2 more",
        "alice asks · “kernel update”",
        f"✋ needs 1 of <!subteam^S1> · expires {EXPIRES}",
        "[+Approve?] [!Deny] [Details]",
    ]


def test_the_lock_screen_shows_all_of_it_in_a_sentence() -> None:
    """It is what wakes somebody up: who asks for what, where, and whether it is safe."""
    assert card(a_run(RunState.AWAITING_APPROVAL), ROOM).text == (
        "alice asks for approval: drain 3 nodes on PRODUCTION prod-eu. Fits: 57 pods move, none stays pending; "
        "payments-pdb paces wave 2; about 1 min 50 s. Needs 1 of <!subteam^S1>."
    )


def test_what_only_its_requester_decides_shows_apply_and_cancel() -> None:
    """Nobody else is asked, so nobody else sees a vote."""
    run = a_run(RunState.PROPOSED, plan=a_plan(decision=CONFIRM))
    assert shown(run).splitlines()[-2:] == [
        "✋ yours to apply · it is disruptive",
        "[+Apply?] [Cancel?] [Details]",
    ]


def test_what_the_confirmation_says_is_what_and_where() -> None:
    """A thumb slips: the cluster and the count are read once more before anything is meant."""
    asks = button(a_run(RunState.AWAITING_APPROVAL), clicks.APPROVE)["confirm"]
    assert asks["text"]["text"] == (
        "drain 3 nodes on PRODUCTION prod-eu. Fits: 57 pods move, none stays pending; payments-pdb paces wave 2; "
        "about 1 min 50 s. It begins once it is approved."
    )
    assert asks["confirm"]["text"] == "Approve"


@pytest.mark.parametrize("state", [RunState.AWAITING_APPROVAL, RunState.PROPOSED])
def test_what_a_confirmation_ends_with_is_never_cut(state: RunState) -> None:
    """To six replicas and to none is one word apart, and neither name nor sentence may push it out."""
    decision = NEEDS_ONE if state is RunState.AWAITING_APPROVAL else CONFIRM
    target = Target(kind="deployments.apps", name="x" * 250, namespace="y" * 60, uid="u")
    plan = a_plan(nodes=1, summary="s" * 150 + " to 0", decision=decision)
    plan = msgspec.structs.replace(plan, steps=(msgspec.structs.replace(plan.steps[0], target=target),))
    action = clicks.APPROVE if state is RunState.AWAITING_APPROVAL else clicks.APPLY
    text = button(a_run(state, plan=plan), action)["confirm"]["text"]["text"]
    assert len(text) <= 300
    assert " to 0 It begins" in text
    assert text.endswith(".")


def test_where_the_name_is_typed_no_tap_confirms() -> None:
    """Policy wants the cluster's name for what destroys: a dialog of its own asks for it."""
    typed = Decision(effect="confirm", why="destroys", typed_name=True)
    assert "confirm" not in button(a_run(RunState.PROPOSED, plan=a_plan(decision=typed)), clicks.APPLY_NAMED)


def test_denying_always_asks_why_so_its_button_needs_no_confirmation() -> None:
    """The dialog that asks is the confirmation."""
    assert "confirm" not in button(a_run(RunState.AWAITING_APPROVAL), clicks.DENY)


def test_every_button_names_run_plan_and_cluster() -> None:
    """A stale card must not approve another plan."""
    run = a_run(RunState.AWAITING_APPROVAL)
    assert read_click(button(run, clicks.APPROVE)["value"]) == Click(
        run=run.id, digest=run.plan.digest, cluster="c-eu"
    )


@pytest.mark.parametrize(
    "value", ["", "x", "01KAJ4 " + "g" * 64 + " c", "01KAJ4 " + "a" * 64 + " c\n", "../x " + "a" * 64]
)
def test_a_value_that_no_card_carries_is_refused(value: str) -> None:
    """It comes back over the network."""
    with pytest.raises(UsageError, match="not one of ours"):
        read_click(value)


def test_approvals_that_count_at_a_terminal_only_offer_no_button() -> None:
    """A button that can never count would be a lie."""
    demands = (Demand(count=1, groups=("sre",), at_terminal=1),)
    decision = Decision(effect="approve", why="x", demands=demands, ttl_s=3600)
    found = shown(a_run(RunState.AWAITING_APPROVAL, plan=a_plan(decision=decision)))
    assert f"1 of them at a terminal: `k8sops approve {EVERY_STATE[0].id}`" in found, "it can be copied"
    assert "[!Deny] [Details]" in found
    assert "Approve" not in found


def test_two_groups_are_both_named_and_those_who_said_yes_too() -> None:
    """Who is still missing is what everybody looks for."""
    demands = (Demand(count=2, groups=("sre", "dba"), distinct_groups=True),)
    decision = Decision(effect="approve", why="x", demands=demands, ttl_s=3600)
    run = a_run(RunState.AWAITING_APPROVAL, plan=a_plan(decision=decision), approvals=approved())
    assert shown(run).splitlines()[-2] == (
        f"✋ needs 2 of <!subteam^S1> or @dba, each of another group · approved by bob · expires {EXPIRES}"
    )


def test_a_run_of_another_identity_says_whose() -> None:
    """`run_as: bot` is an opt-in that everybody must see."""
    run = a_run(RunState.AWAITING_APPROVAL, plan=a_plan(execute_as="service:k8sops-bot"))
    assert "alice asks · runs as service k8sops-bot · “kernel update”" in shown(run)


def test_the_worst_comes_first() -> None:
    """A blocker below the fold is as good as none."""
    run = a_run(RunState.PROPOSED, plan=a_plan(findings=(*WARNINGS, BLOCKER), decision=CONFIRM))
    lines = shown(run).splitlines()
    assert lines[2] == "⛔ nothing makes shop/debug again (--force)"
    assert lines[-2:] == ["⛔ *blocked* --force would override", "[Cancel?] [Details]"]


def test_a_plan_that_is_only_shown_has_nothing_to_press() -> None:
    """`--plan` puts nothing on record that a button could mean."""
    run = a_run(RunState.PROPOSED, plan=a_plan(decision=CONFIRM))
    found = card(run, Room(now=NOW, preview=True))
    assert [block["type"] for block in found.blocks] == ["section"]
    assert "only a plan" in drawn(found.blocks)
    assert "alice only looks · “kernel update”" in drawn(found.blocks)


def test_a_plan_with_nothing_to_do_has_nothing_to_cancel() -> None:
    """There is nothing that a button could stop."""
    run = a_run(RunState.PROPOSED, plan=a_plan(nodes=0, decision=CONFIRM))
    assert shown(run).splitlines()[-2:] == ["✅ nothing to change", "[Details]"]


def test_held_until_its_requester_starts_it() -> None:
    """`--hold`: approved is not started."""
    run = a_run(RunState.PROPOSED, approvals=approved(), hold=True)
    assert "✋ approved by bob · alice starts it" in shown(run)
    assert "[+Apply?]" in shown(run)


LATER = {
    RunState.QUEUED: ["⏳ *queued* · approved by bob · begins in a moment", "[Cancel?] [Details]"],
    RunState.RUNNING: [
        "🔄 *running* · ███░░░░░░░░░ 12 of 57 pods · about 1 min left",
        "waits for payments-pdb: 0 disruptions allowed, since <!date^1795348760^{time_secs}|11:59:20 UTC>",
        "approved by bob",
        "[Cancel?] [Details]",
    ],
    RunState.SUCCEEDED: [
        "✅ *done in 1 min 50 s* · 57 pods moved",
        "approved by bob",
        "[Undo…] [Details]",
    ],
    RunState.FAILED: [
        "❌ *failed*: node-2 did not answer",
        "done: drain nodes/node-1 · not done: drain nodes/node-2, drain nodes/node-3",
        "look at its kubelet",
        "[Undo…] [Details]",
    ],
    RunState.CANCELLED: [
        "⏹️ *cancelled* by alice: 1 of 3 steps done",
        "done: drain nodes/node-1 · not done: drain nodes/node-2, drain nodes/node-3",
        "[Undo…] [Details]",
    ],
    RunState.NEEDS_REVIEW: [
        "❗ *needs review*: node-2 did not answer",
        "done: drain nodes/node-1 · not done: drain nodes/node-2, drain nodes/node-3",
        f"look at it, then settle it here or with `k8sops runs resume {EVERY_STATE[0].id}`",
        "[It was done?] [Try it again?] [Leave it?] [Undo…] [Details]",
    ],
    RunState.DENIED: ["⛔ *denied* by bob: not now", "nothing was changed", "[Details]"],
    RunState.EXPIRED: [
        "⌛ *expired*: the approvals did not come in time",
        "nothing was changed",
        "[Plan again] [Details]",
    ],
    RunState.VOID: [
        "♻️ *void*: a new step: drain node/node-4",
        "nothing was changed",
        "[Plan again] [Details]",
    ],
}


@pytest.mark.parametrize(
    "run", [run for run in EVERY_STATE if run.state in LATER], ids=lambda run: str(run.state)
)
def test_the_card_says_what_has_become_of_the_run(run: Run) -> None:
    """Cards stay true: whoever scrolls back sees the end, not the question."""
    expected = LATER[run.state]
    assert shown(run).splitlines()[-len(expected) :] == expected


def test_that_nothing_was_changed_is_said_once() -> None:
    """Twice in three lines reads as if it were in doubt."""
    outcome = "cancelled by alice: not today: it had not started, nothing was changed"
    run = a_run(RunState.CANCELLED, outcome=outcome)
    found = card(run, ROOM)
    assert "⏹️ *cancelled* by alice: not today: it had not started" in drawn(found.blocks)
    assert drawn(found.blocks).count("nothing was changed") == 1
    assert found.text.lower().count("nothing was changed") == 1


@pytest.mark.parametrize("run", EVERY_STATE, ids=lambda run: str(run.state))
def test_every_state_fits_a_phone_and_slack(run: Run) -> None:
    """At most eight lines, and a sentence for the lock screen."""
    found = card(run, ROOM)
    check_message(found.arguments())
    assert len(found.blocks[0]["text"]["text"].splitlines()) <= 8
    assert found.text.endswith((".", "!", "?", "…"))


_ANY = st.text(max_size=60) | st.text(min_size=1, max_size=3).map(lambda text: text * 4000)


@settings(max_examples=25, deadline=None)
@given(
    name=_ANY,
    reason=_ANY,
    text=_ANY,
    number=st.integers(0, 300),
    state=st.sampled_from(list(RunState)),
)
def test_hostile_names_and_hundreds_of_steps_stay_one_card(
    name: str, reason: str, text: str, number: int, state: RunState
) -> None:
    """Names, reasons and errors come from clusters and people; none of them may break the card or the channel."""
    plan = a_plan(
        nodes=number,
        summary=name[:160],
        findings=[Finding(level="warning", code=name, text=text, override=text)] * 20,
        execute_as=f"service:{name}",
    )
    if number:
        target = Target(kind=name, name=name, namespace=text, uid="u")
        plan = msgspec.structs.replace(
            plan, steps=(msgspec.structs.replace(plan.steps[0], target=target), *plan.steps[1:])
        )
    run = a_run(
        state, plan=plan, reason=reason, person=name, outcome=text, schedule=reason[:40], events=done(1, 2)
    )
    for one in (run, msgspec.structs.replace(run, person="", actor=msgspec.structs.replace(BOB, name=text))):
        found = card(one, ROOM)
        check_message(found.arguments())
        assert len(card_lines(one, ROOM)) <= 8
        assert not any("\n" in line for line in card_lines(one, ROOM))


def test_what_a_click_means_survives_the_way_to_slack_and_back() -> None:
    """For every state's buttons."""
    for run in EVERY_STATE:
        assert read_click(click_on(run).value).digest == run.plan.digest
