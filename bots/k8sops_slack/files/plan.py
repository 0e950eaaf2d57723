"""A plan as a file: what `--plan` prints at the command line, with nothing left out of what the plan lists.

Only the plan: the file is put below a card once, and what becomes of the run is told by the card.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from k8sops.core.digests import SHORTEST_DIGEST
from k8sops.core.object_names import CLUSTER_WIDE
from k8sops.core.plan import Bulk, Finding, Plan, Step
from k8sops.core.plan_words import change_text, counts_text, rests_on, step_title, takes_text, where_text
from k8sops.core.run import Run
from k8sops.core.text import printable
from k8sops.service.command_words import command_line
from k8sops_slack.blocks.building import section
from k8sops_slack.blocks.markup import code, escaped, joined, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.cards.words import DOT

LONG: Final = 40
"""Lines: as many as a page of Details holds."""
IN_THREAD: Final = "full plan in the thread"
IN_DIRECT: Final = "full plan in your direct messages"
_GLYPHS: Final = {"note": "·", "warning": "!", "blocker": "✗"}
_INDENT: Final = " " * 6
WIDEST: Final = 80


def is_long(plan: Plan) -> bool:
    """Whether it is read as a file: nobody turns pages to decide."""
    items = sum(len(step.bulk.items) for step in plan.steps if step.bulk is not None)
    return len(plan.steps) + items + len(plan.findings) + len(rests_on(plan)) > LONG


def plan_file(run: Run) -> tuple[str, str]:
    """The file's name and its text."""
    plan = run.plan
    place = where_text(plan) or CLUSTER_WIDE
    who = run.person or run.actor.name
    lines = [
        printable(DOT.join((plan.cluster.name, plan.cluster.environment, place, who))),
        *("", printable(plan.summary), ""),
        *_steps(plan.steps),
        *map(_finding, plan.findings),
        *(f"  rests on  {fact}" for fact in rests_on(plan)),
        *([f"  takes     {takes}"] if (takes := takes_text(plan)) else []),
        f"  risk      {plan.risk}",
        f"  digest    {plan.digest[:SHORTEST_DIGEST]}",
    ]
    return f"plan-{run.id}.txt", "\n".join(lines) + "\n"


def not_uploaded(run: Run, why: str, *, on_record: bool) -> Message:
    """What is said where the file would be: Slack did not take it, and how to read the plan."""
    told = joined(" ", [written("The full plan could not be uploaded here:"), escaped(f"{why}.", 200)])
    line = f"runs show {run.id}" if on_record else f"{command_line(run.plan.action, run.plan.params)} --plan"
    at_terminal = joined(" ", [written("At a terminal"), code(f"k8sops {line}"), written("shows all of it.")])
    return message(told, [section(joined("\n", [told, at_terminal]))])


def _steps(steps: tuple[Step, ...]) -> Iterator[str]:
    width = min(max((len(step_title(step)) for step in steps), default=0), WIDEST)
    for number, step in enumerate(steps, 1):
        change = change_text(step.before, step.after)
        yield f"  {number:>2}. {step_title(step):<{width}}  {f'{change}  ' if change else ''}({step.risk})"
        if step.why:
            yield f"{_INDENT}{printable(step.why)}"
        if step.bulk is not None:
            yield from _moved(step.bulk)


def _moved(bulk: Bulk) -> Iterator[str]:
    yield _INDENT + counts_text(bulk)
    for item in bulk.items:
        why = f"  {item.why}" if item.why else ""
        yield _INDENT + printable(f"{item.verb} {item.target.label}{why}")
    if (more := bulk.total - len(bulk.items)) > 0:
        yield f"{_INDENT}and {more} more"


def _finding(finding: Finding) -> str:
    override = f" (override: {finding.override})" if finding.override else ""
    return f"  {_GLYPHS[finding.level]} {finding.level}: {printable(finding.text)}{override}"
