"""How a run ends, in words: what was done, what was not, what is in doubt, and how to go back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from k8sops.core.events import Progress
from k8sops.core.plan import Plan

UNDO_PART: Final = "/undo"


def success(plan: Plan, progress: Progress, started_at: datetime, now: datetime) -> str:
    """The outcome of a run that did all its plan says."""
    steps = len(plan.steps)
    if not steps:
        return "nothing had to be done"
    reached = f", {progress.done} of {progress.total} {progress.unit}" if progress.total else ""
    seconds = (now - started_at).total_seconds()
    return f"done: {'1 step' if steps == 1 else f'{steps} steps'}{reached}, in {seconds:.1f} s"


def account(plan: Plan, done: Collection[str], in_doubt: Collection[str] = ()) -> str:
    """What was done and what was not, by step. A part `STEP/undo` that is done has taken its step back."""
    undone = {step.id for step in plan.steps if f"{step.id}{UNDO_PART}" in done}
    done = [path for path in done if path not in undone]
    labels_done = [step.target.label for step in plan.steps if step.id in done]
    labels_doubt = [step.target.label for step in plan.steps if step.id in in_doubt and step.id not in done]
    labels_left = [
        step.target.label
        for step in plan.steps
        if step.id not in done and step.id not in in_doubt and step.id not in undone
    ]
    labels_undone = [f"{step.verb} {step.target.label}" for step in plan.steps if step.id in undone]
    parts = []
    if labels_done:
        parts.append(f"done: {', '.join(labels_done)}{_back(plan, done)}")
    if labels_doubt:
        doubtful = [path for path in in_doubt if path not in done]
        parts.append(f"may or may not be done: {', '.join(labels_doubt)}{_back(plan, doubtful)}")
    if labels_undone:
        parts.append(f"taken back: {', '.join(labels_undone)}")
    if labels_left:
        parts.append(f"not done: {', '.join(labels_left)}")
    return "; ".join(parts) or "nothing was changed"


def _back(plan: Plan, paths: Collection[str]) -> str:
    """How these steps are taken back, in brackets."""
    commands = [
        str(step.undo["command"])
        for step in plan.steps
        if step.id in paths and step.undo and "command" in step.undo
    ]
    return f" (to go back: {'; '.join(commands)})" if commands else ""
