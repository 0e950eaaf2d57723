"""The two ways in which traffic changes a pod: straight into the sandbox's etcd, or by a request to its API server.

Every client sees the same of both, since the API server's watches read from etcd: one event for each change, each with
a resourceVersion of its own. What a write through the API server costs besides (admission, validation, managed fields,
audit) is most of what a change costs the machine. The etcd is reached with the key in the sandbox's own folder.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import msgspec

from k8sops.core.errors import SandboxError, UnreachableError
from k8sops.sandbox.etcdapi import EtcdApi
from k8sops.sandbox.seed.api import RefusedError, SeedApi
from k8sops.sandbox.seed.manifests import collection_path

JsonObject = dict[str, Any]

TRUE_COUNT: Final = "sandbox.k8sops.dev/restarts-before-traffic"
JSON_PATCH: Final = "application/json-patch+json"
GONE: Final = 404
TRIES: Final = 5
"""A pod that somebody else writes is read and written anew so often."""
_ANNOTATION: Final = "/metadata/annotations/" + TRUE_COUNT.replace("/", "~1")
_COUNT: Final = "/status/containerStatuses/0/restartCount"
_PLACE: Final = b"\0"
"""Where the count goes; JSON never holds it."""


class MovingPod:
    """A pod that is changed, its count now and its true one."""

    __slots__ = ("bare", "changed", "count", "marked", "path", "true", "uid")

    def __init__(self, item: JsonObject) -> None:
        metadata = item["metadata"]
        annotations = metadata.get("annotations") or {}
        self.path = f"{collection_path('Pod', metadata['namespace'])}/{metadata['name']}"
        self.uid: str = metadata["uid"]
        self.count: int = item["status"]["containerStatuses"][0]["restartCount"]
        self.marked = TRUE_COUNT in annotations
        self.changed = self.marked
        self.true = int(annotations.get(TRUE_COUNT, self.count))
        self.bare = not annotations


class Writer(Protocol):
    """One way. Each method raises RefusedError, with 404, 409 or 422 for a pod that is gone, or UnreachableError."""

    def know(self, item: JsonObject) -> None:
        """Be told what a list has shown of a pod."""

    async def change(self, pod: MovingPod) -> None:
        """One more restart; the first time the true count is noted on the pod."""

    async def restore(self, pod: MovingPod) -> None:
        """As it was."""


class ApiWriter:
    """Each change is a patch of the pod's status."""

    def __init__(self, api: SeedApi) -> None:
        self._api: Final = api

    def know(self, item: JsonObject) -> None:
        """Nothing: a patch needs no more than the path."""

    async def change(self, pod: MovingPod) -> None:
        """See `Writer`."""
        pod.count += 1
        pod.changed = True
        patch = [_same(pod), {"op": "replace", "path": _COUNT, "value": pod.count}]
        if not pod.marked:
            noted = {TRUE_COUNT: str(pod.true)}
            mark = ("/metadata/annotations", noted) if pod.bare else (_ANNOTATION, str(pod.true))
            patch.append({"op": "add", "path": mark[0], "value": mark[1]})
            pod.marked = True
        await self._patch(pod, patch, attempts=1)

    async def restore(self, pod: MovingPod) -> None:
        """See `Writer`."""
        count = {"op": "replace", "path": _COUNT, "value": pod.true}
        await self._patch(pod, [_same(pod), count, {"op": "remove", "path": _ANNOTATION}], attempts=3)

    async def _patch(self, pod: MovingPod, patch: list[JsonObject], *, attempts: int) -> None:
        body = msgspec.json.encode(patch)
        await self._api.send("PATCH", f"{pod.path}/status", body, JSON_PATCH, attempts=attempts)


class _Stored:
    """A pod as it lies in etcd, around its count."""

    __slots__ = ("head", "key", "revision", "tail")

    def __init__(self, item: JsonObject, true: str | None) -> None:
        metadata, status = dict(item["metadata"]), item["status"]
        # The API server reads the resourceVersion from etcd's own record and stores none.
        self.revision = int(metadata.pop("resourceVersion"))
        self.key = f"/registry/pods/{metadata['namespace']}/{metadata['name']}".encode()
        annotations = {k: v for k, v in (metadata.pop("annotations", None) or {}).items() if k != TRUE_COUNT}
        if true is not None:
            annotations[TRUE_COUNT] = true
        if annotations:
            metadata["annotations"] = annotations
        first, *others = status["containerStatuses"]
        counted = [first | {"restartCount": msgspec.Raw(_PLACE)}, *others]
        # A list's items bear neither version nor kind.
        whole: JsonObject = {"apiVersion": "v1", "kind": "Pod", **item, "metadata": metadata}
        whole["status"] = status | {"containerStatuses": counted}
        self.head, self.tail = msgspec.json.encode(whole).split(_PLACE)

    def with_count(self, count: int) -> bytes:
        """The value to store."""
        return self.head + str(count).encode() + self.tail


class EtcdWriter:
    """Each change is a transaction that takes place only where nobody else has written the pod meanwhile.

    Values are JSON, which the API server reads from its store as it does protobuf.
    """

    def __init__(self, api: SeedApi, etcd: EtcdApi) -> None:
        self._api: Final = api
        self._etcd: Final = etcd
        self._known: Final[dict[str, _Stored]] = {}

    def know(self, item: JsonObject) -> None:
        """What to write the first change over."""
        pod = MovingPod(item)
        self._known[pod.uid] = _Stored(item, str(pod.true))

    async def change(self, pod: MovingPod) -> None:
        """See `Writer`."""
        pod.count += 1
        pod.changed = pod.marked = True
        for _ in range(TRIES):
            stored = self._known.get(pod.uid)
            if stored is None:
                stored = _Stored(await self._read(pod), str(pod.true))
            if await self._store(stored, pod.count):
                self._known[pod.uid] = stored
                return
            self._known.pop(pod.uid, None)
        raise _crowded(pod)

    async def restore(self, pod: MovingPod) -> None:
        """See `Writer`."""
        self._known.pop(pod.uid, None)
        for _ in range(TRIES):
            if await self._store(_Stored(await self._read(pod), None), pod.true):
                return
        raise _crowded(pod)

    async def _read(self, pod: MovingPod) -> JsonObject:
        item = await self._api.find(pod.path)
        if item is None or item["metadata"]["uid"] != pod.uid:
            raise RefusedError(GONE, f"{pod.path} is gone")
        return item

    async def _store(self, stored: _Stored, count: int) -> bool:
        try:
            revision = await self._etcd.replace(stored.key, stored.with_count(count), stored.revision)
        except SandboxError as error:
            raise UnreachableError(error.message, hint=error.hint) from error
        stored.revision = revision or stored.revision
        return revision != 0


def _crowded(pod: MovingPod) -> UnreachableError:
    return UnreachableError(
        f"{pod.path} was written by others each of {TRIES} times", hint="its next change will tell"
    )


def _same(pod: MovingPod) -> JsonObject:
    return {"op": "test", "path": "/metadata/uid", "value": pod.uid}
