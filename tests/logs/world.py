"""A cluster of pods and logs at the seam `LogCluster`, moved only by the test that holds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from k8sops.cluster.logs import LogBlock, LogQuery
from k8sops.core.errors import ForbiddenError, InvalidError, K8sOpsError, NotFoundError, UnreachableError
from k8sops.core.logs import LogStream, stamp_ns
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource, WatchEvent


def kind(plural: str, group: str = "") -> Resource:
    """A namespaced kind."""
    return Resource(group=group, version="v1", plural=plural, kind=plural[:-1].title(), namespaced=True)


KINDS = {one.plural: one for one in (kind("pods"), kind("services"), kind("configmaps"))} | {
    "pod": kind("pods"),
    "deployments": kind("deployments", "apps"),
    "cronjobs": kind("cronjobs", "batch"),
    "jobs": kind("jobs", "batch"),
}


def line(second: float, text: str) -> str:
    """A line as the kubelet writes it with timestamps; the fraction in nine digits."""
    whole = int(second)
    return f"2026-11-22T10:00:{whole:02d}.{round((second - whole) * 1e9):09d}Z {text}"


def a_pod(
    name: str = "web-1",
    *containers: str,
    restarts: int = 0,
    state: dict[str, Any] | None = None,
    last: dict[str, Any] | None = None,
    uid: str = "",
) -> JsonObject:
    """A pod whose containers (by default one, `app`) are all in the same state, by default running."""
    names = containers or ("app",)
    told = {"restartCount": restarts, "state": state or {"running": {}}, "lastState": last or {}}
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": uid or f"uid-{name}",
            "labels": {"app": "web"},
        },
        "spec": {"containers": [{"name": each} for each in names]},
        "status": {"containerStatuses": [{"name": each, **told} for each in names]},
    }


def ended(code: int, reason: str = "Error") -> dict[str, Any]:
    """The state of a container that has ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": "2026-11-22T10:00:30Z"}}


class _Stream:
    """What one follower is sent; None ends it, an error breaks it."""

    def __init__(self, query: LogQuery) -> None:
        self.query = query
        self.coming: asyncio.Queue[str | K8sOpsError | None] = asyncio.Queue()


class LogWorld:
    """`logs.source.LogCluster`."""

    def __init__(self, *pods: JsonObject) -> None:
        self.pods = {pod["metadata"]["uid"]: pod for pod in pods}
        self.objects: dict[str, JsonObject] = {}
        self.written: dict[str, list[str]] = {}
        """By pod and container: what the present life has written."""
        self.before: dict[str, list[str]] = {}
        """What the life before had written."""
        self.streams: dict[str, list[_Stream]] = {}
        self.asked: list[tuple[str, LogQuery]] = []
        self.namespaces: set[str] | None = {"shop"}
        """Those that exist; None: nobody may look at them."""
        self.refusal: K8sOpsError | None = None
        self.refuses_logs: list[K8sOpsError] = []
        """What the next requests for a log are answered, one each."""
        self._events: asyncio.Queue[WatchEvent] = asyncio.Queue()

    async def resource(self, kind: str) -> Resource:
        return KINDS[kind]

    async def get(self, resource: Resource, name: str, namespace: str = "") -> JsonObject:
        if resource.plural == "namespaces":
            return self._namespace(name)
        named = next((pod for pod in self.pods.values() if pod["metadata"]["name"] == name), None)
        if resource.plural == "pods" and named is not None:
            return named
        if name not in self.objects:
            raise NotFoundError(f"{resource.plural} {namespace}/{name} does not exist")
        return self.objects[name]

    def _namespace(self, name: str) -> JsonObject:
        if self.namespaces is None:
            raise ForbiddenError(f"namespaces/{name}: it may not be read")
        if name not in self.namespaces:
            raise NotFoundError(f"namespaces/{name} does not exist")
        return {"metadata": {"name": name}}

    async def list(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[JsonObject, None]:
        for found in self.objects.values():
            if found.get("kind") == resource.kind:
                yield found

    async def watch(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[WatchEvent, None]:
        if self.refusal is not None:
            yield WatchEvent(type="lost", message=self.refusal.message)
            raise self.refusal
        for pod in list(self.pods.values()):
            if namespace not in {"", pod["metadata"]["namespace"]}:
                continue
            if not f"metadata.name={pod['metadata']['name']}".endswith(field_selector):
                continue
            yield WatchEvent(type="added", object=pod)
        yield WatchEvent(type="synced")
        while True:
            yield await self._events.get()

    def put(self, pod: JsonObject) -> None:
        """A pod is new or changed."""
        uid = pod["metadata"]["uid"]
        event = WatchEvent(type="modified" if uid in self.pods else "added", object=pod)
        self.pods[uid] = pod
        self._events.put_nowait(event)

    def drop(self, pod: JsonObject) -> None:
        """A pod is gone."""
        del self.pods[pod["metadata"]["uid"]]
        self._events.put_nowait(WatchEvent(type="deleted", object=pod))

    def write(self, label: str, *lines: str) -> None:
        """A container writes; followers are sent it."""
        self.written.setdefault(label, []).extend(lines)
        for stream in self.streams.get(label, ()):
            for one in lines:
                stream.coming.put_nowait(one)

    def end(self, label: str, error: K8sOpsError | None = None) -> None:
        """Followers' connections end, or break."""
        for stream in self.streams.pop(label, []):
            stream.coming.put_nowait(error)

    def began_anew(self, label: str) -> None:
        """What was written is of the life before from now on."""
        self.before[label] = self.written.pop(label, [])

    async def log(
        self, stream: LogStream, query: LogQuery, on_sent: Callable[[], None] | None = None
    ) -> AsyncGenerator[LogBlock, None]:
        label = stream.label
        self.asked.append((label, query))
        if self.refuses_logs:
            raise self.refuses_logs.pop(0)
        if on_sent is not None:
            on_sent()
        if query.previous and label not in self.before:
            raise InvalidError(f"previous terminated container of {label} not found")
        if there := self._there(label, query):
            yield LogBlock(list(there), {})
        if not query.follow:
            return
        following = _Stream(query)
        self.streams.setdefault(label, []).append(following)
        while (found := await following.coming.get()) is not None:
            if isinstance(found, K8sOpsError):
                raise found
            yield LogBlock([found], {})

    def _there(self, label: str, query: LogQuery) -> Sequence[str]:
        found = (self.before if query.previous else self.written).get(label, [])
        if query.since_time is not None:
            since = int(query.since_time.timestamp() * 1e9)
            found = [one for one in found if stamp_ns(one.split(" ")[0]) >= since]
        return found[-query.tail_lines :] if query.tail_lines is not None else list(found)


BROKEN = UnreachableError("the connection to the node was lost")
