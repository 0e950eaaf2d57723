"""Standing approvals of schedules: what was approved in advance, and why a firing may be outside of it.

Within its standing approval a firing runs, recording the digest; outside it awaits approval like anybody's run. It
stands in for approvals only, as a grant does. Any edit of the schedule makes another digest, and so voids it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from k8sops.core.clock import rfc3339
from k8sops.core.plan import Plan
from k8sops.core.risk import Risk
from k8sops.policy.digests import digest_of
from k8sops.policy.facts import targets_of

KIND: Final = "k8sops.standing.1"


class StandingApproval(msgspec.Struct, frozen=True, kw_only=True):
    """What people approve for all firings of a schedule (DESIGN §8)."""

    action: str
    action_version: int
    params: Mapping[str, Any]
    """All of them, as the action's Params write them, defaults too; placeholders stand until a firing fills them in."""
    cluster_uid: str
    cron: str
    zone: str
    execute_as: str
    risk: Risk
    """The greatest."""
    most_targets: int
    warnings: tuple[str, ...] = ()
    """Codes of the warnings that may come up."""
    valid_until: datetime

    @property
    def digest(self) -> str:
        """What is approved, signed and recorded."""
        ordered = msgspec.structs.replace(self, warnings=tuple(sorted(set(self.warnings))))
        return digest_of(KIND, ordered)


def within(
    standing: StandingApproval, plan: Plan, now: datetime, *, params: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """The reasons why a firing is outside, a sentence each; none where it is within.

    `params` are the template's, filled in for this firing; the template's own where it has no placeholders. They are
    complete, defaults and all, and the plan's must be the same: one that the template leaves out is none people saw.
    """
    expected = standing.params if params is None else params
    targets = targets_of(plan)
    checks = (
        (now < standing.valid_until, f"the standing approval ended at {rfc3339(standing.valid_until)}"),
        (
            (plan.action, plan.action_version) == (standing.action, standing.action_version),
            f"it is {plan.action} version {plan.action_version}, approved is {standing.action}"
            f" version {standing.action_version}",
        ),
        (plan.cluster.uid == standing.cluster_uid, "it is on another cluster than was approved"),
        (
            plan.execute_as == standing.execute_as,
            f"it would be done as {plan.execute_as or 'nobody named'}, approved is"
            f" {standing.execute_as or 'nobody named'}",
        ),
        (
            plan.risk.rank <= standing.risk.rank,
            f"its risk is {plan.risk}, at most {standing.risk} is approved",
        ),
        (targets is not None, "it does not tell how many objects it touches"),
        (
            (targets or 0) <= standing.most_targets,
            f"it has {targets} objects, at most {standing.most_targets} are approved",
        ),
    )
    return (
        *(why for holds, why in checks if not holds),
        *_other_params(expected, plan.params),
        *_findings(standing, plan),
    )


def _other_params(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*expected, *found}):
        if name not in expected or name not in found or not _same(expected[name], found[name]):
            yield f"its {name.replace('_', '-')} is not what was approved"


def _same(one: Any, other: Any) -> bool:
    """Whether both are the same JSON: Python alone takes True for 1 and 1 for 1.0."""
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")


def _findings(standing: StandingApproval, plan: Plan) -> Iterator[str]:
    for finding in plan.findings:
        if finding.level == "blocker":
            yield f"it has a blocker: {finding.text}"
        elif finding.level == "warning" and finding.code not in standing.warnings:
            yield f"it has a warning that was not approved: {finding.text}"
