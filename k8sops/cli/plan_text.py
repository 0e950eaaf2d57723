"""A plan as lines of text: the verdict first, then each change, what to know, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TextIO

from k8sops.cli.console import GLYPHS, paint
from k8sops.core.actor import Actor
from k8sops.core.plan import Finding, JsonObject, Plan, Step
from k8sops.core.text import printable

DIGEST_SHOWN: Final = 12
STEPS_SHOWN: Final = 40


def identity_line(plan: Plan, actor: Actor) -> str:
    """`cluster · environment · namespace · identity`: where a change goes and as whom, before anything else."""
    namespace = str(plan.params.get("namespace") or "cluster-wide")
    return printable(" · ".join((plan.cluster.name, plan.cluster.environment, namespace, actor.name)))


def plan_lines(plan: Plan, stream: TextIO) -> Iterator[str]:
    """The whole plan, at most forty steps in full."""
    yield ""
    yield printable(plan.summary)
    yield ""
    yield from _step_lines(plan.steps, stream)
    for finding in plan.findings:
        yield _finding_line(finding, stream)
    for requirement in plan.requires:
        yield printable(
            f"  rests on  {requirement.target.label} {requirement.fact} = {_value(requirement.value)}"
        )
    if plan.forecast.seconds is not None:
        limited = f", limited by {plan.forecast.limited_by}" if plan.forecast.limited_by else ""
        seconds = plan.forecast.seconds
        yield f"  takes     {f'about {seconds:.0f} s' if seconds >= 1 else 'less than a second'}{limited}"
    risk = paint(str(plan.risk), str(plan.risk), stream)
    yield f"  risk      {risk}"
    yield f"  digest    {plan.digest[:DIGEST_SHOWN]}"


def _step_lines(steps: tuple[Step, ...], stream: TextIO) -> Iterator[str]:
    shown = steps[:STEPS_SHOWN]
    width = max((len(_title(step)) for step in shown), default=0)
    for number, step in enumerate(shown, 1):
        risk = paint(str(step.risk), str(step.risk), stream)
        yield f"  {number:>2}. {_title(step):<{width}}  {_change(step.before, step.after)}  ({risk})"
        yield printable(f"      {step.why}")
    if len(steps) > len(shown):
        yield f"      and {len(steps) - len(shown)} more; -o json lists all"


def _title(step: Step) -> str:
    return printable(f"{step.verb} {step.target.label}")


def _change(before: JsonObject, after: JsonObject) -> str:
    facts = [f"{fact} {_value(before.get(fact))} → {_value(value)}" for fact, value in after.items()]
    return printable(", ".join(facts))


def _value(value: object) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _finding_line(finding: Finding, stream: TextIO) -> str:
    level = paint(f"{GLYPHS[finding.level]} {finding.level}", finding.level, stream)
    override = f" (override: {finding.override})" if finding.override else ""
    return f"  {level}: {printable(finding.text)}{override}"
