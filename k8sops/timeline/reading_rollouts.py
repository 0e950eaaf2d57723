"""Moments from what a workload keeps of its revisions, ReplicaSets or ControllerRevisions, and from its conditions.

A revision is told with what it changed against the one made before it, as far as both are still kept. Of environment
variables only names are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from k8sops.core.plan import JsonObject
from k8sops.core.timeline import Matter, Moment
from k8sops.timeline.facts import LONGEST_TEXT, at, conditions, created, reasoned, subject, subject_of

_REVISION: Final = "deployment.kubernetes.io/revision"
_HISTORY: Final = "deployment.kubernetes.io/revision-history"
_RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
_LISTS: Final = ("initContainers", "containers")


def moments_of_revisions(kind: str, revisions: Iterable[JsonObject]) -> tuple[Moment, ...]:
    """All ReplicaSets, or all ControllerRevisions, of any number of workloads, each against the one before it."""
    by_owner: dict[str, list[JsonObject]] = {}
    for one in revisions:
        by_owner.setdefault(_owner(kind, one), []).append(one)
    found = []
    for owner, kept in by_owner.items():
        kept.sort(key=lambda one: (created(one), _number(one)))
        found += [
            _revision(kind, owner, one, kept[place - 1] if place else None) for place, one in enumerate(kept)
        ]
    return tuple(found)


def moments_of_workload(kind: str, workload: JsonObject) -> tuple[Moment, ...]:
    """What the conditions of a Deployment, StatefulSet, DaemonSet or Job tell."""
    about, found = subject_of(kind, workload), conditions(workload)
    moments = []
    for name, status, text, bad in _TOLD:
        condition = found.get(name) or {}
        # Of a rollout that ended well the last word is its time; of anything else, when that began.
        stamp = "lastUpdateTime" if name == "Progressing" and not bad else "lastTransitionTime"
        if condition.get("status") != status or not at(condition.get(stamp)):
            continue
        if name == "Progressing" and not bad and condition.get("reason") != "NewReplicaSetAvailable":
            continue
        said = text if not bad else f"{text}{reasoned(condition)}"
        matter: Matter = "rollout" if name == "Progressing" else "state"
        moments.append(
            Moment(at_ns=at(condition.get(stamp)), matter=matter, subject=about, text=said, bad=bad)
        )
    return tuple(moments)


_TOLD: Final = (
    ("Progressing", "True", "rollout complete", False),
    ("Progressing", "False", "the rollout is stuck", True),
    ("Available", "True", "has enough pods", False),
    ("Available", "False", "has too few pods", True),
    ("ReplicaFailure", "True", "cannot make pods", True),
    ("Complete", "True", "completed", False),
    ("Failed", "True", "failed", True),
)


def _revision(kind: str, owner: str, one: JsonObject, before: JsonObject | None) -> Moment:
    changed = "; ".join(_changes(_template(one), _template(before) if before is not None else None))
    against = f", against {_number(before)}" if before is not None and changed else ""
    name = str((one.get("metadata") or {}).get("name") or "")
    text = f"revision {_number(one)}{against}: {changed or 'the same pods'}"
    if len(text) > LONGEST_TEXT:
        text = f"{text[: LONGEST_TEXT - 1]}…"
    return Moment(at_ns=created(one), matter="rollout", subject=owner, text=f"{text} ({kind} {name})")


def _owner(kind: str, one: JsonObject) -> str:
    metadata: dict[str, Any] = one.get("metadata") or {}
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            return subject(
                str(owner.get("kind")), str(metadata.get("namespace") or ""), str(owner.get("name"))
            )
    return subject_of(kind, one)


def _number(one: JsonObject) -> int:
    """The number the revision was made under; one that was gone back to has a new one by now."""
    marks: dict[str, Any] = (one.get("metadata") or {}).get("annotations") or {}
    first = str(marks.get(_HISTORY) or marks.get(_REVISION) or one.get("revision") or 0).partition(",")[0]
    return int(first) if first.isdecimal() else 0


def _template(one: JsonObject) -> JsonObject:
    spec = one.get("spec") or (one.get("data") or {}).get("spec") or {}
    template: JsonObject = spec.get("template") or {}
    return template


def _changes(new: JsonObject, old: JsonObject | None) -> Iterator[str]:
    """What is new, images first."""
    if old is None:
        yield from (f"{name} {one.get('image')}" for name, one in _containers(new).items())
        return
    ours, theirs = _containers(new), _containers(old)
    for name in sorted({*ours, *theirs}):
        if name not in ours:
            yield f"without container {name}"
        elif name not in theirs:
            yield f"new container {name} {ours[name].get('image')}"
        else:
            yield from _container_changes(name, ours[name], theirs[name])
    yield from _differing(_pod_spec(new), _pod_spec(old), leaving=_LISTS)
    marks, before = _annotations(new), _annotations(old)
    if marks.get(_RESTARTED) != before.get(_RESTARTED) and marks.get(_RESTARTED):
        yield "restarted by hand"
    if {**marks, _RESTARTED: ""} != {**before, _RESTARTED: ""}:
        yield "annotations"


def _container_changes(name: str, new: JsonObject, old: JsonObject) -> Iterator[str]:
    if new.get("image") != old.get("image"):
        yield f"{name} {_image_change(str(old.get('image')), str(new.get('image')))}"
    if variables := _differing(_environment(new), _environment(old)):
        yield f"{name} env {', '.join(variables)}"
    if fields := _differing(new, old, leaving=("image", "env")):
        yield f"{name} {', '.join(fields)}"


def _image_change(old: str, new: str) -> str:
    """`web:1.2 → 1.3` where only the tag is another."""
    repository, colon, tag = new.rpartition(":")
    same = colon and "/" not in tag and old.startswith(f"{repository}:")
    return f"{old} → {tag if same else new}"


def _differing(new: JsonObject, old: JsonObject, *, leaving: Sequence[str] = ()) -> list[str]:
    return sorted(name for name in {*new, *old} if name not in leaving and new.get(name) != old.get(name))


def _environment(container: JsonObject) -> JsonObject:
    return {str(one.get("name")): one for one in container.get("env") or ()}


def _containers(template: JsonObject) -> dict[str, JsonObject]:
    spec = _pod_spec(template)
    return {str(one.get("name")): one for part in _LISTS for one in spec.get(part) or ()}


def _pod_spec(template: JsonObject) -> JsonObject:
    spec: JsonObject = template.get("spec") or {}
    return spec


def _annotations(template: JsonObject) -> JsonObject:
    marks: JsonObject = (template.get("metadata") or {}).get("annotations") or {}
    return marks
