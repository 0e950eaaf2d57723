"""Objects: the pods, what made them, what selects, configures, bounds and feeds them; each as YAML.

Found the way Kubernetes finds it: upwards by owner references, sideways by selectors, down by the names that a pod
spec gives. What runs is described in words as well. Secrets are told by the names of their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import aclosing
from functools import partial
from typing import Final

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.involved import Involved, meta, owners
from k8sops.actions.collecting.sources.paths import of_kind
from k8sops.actions.collecting.sources.reading import Reading, Trouble, absent, each, read
from k8sops.actions.collecting.sources.relations import RELATED, Relation, Surroundings
from k8sops.actions.collecting.sources.shelf import Shelf
from k8sops.cluster.paths import collection_path
from k8sops.core.overview import Gauge
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource
from k8sops.core.uses import Named, named_by, pod_spec
from k8sops.core.why import why_of_pod
from k8sops.core.why_owners import why_of_job, why_of_workload

DEEPEST: Final = 3
"""From a pod to its claim, from that to its volume, from that to its storage class."""


async def objects(gathering: Gathering) -> None:
    """Gather them: pods and owners first, then what is around these, then what all of it names."""
    gathered = _Objects(gathering)
    await gathered.pods()
    found = await owners(gathering, tell=True)
    await each(found, gathered.owner)
    await each(gathering.namespaces, partial(gathered.around, found))
    # Items of a list come without their kind.
    pods = ({**pod, "kind": "Pod"} for pod in gathering.pods)
    await gathered.named([*pods, *(one.object for one in found), *gathered.related])


class _Objects:
    """What has been gathered so far."""

    def __init__(self, gathering: Gathering) -> None:
        self.shelf: Final = Shelf(gathering)
        self.related: Final[list[JsonObject]] = []
        self._gathering: Final = gathering
        self._now: Final = gathering.clock.now()

    async def pods(self) -> None:
        """The pods themselves, each with why it is not well."""
        resource = await read(self._gathering.cluster.resource("pods"))
        if isinstance(resource, Trouble):
            absent(self._gathering, "pods", "discovery", resource)
            return
        await each(self._gathering.pods, partial(self._pod, resource))

    async def _pod(self, resource: Resource, pod: JsonObject) -> None:
        why = why_of_pod(pod, self._now)
        await self.shelf.add(resource, pod, why.clause if why else "")

    async def owner(self, one: Involved) -> None:
        """An owner, with why it is not well: from itself and the worst of its pods."""
        worst = min(
            (why for pod in one.pods if (why := why_of_pod(pod, self._now))),
            key=lambda why: why.gauge is not Gauge.BAD,
            default=None,
        )
        if one.resource.qualified == "jobs.batch":
            found = why_of_job(one.object, worst)
        else:
            found = why_of_workload(one.object, _ready(one.object), worst)
        await self.shelf.add(one.resource, one.object, found.clause if found else "")

    async def around(self, found: list[Involved], namespace: str) -> None:
        """What is about the pods of a namespace, and the namespace."""
        around = _surroundings(self._gathering, found, namespace)
        spaces = await read(self._gathering.cluster.resource("namespaces"))
        if not isinstance(spaces, Trouble):
            await self.shelf.fetch(spaces, "", namespace)
        for relation in RELATED:
            await self._related(relation, around, namespace)

    async def _related(self, relation: Relation, around: Surroundings, namespace: str) -> None:
        resource = await read(self._gathering.cluster.resource(relation.kind))
        if isinstance(resource, Trouble):
            absent(self._gathering, of_kind(relation.kind, namespace), "discovery", resource)
            return
        reading = Reading(self._gathering.cluster.list(resource, namespace))
        async with aclosing(reading):
            async for one in reading:
                if relation.about(one, around):
                    self.related.append({"kind": resource.kind, **one})
                    await self.shelf.add(resource, one)
        if reading.trouble:
            source = collection_path(resource, namespace)
            absent(self._gathering, of_kind(relation.kind, namespace), source, reading.trouble)

    async def named(self, users: Iterable[JsonObject]) -> None:
        """What objects name, and what that names."""
        for _ in range(DEEPEST):
            wanted = {
                (one.kind, one.namespace or _space(user), one.name) for user in users for one in _named(user)
            }
            found: list[JsonObject] = []
            await each(sorted(wanted), partial(self._fetched, found))
            users = found

    async def _fetched(self, into: list[JsonObject], wanted: tuple[str, str, str]) -> None:
        kind, namespace, name = wanted
        resource = await read(self._gathering.cluster.resource(kind))
        if isinstance(resource, Trouble):
            return
        if found := await self.shelf.fetch(resource, namespace, name):
            into.append({"kind": resource.kind, **found})


def _named(user: JsonObject) -> Iterator[Named]:
    yield from named_by(user)
    if user.get("kind") != "Pod":
        return
    for volume in pod_spec(user).get("volumes") or ():
        if "ephemeral" in volume:
            name = f"{meta(user).get('name')}-{volume.get('name')}"
            yield Named("persistentvolumeclaims", name, f"volume {volume.get('name')}")


def _space(user: JsonObject) -> str:
    return str(meta(user).get("namespace") or "")


def _surroundings(gathering: Gathering, found: list[Involved], namespace: str) -> Surroundings:
    here = [one for one in found if _space(one.object) == namespace]
    labels = [meta(pod).get("labels") or {} for pod in gathering.pods if _space(pod) == namespace]
    for one in here:
        template = (one.object.get("spec") or {}).get("template")
        if not one.pods and isinstance(template, dict):
            labels.append(meta(template).get("labels") or {})
    unlike = {tuple(sorted(one.items())): one for one in labels}
    return Surroundings(
        labels=list(unlike.values()),
        workloads=frozenset((one.resource.kind, str(meta(one.object).get("name"))) for one in here),
        services={
            name for one in here if (name := str((one.object.get("spec") or {}).get("serviceName") or ""))
        },
    )


def _ready(workload: JsonObject) -> str:
    """`1/3` as kubectl prints it; of what has no pods of its own to count, as much as is wanted."""
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    if "desiredNumberScheduled" in status:
        return f"{status.get('numberReady') or 0}/{status['desiredNumberScheduled']}"
    if "replicas" not in spec:
        return "0/0"
    return f"{status.get('readyReplicas') or 0}/{spec['replicas']}"
