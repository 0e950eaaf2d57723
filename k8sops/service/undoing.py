"""What would take a run back: the inverse its done steps recorded, as a proposal, never as a replay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.run import Run

if TYPE_CHECKING:
    from k8sops.service.records import Records


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


async def restored(records: Records, action: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The Params with `restore`, which names a run of the same action, replaced by what takes that run back.

    Raises UsageError where the run is of another action or has not ended.
    """
    if not (wanted := str(params.get("restore") or "")):
        return params
    run = await records.get_run(wanted)
    if run.plan.action != action:
        raise UsageError(
            f"run {run.id} is a {run.plan.action}, not a {action}",
            hint="`k8sops runs undo RUN` takes any run back",
        )
    if not run.state.ended:
        raise UsageError(f"run {run.id} is {run.state}; cancel it or wait, then restore it")
    kept = {key: params[key] for key in params.keys() & {"timeout", "allow_pending", "autoscaler"}}
    return undo_of(run)[1] | kept


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
