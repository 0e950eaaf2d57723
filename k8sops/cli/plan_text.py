"""A plan as lines of text: the verdict first, then each change, what to know, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TextIO

from k8sops.cli.console import paint
from k8sops.cli.plan_items import finding_lines, fits, hung, step_lines
from k8sops.core.actor import Actor
from k8sops.core.object_names import CLUSTER_WIDE
from k8sops.core.plan import Plan, Step
from k8sops.core.plan_words import change_text, rests_on, step_title, takes_text, where_text
from k8sops.core.text import printable

DIGEST_SHOWN: Final = 12
STEPS_SHOWN: Final = 40


def identity_line(plan: Plan, actor: Actor) -> str:
    """`cluster · environment · namespace · identity`: where a change goes and as whom, before anything else."""
    place = where_text(plan) or CLUSTER_WIDE
    return printable(" · ".join((plan.cluster.name, plan.cluster.environment, place, actor.name)))


def plan_lines(plan: Plan, stream: TextIO) -> Iterator[str]:
    """The whole plan, at most forty steps in full."""
    yield ""
    yield from hung(printable(plan.summary), "", "", stream)
    yield ""
    yield from _step_lines(plan.steps, stream)
    yield from finding_lines(plan.findings, stream)
    yield from (f"  rests on  {fact}" for fact in rests_on(plan))
    if takes := takes_text(plan):
        yield from hung("  takes    ", takes, " " * 12, stream)
    risk = paint(str(plan.risk), str(plan.risk), stream)
    yield f"  risk      {risk}"
    yield f"  digest    {plan.digest[:DIGEST_SHOWN]}"


def _step_lines(steps: tuple[Step, ...], stream: TextIO) -> Iterator[str]:
    shown = steps[:STEPS_SHOWN]
    width = max((len(step_title(step)) for step in shown), default=0)
    for number, step in enumerate(shown, 1):
        risk = paint(str(step.risk), str(step.risk), stream)
        change = change_text(step.before, step.after)
        head = f"  {number:>2}. {step_title(step):<{width}}"
        if fits(f"{head}  {change}  ({step.risk})", stream):
            yield f"{head}  {f'{change}  ' if change else ''}({risk})"
        else:
            yield f"{head.rstrip()}  ({risk})"
            yield from hung(f"      {change}", "", "      ", stream) if change else ()
        yield from step_lines(step, stream)
    if len(steps) > len(shown):
        yield f"      and {len(steps) - len(shown)} more; -o json lists all"
