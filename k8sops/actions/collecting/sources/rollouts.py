"""Rollouts: which revisions the workloads have had, when, with which images, and why somebody said.

A Deployment's are its ReplicaSets, a StatefulSet's and a DaemonSet's their ControllerRevisions; each one's template is
kept as well, since the difference of two is what an incident often begins with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.involved import Involved, meta, owners
from k8sops.actions.collecting.sources.paths import of_kind, of_namespace
from k8sops.actions.collecting.sources.plain import plain
from k8sops.actions.collecting.sources.reading import Reading, Trouble, absent, each, put, read
from k8sops.actions.collecting.sources.tables import stamp, table_text
from k8sops.actions.rollouts.revisions import CAUSE, NUMBER
from k8sops.backup.yaml_writing import yaml_text
from k8sops.bundle.naming import safe_part
from k8sops.cluster.paths import collection_path
from k8sops.core.logs import stamp_ns
from k8sops.core.plan import JsonObject
from k8sops.timeline.reading_rollouts import moments_of_revisions

_KINDS: Final = {
    "replicasets.apps": frozenset({"deployments.apps"}),
    "controllerrevisions.apps": frozenset({"statefulsets.apps", "daemonsets.apps"}),
}
_TITLES: Final = ("WORKLOAD", "REVISION", "MADE", "PODS", "IMAGES", "CHANGE CAUSE", "KEPT AS")


class _Revision(msgspec.Struct, frozen=True):
    """One revision of a workload."""

    workload: str
    number: int
    object: JsonObject


async def rollouts(gathering: Gathering) -> None:
    """Gather them, namespace by namespace."""
    found = [one for one in await owners(gathering) if meta(one.object).get("namespace")]
    by_space: defaultdict[str, list[Involved]] = defaultdict(list)
    for one in found:
        by_space[str(meta(one.object)["namespace"])].append(one)
    await each(sorted(by_space), lambda namespace: _of_namespace(gathering, namespace, by_space[namespace]))


async def _of_namespace(gathering: Gathering, namespace: str, found: Sequence[Involved]) -> None:
    revisions: list[_Revision] = []
    for kind, made_by in _KINDS.items():
        whose = {one.uid: one for one in found if one.resource.qualified in made_by}
        if whose:
            revisions += await _revisions(gathering, kind, namespace, whose)
    if not revisions:
        return
    revisions.sort(key=lambda one: (one.workload, one.number))
    for one in revisions:
        await _keep_template(gathering, namespace, one)
    rows = [_row(one) for one in revisions]
    await put(gathering, of_namespace(namespace, "rollouts.txt"), "revisions", table_text(_TITLES, rows))


async def _revisions(
    gathering: Gathering, kind: str, namespace: str, whose: dict[str, Involved]
) -> list[_Revision]:
    """Those of these workloads, and moments of what each changed."""
    resource = await read(gathering.cluster.resource(kind))
    if isinstance(resource, Trouble):
        absent(gathering, of_kind(kind, namespace), "discovery", resource)
        return []
    of_each: defaultdict[str, list[JsonObject]] = defaultdict(list)
    reading = Reading(gathering.cluster.list(resource, namespace))
    async for one in reading:
        for owner in meta(one).get("ownerReferences") or ():
            if owner.get("controller") and owner.get("uid") in whose:
                of_each[owner["uid"]].append(plain(one, resource))
    if reading.trouble:
        absent(gathering, of_kind(kind, namespace), collection_path(resource, namespace), reading.trouble)
    found = []
    for uid, objects in of_each.items():
        gathering.moments.extend(moments_of_revisions(resource.kind, objects))
        owner = whose[uid]
        label = f"{owner.resource.kind}/{meta(owner.object).get('name')}"
        found += [_Revision(label, _number(one), one) for one in objects]
    return found


async def _keep_template(gathering: Gathering, namespace: str, one: _Revision) -> None:
    text = yaml_text(_template(one.object))
    source = f"{one.object['kind']} {namespace}/{meta(one.object).get('name')}"
    await put(gathering, of_namespace(namespace, *_place(one)), source, text)


def _place(one: _Revision) -> tuple[str, str, str]:
    kind, _, name = one.workload.partition("/")
    return "rollouts", f"{kind.lower()}-{name}", f"{one.number}-{meta(one.object).get('name')}.yaml"


def _row(one: _Revision) -> tuple[object, ...]:
    metadata, status = meta(one.object), one.object.get("status") or {}
    pods = status.get("replicas", "") if "status" in one.object else ""
    template = _template(one.object)
    return (
        one.workload,
        one.number,
        stamp(stamp_ns(str(metadata.get("creationTimestamp") or ""))),
        pods,
        ", ".join(_images(template)),
        (metadata.get("annotations") or {}).get(CAUSE, ""),
        "/".join(map(safe_part, _place(one))),
    )


def _number(one: JsonObject) -> int:
    if "revision" in one:
        return int(one["revision"] or 0)
    text = str((meta(one).get("annotations") or {}).get(NUMBER, ""))
    return int(text) if text.isascii() and text.isdigit() else 0


def _template(one: JsonObject) -> dict[str, Any]:
    """The pod template; a ControllerRevision has it in a patch of its workload."""
    template = ((one.get("data") or one).get("spec") or {}).get("template")
    return (
        {key: value for key, value in template.items() if key != "$patch"}
        if isinstance(template, dict)
        else {}
    )


def _images(template: dict[str, Any]) -> list[str]:
    spec = template.get("spec") or {}
    containers = (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
    return [str(one.get("image", "")) for one in containers]
