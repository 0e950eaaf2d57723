"""The two ways in which traffic changes a pod: straight into the sandbox's etcd, or by a request to its API server.

Every client sees the same of both, since the API server's watches read from etcd: one event for each change, each with
a resourceVersion of its own. What a write through the API server costs besides (admission, validation, managed fields,
audit) is most of what a change costs the machine. The etcd is reached with the key in the sandbox's own folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import msgspec

from k8sops.core.errors import SandboxError, UnreachableError
from k8sops.sandbox.etcdapi import EtcdApi
from k8sops.sandbox.seed.api import PAGE, PROTOBUF, RefusedError, SeedApi
from k8sops.sandbox.seed.manifests import collection_path
from k8sops.sandbox.stored_pod import StoredPod, listed, uid_of

JsonObject = dict[str, Any]

TRUE_COUNT: Final = "sandbox.k8sops.dev/restarts-before-traffic"
JSON_PATCH: Final = "application/json-patch+json"
GONE: Final = 404
UNREADABLE: Final = 422
TRIES: Final = 5
"""A pod that somebody else writes is read and written anew so often."""
_ANNOTATION: Final = "/metadata/annotations/" + TRUE_COUNT.replace("/", "~1")
_COUNT: Final = "/status/containerStatuses/0/restartCount"


class MovingPod:
    """A pod that is changed, its count now and its true one."""

    __slots__ = ("bare", "changed", "count", "key", "marked", "path", "true", "uid")

    def __init__(self, item: JsonObject) -> None:
        metadata = item["metadata"]
        annotations = metadata.get("annotations") or {}
        self.path = f"{collection_path('Pod', metadata['namespace'])}/{metadata['name']}"
        self.key = f"/registry/pods/{metadata['namespace']}/{metadata['name']}".encode()
        self.uid: str = metadata["uid"]
        self.count: int = item["status"]["containerStatuses"][0]["restartCount"]
        self.marked = TRUE_COUNT in annotations
        self.changed = self.marked
        self.true = int(annotations.get(TRUE_COUNT, self.count))
        self.bare = not annotations


class Writer(Protocol):
    """One way. Each method raises RefusedError, with 404, 409 or 422 for a pod that is gone, or UnreachableError."""

    async def learn(self, pods: Sequence[MovingPod], path: str, selectors: Mapping[str, str]) -> None:
        """Be told which pods will be changed, and by which list they were found."""

    async def change(self, pod: MovingPod) -> None:
        """One more restart; the first time the true count is noted on the pod."""

    async def restore(self, pod: MovingPod) -> None:
        """As it was."""


class ApiWriter:
    """Each change is a patch of the pod's status."""

    def __init__(self, api: SeedApi) -> None:
        self._api: Final = api

    async def learn(self, pods: Sequence[MovingPod], path: str, selectors: Mapping[str, str]) -> None:
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


class EtcdWriter:
    """Each change is a transaction that takes place only where nobody else has written the pod meanwhile.

    Values are what the API server would store, but for the count and the note of the true one.
    """

    def __init__(self, api: SeedApi, etcd: EtcdApi) -> None:
        self._api: Final = api
        self._etcd: Final = etcd
        self._known: Final[dict[str, StoredPod]] = {}

    async def learn(self, pods: Sequence[MovingPod], path: str, selectors: Mapping[str, str]) -> None:
        """Read them by pages: one request for each would cost as much as two changes do."""
        wanted = {pod.uid: pod for pod in pods}
        token = ""
        while wanted:
            query = urlencode({"limit": str(PAGE), **selectors, **({"continue": token} if token else {})})
            answer = await self._api.send("GET", f"{path}?{query}", accept=PROTOBUF)
            items, token = listed(answer.body)
            for item in items:
                # A pod that has just lost its status is read again when it is its turn.
                with contextlib.suppress(ValueError):
                    if pod := wanted.pop(uid_of(item), None):
                        self._known[pod.uid] = StoredPod(item, TRUE_COUNT, str(pod.true))
            if not token:
                return

    async def change(self, pod: MovingPod) -> None:
        """See `Writer`."""
        pod.count += 1
        pod.changed = pod.marked = True
        await self._write(pod, pod.count, noted=True)

    async def restore(self, pod: MovingPod) -> None:
        """See `Writer`."""
        await self._write(pod, pod.true, noted=False)

    async def _write(self, pod: MovingPod, count: int, *, noted: bool) -> None:
        for _ in range(TRIES):
            known = self._known.get(pod.uid) or await self._read(pod)
            if await self._replaced(pod, known, known.with_count(count, noted=noted)):
                self._known[pod.uid] = known
                return
            self._known.pop(pod.uid, None)
        raise _crowded(pod)

    async def _read(self, pod: MovingPod) -> StoredPod:
        answer = await self._api.send("GET", pod.path, accept=PROTOBUF)
        try:
            stored = StoredPod(answer.body, TRUE_COUNT, str(pod.true))
        except ValueError as error:
            raise RefusedError(UNREADABLE, f"{pod.path}: {error}") from error
        if stored.uid != pod.uid:
            raise RefusedError(GONE, f"{pod.path} is gone")
        return stored

    async def _replaced(self, pod: MovingPod, known: StoredPod, value: bytes) -> bool:
        try:
            revision = await self._etcd.replace(pod.key, value, known.revision)
        except SandboxError as error:
            raise UnreachableError(error.message, hint=error.hint) from error
        known.revision = revision or known.revision
        return revision != 0


def _crowded(pod: MovingPod) -> UnreachableError:
    return UnreachableError(
        f"{pod.path} was written by others each of {TRIES} times", hint="its next change will tell"
    )


def _same(pod: MovingPod) -> JsonObject:
    return {"op": "test", "path": "/metadata/uid", "value": pod.uid}
