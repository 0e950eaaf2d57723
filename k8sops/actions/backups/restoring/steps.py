"""A draft as steps of a plan: one for each kind, namespace and verb while there is room, then one for each kind.

A step's id is the same whenever the same is planned again; its items are counted and hashed, the first of them listed
(DESIGN §8, Size). No step says how it is taken back: of what is planned some may be there by then, and is not the run's
to delete; what is made is on record (`made.py`). The last step compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from k8sops.actions.backups.restoring.deciding import risk_of
from k8sops.actions.backups.restoring.drafting import Entry
from k8sops.actions.backups.restoring.groups import NAMESPACES_KIND
from k8sops.actions.backups.restoring.levels import COMPARED, CRDS, NAMES
from k8sops.core.plan import Item, JsonObject, Step, Target, bulk_of
from k8sops.core.risk import Risk, riskiest
from k8sops.core.text import counted

MOST: Final = 400
"""So many steps are made at most; a plan holds 500."""
ANY: Final = "*"
COMPARE: Final = "compare"
BACKUP_KIND: Final = "backups.k8sops.dev"
UNVERIFIED: Final = "created_unverified"
_NOUNS: Final = {
    NAMESPACES_KIND: "namespace",
    CRDS: "the definition",
    "services": "service",
    "serviceaccounts": "serviceaccount",
    "priorityclasses.scheduling.k8s.io": "priority class",
}

Key = tuple[int, str, str, str]
"""Level, verb, kind and namespace; the last two `*` where a step is for several."""

_WIDTHS: Final[tuple[Callable[[int, str, Target], Key], ...]] = (
    lambda level, verb, target: (level, verb, target.kind, target.namespace),
    lambda level, verb, target: (level, verb, target.kind, ANY if target.namespace else ""),
    lambda level, verb, _: (level, verb, ANY, ANY),
)


class Place(msgspec.Struct, frozen=True):
    """A step of the plan: which one, as people count, and its id."""

    number: int
    id: str


def steps_of(entries: Sequence[Entry], *, named: bool) -> list[Step]:
    """The steps, in their order, without the comparison. Takes time for many entries: for a thread.

    Where objects were `named` one by one, a step for one of them names it.
    """
    groups: dict[Key, list[Entry]] = {}
    for width in _WIDTHS:
        groups = {}
        for entry in entries:
            groups.setdefault(width(entry.level, entry.verb, entry.target), []).append(entry)
        if len(groups) <= MOST:
            break
    places = {key: Place(number, _id(key)) for number, key in enumerate(sorted(groups), 1)}
    of_target = {entry.target: places[key] for key, some in groups.items() for entry in some}
    return [_step(key, groups[key], of_target, named=named) for key in sorted(groups)]


def comparing_step(backup: str, objects: int) -> Step:
    """The last one: owner references are linked, and everything is compared."""
    return Step(
        id=f"restore/{COMPARED:02d}/{COMPARE}",
        verb=COMPARE,
        target=Target(kind=BACKUP_KIND, name=backup),
        why=f"{counted(objects, 'object')}, field by field; owner references are linked to the owners that are there",
        before={},
        after={},
        risk=Risk.LOW,
    )


class Scope(msgspec.Struct, frozen=True):
    """What a step is for, as its id says."""

    level: int
    verb: str
    kind: str
    namespace: str

    def takes(self, level: int, kind: str, namespace: str) -> bool:
        """Whether an object in this place is one of the step's."""
        if self.level != level or self.kind not in {ANY, kind}:
            return False
        if self.kind == ANY:
            return True
        return bool(namespace) if self.namespace == ANY else namespace == self.namespace


def scope_of(step: Step) -> Scope:
    """What a step is for."""
    _, level, what = step.id.split("/", 2)
    verb, kind, namespace = f"{what}::".split(":")[:3]
    return Scope(int(level), verb, kind, namespace)


class Places:
    """Where a plan makes or changes something: asked for each object, so by looking up and not by going through."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._verbs: Final[dict[tuple[int, str, str], set[str]]] = {}
        for step in steps:
            if step.bulk is not None:
                scope = scope_of(step)
                key = (scope.level, scope.kind, scope.namespace)
                self._verbs.setdefault(key, set()).add(scope.verb)

    def verbs(self, level: int, kind: str, namespace: str) -> set[str]:
        """What is done to objects in this place."""
        found: set[str] = set()
        for key in ((level, kind, namespace), (level, kind, ANY), (level, ANY, "")):
            if key[2] != ANY or namespace:
                found |= self._verbs.get(key, set())
        return found


def _id(key: Key) -> str:
    level, verb, kind, namespace = key
    return f"restore/{level:02d}/{verb}:{kind}" + (f":{namespace}" if namespace and kind != ANY else "")


def _step(
    key: Key,
    entries: Sequence[Entry],
    of_target: dict[Target, Place],
    *,
    named: bool,
) -> Step:
    _, verb, kind, namespace = key
    only = entries[0].target if named and len(entries) == 1 and kind != ANY else None
    reasons = {_waits_for(entry, of_target) for entry in entries if entry.verdict == UNVERIFIED}
    shared = reasons.pop() if len(reasons) == 1 else ""
    return Step(
        id=_id(key),
        verb=verb,
        target=only or Target(kind=kind, name=ANY, namespace="" if namespace == ANY else namespace),
        why=_why(entries, NAMES[key[0]] if kind == ANY else "", shared),
        before={},
        after={},
        risk=riskiest(risk_of(entry.target.kind, verb) for entry in entries),
        bulk=bulk_of([_item(entry, of_target, shared) for entry in entries]),
    )


def _item(entry: Entry, of_target: dict[Target, Place], shared: str) -> Item:
    """One object, with its own reason unless it is the one that the step tells for all that wait."""
    data: JsonObject = {"verdict": entry.verdict}
    why = entry.why
    if entry.differences:
        data["differences"] = list(entry.differences)
    if entry.depends is not None:
        step = of_target.get(entry.depends)
        data["depends_on"] = step.id if step else entry.depends.label
        data["why"] = why
    if entry.verdict == UNVERIFIED:
        waits = _waits_for(entry, of_target)
        why = "" if waits == shared else waits
    return Item(target=entry.target, verb=entry.verb, group=entry.verdict, why=why, data=data)


def _waits_for(entry: Entry, of_target: dict[Target, Place]) -> str:
    """When an object that cannot be tried yet is tried, in a clause."""
    needed = entry.depends
    if needed is None:
        return f"not tried: {entry.why}"
    if needed == entry.target:
        return f"tried once its place is free: {entry.why}"
    what = f"{needed.namespace}/{needed.name}" if needed.namespace else needed.name
    noun = _NOUNS.get(needed.kind, needed.kind.partition(".")[0])
    step = of_target.get(needed)
    if step is not None:
        return f"tried once step {step.number} has made {noun} {what}"
    return f"tried once {noun} {what} {'answers' if needed.kind == 'services' else 'is there'}"


def _why(entries: Sequence[Entry], what: str, shared: str) -> str:
    """How many, and when those are tried that cannot be now; the rest was, and the server would take it."""
    waiting = sum(entry.verdict == UNVERIFIED for entry in entries)
    told = f"{what}: " if what else ""
    told += counted(len(entries), "object")
    if not waiting:
        return told
    some = "" if waiting == len(entries) else f"{waiting} of them "
    return f"{told}, {some}{shared or 'not tried yet'}"
