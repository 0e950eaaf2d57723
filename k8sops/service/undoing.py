"""What would take a run back: the inverse its done steps recorded, as a proposal, never as a replay."""

from __future__ import annotations

from typing import Any

from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.run import Run


def undo_of(run: Run) -> tuple[str, JsonObject]:
    """The action and Params that undo the run's done steps. Raises UsageError where no one proposal could.

    Steps whose inverses differ in one list only (nodes to uncordon) become one proposal with the lists joined.
    """
    done = {event.step for event in run.events if event.kind == "step_done"}
    undos = [step.undo for step in run.plan.steps if step.id in done and step.undo]
    if not undos:
        raise UsageError(f"run {run.id} did nothing that could be undone")
    actions = {str(undo["action"]) for undo in undos}
    if len(actions) > 1:
        raise UsageError(
            f"undoing run {run.id} takes several actions ({', '.join(sorted(actions))})",
            hint="`k8sops runs show` gives the command for each step",
        )
    params: dict[str, Any] = dict(undos[0]["params"])
    for undo in undos[1:]:
        _join(run, params, undo["params"])
    return actions.pop(), params


def _join(run: Run, params: dict[str, Any], more: JsonObject) -> None:
    differing = [key for key, value in more.items() if params.get(key) != value]
    for key in differing:
        value = more[key]
        # Two lists joined at once would do to each object what was meant for the other.
        if len(differing) > 1 or not (isinstance(value, list) and isinstance(params.get(key), list)):
            raise UsageError(
                f"undoing run {run.id} takes a proposal for each of its steps",
                hint="`k8sops runs show` gives the command for each step",
            )
        params[key] = [*params[key], *value]
