"""Plans, persons and policies to ask about, made in a line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from k8sops.core.actor import Actor, Surface
from k8sops.core.plan import ClusterInfo, Decision, Finding, Plan, Step, Target
from k8sops.core.risk import Risk
from k8sops.policy.deciding import Verdict
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.load import parse_policy
from k8sops.policy.policy import Policy

TUESDAY: Final = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SATURDAY: Final = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
CHRISTMAS: Final = datetime(2026, 12, 24, 10, 0, tzinfo=UTC)
PROD: Final = "5a0c6f6e-0d5c-4a3e-9d5a-2f6f3f1c9e10"
STAGING: Final = "9b1f0c9a-6a55-4a4a-8a69-b7a1f2f7a3c4"
NO_LABELS: Final[dict[str, str]] = {}
PAGE: Final = Path(__file__).parents[2] / "docs" / "policy.md"


def example_text() -> bytes:
    """The team policy of docs/policy.md."""
    found = re.search(r"```yaml\n(format: 1\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1].encode()


def policy(text: str, *, head: str = "format: 1\n") -> Policy:
    """A team's policy from its YAML."""
    return parse_policy((head + text).encode(), where="policy.yaml")


def step(
    *,
    risk: Risk = Risk.DISRUPTIVE,
    namespace: str = "shop",
    name: str = "web",
    kind: str = "deployments.apps",
    labels: dict[str, str] | None = NO_LABELS,
    before: int = 3,
    after: int = 1,
) -> Step:
    """A scale of one workload; `labels` as an action tells them, None where it does not."""
    told: dict[str, Any] = {"spec.replicas": before}
    if labels is not None:
        told["metadata.labels"] = labels
    return Step(
        id=f"scale/{kind}:{namespace}.{name}",
        verb="scale",
        target=Target(kind=kind, name=name, namespace=namespace, uid=f"u-{namespace}-{name}"),
        why="asked for",
        before=told,
        after={"spec.replicas": after},
        risk=risk,
    )


def plan(
    *steps: Step,
    cluster: str = PROD,
    action: str = "scale",
    findings: tuple[Finding, ...] = (),
    params: dict[str, Any] | None = None,
    blast_radius: dict[str, Any] | None = None,
    attachments: tuple[str, ...] = (),
    execute_as: str = "",
) -> Plan:
    """A plan of these steps."""
    return Plan(
        action=action,
        action_version=1,
        summary="as asked",
        cluster=ClusterInfo(
            context="mine", server="https://127.0.0.1:6443", uid=cluster, name="as-i-call-it"
        ),
        params=params if params is not None else {"namespace": "shop"},
        steps=steps,
        findings=findings,
        blast_radius=blast_radius or {},
        attachments=attachments,
        execute_as=execute_as,
        made_at=TUESDAY,
        expires_at=TUESDAY + timedelta(hours=1),
    )


def request(
    rules: Policy,
    asked: Plan,
    who: str = "dave@example.org",
    *,
    now: datetime = TUESDAY,
    surface: Surface = "cli",
    team: str = "",
    **more: Any,
) -> PolicyRequest:
    """What somebody asks, at a door."""
    actor = Actor(name=who, surface=surface, team=team)
    person = rules.person_of(actor, asked.cluster.uid)
    fields: dict[str, Any] = {"policy_key": "workload.scale", **more}
    return PolicyRequest(plan=asked, actor=actor, person=person, now=now, surface=surface, **fields)


def verdict(rules: Policy, asked: Plan, who: str = "dave@example.org", **more: Any) -> Verdict:
    """What the policy answers."""
    return rules.decide(request(rules, asked, who, **more))


def decision(rules: Policy, asked: Plan, who: str = "dave@example.org", **more: Any) -> Decision:
    """The decision alone."""
    return verdict(rules, asked, who, **more).decision


def applying(answer: Verdict) -> set[str]:
    """The names of what applied."""
    return {trace.rule for trace in answer.trace if trace.matched}


def blocked(asked: Plan) -> Plan:
    """The plan with something in its way."""
    finding = Finding(
        level="blocker", code="last_node", text="it is the last node for db", override="--force"
    )
    return msgspec.structs.replace(asked, findings=(finding,))
