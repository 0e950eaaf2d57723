"""Who made the pods: their owners, up the chain, and the workloads that were asked for even where they have no pod.

An owner reference is any text that some controller wrote: what it names may not exist, or not be served.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.paths import of_kind, of_object
from k8sops.actions.collecting.sources.reading import Trouble, absent, each, read
from k8sops.cluster.paths import subject_of
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource

HIGHEST: Final = 8
"""Owners above each other; a chain in practice has three (CronJob, Job, Pod)."""


class Involved(msgspec.Struct, frozen=True):
    """An owner, and the pods below it."""

    resource: Resource
    object: JsonObject
    pods: list[JsonObject]

    @property
    def uid(self) -> str:
        """Its uid."""
        return str(meta(self.object).get("uid", ""))


class _Wanted(msgspec.Struct, frozen=True):
    """An owner that is named: by its kind, and by its uid where that is known."""

    resource: Resource
    namespace: str
    name: str
    pods: list[JsonObject]
    uid: str = ""


def meta(found: JsonObject) -> dict[str, Any]:
    """An object's metadata; empty where it has none."""
    metadata = found.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


async def owners(gathering: Gathering, *, tell: bool = False) -> list[Involved]:
    """All of them, each once, by kind, namespace and name; with `tell` those that cannot be read are told missing.

    A workload that was asked for is looked for in every namespace, and need not be in each.
    """
    served = await read(gathering.cluster.served())
    if isinstance(served, Trouble):
        if tell:
            absent(gathering, "cluster/owners", "discovery", served)
        return []
    by_kind = {(one.api_version, one.kind): one for one in reversed(served)}
    found: dict[tuple[str, str, str], Involved] = {}
    lost: set[tuple[str, str, str]] = set()

    async def look(wanted: _Wanted) -> None:
        key = (wanted.resource.qualified, wanted.namespace, wanted.name)
        if key in found:
            found[key].pods.extend(wanted.pods)
            return
        got = await read(
            gathering.cluster.get(wanted.resource, wanted.name, wanted.namespace),
            spare=not wanted.resource.namespaced,
        )
        if not isinstance(got, Trouble) and wanted.uid and meta(got).get("uid") != wanted.uid:
            got = Trouble("it was made anew under the same name; the pods were another's", note=True)
        if not isinstance(got, Trouble):
            found[key] = Involved(wanted.resource, got, list(wanted.pods))
            above.extend(_above(got, wanted.pods, by_kind))
        elif tell and key not in lost and (wanted.uid or not got.note):
            lost.add(key)
            path = of_object(wanted.resource, wanted.name, wanted.namespace)
            absent(gathering, f"{path}.yaml", subject_of(wanted.resource, wanted.name, wanted.namespace), got)

    above = [one for pod in gathering.pods for one in _above(pod, [pod], by_kind)]
    above += await _asked_for(gathering, tell=tell)
    for _ in range(HIGHEST):
        level, above = _once(above), []
        if not level:
            break
        await each(level, look)
    return [found[key] for key in sorted(found)]


def _above(
    found: JsonObject, pods: list[JsonObject], by_kind: dict[tuple[str, str], Resource]
) -> list[_Wanted]:
    """What an object's owner references name and the cluster serves; a node owns its static pods, and is told apart."""
    wanted = []
    for owner in meta(found).get("ownerReferences") or ():
        resource = by_kind.get((str(owner.get("apiVersion")), str(owner.get("kind"))))
        if resource is None or resource.qualified == "nodes":
            continue
        namespace = str(meta(found).get("namespace") or "") if resource.namespaced else ""
        name, uid = str(owner.get("name") or ""), str(owner.get("uid") or "")
        wanted.append(_Wanted(resource, namespace, name, list(pods), uid))
    return wanted


def _once(wanted: list[_Wanted]) -> list[_Wanted]:
    """Each owner once, with the pods of all who name it."""
    merged: dict[tuple[str, str, str], _Wanted] = {}
    for one in wanted:
        key = (one.resource.qualified, one.namespace, one.name)
        if key in merged:
            merged[key].pods.extend(one.pods)
        else:
            merged[key] = one
    return list(merged.values())


async def _asked_for(gathering: Gathering, *, tell: bool) -> list[_Wanted]:
    """The workloads of the selection, wherever they are; a pod by its name is among the pods already."""
    wanted = []
    for text in gathering.selection.workloads:
        kind, _, name = text.partition("/")
        resource = await read(gathering.cluster.resource(kind))
        if isinstance(resource, Trouble):
            if tell:
                absent(gathering, of_kind(kind, ""), text, resource)
        elif resource.qualified != "pods" and name:
            spaces = gathering.namespaces if resource.namespaced else ("",)
            wanted += [_Wanted(resource, namespace, name, []) for namespace in spaces]
    return wanted
