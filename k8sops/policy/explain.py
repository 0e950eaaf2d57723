"""A verdict in plain sentences, rule by rule, and reading back a plan that was recorded.

What `policy test` and `policy explain` print; the same text for both, so that a rehearsal looks like the real thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from k8sops.core.errors import UsageError
from k8sops.core.plan import Decision, JsonObject, Plan
from k8sops.policy.deciding import RuleTrace, Verdict
from k8sops.policy.facts import PolicyRequest
from k8sops.policy.policy import Policy
from k8sops.policy.quorum import demands_of, in_words

PLAN_LIMIT: Final = 16 << 20
_EFFECTS: Final = {
    "allow": "Allowed",
    "confirm": "Allowed once confirmed",
    "approve": "Needs approval",
    "deny": "Denied",
}


def explained(policy: Policy, request: PolicyRequest, verdict: Verdict) -> tuple[str, ...]:
    """The lines: the verdict, what it asks for, who is asked about, then each rule."""
    plan = request.plan
    facts = policy.facts(request)
    who = request.person.name or f"{request.actor.name} (whom the policy does not map to a person)"
    source = "the shipped policy" if policy.shipped else "the policy"
    return (
        f"{_EFFECTS[verdict.decision.effect]}: {verdict.decision.why}.",
        *(f"  {line}" for line in asked_for(verdict.decision)),
        "",
        f"{who} asks for {plan.action} (risk {plan.risk}) on {facts.cluster_shown}, environment {facts.environment},"
        f" from {request.surface}.",
        f"Every rule of {source} {policy.version} was asked; the strictest that applies decides:",
        *(f"  {line_of(trace)}" for trace in verdict.trace),
    )


def asked_for(decision: Decision) -> Iterator[str]:
    """What has to happen before the run goes on, a line each."""
    for demand in demands_of(decision):
        yield f"needs {in_words(demand)} ({demand.rule})" if demand.rule else f"needs {in_words(demand)}"
    if decision.effect != "deny" and decision.typed_name:
        yield "needs the cluster's name typed"
    if decision.reason_required:
        yield "needs a reason"
    for ticket in decision.tickets:
        yield f"needs a ticket in the reason that matches {ticket}"
    if decision.ttl_s is not None and decision.effect == "approve":
        yield f"approvals have {_duration(decision.ttl_s)}"
    if decision.break_glass:
        yield "an emergency: what was set aside is reviewed afterwards"


def line_of(trace: RuleTrace) -> str:
    """One rule: `applies  production-changes  approve: …`."""
    if not trace.matched:
        return f"does not apply  {trace.rule}: {trace.why}"
    return f"applies         {trace.rule}: {trace.effect}, {trace.why}"


def verdict_document(verdict: Verdict) -> JsonObject:
    """The verdict as JSON."""
    document: JsonObject = msgspec.to_builtins(verdict)
    return document


def recorded_plan(data: bytes) -> Plan:
    """The plan in a document printed by `-o json`, of a plan or a run. Raises UsageError."""
    if len(data) > PLAN_LIMIT:
        raise UsageError(f"the recorded plan has {len(data)} bytes, at most {PLAN_LIMIT} are read")
    try:
        document = msgspec.json.decode(data)
        found: Any = document.get("plan", document) if isinstance(document, dict) else document
        plan = msgspec.convert(found, Plan)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UsageError(
            f"this is not a recorded plan: {str(error)[:200]}",
            hint="`k8sops ACTION … --plan -o json` records one",
        ) from error
    claimed = found.get("digest", "")
    if claimed and claimed != plan.digest:
        raise UsageError(
            f"the recorded plan was changed: its digest is {plan.digest[:12]}, not {str(claimed)[:12]}",
            hint="record it again with `k8sops ACTION … --plan -o json`",
        )
    return plan


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (left, "s"))
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount)
