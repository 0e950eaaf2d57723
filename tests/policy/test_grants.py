"""Grants and standing approvals: what they cover, and everything that is outside."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from k8sops.core.errors import UsageError
from k8sops.core.persons import Person
from k8sops.core.plan import Finding, Plan
from k8sops.core.risk import Risk
from k8sops.policy.grants import GrantSpec, covers, decide_grant
from k8sops.policy.load import load_policy
from k8sops.policy.standing import StandingApproval, within
from tests.policy.cases import PROD, STAGING, TUESDAY, blocked, plan, policy, step

DAVE = Person(name="dave", groups=("shop-team",))
UNTIL = TUESDAY + timedelta(hours=2)
SPEC = GrantSpec(
    actions=("workload.restart",),
    cluster_uid=PROD,
    namespaces=("shop",),
    most_targets=2,
    groups=("shop-team",),
    valid_until=UNTIL,
)
RESTART = plan(step(risk=Risk.LOW), action="restart")
LABELLED = msgspec.structs.replace(SPEC, labels={"app": "web"})
BULK = ("0" * 64,)
WARNING = Finding(level="warning", code="to_zero", text="web will run nothing")


def low(**fields: Any) -> Any:
    """A low step with these fields."""
    return step(risk=Risk.LOW, **fields)


@pytest.mark.parametrize(
    ("spec", "asked", "why"),
    [
        (SPEC, RESTART, ""),
        (SPEC, plan(low(), low(name="db"), action="restart"), ""),
        (SPEC, plan(low(), low(name="db"), low(name="x"), action="restart"), "3 objects are more than 2"),
        (SPEC, plan(low(), low(namespace="payments"), action="restart"), "not cover namespace payments"),
        (SPEC, plan(low(namespace="", kind="nodes"), action="restart"), "without a namespace"),
        (
            SPEC,
            plan(low(namespace="", name="shop", kind="namespaces"), action="restart"),
            "the namespace itself",
        ),
        (SPEC, plan(low(), cluster=STAGING), "another cluster"),
        (SPEC, plan(step(), action="restart"), "the risk is disruptive, the grant covers low"),
        (SPEC, plan(action="restart"), "does not list what it touches"),
        (SPEC, plan(low(), attachments=BULK), "does not list what it touches"),
        (
            SPEC,
            plan(low(), blast_radius={"namespaces": ["shop", "payments"]}),
            "not cover namespace payments",
        ),
        (SPEC, plan(low(), blast_radius={"targets": 50}), "50 objects are more than 2"),
        (SPEC, blocked(RESTART), "blockers"),
        (LABELLED, plan(low(labels={"app": "web", "x": "y"})), ""),
        (LABELLED, plan(low(labels={"app": "web"}), low(name="db", labels={"app": "db"})), "labels"),
        (LABELLED, plan(low(labels={})), "labels"),
        (LABELLED, plan(low(labels=None)), "labels"),
        (LABELLED, plan(low(labels={"app": "web*"})), "labels"),
        (msgspec.structs.replace(SPEC, actions=("scale",)), RESTART, "not for restart"),
    ],
)
def test_what_a_grant_covers(spec: GrantSpec, asked: Plan, why: str) -> None:
    """It was given for small, identical requests; whatever is larger takes its own approval."""
    found = covers(spec, asked, DAVE, TUESDAY, policy_key="workload.restart")
    assert (found is None) if not why else (found is not None and why in found), found


@pytest.mark.parametrize(
    ("person", "covered"),
    [
        (DAVE, True),
        (Person(name="zoe"), False),
        (Person(), False),
        (Person(groups=("shop-team",)), False),
        (Person(name="dave", groups=("shop-team",), shared=True), False),
        (Person(name="zoe", groups=("shop-team",)), True),
    ],
)
def test_who_may_use_a_grant(person: Person, covered: bool) -> None:
    """It names persons and groups of the policy; an identity several people use is neither."""
    assert (covers(SPEC, RESTART, person, TUESDAY, policy_key="workload.restart") is None) is covered


def test_a_grant_ends_at_its_moment() -> None:
    """Two hours are two hours, for a run that was proposed in time as well."""
    for now, covered in ((UNTIL - timedelta(milliseconds=1), True), (UNTIL, False)):
        assert (covers(SPEC, RESTART, DAVE, now, policy_key="workload.restart") is None) is covered


POLICY = f"""
clusters: [{{uid: {PROD}, name: prod, environment: production}}]
people: {{dave: {{groups: [shop-team]}}, alice: {{groups: [sre]}}}}
protected_namespaces: {{namespaces: ["kube-*"]}}
grants: {{from: [sre], risk: low, longest: 8h, most_targets: 10, reason: required}}
"""


@pytest.mark.parametrize(
    ("change", "effect"),
    [
        ({}, "approve"),
        ({"risk": Risk.DISRUPTIVE}, "deny"),
        ({"valid_until": TUESDAY + timedelta(hours=9)}, "deny"),
        ({"valid_until": TUESDAY}, "deny"),
        ({"most_targets": 11}, "deny"),
        ({"most_targets": 0}, "deny"),
        ({"namespaces": ()}, "deny"),
        ({"namespaces": ("shop", "kube-system")}, "deny"),
        ({"namespaces": ("sh*",)}, "deny"),
        ({"actions": ("workload.*",)}, "deny"),
        ({"groups": ()}, "deny"),
        ({"cluster_uid": STAGING}, "deny"),
    ],
)
def test_what_it_takes_to_get_a_grant(change: dict[str, Any], effect: str) -> None:
    """A grant for everything, everywhere, for ever would be a policy change that nobody reviewed."""
    spec = msgspec.structs.replace(SPEC, **change)
    found = decide_grant(policy(POLICY), spec, DAVE, TUESDAY)
    assert (found.effect, found.reason_required) == (effect, True), found
    if effect == "approve":
        assert found.demands[0].groups == ("sre",)


def test_grants_are_given_by_a_team_to_persons_and_not_while_read_only() -> None:
    """The shipped policy knows nobody who could approve one."""
    assert decide_grant(load_policy(None), SPEC, DAVE, TUESDAY).effect == "deny"
    assert decide_grant(policy(POLICY), SPEC, Person(), TUESDAY).effect == "deny"
    assert decide_grant(policy(POLICY + "read_only: true"), SPEC, DAVE, TUESDAY).effect == "deny"


PARAMS = {"target": "deployment/web", "replicas": 1, "namespace": "shop"}
STANDING = StandingApproval(
    action="scale",
    action_version=1,
    params=PARAMS,
    cluster_uid=PROD,
    cron="0 20 * * *",
    zone="Europe/Berlin",
    execute_as="service:shop-scaler",
    risk=Risk.DISRUPTIVE,
    most_targets=1,
    warnings=("to_zero",),
    valid_until=TUESDAY + timedelta(days=30),
)


def firing(*steps: Any, **fields: Any) -> Plan:
    """The plan of a firing."""
    more = {"params": PARAMS, "execute_as": "service:shop-scaler", **fields}
    return plan(*(steps or (step(),)), **more)


@pytest.mark.parametrize(
    ("asked", "reasons"),
    [
        (firing(), []),
        (firing(findings=(WARNING,)), []),
        (firing(action="restart"), ["it is restart version 1, approved is scale version 1"]),
        (firing(cluster=STAGING), ["on another cluster"]),
        (firing(execute_as="service:admin"), ["done as service:admin"]),
        (firing(execute_as=""), ["done as nobody named"]),
        (firing(params={**PARAMS, "replicas": 0}), ["its replicas is not what was approved"]),
        (firing(params={**PARAMS, "replicas": True}), ["its replicas"]),
        (firing(params={**PARAMS, "replicas": 1.0}), ["its replicas"]),
        (firing(params={**PARAMS, "force": True}), ["its force"]),
        (firing(params={"target": "deployment/web", "replicas": 1}), ["its namespace"]),
        (firing(step(risk=Risk.DESTRUCTIVE)), ["its risk is destructive, at most disruptive"]),
        (firing(step(), step(name="db")), ["it has 2 objects"]),
        (firing(attachments=BULK), ["does not tell how many objects"]),
        (firing(attachments=BULK, blast_radius={"targets": 1}), []),
        (firing(attachments=BULK, blast_radius={"targets": 2}), ["it has 2 objects"]),
        (firing(findings=(Finding(level="warning", code="steep", text="it is steep"),)), ["it is steep"]),
        (blocked(firing()), ["it has a blocker"]),
        (firing(step(risk=Risk.DESTRUCTIVE), cluster=STAGING), ["another cluster", "its risk"]),
    ],
)
def test_a_firing_outside_its_standing_approval_says_every_reason(asked: Plan, reasons: list[str]) -> None:
    """Whoever is asked to approve it sees what is different from what was approved in advance."""
    found = within(STANDING, asked, TUESDAY)
    assert len(found) == len(reasons), found
    assert all(reason in text for reason, text in zip(reasons, found, strict=True)), found


def test_a_standing_approval_ends_and_fills_in_its_params() -> None:
    """The template is what people saw; what a firing fills in comes from the schedule, not from the plan."""
    assert "ended at" in within(STANDING, firing(), STANDING.valid_until)[0]
    filled = {**PARAMS, "target": "deployment/batch-2026-11-24"}
    assert within(STANDING, firing(params=filled), TUESDAY) == ("its target is not what was approved",)
    assert within(STANDING, firing(params=filled), TUESDAY, params=filled) == ()


@pytest.mark.parametrize("field", [name for name in StandingApproval.__struct_fields__ if name != "warnings"])
def test_any_edit_of_a_schedule_makes_another_digest(field: str) -> None:
    """Which is how an edit voids what was approved."""
    other: Any = {
        "action_version": 2, "params": {**PARAMS, "replicas": 2}, "risk": Risk.LOW, "most_targets": 9,
        "valid_until": TUESDAY,
    }.get(field, "other")  # fmt: skip
    assert msgspec.structs.replace(STANDING, **{field: other}).digest != STANDING.digest


def test_digests_are_of_the_meaning() -> None:
    """Stored as JSON and read again, warnings in another order: the same approval."""
    again = msgspec.json.decode(msgspec.json.encode(STANDING), type=StandingApproval)
    reordered = msgspec.structs.replace(STANDING, warnings=("to_zero", "to_zero"))
    assert again.digest == reordered.digest == STANDING.digest
    assert msgspec.json.decode(msgspec.json.encode(SPEC), type=GrantSpec).digest == SPEC.digest
    assert len({SPEC.digest, LABELLED.digest, STANDING.digest}) == 3
    with pytest.raises(UsageError):
        _ = msgspec.structs.replace(STANDING, params={"n": 2**60}).digest
