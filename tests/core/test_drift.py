"""A plan made again is compared with the approved one: what voids it, and what must not."""

from __future__ import annotations

import msgspec

from k8sops.core.drift import drift_between
from k8sops.core.plan import Finding, Item, Plan, Requirement, Step, Target, bulk_of
from k8sops.core.risk import Risk
from tests.support.plans import WEB, a_plan, scale_step


def test_an_unchanged_cluster_is_no_drift() -> None:
    """Status writes and later times are not in a plan's substance."""
    assert drift_between(a_plan(), a_plan()) == ()


def test_a_required_fact_with_another_value_voids_the_plan_and_names_both_values() -> None:
    """Somebody scaled it meanwhile; the second approver must see what changed."""
    present = a_plan(
        steps=(scale_step(before=4),), requires=(Requirement(target=WEB, fact="spec.replicas", value=4),)
    )
    assert "spec.replicas was 3 and is 4" in drift_between(a_plan(), present)[0]


def test_an_object_made_again_under_the_same_name_voids_the_plan() -> None:
    """The name is the same, the object is not."""
    again = msgspec.structs.replace(WEB, uid="u-other")
    present = a_plan(requires=(Requirement(target=again, fact="spec.replicas", value=3),))
    assert drift_between(a_plan(), present) == ("shop/deployments/web was deleted and made again",)


def test_a_new_warning_voids_the_plan_and_a_new_note_does_not() -> None:
    """Approvers saw no such warning."""
    warning = Finding(level="warning", code="hpa", text="an autoscaler owns it", subjects=("shop/web",))
    note = Finding(level="note", code="unsettled", text="2 pods exist")
    assert drift_between(a_plan(), a_plan(findings=(warning,))) == ("a new warning: an autoscaler owns it",)
    assert drift_between(a_plan(), a_plan(findings=(note,))) == ()


def test_a_new_step_or_a_higher_risk_voids_the_plan() -> None:
    """More than was approved would be done."""
    other = msgspec.structs.replace(scale_step(), id="scale/deployments.apps:shop.api")
    assert any("new step" in text for text in drift_between(a_plan(), a_plan(steps=(scale_step(), other))))
    riskier = a_plan(steps=(scale_step(risk=Risk.DISRUPTIVE),))
    assert any("risk rose from low to disruptive" in text for text in drift_between(a_plan(), riskier))


def test_a_step_of_lower_risk_is_no_drift() -> None:
    """The pod that would have been lost has gone by itself."""
    riskier = a_plan(steps=(scale_step(risk=Risk.DISRUPTIVE),))
    assert drift_between(riskier, a_plan(steps=(scale_step(risk=Risk.LOW),))) == ()


def test_a_step_that_went_away_is_no_drift() -> None:
    """Less to do than was approved is fine: the target is gone or is as wanted already."""
    assert drift_between(a_plan(), a_plan(steps=(), requires=())) == ()


def test_another_pod_of_a_known_kind_is_no_drift_and_a_pod_of_a_new_kind_is() -> None:
    """Pods come and go on a node while its drain awaits approval; one that would be lost was approved by nobody."""

    def drained(*items: Item) -> Plan:
        step = Step(
            id="drain/node:n1", verb="drain", target=NODE, why="", before={}, after={},
            risk=Risk.DISRUPTIVE, bulk=bulk_of(items),
        )  # fmt: skip
        return a_plan(steps=(step,), requires=())

    one, two = pod("web-1"), pod("web-2")
    assert drift_between(drained(one), drained(one, two)) == ()
    assert drift_between(drained(one, two), drained(two)) == ()
    bare = pod("tmp", verb="delete", group="bare")
    assert drift_between(drained(one), drained(one, bare)) == (
        "drain nodes/n1 would now also delete bare objects",
    )
    assert drained(one).digest != drained(two).digest, "who approves the one has not seen the other"


NODE = Target(kind="nodes", name="n1", uid="u-n1")


def pod(name: str, *, verb: str = "evict", group: str = "replicated") -> Item:
    """A pod on the node."""
    return Item(target=Target(kind="pods", name=name, namespace="shop", uid=name), verb=verb, group=group)
