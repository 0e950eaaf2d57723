"""A schedule's standing approval as it is stored: what was approved, by whom, and whether that suffices.

The row holds this text; any edit of the schedule empties it (DESIGN §8, Schedules).
"""

from __future__ import annotations

from typing import Final

import msgspec

from k8sops.core.object_names import namespaces_asked
from k8sops.core.plan import Decision, Plan, Step, Target
from k8sops.core.risk import Risk
from k8sops.core.run import Approval
from k8sops.engine.schedules.table import Schedule
from k8sops.policy.policy import Policy
from k8sops.policy.quorum import Quorum, count
from k8sops.policy.standing import StandingApproval


class StandingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the schedule's row."""

    approval: StandingApproval
    granted: bool
    decision: Decision | None = None
    """What policy said of the plan it was drafted from: which votes it takes."""
    votes: tuple[Approval, ...] = ()

    @property
    def digest(self) -> str:
        """What votes are on."""
        return self.approval.digest

    def text(self) -> str:
        """As stored."""
        return msgspec.json.encode(self).decode()


# Made here, before any thread, for the reason that `store.runs` gives.
_RECORD: Final = msgspec.json.Decoder(StandingRecord)


def standing_of(text: str) -> StandingRecord | None:
    """What the row says; None where nothing has been asked for."""
    return _RECORD.decode(text) if text else None


def quorum_of(policy: Policy, record: StandingRecord, decision: Decision, schedule: Schedule) -> Quorum:
    """Whether the votes on a standing approval meet what policy decides, by the policy in force now."""
    return count(
        decision,
        record.votes,
        digest=record.digest,
        requester=policy.person_of(schedule.actor, schedule.cluster_uid),
        person_of=lambda actor: policy.person_of(actor, schedule.cluster_uid),
    )


def supposed(plan: Plan, risk: Risk) -> Plan:
    """The plan as it might be at this risk: what policy is asked about before anything of the kind has come up."""
    asked = namespaces_asked(plan.params)
    # Where one of several namespaces has nothing to do today, its rules count all the same.
    idle = set(asked).difference(step.target.namespace for step in plan.steps) if len(asked) > 1 else set()
    if plan.risk is risk and not idle:
        return plan
    if not plan.steps:
        steps = [_unknown(plan, namespace, risk) for namespace in asked or ("",)]
    else:
        first = msgspec.structs.replace(plan.steps[0], risk=risk)
        steps = [first, *plan.steps[1:], *(_unknown(plan, namespace, risk) for namespace in sorted(idle))]
    return msgspec.structs.replace(plan, steps=tuple(steps), decision=None)


def _unknown(plan: Plan, namespace: str, risk: Risk) -> Step:
    return Step(
        id=f"{plan.action}/supposed:{namespace}",
        verb=plan.action,
        target=Target(kind="", name="", namespace=namespace),
        why="what the schedule may come to do",
        before={},
        after={},
        risk=risk,
    )
