"""A plan to vary in tests: one scale step on a fixed clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from k8sops.core.plan import ClusterInfo, Finding, Plan, Requirement, Step, Target
from k8sops.core.risk import Risk

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
CLUSTER = ClusterInfo(context="demo", server="https://127.0.0.1:6443", uid="c-1", name="demo")
WEB = Target(kind="deployments.apps", name="web", namespace="shop", uid="u-web")


def scale_step(*, before: int = 3, after: int = 5, risk: Risk = Risk.LOW, why: str = "asked for") -> Step:
    """Scale shop/web."""
    return Step(
        id="scale/deployments.apps:shop.web",
        verb="scale",
        target=WEB,
        why=why,
        before={"spec.replicas": before},
        after={"spec.replicas": after},
        risk=risk,
    )


def a_plan(
    *,
    steps: tuple[Step, ...] | None = None,
    findings: tuple[Finding, ...] = (),
    requires: tuple[Requirement, ...] | None = None,
    summary: str = "Safe: web grows.",
    cluster: ClusterInfo = CLUSTER,
    made_at: datetime = NOW,
) -> Plan:
    """The plan of `scale_step`, or a variation."""
    return Plan(
        action="scale",
        action_version=1,
        summary=summary,
        cluster=cluster,
        params={"target": "deployment/web", "replicas": 5, "namespace": "shop", "timeout": 300},
        steps=steps if steps is not None else (scale_step(),),
        findings=findings,
        requires=requires
        if requires is not None
        else (Requirement(target=WEB, fact="spec.replicas", value=3),),
        made_at=made_at,
        expires_at=made_at + timedelta(hours=1),
    )
