"""An action's form: made from its Params, so that an action that is registered has one without a change here."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.errors import UsageError
from k8sops.service.catalog import ActionSpec, all_actions, spec_named
from k8sops_slack.views.form import (
    FIELD,
    MORE,
    REASON,
    FormPlace,
    choices,
    filled_in,
    form,
    form_errors,
    read_place,
    reason_of,
)
from k8sops_slack.views.form_fields import COMMON, form_fields, kinds_named
from tests.slack.bot.limits_kept import check_blocks, check_view
from tests.slack.bot.runs_shown import drawn

ACTIONS = [spec for spec in all_actions() if spec.name != "import_backup"]


def place(action: str, *, more: bool = False, reason_wanted: str = "") -> FormPlace:
    return FormPlace(
        action=action,
        cluster="c-eu",
        where="PRODUCTION prod-eu",
        channel="C1",
        more=more,
        reason_wanted=reason_wanted,
    )


def typed(value: str | None) -> dict[str, Any]:
    return {"value": {"type": "plain_text_input", "value": value}}


def chosen(value: str) -> dict[str, Any]:
    return {"value": {"type": "static_select", "selected_option": {"value": value}}}


def named(*values: str) -> dict[str, Any]:
    return {
        "names": {"type": "multi_external_select", "selected_options": [{"value": one} for one in values]}
    }


def test_a_drains_form_asks_what_a_drain_usually_needs() -> None:
    """Its own examples say what that is; the rest is one tap away."""
    view = form(place("drain"))
    assert drawn(view["blocks"]).splitlines() == [
        "Move all pods off nodes, as fast as their budgets allow. *PRODUCTION prod-eu*",
        "Nodes: {…}",
        "  Nodes, by name.",
        "Ignore daemonsets: {yes|no}",
        "  Leave pods of DaemonSets where they are; without this they stop the drain.",
        "Pool: []",
        "  All nodes of a pool: GKE, EKS, AKS, Karpenter and Cluster API are known.",
        "Max unavailable capacity: [100%]",
        "  Most of the cluster's CPU or memory on nodes that are being emptied at once, as in 20%; further nodes wait "
        "their turn.",
        "Selector: []",
        "  Nodes by label, as in `zone=a,pool in (web,api)`.",
        "Reason: []",
        "  Recorded with the run, and shown to whoever decides.",
        "[More options (14)]",
        "`drain` shows its plan first; nothing changes yet.",
    ]


def test_what_only_follows_the_objects_at_the_command_line_has_a_field_of_its_own() -> None:
    """`label deployment/web tier=gold` has no flag for `tier=gold`, and no form could do without it."""
    assert [field.name for field in form_fields(spec_named("label")) if field.first][:2] == [
        "targets",
        "changes",
    ]
    assert "images" in [field.name for field in form_fields(spec_named("set-image")) if field.first]


@pytest.mark.parametrize("spec", ACTIONS, ids=lambda spec: spec.name)
def test_every_action_has_a_form_that_slack_takes(spec: ActionSpec) -> None:
    """With the few fields, with all of them, and with a reason that is needed."""
    few, all_fields = (
        form(place(spec.name)),
        form(place(spec.name, more=True, reason_wanted="the policy asks for a reason")),
    )
    for view in (few, all_fields):
        check_view(view)
        assert read_place(view["private_metadata"]).action == spec.name
    asked = [block["block_id"] for block in all_fields["blocks"] if block["type"] == "input"]
    assert asked == [*(f"{FIELD}{field.name}" for field in form_fields(spec)), REASON]
    first = [field for field in form_fields(spec) if field.first]
    needed = [field for field in first if field.needed]
    assert 1 <= len(first) <= COMMON + max(1, len(needed)) + 1
    assert MORE not in str(all_fields)


def test_no_form_asks_for_a_file() -> None:
    """It would be one of the machine the bot runs on."""
    for spec in ACTIONS:
        assert not {"filters", "hooks", "archive"} & {field.name for field in form_fields(spec)}


def test_what_is_filled_in_becomes_what_words_would_have_said() -> None:
    """Only what differs from the default; phones' quotes and dashes made plain."""
    values = {
        f"{FIELD}nodes": named("node-1", "node-2"),
        f"{FIELD}ignore_daemonsets": chosen("yes"),
        f"{FIELD}force": chosen("no"),
        f"{FIELD}pool": typed(None),
        f"{FIELD}max_unavailable_capacity": typed("100%"),
        f"{FIELD}selector": typed(" zone\u00a0=\u00a0a "),
        f"{FIELD}on_failure": chosen("keep"),
        f"{FIELD}pool_label": typed("a\n\nb"),
        REASON: typed("“kernel”"),
    }
    assert filled_in("drain", values) == {
        "nodes": ("node-1", "node-2"),
        "ignore_daemonsets": True,
        "selector": "zone = a",
        "on_failure": "keep",
        "pool_label": ("a", "b"),
    }
    assert reason_of(values) == '"kernel"'
    assert reason_of({}) == ""


def test_a_form_begins_with_what_was_typed() -> None:
    """`/k8s drain node-3` without its cluster must not be typed again."""
    view = form(place("drain"), {"nodes": ("node-3",), "grace_period": "30", "force": True})
    fields = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
    assert fields[f"{FIELD}nodes"]["initial_options"][0]["value"] == "node-3"
    assert fields[f"{FIELD}grace_period"]["initial_value"] == "30"
    assert fields[f"{FIELD}force"]["initial_option"]["value"] == "yes"


def test_what_is_wrong_is_said_below_its_field() -> None:
    """Of a field that is folded away, and of several together, below the first one."""
    values = {f"{FIELD}nodes": named(), f"{FIELD}grace_period": typed("soon")}
    given = filled_in("drain", values)
    assert form_errors("drain", given, values) == {
        f"{FIELD}grace_period": "Should be a valid integer, unable to parse string as an integer.",
    }
    values = {f"{FIELD}nodes": named(), f"{FIELD}selector": typed("")}
    assert form_errors("drain", {}, values) == {
        f"{FIELD}nodes": "Name nodes, or give Selector, or Pool: one of the three."
    }
    assert form_errors("drain", {"nodes": ("n",), "timeout": "x"}, values) == {
        f"{FIELD}nodes": "Timeout: Should be a duration such as 90s, 5m or 1h30m."
    }
    assert form_errors("drain", {"nodes": ("node-1",)}, values) == {}


def test_what_is_wrong_with_several_fields_is_said_below_the_first_in_the_words_of_the_form() -> None:
    """A phone shows labels; nobody there has ever seen a flag."""
    values = {f"{FIELD}targets": named("deployment/web"), f"{FIELD}replicas": typed("")}
    told = form_errors("scale", filled_in("scale", values), values)
    assert told == {f"{FIELD}replicas": "Give one of Replicas, To zero, Restore, Exactly."}


def test_an_object_of_any_namespace_says_in_which_it_is() -> None:
    """Whoever searches for `web` need not know the namespace first."""
    values = {
        f"{FIELD}targets": named("shop · deployment/web", "deployment/api"),
        f"{FIELD}replicas": typed("3"),
    }
    given = {"namespace": "shop", "targets": ("deployment/web", "deployment/api"), "replicas": "3"}
    assert filled_in("scale", values) == given
    assert form_errors("scale", given, values) == {}
    there = {"names": {"selected_option": {"value": "shop"}}}
    evict = {f"{FIELD}targets": named("shop · web-0"), f"{FIELD}namespace": there}
    assert form_errors("evict", filled_in("evict", evict), evict) == {}
    odd = filled_in("scale", {f"{FIELD}targets": named("shop · deployment/web · deployment/api")})
    assert odd["targets"] == ("deployment/web · deployment/api",), "nothing of what was typed is left out"


@pytest.mark.parametrize(
    ("chosen_namespace", "targets", "several"),
    [
        ("", ("shop · deployment/web", "batch · deployment/web", "deployment/api"), "shop, batch"),
        ("legacy", ("shop · deployment/web",), "legacy, shop"),
    ],
)
def test_objects_of_which_some_may_be_elsewhere_are_no_request(
    chosen_namespace: str, targets: tuple[str, ...], several: str
) -> None:
    """One of them would be done in the wrong place."""
    place_chosen = {"names": {"selected_option": {"value": chosen_namespace}}} if chosen_namespace else {}
    values = {
        f"{FIELD}targets": named(*targets),
        f"{FIELD}replicas": typed("3"),
        f"{FIELD}namespace": place_chosen,
    }
    assert form_errors("scale", filled_in("scale", values), values) == {
        f"{FIELD}targets": f"These are in several namespaces: {several}. Choose of one."
    }


def test_objects_of_several_namespaces_are_one_request_each_with_its_own() -> None:
    """Whoever searches for `web` finds it in two namespaces and may mean both."""
    values = {
        f"{FIELD}targets": named("shop · deployment/web", "batch · deployment/web", "data/statefulset/pg"),
        f"{FIELD}replicas": typed("3"),
    }
    given = filled_in("scale", values)
    assert given["targets"] == ("shop/deployment/web", "batch/deployment/web", "data/statefulset/pg")
    assert "namespace" not in given
    assert form_errors("scale", given, values) == {}
    # Where only one kind can be meant it is not offered, and yet belongs between namespace and name.
    evict = filled_in("evict", {f"{FIELD}targets": named("shop · web-0", "batch · web-0")})
    assert evict == {"targets": ("shop/pods/web-0", "batch/pods/web-0")}


def test_text_that_looks_like_a_found_name_stays_as_it_is() -> None:
    """Only what is searched for can have been found."""
    values = {f"{FIELD}targets": named("deployment/web"), f"{FIELD}changes": typed("note=a · b")}
    assert filled_in("annotate", values) == {"targets": ("deployment/web",), "changes": ("note=a · b",)}


def test_a_reason_that_is_wanted_in_any_case_is_needed_before_the_form_is_sent() -> None:
    """With what it has to name; else the form were closed first, and the reason asked for after."""
    wanted = "the policy asks for a reason that names a ticket: OPS-[0-9]+, as in OPS-123"
    (asked,) = [
        one for one in form(place("scale", reason_wanted=wanted))["blocks"] if one.get("block_id") == REASON
    ]
    assert not asked["optional"]
    assert asked["hint"]["text"].startswith(
        "The policy asks for a reason that names a ticket: OPS-[0-9]+, as in"
    )


@pytest.mark.parametrize(
    ("only_plan", "hold", "promise"),
    [
        (False, False, "shows its plan first; nothing changes yet."),
        (True, False, "shows its plan only: nothing can be applied."),
        (
            False,
            True,
            "shows its plan first; nothing changes yet. Once approved, it waits until you start it.",
        ),
    ],
)
def test_what_was_typed_before_the_form_stands_in_it(only_plan: bool, hold: bool, promise: str) -> None:
    """Whoever typed `-n shop` must not plan elsewhere, and `--plan` promises that nothing is applied."""
    begun = msgspec.structs.replace(place("scale"), only_plan=only_plan, hold=hold)
    view = form(begun, {"namespace": "shop"}, "peak")
    fields = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
    assert fields[f"{FIELD}namespace"]["initial_option"]["value"] == "shop"
    assert fields[REASON]["initial_value"] == "peak"
    assert promise in drawn(view["blocks"])
    assert read_place(view["private_metadata"]) == begun


def test_a_forged_form_reads_no_file_and_reaches_no_place() -> None:
    """What a dialog did not ask may still come back."""
    values = {f"{FIELD}repo": typed("file:///etc")}
    told = form_errors("backup", {"repo": "file:///etc", "filters": "/etc/passwd"}, values)
    assert told == {
        f"{FIELD}repo": "Is given here by the name of a configured repository only. Filters: Is read from a file, and "
        "there is none here."
    }


@pytest.mark.parametrize(
    "metadata", ["", "{", "[]", '{"action": 1, "cluster": "c"}', '{"action":"a","cluster":"c","x":1}']
)
def test_metadata_that_no_form_carries_is_refused(metadata: str) -> None:
    """It comes back over the network."""
    with pytest.raises(UsageError, match="not one of ours"):
        read_place(metadata)


def test_names_are_searched_by_how_they_begin_then_by_what_they_hold() -> None:
    """And what was typed is always among them: a name may be newer than the list."""
    names = ["deployment/api", "deployment/web", "deployment/old-web", "x" * 151]
    found = [one["value"] for one in choices(names, "Web")]
    assert found == ["deployment/web", "deployment/old-web", "Web"]
    assert len(choices([f"pod/p-{number}" for number in range(500)], "")) == 100


def test_each_field_knows_the_kinds_it_may_name() -> None:
    """From what the action is declared to read."""
    assert kinds_named(spec_named("drain"), "nodes") == ("nodes",)
    assert kinds_named(spec_named("trigger"), "targets") == ("cronjobs.batch",)
    assert kinds_named(spec_named("evict"), "targets") == ("pods",)
    assert kinds_named(spec_named("scale"), "targets") == ("deployments", "statefulsets", "daemonsets")
    assert kinds_named(spec_named("scale"), "namespace") == ("namespaces",)


@settings(max_examples=30)
@given(st.lists(st.text(max_size=200), max_size=120), st.text(max_size=200))
def test_any_names_become_options_that_slack_takes(names: list[str], wanted: str) -> None:
    """Names come from the cluster; an empty one has nothing to carry back."""
    options = choices(names, wanted)
    if options:
        check_blocks(
            [{"type": "input", "label": {"type": "plain_text", "text": "x", "emoji": False},
              "element": {"type": "static_select", "options": options,
                          "placeholder": {"type": "plain_text", "text": "x", "emoji": False}}}],
            most=1,
        )  # fmt: skip
