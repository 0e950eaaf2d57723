"""The pure parts of acting: which actions a kind has, what a form asks, how a plan is laid out, what hinders it."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from k8sops.core.plan import ClusterInfo, Decision, Demand, Finding
from k8sops.core.risk import Risk
from k8sops.service.catalog import all_actions, params_of
from k8sops.tui.acting.about_rows import doing
from k8sops.tui.acting.confirming import approval_sentence, hindrance, unconfirmed
from k8sops.tui.acting.form import form_of, given, missing, overriding
from k8sops.tui.acting.offers import offer_by_key, offers_for
from k8sops.tui.acting.plan_layout import body_lines, foot_line, verdict_lines
from k8sops.tui.kind_names import known_kind
from tests.tui.acting_desk import TYPED, made_plan
from tests.tui.feeds import node, pod

CLUSTER = ClusterInfo(context="c", server="https://127.0.0.1:1", uid="u", name="acme-prod")
KINDS = ("nodes", "deployments", "statefulsets", "daemonsets", "replicasets", "pods", "cronjobs", "widgets")


@pytest.mark.parametrize(
    ("typed", "plural"),
    [
        ("no", "nodes"),
        ("Deploy", "deployments"),
        ("deployments.apps", "deployments"),
        ("deployments.v1.apps", "deployments"),
        ("cj", "cronjobs"),
        ("pods.v1", "pods"),
        ("cm", "configmaps"),
        ("Ingress", "ingresses"),
        ("events.events.k8s.io", "events.events.k8s.io"),
        ("nodes.metrics.k8s.io", "nodes.metrics.k8s.io"),
        ("certs.acme.example", "certs.acme.example"),
    ],
)
def test_a_kind_is_known_however_it_is_typed(typed: str, plural: str) -> None:
    """A kind of the same name in another group has nothing to do with it."""
    assert known_kind(typed) == plural


@pytest.mark.parametrize("kind", KINDS)
def test_every_offer_is_an_action_that_takes_the_rows(kind: str) -> None:
    """A menu line that only ever leads to an error is worse than none."""
    names = {spec.name for spec in all_actions()}
    keys = [key for offer in offers_for(kind) for key in offer.on.keys]
    assert len(keys) == len(set(keys))
    for offer in offers_for(kind):
        if offer.on.opens == "session":
            continue
        assert offer.action in names
        row = node("n1") if kind == "nodes" else pod("web")
        assert set(doing(offer, kind, [row]).params) <= set(params_of(offer.action).model_fields) | {"target"}


def test_a_suspended_cronjob_is_offered_the_way_back() -> None:
    """`s` turns it round, as in k9s."""
    running, suspended = pod("a", status="False"), pod("a", status="True")
    first, second = offer_by_key("cronjobs", "s", [running]), offer_by_key("cronjobs", "s", [suspended])
    assert (first and first.action, second and second.action) == ("suspend", "resume")


@pytest.mark.parametrize(
    ("namespaces", "named", "title"),
    [
        (("shop", "shop"), ["deployments/a", "deployments/a"], "Restart 2 deployments in shop"),
        (
            ("shop", "data", "shop"),
            ["shop/deployments/a", "data/deployments/a", "shop/deployments/a"],
            "Restart 3 deployments in shop and data",
        ),
        (
            ("a", "b", "c"),
            ["a/deployments/a", "b/deployments/a", "c/deployments/a"],
            "Restart 3 deployments in 3 namespaces",
        ),
    ],
)
def test_rows_of_several_namespaces_are_one_request_each_named_with_its_own(
    namespaces: tuple[str, ...], named: list[str], title: str
) -> None:
    """Marked rows make one plan and one confirm, wherever they lie; the title says where."""
    restart = next(one for one in offers_for("deployments") if one.action == "restart")
    found = doing(restart, "deploy", [pod("a", namespace=each) for each in namespaces])
    alone = {"namespace": "shop"} if set(namespaces) == {"shop"} else {}
    assert (found.params, found.title) == ({"targets": named} | alone, title)
    params_of("restart").model_validate(found.params)


def test_every_form_can_be_made_and_says_nothing_by_itself() -> None:
    """An untouched form must leave every default to the Params, where it is validated."""
    for action in {spec.name for spec in all_actions() if spec.on_rows}:
        fields = form_of(action, params_of(action))
        assert given(fields, {}) == {}
        assert all(field.description for field in fields), action


def test_what_was_said_in_another_way_is_not_asked_for() -> None:
    """The undo of several scaled workloads names each with its number: one number for all was never meant."""
    fields = form_of(
        "scale", params_of("scale"), {"exactly": ["deployments.apps/web=2"], "namespace": "shop"}
    )
    assert missing(fields, {}) is None
    assert "replicas" not in {field.name for field in fields}
    asked = missing(form_of("scale", params_of("scale"), {"targets": ["deployment/web"]}), {})
    assert asked is not None
    assert asked.name == "replicas"


def test_what_is_typed_becomes_params() -> None:
    """Ticks, words and texts, only where they differ from the default."""
    fields = form_of("set-image", params_of("set-image"))
    lacking = missing(fields, {})
    assert lacking is not None
    assert lacking.name == "images"
    values = {"images": "app=web:2 side=x:1", "no_wait": "yes", "timeout": "600"}
    assert given(fields, values) == {"images": ["app=web:2", "side=x:1"], "no_wait": True}


def test_what_the_first_field_takes_is_said_without_a_command_line() -> None:
    """`--images CONTAINER=IMAGE` that `may also follow without a flag` is of no use to who has a box."""
    for action in ("set-image", "label", "annotate", "taint"):
        first, *others = form_of(action, params_of(action))
        assert first.first
        assert first.hint == ""
        assert "several with a space between" in first.description
        assert not any("without a flag" in field.description for field in (first, *others))


def test_a_finding_names_the_field_that_turns_it_off() -> None:
    """Also where the flag takes a word."""
    blocker = Finding(level="blocker", code="autoscaler", text="", override="--autoscaler bounds|pin|ignore")
    assert overriding((blocker,), form_of("scale", params_of("scale"))) == ("autoscaler",)


@pytest.mark.parametrize("width", [30, 78, 108])
def test_no_line_of_a_plan_is_wider_than_its_pane(width: int) -> None:
    """Wide characters take two cells, and are counted as two."""
    text = "数据 " * 40 + "a longer sentence of many words that has to be broken between them"
    findings = [Finding(level="warning", code=f"odd-{number}", text=text) for number in range(3)]
    plan = made_plan(CLUSTER, "drain", {"nodes": ["数据-1"]}, findings=findings, steps=3)
    lines = [*verdict_lines(plan, width), *body_lines(plan, width), foot_line(plan, width)]
    assert max(cell_len(line.plain) for line in lines) <= width


def test_blockers_stand_before_steps_and_notes_after() -> None:
    """What stops a plan must not be below the fold."""
    findings = [
        Finding(level="note", code="n", text="by the way"),
        Finding(level="blocker", code="b", text="no"),
    ]
    text = [line.plain for line in body_lines(made_plan(CLUSTER, "drain", {}, findings=findings), 78)]
    place = {word: next(n for n, line in enumerate(text) if word in line) for word in ("✗", "1. ", "· note")}
    assert place["✗"] < place["1. "] < place["· note"]


def test_what_hinders_a_plan_is_one_sentence() -> None:
    """Blockers come before policy, which only repeats them."""
    deny = Decision(effect="deny", why="the plan has blockers: …")
    blocker = Finding(level="blocker", code="b", text="", override="--force")
    blocked = made_plan(CLUSTER, "drain", {}, findings=[blocker], decision=deny)
    assert hindrance(blocked) == "1 blocker: --force would override."
    assert hindrance(made_plan(CLUSTER, "drain", {}, decision=deny)).startswith("Policy refuses this")
    assert hindrance(made_plan(CLUSTER, "drain", {}, steps=0)) == "There is nothing to change."
    assert hindrance(made_plan(CLUSTER, "drain", {})) == ""


def test_confirming_takes_what_policy_asks() -> None:
    """The whole name, and nothing but it."""
    plan = made_plan(CLUSTER, "delete", {}, risk=Risk.DESTRUCTIVE, decision=TYPED)
    assert "acme-prod" in unconfirmed(plan, reason="", name="acme")
    assert unconfirmed(plan, reason="", name="acme-prod") == ""


def test_who_may_approve_is_said() -> None:
    """So that nobody has to look it up."""
    decision = Decision(
        effect="approve", why="it is production.", demands=(Demand(count=1), Demand(count=2, groups=("sre",)))
    )
    assert approval_sentence(decision) == (
        "Needs approval: it is production. Who may: 1 person whom policy knows, other than you; "
        "2 persons of sre, other than you."
    )


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("pods", {"query": ["pods/a", "pods/b"], "namespace": "shop"}),
        ("deploy", {"query": ["deployments/a", "deployments/b"], "namespace": "shop"}),
        ("ns", {"namespace": "a,b"}),
        ("no", {"node": ["a", "b"], "all_namespaces": True}),
    ],
)
def test_logs_are_collected_of_whatever_the_rows_are(kind: str, asked: dict[str, object]) -> None:
    """Before anything is touched one wants a baseline: of pods, of workloads, of whole namespaces, of a node."""
    offer = next(one for one in offers_for(kind) if one.action == "logs")
    where = "shop" if "query" in asked else ""
    found = doing(offer, kind, [pod("a", namespace=where), pod("b", namespace=where)])
    assert found.params == asked
    params_of("logs").model_validate(found.params)
