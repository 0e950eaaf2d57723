"""The digest is what people approve, so it must cover what a plan does and nothing that only describes it."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from k8sops.core.documents import plan_document
from k8sops.core.plan import Decision, Finding, Forecast, Item, Target, bulk_of
from k8sops.core.plan_words import counts_text
from k8sops.core.risk import Risk, riskiest
from tests.support.plans import CLUSTER, NOW, WEB, a_plan, scale_step

WARNING = Finding(level="warning", code="to_zero", text="web will run nothing", subjects=("shop/web",))


def test_the_same_plan_made_later_has_the_same_digest() -> None:
    """An approval must survive the plan being made again before it is applied."""
    assert a_plan().digest == a_plan(made_at=NOW + timedelta(minutes=9)).digest


def test_a_digest_is_reckoned_once_and_belongs_to_one_plan() -> None:
    """Every button of a card carries it; a plan made of another one must not carry that one's."""
    plan = a_plan()
    assert plan.digest is plan.digest
    changed = msgspec.structs.replace(plan, execute_as="somebody else")
    assert changed.digest != plan.digest
    assert plan == a_plan(), "what was reckoned is no part of it"
    assert msgspec.json.encode(plan) == msgspec.json.encode(a_plan())


def test_prose_notes_forecast_and_decision_do_not_change_the_digest() -> None:
    """Rewording a sentence must not void what somebody approved."""
    note = Finding(level="note", code="unsettled", text="anything")
    plan = a_plan(steps=(scale_step(why="other words"),), findings=(note,), summary="Other words.")
    described = msgspec.structs.replace(
        plan, forecast=Forecast(seconds=9), decision=Decision(effect="confirm", why="because")
    )
    assert described.digest == a_plan().digest


@pytest.mark.parametrize(
    "changed",
    [
        a_plan(steps=(scale_step(after=6),)),
        a_plan(steps=(scale_step(before=2),)),
        a_plan(steps=(scale_step(risk=Risk.DISRUPTIVE),)),
        a_plan(steps=()),
        a_plan(findings=(WARNING,)),
        a_plan(requires=()),
        a_plan(cluster=msgspec.structs.replace(CLUSTER, uid="c-2")),
        a_plan(
            steps=(msgspec.structs.replace(scale_step(), target=msgspec.structs.replace(WEB, uid="u-2")),)
        ),
    ],
)
def test_whatever_the_plan_does_changes_the_digest(changed: object) -> None:
    """An approval of one change must never carry another: not on another object, cluster, or with a new warning."""
    assert changed.digest != a_plan().digest  # type: ignore[attr-defined]


def test_a_plan_cannot_be_changed_after_it_was_made() -> None:
    """What was approved is what is applied."""
    with pytest.raises(AttributeError):
        a_plan().summary = "other"  # type: ignore[misc]


def test_a_summary_that_would_not_fit_every_door_is_refused() -> None:
    """160 characters is the contract with the chat and the table."""
    with pytest.raises(ValueError, match="at most 160"):
        a_plan(summary="x" * 161)


def test_the_riskiest_step_is_the_plan_s_risk() -> None:
    """Policy judges a plan by its worst step."""
    assert a_plan(steps=(scale_step(), scale_step(risk=Risk.DISRUPTIVE))).risk is Risk.DISRUPTIVE
    assert riskiest([]) is Risk.READ


def test_the_document_has_the_contract_s_fields() -> None:
    """Scripts read these names; see DESIGN §6."""
    document = plan_document(a_plan(findings=(WARNING,)))
    assert {
        "action", "summary", "cluster", "params", "risk", "steps", "findings", "blast_radius", "forecast",
        "requires", "decision", "digest", "made_at", "expires_at",
    } <= document.keys()  # fmt: skip
    assert document["made_at"] == "2026-11-21T03:00:00.000Z"
    assert document["risk"] == "low"
    assert document["steps"][0]["target"] == {
        "kind": "deployments.apps", "name": "web", "namespace": "shop", "uid": "u-web",
    }  # fmt: skip


def test_more_items_than_are_listed_are_still_counted_and_hashed() -> None:
    """Nobody reads ten thousand pods; but a digest that covered only the first could be given another rest."""
    items = [
        Item(target=Target(kind="pods", name=f"p{n:04}", namespace="shop"), verb="evict", group="replicated")
        for n in range(600)
    ]
    bulk = bulk_of(items)
    assert (bulk.total, len(bulk.items), bulk.counts) == (600, 20, {"evict replicated": 600})
    other = bulk_of([*items[:-1], msgspec.structs.replace(items[-1], verb="delete")])
    assert other.items == bulk.items
    assert other.sha256 != bulk.sha256


def test_what_the_api_server_said_to_a_dry_run_is_told_in_words() -> None:
    """`1 create created` would say twice what has not happened yet; a kind that is no verdict stays as it is."""
    web, old = Target(kind="services", name="web"), Target(kind="pods", name="old")
    bulk = bulk_of(
        [Item(target=web, verb="create", group="created"), Item(target=old, verb="delete", group="pods")]
    )
    assert counts_text(bulk) == "1 create (can be made), 1 delete pods"
