"""A plan's parts in the words every door shows: what a step does, what it changes, how long it takes.

Pure text without width, colour or layout, which are each door's own; made printable, for names come from outside.
"""

from __future__ import annotations

from typing import Final

from k8sops.core.moments import in_words
from k8sops.core.object_names import where_asked
from k8sops.core.plan import Bulk, JsonObject, Plan, Step
from k8sops.core.text import printable

UID_FACT: Final = "metadata.uid"
"""Says only that the object is still the same one: for the digest, not for a reader."""
VERDICTS: Final = {
    "created": "can be made",
    "changed": "can be changed",
    "created_unverified": "not tried yet",
}
"""What an API server said to a dry run, in words."""


def where_text(plan: Plan) -> str:
    """Where a plan acts: `shop`, `shop and payments`, `5 namespaces`; empty where that is in no namespace."""
    named = plan.params.get("targets") and plan.steps
    if named and not any(step.target.namespace for step in plan.steps):
        # Nodes are named, and the namespace is only that of whoever asks.
        return ""
    return printable(where_asked(plan.params))


def step_title(step: Step) -> str:
    """`cordon node/node-3`."""
    return printable(f"{step.verb} {step.target.label}")


def change_text(before: JsonObject, after: JsonObject) -> str:
    """Each fact with what it was; where it is one of something new, what it is."""
    facts = [
        f"{fact} {value_text(before[fact])} → {value_text(value)}" if fact in before else _fact(fact, value)
        for fact, value in after.items()
    ]
    return printable(", ".join(facts))


def value_text(value: object) -> str:
    """A value of a field as a person writes it."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def counts_text(bulk: Bulk) -> str:
    """How many of each move along: `3 delete pods`, `1 create (can be made)`."""
    return printable(", ".join(f"{number} {_moving(kind)}" for kind, number in bulk.counts.items()))


def rests_on(plan: Plan) -> list[str]:
    """The facts a plan rests on, but for which objects they are of."""
    return [
        printable(f"{one.target.label} {one.fact} = {value_text(one.value)}")
        for one in plan.requires
        if one.fact != UID_FACT
    ]


def takes_text(plan: Plan) -> str:
    """How long it is expected to take and what limits it; empty where nobody can tell."""
    seconds, limit = plan.forecast.seconds, plan.forecast.limited_by
    if seconds is None:
        return ""
    words = in_words(seconds) if seconds < 1 else f"about {in_words(seconds)}"
    return printable(f"{words}, limited by {limit}" if limit else words)


def _moving(kind: str) -> str:
    verb, _, group = kind.rpartition(" ")
    return f"{verb} ({VERDICTS[group]})" if verb and group in VERDICTS else kind


def _fact(fact: str, value: object) -> str:
    if isinstance(value, bool):
        return fact if value else f"not {fact}"
    return f"{fact} {value_text(value)}"
