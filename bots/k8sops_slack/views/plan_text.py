"""All there is to know of a run, as lines under headings: for its dialog, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from k8sops.core.digests import SHORTEST_DIGEST
from k8sops.core.plan import Bulk, Plan
from k8sops.core.plan_words import change_text, counts_text, rests_on, step_title, takes_text
from k8sops.core.run import Run
from k8sops.core.text import identity_in_words
from k8sops.service.command_words import command_line

ITEMS_SHOWN: Final = 200


class Line(NamedTuple):
    """A line, and the heading it stands under."""

    heading: str
    text: str


def run_lines(run: Run) -> list[Line]:
    """Everything, the plan first."""
    return [*_plan(run.plan), *_votes(run), *_record(run)]


def _plan(plan: Plan) -> Iterator[Line]:
    yield Line("What", plan.summary)
    yield Line("What", command_line(plan.action, plan.params))
    yield Line("What", f"risk: {plan.risk}")
    if takes := takes_text(plan):
        yield Line("What", f"takes {takes}")
    for finding in plan.findings:
        override = f" (override: {finding.override})" if finding.override else ""
        yield Line("Findings", f"{finding.level}: {finding.text}{override}")
    for number, step in enumerate(plan.steps, 1):
        change = change_text(step.before, step.after)
        told = ", ".join(part for part in (change, step.why, str(step.risk)) if part)
        yield Line("Steps", f"{number}. {step_title(step)}: {told}")
        if step.bulk is not None:
            yield from _moved(step.bulk)
    for fact in rests_on(plan):
        yield Line("Rests on", fact)


def _moved(bulk: Bulk) -> Iterator[Line]:
    yield Line("Steps", f"   {counts_text(bulk)}")
    for item in bulk.items[:ITEMS_SHOWN]:
        name = "/".join(part for part in (item.target.namespace, item.target.name) if part)
        yield Line("Steps", f"   {item.verb} {name}" + (f": {item.why}" if item.why else ""))
    if (more := bulk.total - len(bulk.items[:ITEMS_SHOWN])) > 0:
        yield Line("Steps", f"   and {more} more")


def _votes(run: Run) -> Iterator[Line]:
    if run.plan.decision is not None and run.plan.decision.why:
        yield Line("Approval", run.plan.decision.why)
    for one in run.approvals:
        verdict = "approved" if one.vote.verdict == "approve" else "denied"
        why = f": {one.vote.reason}" if one.vote.reason else ""
        name = one.who
        yield Line("Approval", f"{verdict} by {name}, {one.at:%Y-%m-%d %H:%M:%S} UTC{why}")


def _record(run: Run) -> Iterator[Line]:
    yield Line("Record", f"run {run.id}, {str(run.state).replace('_', ' ')}")
    yield Line("Record", f"digest {run.plan.digest[:SHORTEST_DIGEST]}")
    yield Line("Record", f"by {run.who}" + (f": {run.reason}" if run.reason else ""))
    if run.plan.execute_as:
        yield Line("Record", f"as {identity_in_words(run.plan.execute_as)}")
    if run.outcome:
        yield Line("Record", run.outcome)
    for event in run.events:
        if event.kind in {"step_done", "step_failed"}:
            yield Line("Record", f"{event.at:%H:%M:%S} {event.text}")
