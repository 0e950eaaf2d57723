"""A plan as lines of text: the verdict first, then each change, what to know, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TextIO

from k8sops.cli.console import paint
from k8sops.cli.plan_items import finding_lines, fits, hung, step_lines
from k8sops.core.actor import Actor
from k8sops.core.moments import in_words
from k8sops.core.plan import JsonObject, Plan, Step
from k8sops.core.text import printable

DIGEST_SHOWN: Final = 12
STEPS_SHOWN: Final = 40
UID_FACT: Final = "metadata.uid"
"""Says only that the object is still the same one: for the digest, not for a reader."""


def identity_line(plan: Plan, actor: Actor) -> str:
    """`cluster · environment · namespace · identity`: where a change goes and as whom, before anything else."""
    namespace = str(plan.params.get("namespace") or "cluster-wide")
    return printable(" · ".join((plan.cluster.name, plan.cluster.environment, namespace, actor.name)))


def plan_lines(plan: Plan, stream: TextIO) -> Iterator[str]:
    """The whole plan, at most forty steps in full."""
    yield ""
    yield from hung(printable(plan.summary), "", "", stream)
    yield ""
    yield from _step_lines(plan.steps, stream)
    yield from finding_lines(plan.findings, stream)
    for requirement in plan.requires:
        if requirement.fact == UID_FACT:
            continue
        yield printable(
            f"  rests on  {requirement.target.label} {requirement.fact} = {_value(requirement.value)}"
        )
    if plan.forecast.seconds is not None:
        limited = f", limited by {plan.forecast.limited_by}" if plan.forecast.limited_by else ""
        yield from hung(
            "  takes    ", printable(f"{_about(plan.forecast.seconds)}{limited}"), " " * 12, stream
        )
    risk = paint(str(plan.risk), str(plan.risk), stream)
    yield f"  risk      {risk}"
    yield f"  digest    {plan.digest[:DIGEST_SHOWN]}"


def _step_lines(steps: tuple[Step, ...], stream: TextIO) -> Iterator[str]:
    shown = steps[:STEPS_SHOWN]
    width = max((len(_title(step)) for step in shown), default=0)
    for number, step in enumerate(shown, 1):
        risk = paint(str(step.risk), str(step.risk), stream)
        change = _change(step.before, step.after)
        head = f"  {number:>2}. {_title(step):<{width}}"
        if fits(f"{head}  {change}  ({step.risk})", stream):
            yield f"{head}  {f'{change}  ' if change else ''}({risk})"
        else:
            yield f"{head.rstrip()}  ({risk})"
            yield from hung(f"      {change}", "", "      ", stream) if change else ()
        yield from step_lines(step, stream)
    if len(steps) > len(shown):
        yield f"      and {len(steps) - len(shown)} more; -o json lists all"


def _about(seconds: float) -> str:
    words = in_words(seconds)
    return words if seconds < 1 else f"about {words}"


def _title(step: Step) -> str:
    return printable(f"{step.verb} {step.target.label}")


def _change(before: JsonObject, after: JsonObject) -> str:
    """Each fact with what it was; where it is one of something new, what it is."""
    facts = [
        f"{fact} {_value(before[fact])} → {_value(value)}" if fact in before else _fact(fact, value)
        for fact, value in after.items()
    ]
    return printable(", ".join(facts))


def _fact(fact: str, value: object) -> str:
    if isinstance(value, bool):
        return fact if value else f"not {fact}"
    return f"{fact} {_value(value)}"


def _value(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
