"""Who made the pods: their owners, up the chain, and the workloads that were asked for even where they have no pod.

An owner reference is any text that some controller wrote: what it names may not exist, or not be served.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.paths import of_kind, of_object
from k8sops.actions.collecting.sources.reading import Trouble, absent, each, read
from k8sops.bundle.naming import safe_part
from k8sops.cluster.paths import subject_of
from k8sops.core.object_names import object_named
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource

Key = tuple[str, str, str]
"""Kind as `Resource.qualified`, namespace, name."""

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

    @property
    def key(self) -> Key:
        """Who it is."""
        return self.resource.qualified, self.namespace, self.name


def meta(found: JsonObject) -> dict[str, Any]:
    """An object's metadata; empty where it has none."""
    metadata = found.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


async def owners(gathering: Gathering, *, tell: bool = False) -> list[Involved]:
    """All of them, each once, by kind, namespace and name; with `tell` those that cannot be read are told missing.

    A workload that was asked for is looked for in every namespace, and need not be in each. Before anything is told
    as of no kind that is served, the kinds are asked for anew.
    """
    served = await read(gathering.cluster.served(anew=tell))
    if isinstance(served, Trouble):
        if tell:
            absent(gathering, "cluster/owners", "discovery", served)
        return []
    climb = _Climb(gathering, served, tell=tell)
    await climb.up()
    return climb.owners()


class _Climb:
    """From pods to what owns them, level by level, each level side by side."""

    def __init__(self, gathering: Gathering, served: Sequence[Resource], *, tell: bool) -> None:
        self._gathering: Final = gathering
        self._tell: Final = tell
        # The preferred version of a kind comes first, and any of them gives the same object.
        self._kinds: Final = {(one.group, one.kind): one for one in reversed(served)}
        self._found: Final[dict[Key, Involved]] = {}
        self._told: Final[set[str]] = set()
        self._above: list[_Wanted] = []

    def owners(self) -> list[Involved]:
        """What was found."""
        return [self._found[key] for key in sorted(self._found)]

    async def up(self) -> None:
        """Climb to the top, or as high as makes sense."""
        await self._ask_for_workloads()
        for pod in self._gathering.pods:
            self._want_owners(pod, [pod])
        for _ in range(HIGHEST):
            level, self._above = _once(self._above), []
            await each(level, self._look)

    async def _ask_for_workloads(self) -> None:
        """Those of the selection, wherever they are; a pod by its name is among the pods already."""
        for text in self._gathering.selection.workloads:
            if (named := object_named(text)) is None:
                continue
            resource = await read(self._gathering.cluster.resource(named.kind))
            if isinstance(resource, Trouble):
                self._miss(of_kind(named.kind, ""), text, resource)
            elif resource.qualified != "pods":
                spaces = self._gathering.namespaces if resource.namespaced else ("",)
                wanted = (named.namespace,) if named.namespace else spaces
                self._above += [_Wanted(resource, namespace, named.name, []) for namespace in wanted]

    def _want_owners(self, found: JsonObject, pods: list[JsonObject]) -> None:
        """A node owns its static pods, and has a source of its own."""
        space = str(meta(found).get("namespace") or "")
        for owner in meta(found).get("ownerReferences") or ():
            kind, name = str(owner.get("kind")), str(owner.get("name") or "")
            resource = self._kinds.get((str(owner.get("apiVersion")).rpartition("/")[0], kind))
            if resource is None:
                source = f"{kind}.{owner.get('apiVersion')} {name}"
                why = f"it owns {meta(found).get('name')}, and no such kind is served"
                self._miss(
                    f"{of_kind(kind.lower(), space)}/{safe_part(name)}.yaml", source, Trouble(why, note=True)
                )
            elif resource.qualified != "nodes":
                namespace = space if resource.namespaced else ""
                self._above.append(
                    _Wanted(resource, namespace, name, list(pods), str(owner.get("uid") or ""))
                )

    async def _look(self, wanted: _Wanted) -> None:
        if wanted.key in self._found:
            self._found[wanted.key].pods.extend(wanted.pods)
            return
        reading = self._gathering.cluster.get(wanted.resource, wanted.name, wanted.namespace)
        got = await read(reading, spare=not wanted.resource.namespaced)
        if not isinstance(got, Trouble) and wanted.uid and meta(got).get("uid") != wanted.uid:
            got = Trouble("it was made anew under the same name; the pods are another's", note=True)
        if not isinstance(got, Trouble):
            self._found[wanted.key] = Involved(wanted.resource, got, list(wanted.pods))
            self._want_owners(got, wanted.pods)
        elif wanted.uid or not got.note:
            path = of_object(wanted.resource, wanted.name, wanted.namespace)
            source = subject_of(wanted.resource, wanted.name, wanted.namespace)
            self._miss(f"{path}.yaml", source, got)

    def _miss(self, path: str, source: str, trouble: Trouble) -> None:
        if self._tell and path not in self._told:
            self._told.add(path)
            absent(self._gathering, path, source, trouble)


def _once(wanted: list[_Wanted]) -> list[_Wanted]:
    """Each owner once, with the pods of all who name it."""
    merged: dict[Key, _Wanted] = {}
    for one in wanted:
        if one.key in merged:
            merged[one.key].pods.extend(one.pods)
        else:
            merged[one.key] = one
    return list(merged.values())
