"""What would be refused before any plan: asked once for each right, in words that name it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from k8sops.core.actor import Actor
from k8sops.core.errors import ForbiddenError
from k8sops.core.plan import ClusterInfo
from k8sops.core.ports import AccessAnswer, AccessRequest, Resource
from k8sops.policy.load import parse_policy
from k8sops.service.config import Config
from k8sops.service.offering import READ_ONLY, AskedPolicy, refusals
from k8sops.service.offering_policy import Meant, reason_wanted, refused_anywhere
from tests.tui.feeds import FixedClock

NODES = Resource(group="", version="v1", plural="nodes", kind="Node", namespaced=False)
WEB = Resource(group="apps", version="v1", plural="deployments", kind="Deployment", namespaced=True)


class Rights:
    """A cluster that answers about rights."""

    info = ClusterInfo(
        context="acme", server="https://x", uid="uid-acme", name="acme", environment="production"
    )

    def __init__(self, *refused: str, resource: Resource = NODES) -> None:
        self._refused = refused
        self._resource = resource
        self.asked: list[AccessRequest] = []

    async def resource(self, kind: str) -> Resource:
        return self._resource

    async def can_i(self, request: AccessRequest) -> AccessAnswer:
        self.asked.append(request)
        name = request.resource + (f"/{request.subresource}" if request.subresource else "")
        if f"? {name}" in self._refused:
            raise ForbiddenError("it may not be asked")
        return AccessAnswer(allowed=f"{request.verb} {name}" not in self._refused)


async def _refused(rights: Any, kind: str, namespace: str, *actions: str, read_only: bool = False) -> Any:
    return await refusals(rights, kind, namespace, actions, read_only=read_only)


async def test_each_action_is_judged_by_the_changes_it_makes() -> None:
    """Who may not evict may cordon all the same, and learns it from the menu."""
    rights = Rights("create pods/eviction")
    found = await _refused(rights, "nodes", "", "cordon", "drain", "delete")
    assert found == {"drain": "RBAC: you may not create pods/eviction"}
    assert len(rights.asked) == len(set(rights.asked)), "no right is asked about twice"
    assert all(request.verb not in {"get", "list", "watch"} for request in rights.asked)


async def test_what_is_asked_of_any_kind_is_asked_of_this_one_where_it_is() -> None:
    """A right in one namespace says nothing of another."""
    rights = Rights("delete deployments", resource=WEB)
    found = await _refused(rights, "deployments", "shop", "delete", "label")
    assert found == {"delete": "RBAC: you may not delete deployments in shop"}
    assert {(one.group, one.namespace) for one in rights.asked} == {("apps", "shop")}


async def test_what_may_not_be_asked_is_no_refusal_and_read_only_refuses_all() -> None:
    """The plan tells in time; a menu that hides what works would be worse."""
    assert await _refused(Rights("? nodes"), "nodes", "", "cordon") == {}
    rights = Rights()
    assert await _refused(rights, "nodes", "", "cordon", "drain", read_only=True) == {
        "cordon": READ_ONLY,
        "drain": READ_ONLY,
    }
    assert rights.asked == []


POLICY = """
format: 1
clusters:
  - {name: acme, uid: uid-acme, environment: production}
rules:
  - name: no-drains-here
    effect: deny
    why: nodes of this cluster are drained by the platform team
    match: {actions: [drain], environments: [production]}
  - name: payments-is-closed
    effect: deny
    match: {namespaces: [payments]}
  - name: not-to-nothing
    effect: deny
    match: {actions: [scale], risk: disruptive}
  - name: gold-stays
    effect: deny
    match: {actions: [restart], labels: {tier: gold}}
  - name: not-the-image
    effect: deny
    match: {actions: [set-image], when: "plan.params.images.size() > 3"}
  - name: two-for-deleting
    effect: approve
    match: {actions: [delete]}
"""


async def _by_policy(tmp_path: Path, rights: Rights, namespace: str, *actions: str) -> dict[str, str]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    asked = AskedPolicy(
        Config(policy=tmp_path / "policy.yaml"), FixedClock(), ("web",), Actor(name="bob", surface="tui")
    )
    cluster: Any = rights
    return await refusals(cluster, "any", namespace, actions, read_only=False, policy=asked)


async def test_what_policy_refuses_in_any_case_is_told_with_the_rule_and_its_sentence(tmp_path: Path) -> None:
    """Who may not drain here learns it from the menu, not after having filled in a form."""
    found = await _by_policy(tmp_path, Rights("patch nodes"), "", "cordon", "drain", "delete")
    assert found["drain"] == (
        "policy: nodes of this cluster are drained by the platform team (no-drains-here)"
    )
    assert found["cordon"].startswith("RBAC: ")
    assert "delete" not in found, "what needs approval may be asked for"
    closed = await _by_policy(tmp_path, Rights(resource=WEB), "payments", "delete", "restart")
    assert closed == dict.fromkeys(("delete", "restart"), "policy: denied (payments-is-closed)")


SESSIONS = ("session.exec", "session.attach", "session.debug", "session.port_forward", "session.copy")
PODS = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)


async def test_sessions_are_offered_by_the_same_rights_and_rules(tmp_path: Path) -> None:
    """A shell that is offered and then refused sends somebody looking for a fault that is none."""
    rights = Rights("create pods/exec", resource=PODS)
    assert await _refused(rights, "pods", "shop", *SESSIONS) == dict.fromkeys(
        ("session.exec", "session.copy"), "RBAC: you may not create pods/exec in shop"
    )
    all_of_them = await _refused(rights, "pods", "shop", *SESSIONS, read_only=True)
    assert all_of_them == dict.fromkeys(SESSIONS, "this is read-only")
    closed = await _by_policy(tmp_path, Rights(resource=PODS), "payments", *SESSIONS)
    assert closed == dict.fromkeys(SESSIONS, "policy: denied (payments-is-closed)")
    assert await _by_policy(tmp_path, Rights(resource=PODS), "shop", *SESSIONS) == {}


async def test_what_depends_on_the_plan_is_left_to_the_plan(tmp_path: Path) -> None:
    """Scaling up is allowed where scaling down is not; labels and conditions are known once it is planned."""
    assert await _by_policy(tmp_path, Rights(resource=WEB), "shop", "scale", "restart", "set-image") == {}


@pytest.mark.parametrize(
    ("rules", "namespace", "wanted"),
    [
        ([{"effect": "allow", "ticket": "OPS-[0-9]+"}], "", "a ticket: OPS-[0-9]+, as in OPS-123"),
        (
            [{"effect": "approve", "reason": "required", "match": {"namespaces": ["shop"]}}],
            "shop",
            "asks for a reason",
        ),
        ([{"effect": "approve", "reason": "required", "match": {"namespaces": ["shop"]}}], "", ""),
        ([{"effect": "allow", "reason": "required", "match": {"risk": "disruptive"}}], "", ""),
        ([{"effect": "allow", "reason": "required", "unless": [{"labels": {"tier": "test"}}]}], "", ""),
        ([{"effect": "allow", "reason": "required", "match": {"when": "size(plan.steps) < 9"}}], "", ""),
        ([{"effect": "allow", "reason": "required"}, {"effect": "deny"}], "", ""),
        ([{"effect": "confirm"}], "", ""),
    ],
)
def test_a_reason_is_asked_for_beforehand_only_where_no_plan_could_do_without(
    rules: list[dict[str, Any]], namespace: str, wanted: str
) -> None:
    """What a form demands and policy does not is a rule that nobody wrote."""
    named = [{"name": f"rule-{number}", **rule} for number, rule in enumerate(rules)]
    policy = parse_policy(yaml.safe_dump({"format": 1, "rules": named}).encode(), where="policy.yaml")
    meant = Meant(kind="", namespace=namespace, names=("",), actor=Actor(name="bob", surface="slack"))
    told = reason_wanted(policy, "scale", Rights().info, meant, FixedClock())
    assert wanted in told
    assert bool(wanted) == bool(told)


def test_what_is_refused_anywhere_is_refused_in_every_namespace_and_for_every_plan() -> None:
    """A list of what somebody may not do must not hide what they may do in one namespace of many."""
    rules: list[dict[str, Any]] = [
        {"name": "a", "match": {"actions": ["delete"]}},
        {"name": "b", "match": {"actions": ["drain"]}, "unless": [{"namespaces": ["shop"]}]},
        {"name": "c", "match": {"actions": ["restart"], "namespaces": ["kube-system"]}},
        {"name": "d", "match": {"actions": ["cordon"], "when": "plan.risk == 'low'"}},
        {"name": "e", "match": {"actions": ["scale"], "risk": "destructive"}},
        {"name": "f", "match": {"actions": ["uncordon"]}, "unless": [{"surfaces": ["cli"]}]},
    ]
    text = yaml.safe_dump({"format": 1, "rules": [{**rule, "effect": "deny"} for rule in rules]})
    policy = parse_policy(text.encode(), where="policy.yaml")
    actor = Actor(name="U0ALICE", team="T1", surface="slack")
    assert refused_anywhere(policy, Rights.info, actor, FixedClock()) == ("uncordon", "delete")
