"""What every planner needs said once: a plan's lifetime, targets, and how steps are walked and accounted for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError, PartialError
from k8sops.core.journal import Journal
from k8sops.core.params import Params
from k8sops.core.plan import (
    SUMMARY_LIMIT,
    ClusterInfo,
    Finding,
    Forecast,
    JsonObject,
    Plan,
    Requirement,
    Step,
)
from k8sops.core.ports import Action
from k8sops.core.text import shortened

PLAN_LIFETIME: Final = timedelta(hours=1)


def make_plan(
    action: Action[Any],
    params: Params,
    cluster: ClusterInfo,
    clock: Clock,
    *,
    summary: str,
    steps: Sequence[Step],
    findings: Sequence[Finding] = (),
    requires: Sequence[Requirement] = (),
    blast_radius: JsonObject | None = None,
    forecast: Forecast | None = None,
) -> Plan:
    """A plan made now, valid for an hour; a summary that is too long is cut at a word."""
    now = clock.now()
    return Plan(
        action=action.name,
        action_version=action.version,
        summary=shortened(summary, SUMMARY_LIMIT),
        cluster=cluster,
        params=params.model_dump(mode="json"),
        steps=tuple(steps),
        findings=tuple(findings),
        requires=tuple(requires),
        blast_radius=blast_radius or {},
        forecast=forecast or Forecast(),
        made_at=now,
        expires_at=now + PLAN_LIFETIME,
    )


def no_change(text: str, *subjects: str) -> Finding:
    """The note that something is as wanted already."""
    return Finding(level="note", code="no_change", text=text, subjects=subjects)


def resting_on(steps: Sequence[Step]) -> list[Requirement]:
    """Every value that the steps are to change, as it was when the plan was made."""
    return [
        Requirement(target=step.target, fact=fact, value=value)
        for step in steps
        for fact, value in step.before.items()
    ]


def resting_on_uids(steps: Sequence[Step]) -> list[Requirement]:
    """That each target is still the object that was planned for, whatever has become of it."""
    return [Requirement(target=step.target, fact="metadata.uid", value=step.target.uid) for step in steps]


async def walk_steps(plan: Plan, journal: Journal, do: Callable[[Step], Awaitable[str]]) -> None:
    """Do the plan's steps in order through the journal; `do` returns the sentence that says it is done.

    The first failure ends the walk. Where earlier steps were done it becomes a PartialError that lists what was
    done, what was not, and how to go back.
    """
    done: list[Step] = []
    for step in plan.steps:
        try:
            await journal.step(step, partial(do, step))
        except K8sOpsError as error:
            if not done:
                raise
            raise _partial(plan, done, step, error) from error
        done.append(step)


def _partial(plan: Plan, done: Sequence[Step], failed: Step, error: K8sOpsError) -> PartialError:
    labels_done = ", ".join(step.target.label for step in done)
    labels_left = ", ".join(step.target.label for step in plan.steps[len(done) :])
    undo = "; ".join(command for step in done if (command := undo_command(step)))
    return PartialError(
        f"{plan.action} stopped at {failed.target.label}: {error.message}. "
        f"Done: {labels_done}. Not done: {labels_left}",
        hint=f"to go back: {undo}" if undo else error.hint,
    )


def undo_command(step: Step) -> str:
    """The command line that would take the step back, or nothing where there is none."""
    if step.undo is None:
        return ""
    return str(step.undo.get("command", ""))
