"""Planning again what was asked for before, without the targets that are gone meanwhile (DESIGN §8, Drift).

A name that does not exist is an error when something is first planned: a mistake in typing. Later it was there once:
whoever took it away did not ask for the rest to be left undone. One rule for every action with several targets: Params
say which of their fields name targets, and the entries that name nothing any more are left out and told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from k8sops.core.clock import Clock
from k8sops.core.errors import DriftedError, ForbiddenError, NotFoundError, UsageError
from k8sops.core.object_names import NamedObject, object_named
from k8sops.core.params import KIND_AND_NAME, NAMES, Params, extra_of
from k8sops.core.plan import Finding, JsonObject, Plan, Target
from k8sops.core.ports import ClusterReader
from k8sops.core.run import StepRecord
from k8sops.engine.port import ActionBook
from k8sops.store.database import Tx
from k8sops.store.events import Lease
from k8sops.store.steps import NOTED, end_step, start_step

GONE: Final = f"{NOTED}gone"
"""The row of the journal that says which steps are left out, for whoever carries the run on."""
NAMED: Final = 5

_Place = tuple[str, str, str]


class Again(msgspec.Struct, frozen=True):
    """A plan made again, with a note for each target that is gone."""

    plan: Plan
    gone: tuple[Target, ...] = ()


async def plan_again(actions: ActionBook, approved: Plan, reader: ClusterReader, clock: Clock) -> Again:
    """The same asked for once more, on the cluster as it is now.

    Raises DriftedError where every target is gone, and what planning raises.
    """
    action = actions.load(approved.action)
    values: JsonObject = approved.params
    gone: dict[_Place, Target] = {}
    while True:
        params = actions.params(approved.action, values)
        try:
            present = await action.plan(params, reader, clock)
            break
        except NotFoundError:
            values, missing = await _without_missing(params, values, reader)
            if not missing:
                raise
            gone |= missing
            if not any(_names(params, values)):
                raise _nothing_left(gone.values()) from None
        except UsageError:
            # A selector that selects nothing any more: its targets are known from the plan alone.
            known = _targets(approved)
            gone |= await _not_there(known.values(), reader)
            if not known or known.keys() - gone.keys():
                raise
            raise _nothing_left(gone.values()) from None
    before, now = _targets(approved), _targets(present)
    gone |= await _not_there([before[place] for place in before.keys() - now.keys() - gone.keys()], reader)
    found = tuple(sorted(gone.values()))
    notes = tuple(
        Finding(level="note", code="gone", text=_left_out(target), subjects=(target.label,))
        for target in found
    )
    return Again(replace(present, findings=(*present.findings, *notes)), found)


def told_gone(gone: Collection[Target]) -> str:
    """In a sentence, what is left out of a run; empty where nothing is."""
    return "; ".join(_left_out(target) for target in gone)


def steps_on(plan: Plan, gone: Collection[Target]) -> tuple[str, ...]:
    """Ids of the steps whose targets are gone."""
    places = {_place(target) for target in gone}
    return tuple(step.id for step in plan.steps if _place(step.target) in places)


def without_steps(plan: Plan, left_out: Collection[str]) -> Plan:
    """The plan as it is carried out."""
    if not left_out:
        return plan
    return replace(plan, steps=tuple(step for step in plan.steps if step.id not in left_out))


def note_gone(tx: Tx, lease: Lease, left_out: Collection[str], *, known: bool) -> None:
    """Put on record which steps are left out; `known` where an earlier check has put others there."""
    start_step(tx, lease, GONE, known=known, state="waiting")
    end_step(tx, lease.run, GONE, state="done", result=msgspec.json.encode(list(left_out)).decode())


def noted_gone(record: StepRecord | None) -> tuple[str, ...]:
    """What is on record of that."""
    return msgspec.json.decode(record.result, type=tuple[str, ...]) if record and record.result else ()


def _names(params: Params, values: JsonObject) -> Iterator[tuple[str, str, NamedObject]]:
    """Field and entry of all that names a target, and what it names; where a selector chooses, nothing does."""
    for field, info in type(params).model_fields.items():
        names = extra_of(info).get(NAMES)
        for entry in map(str, values.get(field) or () if names else ()):
            if names != KIND_AND_NAME:
                yield field, entry, NamedObject(str(names), entry)
            elif named := object_named(entry.partition("=")[0]):
                yield field, entry, named


async def _without_missing(
    params: Params, values: JsonObject, reader: ClusterReader
) -> tuple[JsonObject, dict[_Place, Target]]:
    """The values without entries whose targets do not exist, and those targets."""
    missing: dict[_Place, Target] = {}
    kept: dict[str, Any] = dict(values)
    own = str(values.get("namespace") or "")
    for field, entry, named in list(_names(params, values)):
        resource = await reader.resource(named.kind)
        place = named.place(resource, own)
        target = Target(kind=resource.qualified, name=named.name, namespace=place)
        if _place(target) in missing or await _is_gone(target, reader):
            missing[_place(target)] = target
            kept[field] = [one for one in kept[field] if one != entry]
    return kept, missing


async def _not_there(targets: Collection[Target], reader: ClusterReader) -> dict[_Place, Target]:
    return {_place(target): target for target in targets if await _is_gone(target, reader)}


async def _is_gone(target: Target, reader: ClusterReader) -> bool:
    try:
        await reader.get(await reader.resource(target.kind), target.name, target.namespace)
    except NotFoundError:
        return True
    except (ForbiddenError, UsageError):
        # Not seen is not gone; a step for many objects names no kind, or no namespace, that could be looked at.
        return False
    return False


def _targets(plan: Plan) -> dict[_Place, Target]:
    asked = (*(step.target for step in plan.steps), *(one.target for one in plan.requires))
    return {_place(target): target for target in asked}


def _place(target: Target) -> _Place:
    return target.kind, target.namespace, target.name


def _left_out(target: Target) -> str:
    return f"{target.label} is gone since the plan was made and is left out"


def _nothing_left(gone: Collection[Target]) -> DriftedError:
    labels = sorted(target.label for target in gone)
    more = f" and {len(labels) - NAMED} more" if len(labels) > NAMED else ""
    verb = "is" if len(labels) == 1 else "are"
    return DriftedError(
        f"nothing is left to do: {', '.join(labels[:NAMED])}{more} {verb} gone since the plan was made",
        hint="plan again for what there is now",
    )
