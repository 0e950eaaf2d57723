"""What would take a run back: the inverse its done steps recorded, as a proposal, never as a replay.

A run that made many objects has them on record one by one (`core.events.MADE`); what it made is deleted, last made
first, but for what goes with a namespace that it made as well.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from k8sops.core.errors import UsageError
from k8sops.core.events import MADE
from k8sops.core.object_names import with_namespaces
from k8sops.core.plan import JsonObject
from k8sops.core.run import Run

if TYPE_CHECKING:
    from k8sops.service.records import Records

AT_ONCE: Final = 40
"""So many objects are named in one command."""


def undo_of(run: Run) -> tuple[str, JsonObject]:
    """The action and Params that undo the run's done steps. Raises UsageError where no one proposal could.

    Steps whose inverses differ in one list only (nodes to uncordon) become one proposal with the lists joined, over
    namespaces too.
    """
    if made := _made(run):
        parts = list(_in_parts(made))
        if len(made) > AT_ONCE:
            raise UsageError(
                f"undoing run {run.id} takes {len(parts)} commands: what it made is too much for one",
                hint=f"`k8sops runs undo {run.id} --commands` prints them",
            )
        return "delete", _joined(run, [_deletion(namespace, targets) for namespace, targets in parts])
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
    return actions.pop(), _joined(run, [undo["params"] for undo in undos])


def commands_of(run: Run) -> list[str]:
    """Command lines that take the run back, one after the other. Raises UsageError where nothing can be undone."""
    found = [_deleting(namespace, targets) for namespace, targets in _in_parts(_made(run))]
    if not found:
        done = {event.step for event in run.events if event.kind == "step_done"}
        undos = [step.undo for step in reversed(run.plan.steps) if step.id in done and step.undo]
        found = [str(undo["command"]) for undo in undos if undo.get("command")]
    if not found:
        raise UsageError(f"run {run.id} did nothing that could be undone")
    return found


def _made(run: Run) -> list[tuple[str, str]]:
    """Namespace and KIND/NAME of each object that the run made, the last first."""
    told = [event.data[MADE] for event in run.events if MADE in event.data]
    every = dict.fromkeys((str(one["namespace"]), str(target)) for one in told for target in one["targets"])
    spaces = {target.removeprefix("namespaces/") for _, target in every if target.startswith("namespaces/")}
    return [(namespace, target) for namespace, target in reversed(every) if namespace not in spaces]


def _in_parts(objects: list[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Namespaces and objects in them, as many as one command names."""
    for namespace, some in groupby(objects, key=lambda one: one[0]):
        targets = [target for _, target in some]
        for at in range(0, len(targets), AT_ONCE):
            yield namespace, targets[at : at + AT_ONCE]


def _deletion(namespace: str, targets: list[str]) -> JsonObject:
    return {"targets": targets} | ({"namespace": namespace} if namespace else {})


def _deleting(namespace: str, targets: list[str]) -> str:
    where = f" -n {namespace}" if namespace else ""
    return f"k8sops delete {' '.join(map(shlex.quote, targets))}{where}"


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


def _joined(run: Run, requests: list[JsonObject]) -> JsonObject:
    """One request for all of them."""
    if len({request.get("namespace") for request in requests}) > 1:
        requests = [with_namespaces(request) for request in requests]
    params: dict[str, Any] = dict(requests[0])
    for request in requests[1:]:
        _join(run, params, request)
    return params


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
