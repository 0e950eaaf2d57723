"""What confirming a plan takes, and what stands in its way, in one sentence each. Pure."""

from __future__ import annotations

from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import Decision, Demand, Plan
from k8sops.core.risk import Risk
from k8sops.core.text import counted


def wants_name(plan: Plan) -> bool:
    """Whether the cluster's name is typed to confirm: what policy asks of what destroys."""
    return plan.decision is not None and plan.decision.typed_name


def wants_approval(plan: Plan) -> bool:
    """Whether others have to say yes."""
    return plan.decision is not None and plan.decision.effect == "approve"


def wants_reason(plan: Plan) -> bool:
    """Whether the dialog asks why: policy demands it, or somebody else will have to judge."""
    return plan.decision is not None and (plan.decision.reason_required or wants_approval(plan))


def is_grave(plan: Plan) -> bool:
    """Whether Cancel has the focus, and Enter on a field is not enough."""
    return plan.risk is Risk.DESTRUCTIVE or wants_name(plan)


def hindrance(plan: Plan) -> str:
    """Why this plan cannot be applied as it stands; empty where it can."""
    if plan.blockers:
        flags = dict.fromkeys(one.override.split(" ", 1)[0] for one in plan.blockers if one.override)
        stops = counted(len(plan.blockers), "blocker")
        if any(not one.override for one in plan.blockers):
            return f"{stops}, not all of which can be overridden."
        return f"{stops}: {', '.join(flags)} would override."
    if plan.decision is not None and plan.decision.effect == "deny":
        return f"Policy refuses this: {plan.decision.why.rstrip('.')}."
    if not plan.steps:
        return "There is nothing to change."
    return ""


def unconfirmed(plan: Plan, *, reason: str, name: str) -> str:
    """What is still to be filled in before it can be applied; empty where nothing is."""
    if plan.decision is not None and plan.decision.reason_required and not reason.strip():
        return "Policy wants a reason: say why."
    if wants_name(plan) and name.strip() != plan.cluster.name:
        return f"This is {plan.risk}: type the cluster's name, {plan.cluster.name}, to confirm."
    return ""


def approval_sentence(decision: Decision) -> str:
    """Why others have to say yes, and who may."""
    who = "; ".join(_demanded(demand) for demand in decision.demands)
    why = decision.why.rstrip(".")
    return f"Needs approval: {why}. Who may: {who}." if who else f"Needs approval: {why}."


def sentence(error: K8sOpsError) -> str:
    """A refusal as it stands in the dialog; a hint that speaks of the command line is left out."""
    hint = "" if "--help" in error.hint else error.hint
    parts = [part if part.endswith((".", "?", "!")) else f"{part}." for part in (error.message, hint) if part]
    return " ".join(part[:1].upper() + part[1:] for part in parts)


def _demanded(demand: Demand) -> str:
    groups = " or ".join(demand.groups)
    who = f"of {groups}" if groups else "whom policy knows"
    apart = ", each of another group" if demand.distinct_groups and demand.count > 1 else ""
    return f"{counted(demand.count, 'person', 'persons')} {who}, other than you{apart}"
