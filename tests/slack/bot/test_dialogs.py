"""Dialogs of a run: all of a plan a page at a time, a reason, a name, a cluster."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.errors import UsageError
from k8sops.core.plan import ClusterInfo, Finding
from k8sops.core.run import RunState
from k8sops_slack.bot.refusing import refusal
from k8sops_slack.cards.clicks import read_click
from k8sops_slack.views.asking import (
    BLOCK,
    GIVE,
    Wanted,
    answer,
    deny_dialog,
    name_dialog,
    read_wanted,
    reason_dialog,
    reason_message,
    wrong_name,
)
from k8sops_slack.views.choosing import cluster_message
from k8sops_slack.views.details import PAGE_LINES, details, loading, refused
from k8sops_slack.views.plan_text import run_lines
from tests.slack.bot.limits_kept import check_message, check_view
from tests.slack.bot.runs_shown import CLUSTER, EVERY_STATE, ROOM, WARNINGS, a_plan, a_run, approved, drawn


def test_details_hold_all_there_is_to_know() -> None:
    """Whoever says yes has seen every step, every finding and what the plan rests on."""
    run = a_run(RunState.AWAITING_APPROVAL, approvals=approved())
    shown = drawn(details(run, ROOM)["blocks"])
    for told in (
        "*Findings*",
        *(finding.text for finding in WARNINGS),
        "1. drain nodes/node-1: its pods move, disruptive",
        "drain node-1 node-2 node-3",
        "risk: disruptive",
        "approved by bob, 2026-11-22 12:00:00 UTC",
        f"digest {run.plan.digest[:12]}",
        "by alice: kernel update",
    ):
        assert told in shown


@pytest.mark.parametrize("steps", [0, 1, 39, 300])
def test_a_long_plan_is_read_a_page_at_a_time(steps: int) -> None:
    """Each line is on exactly one page, and the pages are turned by buttons that name the plan."""
    run = a_run(RunState.AWAITING_APPROVAL, plan=a_plan(nodes=steps, findings=WARNINGS))
    pages = -(-len(run_lines(run)) // PAGE_LINES)
    views = [details(run, ROOM, page) for page in range(pages)]
    for view in views:
        check_view(view)
        assert read_click(view["private_metadata"]).run == run.id
    shown = "\n".join(drawn(view["blocks"]) for view in views)
    assert all(f"\n{number}. drain nodes/node-{number}:" in shown for number in range(1, steps + 1))
    if pages > 1:
        assert drawn(views[0]["blocks"]).endswith(f"page 1 of {pages}\n[Next]")
        assert drawn(views[-1]["blocks"]).endswith(f"page {pages} of {pages}\n[Back]")
        assert details(run, ROOM, 10_000)["blocks"] == views[-1]["blocks"]


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=100), st.integers(0, 60), st.integers(-1, 9), st.sampled_from(EVERY_STATE))
def test_hostile_plans_stay_within_a_dialog(text: str, steps: int, page: int, run: object) -> None:
    """Names and findings come from the cluster."""
    findings = [Finding(level="warning", code="x", text=text * 40)] * 30
    for state in (RunState.AWAITING_APPROVAL, RunState.FAILED):
        shown = a_run(
            state, plan=a_plan(nodes=steps, findings=findings, summary=text[:160]), outcome=text * 20
        )
        check_view(details(shown, ROOM, page))
    check_view(refused(refusal(UsageError(text * 50), "/k8s").blocks))
    check_view(loading())


def test_a_no_asks_why() -> None:
    """It says of what, and carries the plan it is about."""
    run = a_run(RunState.AWAITING_APPROVAL)
    view = deny_dialog(run)
    check_view(view)
    assert drawn(view["blocks"]).splitlines() == [
        "drain 3 nodes on PRODUCTION prod-eu",
        "Why not?*: []",
        "  It is recorded, and shown to whoever asked.",
    ]
    assert read_click(view["private_metadata"]).digest == run.plan.digest
    assert "Why not?*: [peak hour]" in drawn(deny_dialog(run, "peak hour")["blocks"])
    assert answer({BLOCK: {"text": {"type": "plain_text_input", "value": "“not now”\u200b"}}}) == '"not now"'
    assert answer({BLOCK: {"text": {"type": "plain_text_input", "value": None}}}) == ""
    assert answer({}) == ""


def test_what_destroys_wants_the_clusters_name_typed() -> None:
    """As at the terminal; another name is refused below the field."""
    run = a_run(RunState.PROPOSED)
    view = name_dialog(run)
    check_view(view)
    assert wrong_name(run, "prod-us") == {BLOCK: "The cluster's name is prod-eu."}
    assert wrong_name(run, "prod-eu") == {}


@pytest.mark.parametrize("told", ["scale: the policy asks for a reason", "\\d*" * 2000, "😀\x00" * 2000])
def test_a_reason_that_policy_wants_is_asked_for_with_what_it_has_to_name(told: str) -> None:
    """In a dialog, or by a button that opens it; both carry where the request is kept."""
    wanted = Wanted(key="reason/line/1.abc", told=told)
    view, said = reason_dialog(wanted, "because"), reason_message(wanted)
    check_view(view)
    check_message(said.arguments())
    assert read_wanted(view["private_metadata"]).key == wanted.key
    assert "Reason*: [because]" in drawn(view["blocks"])
    assert said.blocks[1]["elements"][0]["action_id"] == GIVE
    assert read_wanted(said.blocks[1]["elements"][0]["value"]).key == wanted.key


@pytest.mark.parametrize("value", ["", "{", '{"key":"k"}', '{"key":"k","told":"t","x":1}'])
def test_a_dialog_that_is_none_of_ours_is_refused(value: str) -> None:
    """It comes back over the network."""
    with pytest.raises(UsageError, match="not one of ours"):
        read_wanted(value)


def test_which_cluster_is_asked_never_guessed() -> None:
    """A drain of node-3 on the wrong cluster is the worst this bot could do."""
    staging = ClusterInfo(context="s", server="y", uid="c-s", name="stage-1", environment="staging")
    found = cluster_message("drain node-3 `x`", (staging, CLUSTER), "kept-line-7")
    check_message(found.arguments())
    assert drawn(found.blocks).splitlines() == [
        "Which cluster? `drain node-3 ˋxˋ`",
        "{PRODUCTION prod-eu|staging stage-1}",
    ]
    assert found.blocks[1]["block_id"] == "kept-line-7"
    many = [msgspec.structs.replace(staging, uid=f"c{number}") for number in range(101)]
    check_message(cluster_message("x", many, "k").arguments())
