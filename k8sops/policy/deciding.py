"""From a request to a verdict: every rule is asked, and what those that apply ask for is added up.

The strictest effect wins (deny, approve, confirm, allow), demands add up, the shortest time counts. Order means
nothing, so a rule somebody adds can only tighten: nobody has to read the whole file to know that a new `deny` holds,
and a merge of two branches of a policy is never weaker than either. A rule is loosened where it stands, by `unless`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from k8sops.core.plan import Decision, Demand
from k8sops.core.risk import Risk
from k8sops.policy.expression import ConditionError
from k8sops.policy.facts import Facts
from k8sops.policy.matching import listed
from k8sops.policy.rule_model import EFFECTS, Effect, Outcome

Source = Literal["rule", "freeze", "baseline", "protected", "read_only", "blocker", "cluster", "break_glass"]


class RuleTrace(msgspec.Struct, frozen=True, kw_only=True):
    """How one rule, or one of the policy's other sections, was judged."""

    rule: str
    source: Source
    matched: bool
    effect: str = ""
    """What it asks for; empty where it does not apply."""
    why: str
    """What it asks for in words, or the first condition that does not hold."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What something that applies asks for."""

    name: str
    source: Source
    outcome: Outcome
    why: str

    @property
    def effect(self) -> Effect:
        """Its effect."""
        return self.outcome.effect


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What policy answers, and how it came to that."""

    decision: Decision
    trace: tuple[RuleTrace, ...]


def strictness(effect: str) -> int:
    """Place in the order allow < confirm < approve < deny."""
    return EFFECTS.index(effect)


def refusal(name: str, source: Source, why: str) -> Asked:
    """A denial that no outcome in the file stands for."""
    return Asked(name=name, source=source, outcome=Outcome(effect="deny"), why=why)


def told(name: str, source: Source, outcome: Outcome, more: str = "") -> Asked:
    """Something that applies, its demand in words."""
    parts = [asked_in_words(outcome), more, outcome.why or ""]
    return Asked(name=name, source=source, outcome=outcome, why=": ".join(part for part in parts if part))


def asked_in_words(outcome: Outcome) -> str:
    """`2 approvals from sre or dba, each from another group`."""
    if outcome.effect == "deny":
        return "denied"
    words = [_effect_in_words(outcome)]
    if outcome.ticket:
        words.append(f"a reason that matches {outcome.ticket}")
    elif outcome.reason == "required":
        words.append("a reason")
    return " and ".join(word for word in words if word) or "nothing asked for"


def _effect_in_words(outcome: Outcome) -> str:
    if outcome.effect == "confirm":
        return "confirmation by typing the cluster's name" if outcome.typed_name else "confirmation"
    if outcome.effect != "approve":
        return "the cluster's name typed" if outcome.typed_name else ""
    text = "1 approval" if outcome.approvals == 1 else f"{outcome.approvals} approvals"
    if outcome.approvers:
        text += f" from {listed(outcome.approvers)}"
    if outcome.distinct:
        text += ", each from another group"
    if outcome.at_terminal:
        text += f", {outcome.at_terminal} of them at a terminal"
    return text


def traced(asked: Asked) -> RuleTrace:
    """The trace of something that applies."""
    return RuleTrace(rule=asked.name, source=asked.source, matched=True, effect=asked.effect, why=asked.why)


def set_aside(asked: Sequence[Asked], *, freezes: bool) -> tuple[tuple[Asked, ...], bool]:
    """In an emergency: approvals, and freezes where policy lets them, come down to a confirmation with a reason."""
    found = []
    for one in asked:
        liftable = ("approve", "deny") if one.source == "freeze" and freezes else ("approve",)
        lifted = one.effect in liftable and (one.source != "freeze" or freezes)
        if lifted:
            kept = Outcome(
                effect="confirm",
                reason="required",
                typed_name=one.outcome.typed_name,
                ticket=one.outcome.ticket,
            )
            found.append(told(one.name, one.source, kept, "set aside in an emergency"))
        else:
            found.append(one)
    return tuple(found), tuple(found) != tuple(asked)


def beyond_chat(asked: Sequence[Asked]) -> tuple[Asked, ...]:
    """For a risk the chat is not trusted with: at least one of the approvals is given at a terminal."""
    return tuple(_one_at_terminal(one) if one.effect == "approve" else one for one in asked)


def _one_at_terminal(asked: Asked) -> Asked:
    if asked.outcome.at_terminal:
        return asked
    outcome = asked.outcome.model_copy(update={"at_terminal": 1})
    return msgspec.structs.replace(asked, outcome=outcome, why=f"{asked.why}, at least 1 at a terminal")


def added_up(asked: Sequence[Asked], *, version: str, break_glass: bool) -> Decision:
    """One decision that is as strict as each part."""
    effect = max((one.effect for one in asked), key=strictness)
    deciding = [one for one in asked if one.effect == effect]
    demands = tuple(_least(list(_demands(asked)))) if effect == "approve" else ()
    tickets = tuple(dict.fromkeys(one.outcome.ticket for one in asked if one.outcome.ticket))
    times = [one.outcome.ttl for one in asked if one.outcome.ttl is not None]
    return Decision(
        effect=effect,
        why=_why(deciding),
        approvals=max((demand.count for demand in demands), default=0),
        demands=demands,
        typed_name=any(one.outcome.typed_name for one in asked),
        reason_required=bool(tickets) or any(one.outcome.reason == "required" for one in asked),
        tickets=tickets,
        ttl_s=min(times, default=None),
        break_glass=break_glass,
        rule=deciding[0].name,
        policy=version,
    )


def _why(deciding: Sequence[Asked]) -> str:
    shown = [f"{one.name}: {one.why}" if one.source != "blocker" else one.why for one in deciding[:3]]
    more = len(deciding) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def _demands(asked: Sequence[Asked]) -> Iterator[Demand]:
    for one in asked:
        if one.effect == "approve":
            outcome = one.outcome
            yield Demand(
                count=outcome.approvals,
                groups=tuple(dict.fromkeys(outcome.approvers)),
                distinct_groups=outcome.distinct,
                at_terminal=outcome.at_terminal,
                rule=one.name,
            )


def _least(demands: list[Demand]) -> Iterator[Demand]:
    """The demands without those that another one meets anyhow."""
    for place, demand in enumerate(demands):
        others = (
            other
            for at, other in enumerate(demands)
            if at != place and _includes(other, demand) and (at < place or not _includes(demand, other))
        )
        if next(others, None) is None:
            yield demand


def _includes(strict: Demand, demand: Demand) -> bool:
    """Whether whatever meets the one surely meets the other."""
    if strict.count < demand.count or strict.at_terminal < demand.at_terminal:
        return False
    if demand.distinct_groups:
        return strict.distinct_groups and set(strict.groups) == set(demand.groups)
    if not demand.groups:
        return True
    return bool(strict.groups) and set(strict.groups) <= set(demand.groups)


def blocker_of(facts: Facts) -> Asked | None:
    """The refusal of a plan with blockers."""
    blockers = facts.plan.blockers
    if not blockers:
        return None
    first = blockers[0]
    more = f", and {len(blockers) - 1} more" if len(blockers) > 1 else ""
    override = f" ({first.override} overrides it)" if first.override else ""
    return refusal("blockers", "blocker", f"the plan has blockers: {first.text}{override}{more}")


def read_only_of(facts: Facts) -> Asked | None:
    """The refusal of a change while the policy is read-only."""
    if facts.risk is Risk.READ:
        return None
    return refusal("read-only", "read_only", "nothing may be changed here")


def unjudged(name: str, source: Source, error: ConditionError) -> Asked:
    """A rule that cannot be judged denies."""
    return refusal(name, source, f"it cannot be judged, so it denies: {error}")
