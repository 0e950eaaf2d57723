"""What the bot tells a person about themselves and about itself: home, whoami, help."""

from __future__ import annotations

import msgspec
import pytest

from k8sops.core.errors import UsageError
from k8sops.core.overview import Gauge
from k8sops.core.persons import Person
from k8sops.core.run import RunState
from k8sops.service.catalog import ActionSpec, all_actions
from k8sops_slack.cards.clicks import read_click
from k8sops_slack.reads.help import help_message, help_on
from k8sops_slack.reads.status import Health
from k8sops_slack.reads.whoami import ActsAs, whoami_message
from k8sops_slack.typed.commands import OWN
from k8sops_slack.views.home import HomeFacts, home_view
from tests.slack.bot.limits_kept import check_message, check_view
from tests.slack.bot.runs_shown import ALICE, CLUSTER, NOW, a_plan, drawn
from tests.slack.bot.runs_shown import a_run as a_whole_run
from tests.slack.bot.test_reads import a_run


def test_home_shows_what_waits_what_runs_how_clusters_are_and_what_one_did() -> None:
    """The page somebody on call opens first."""
    facts = HomeFacts(
        now=NOW,
        pending=[a_run(3, RunState.AWAITING_APPROVAL)],
        mine=[a_whole_run(RunState.SUCCEEDED)],
        clusters=[
            Health(cluster=CLUSTER, gauge=Gauge.OK, text="all well"),
            Health(
                cluster=msgspec.structs.replace(CLUSTER, name="prod-us"), gauge=Gauge.BAD, text="2 in trouble"
            ),
        ],
        names={"c-eu": "PRODUCTION prod-eu"},
    )
    view = home_view(facts)
    check_view(view)
    assert drawn(view["blocks"]).splitlines() == [
        "Waiting for a vote",
        "✋ *PRODUCTION prod-eu · backups prune*",
        "payments-pdb: 0 disruptions allowed",
        "by <@UALICE>, 3m ago · low",
        "[Look]",
        "Running",
        "Nothing runs.",
        "---",
        "Clusters",
        "⛔ PRODUCTION prod-us: 2 in trouble",
        "✅ PRODUCTION prod-eu: all well",
        "What you did last",
        "✅ succeeded · drain 3 nodes on PRODUCTION prod-eu, 0s ago",
        "[Look]",
        "as of <!date^1795348800^{date_short_pretty} {time}|2026-11-22 12:00 UTC>",
        "[Look again]",
    ]
    assert read_click(view["blocks"][1]["accessory"]["value"]).cluster == "c-eu"


def test_home_of_hundreds_is_still_a_page() -> None:
    """A hundred blocks are all Slack takes."""
    hostile = a_run(1, RunState.RUNNING, headline="<!channel>" * 1000, action="x" * 5000)
    clusters = [Health(cluster=CLUSTER, gauge=Gauge.WARN, text="y" * 5000)] * 200
    many = [hostile] * 300
    mine = [a_whole_run(RunState.FAILED, plan=a_plan(action="x" * 5000))] * 300
    view = home_view(HomeFacts(now=NOW, pending=many, running=many, mine=mine, clusters=clusters))
    check_view(view)
    assert "and 288 more" in drawn(view["blocks"])


def test_whoami_says_whom_slack_vouches_for_and_as_whom_one_acts() -> None:
    """Ids only: anybody may call themselves alice."""
    acts = (
        ActsAs(cluster=CLUSTER, username="alice@example.com", groups=("sre",)),
        ActsAs(
            cluster=msgspec.structs.replace(CLUSTER, name="prod-us"),
            refused="the bot may not impersonate users there",
            yaml="kind: ClusterRole\nmetadata:\n  name: k8sops",
        ),
    )
    shown = whoami_message(ALICE, Person(name="alice", groups=("sre",)), acts)
    check_message(shown.arguments())
    assert drawn(shown.blocks).splitlines() == [
        "Slack knows you as `T1/UALICE`",
        "Policy knows you as *alice (sre)*",
        "✅ PRODUCTION prod-eu · as `alice@example.com` in sre",
        "⛔ PRODUCTION prod-us · the bot may not impersonate users there",
        "For PRODUCTION prod-us this is missing:",
        "```",
        "kind: ClusterRole",
        "metadata:",
        "  name: k8sops",
        "```",
    ]


def test_whom_policy_does_not_know_is_told_what_to_add() -> None:
    """The line can be handed to an administrator as it is."""
    shown = whoami_message(ALICE, Person(), ())
    assert "`slack: [{team: T1, user: UALICE}]`" in drawn(shown.blocks)
    assert "it may ask, not approve" in drawn(whoami_message(ALICE, Person(name="x", shared=True), ()).blocks)


def test_help_lists_all_there_is_but_what_one_may_not() -> None:
    """A command that is always refused is no help."""
    shown = help_message("/k8s", ["delete"])
    check_message(shown.arguments())
    text = drawn(shown.blocks)
    assert all(f"`/k8s {usage}`" in text for usage, _, _ in OWN.values())
    assert all(f"`{spec.typed}`" in text for spec in all_actions() if spec.name != "delete")
    assert "`delete`" not in text
    assert "Not for you here: delete" in text


@pytest.mark.parametrize("spec", all_actions(), ids=lambda spec: spec.name)
def test_every_action_has_a_help_that_slack_takes(spec: ActionSpec) -> None:
    """Made from its declaration and Params, as at the command line."""
    shown = help_on(spec.typed, "/k8s")
    check_message(shown.arguments())
    assert f"/k8s {spec.typed}" in drawn(shown.blocks)
    assert "--cluster" in drawn(shown.blocks) or "--on" in drawn(shown.blocks)


@pytest.mark.parametrize("word", OWN)
def test_every_own_word_has_its_help(word: str) -> None:
    """As it is typed."""
    shown = help_on(word, "/ops")
    check_message(shown.arguments())
    assert f"`/ops {OWN[word][0]}`" in drawn(shown.blocks)


def test_help_on_what_there_is_not_names_what_was_meant() -> None:
    """As everywhere."""
    with pytest.raises(UsageError, match="did you mean drain"):
        help_on("drian", "/k8s")
