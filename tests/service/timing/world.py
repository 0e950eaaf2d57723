"""A cluster in memory, as far as a timeline reads one: objects by kind, logs, and what may not be read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

from k8sops.core.clock import SystemClock
from k8sops.core.errors import ForbiddenError, K8sOpsError, NotFoundError, UnknownKindError
from k8sops.core.plan import ClusterInfo, JsonObject
from k8sops.core.ports import ClusterReader, Resource
from k8sops.core.timeline import Timeline, TimelineWanted
from k8sops.redact import KeyedRedactor, TextRedactor
from k8sops.service.storing import Storage
from k8sops.service.timing.reading import live_timeline
from tests.timeline.moments import START, stamp


def _kind(kind: str, group: str = "", *, namespaced: bool = True) -> Resource:
    return Resource(group=group, version="v1", plural=f"{kind.lower()}s", kind=kind, namespaced=namespaced)


RESOURCES = (
    *(_kind(kind) for kind in ("Pod", "Event", "Service")),
    *(_kind(kind, namespaced=False) for kind in ("Node", "Namespace")),
    *(
        _kind(kind, "apps")
        for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ControllerRevision")
    ),
    _kind("Job", "batch"),
)


class World:
    """`ClusterReader`, the part of it that is used."""

    info = ClusterInfo(context="c", server="https://x", uid="c-1", name="demo")

    def __init__(self) -> None:
        self.objects: dict[str, list[JsonObject]] = {}
        self.logs: dict[tuple[str, str], bytes] = {}
        """By pod, and container; `previous:app` is the life before."""
        self.refused: dict[str, K8sOpsError] = {}
        """By plural, or `log`."""
        self.asked: list[tuple[str, str, str]] = []
        self.add("Namespace", "shop")

    def add(
        self, kind: str, name: str, namespace: str = "shop", *, owner: JsonObject | None = None, **more: Any
    ) -> JsonObject:
        """An object."""
        metadata: JsonObject = {"name": name, "namespace": namespace, "uid": f"{kind}-{namespace}-{name}"}
        metadata |= {"creationTimestamp": stamp("00:00"), "labels": {"app": name.partition("-")[0]}}
        if owner is not None:
            metadata["ownerReferences"] = [
                {
                    "kind": owner["kind"],
                    "name": owner["metadata"]["name"],
                    "uid": owner["metadata"]["uid"],
                    "controller": True,
                }
            ]
        found = {"kind": kind, "metadata": metadata, "spec": {}, "status": {}} | more
        self.objects.setdefault(f"{kind.lower()}s", []).append(found)
        return found

    def event(self, about: JsonObject, reason: str, clock: str, *, kind: str = "Warning") -> None:
        """An event of an object, or of what has gone."""
        metadata = about["metadata"]
        self.add(
            "Event",
            f"{metadata['name']}.{reason}.{clock}",
            metadata.get("namespace") or "default",
            involvedObject={
                "kind": about["kind"],
                "name": metadata["name"],
                "namespace": metadata.get("namespace"),
            },
            reason=reason,
            message="said so",
            type=kind,
            firstTimestamp=stamp(clock),
            lastTimestamp=stamp(clock),
        )

    def workload(
        self, name: str, pod: str, log: bytes = b"", *, node: str = "n1", restarts: int = 0
    ) -> JsonObject:
        """A Deployment with a ReplicaSet and a pod."""
        deployment = self.add("Deployment", name, spec={"selector": {"matchLabels": {"app": name}}})
        replica_set = self.add("ReplicaSet", f"{name}-6d4b8f7c9", owner=deployment)
        last = {"terminated": {"exitCode": 1, "startedAt": stamp("29:50"), "finishedAt": stamp("30:00")}}
        told = {"name": "app", "state": {"running": {"startedAt": stamp("30:10")}}, "restartCount": restarts}
        status = {"containerStatuses": [told | ({"lastState": last} if restarts else {})]}
        spec = {"nodeName": node, "containers": [{"name": "app"}]}
        self.logs[pod, "app"] = log
        return self.add("Pod", pod, owner=replica_set, spec=spec, status=status)

    async def resource(self, kind: str) -> Resource:
        """By plural, kind or qualified name."""
        for one in RESOURCES:
            if kind.lower() in {one.plural, one.qualified, one.kind.lower()}:
                return one
        raise UnknownKindError(f"there is no kind {kind}")

    async def get(self, resource: Resource, name: str, namespace: str = "") -> JsonObject:
        """One of them."""
        async for found in self.list(resource, namespace, field_selector=f"metadata.name={name}"):
            return found
        raise NotFoundError(f"{resource.plural} {name} does not exist")

    async def list(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[JsonObject, None]:
        """All of a kind."""
        if resource.plural in self.refused:
            raise self.refused[resource.plural]
        key, _, value = field_selector.partition("=")
        label, _, wanted = label_selector.partition("=")
        for found in list(self.objects.get(resource.plural, ())):
            fields = {
                "metadata.name": found["metadata"]["name"],
                "spec.nodeName": found["spec"].get("nodeName"),
                "involvedObject.kind": found.get("involvedObject", {}).get("kind"),
            }
            if namespace and resource.namespaced and found["metadata"]["namespace"] != namespace:
                continue
            if key and fields[key] != value:
                continue
            if label and found["metadata"]["labels"].get(label) != wanted:
                continue
            yield found

    async def bytes_at(
        self,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        *,
        read_timeout_s: float = 60.0,
        subject: str = "",
    ) -> AsyncGenerator[bytes, None]:
        """A log."""
        if "log" in self.refused:
            raise self.refused["log"]
        asked, pod = dict(query), path.split("/")[-2]
        container = f"previous:{asked['container']}" if asked.get("previous") else asked["container"]
        self.asked.append((pod, container, asked.get("tailLines", "")))
        yield self.logs.get((pod, container), b"")

    async def timeline(self, storage: Storage, **wanted: Any) -> Timeline:
        """The hour's timeline of it."""
        given: dict[str, Any] = {"since_ns": START, "until_ns": START + 3600 * 10**9, "namespaces": ("shop",)}
        return await live_timeline(
            cast("ClusterReader", self),
            TimelineWanted(**(given | wanted)),
            storage=storage,
            redactor=TextRedactor(KeyedRedactor(b"k" * 32)),
            clock=SystemClock(),
        )


def forbidden(what: str) -> ForbiddenError:
    """As the API server words it."""
    return ForbiddenError(f"{what} is forbidden: no")
