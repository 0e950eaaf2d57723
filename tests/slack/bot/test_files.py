"""A plan as a file: as the command line prints it, with nothing left out; and what a card says of it."""

from __future__ import annotations

import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.cli.plan_text import identity_line, plan_lines
from k8sops.core.plan import Finding, Item, Plan, Target, bulk_of
from k8sops.core.run import Run, RunState
from k8sops_slack.cards.card import LINES, card, card_lines
from k8sops_slack.files.plan import IN_THREAD, LONG, is_long, not_uploaded, plan_file
from tests.slack.bot.limits_kept import check_message
from tests.slack.bot.runs_shown import BLOCKER, EVERY_STATE, ROOM, WARNINGS, a_plan, a_run, drawn


def moving(pods: int) -> Plan:
    """A plan of one step that moves so many pods."""
    items = [
        Item(target=Target(kind="pods", name=f"web-{n}", namespace="shop"), verb="evict", group="replicated")
        for n in range(pods)
    ]
    plan = a_plan(nodes=1)
    return msgspec.structs.replace(plan, steps=(msgspec.structs.replace(plan.steps[0], bulk=bulk_of(items)),))


def test_it_reads_as_the_command_line_prints_it() -> None:
    """Who knows one reads the other."""
    run = a_run(
        RunState.AWAITING_APPROVAL, plan=a_plan(nodes=12, findings=[*WARNINGS, BLOCKER]), person="UALICE"
    )
    printed = [identity_line(run.plan, run.actor), *plan_lines(run.plan, io.StringIO())]
    assert plan_file(run)[1].splitlines() == printed


def test_all_of_it_is_there_where_the_command_line_says_how_many_more() -> None:
    """It is the one place in Slack where the whole plan can be searched."""
    findings = [Finding(level="warning", code="x", text=f"finding {n}.") for n in range(50)]
    many = a_run(RunState.AWAITING_APPROVAL, plan=a_plan(nodes=300, findings=findings))
    name, text = plan_file(many)
    assert name == f"plan-{many.id}.txt"
    assert all(f" {n}. drain nodes/node-{n} " in text for n in range(1, 301))
    assert all(f"warning: finding {n}." in text for n in range(50))
    text = plan_file(a_run(RunState.AWAITING_APPROVAL, plan=moving(300)))[1]
    assert "300 evict replicated" in text
    assert all(f"evict shop/pods/web-{n}\n" in text for n in range(300))


@pytest.mark.parametrize(
    ("plan", "long"),
    [
        (a_plan(), False),
        (a_plan(nodes=LONG), False),
        (a_plan(nodes=LONG + 1), True),
        (a_plan(findings=WARNINGS * 9), True),
        (moving(LONG), True),
    ],
)
def test_long_is_what_no_page_holds(plan: Plan, long: bool) -> None:
    """A file that says no more than the card would be one more thing to open."""
    assert is_long(plan) is long


@pytest.mark.parametrize("run", EVERY_STATE, ids=lambda run: str(run.state))
def test_a_card_says_where_the_plan_is_and_stays_as_short(run: Run) -> None:
    """Eight lines fit on a phone."""
    lines = card_lines(run, ROOM, filed=IN_THREAD)
    assert sum(IN_THREAD in line for line in lines) == 1
    assert len(lines) <= LINES
    assert set(card_lines(run, ROOM)[-2:]) <= set(lines), "what it said before is still said"
    check_message(card(run, ROOM, filed=IN_THREAD).arguments())


@given(st.text(max_size=300))
def test_what_is_said_in_place_of_a_file_names_the_way_to_the_plan(why: str) -> None:
    """Whatever Slack's word for it is."""
    run = a_run(RunState.AWAITING_APPROVAL)
    said = not_uploaded(run, why, on_record=True)
    check_message(said.arguments())
    assert f"`k8sops runs show {run.id}`" in drawn(said.blocks)
    assert "--plan`" in drawn(not_uploaded(run, why, on_record=False).blocks)
