"""Lets a new kwok take the nodes over from one that has gone, at once and with all their pods.

kwok plays a node only while it holds the node's Lease, under a name that is new each time it starts: after a restart
nothing would happen on any node until the old Leases have run out (40 s, in a large sandbox minutes). And it looks
at a node's pods once when it gets the Lease, often a moment before it knows itself that it has: what was waiting then
would wait for ever. Hence two steps around its start: Leases are let go of, and pods are shown to it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import msgspec

from k8sops.core.clock import Clock, rfc3339
from k8sops.core.tasks import all_of
from k8sops.sandbox.faults.nodes import HOLDER, LEASES, MERGE, NODES, STRATEGIC
from k8sops.sandbox.processes import ProcessRecord
from k8sops.sandbox.seed.api import RefusedError, SeedApi, open_api
from k8sops.sandbox.seed.load_objects import STATIC_LABEL
from k8sops.sandbox.state import SandboxFolder

CONNECTIONS: Final = 16
PATIENCE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.5
SHOWN_AGAIN_SECONDS: Final = 1.0
ENDED: Final = frozenset({"Succeeded", "Failed"})


class Takeover:
    """The change from one kwok to the next in one sandbox."""

    def __init__(self, folder: SandboxFolder, clock: Clock) -> None:
        self._folder: Final = folder
        self._clock: Final = clock

    async def release(self, _: Sequence[ProcessRecord]) -> None:
        """Before the new kwok starts: no Lease is the old one's. Raises SandboxError where the API server refuses."""
        async with self._api() as api:
            held = [one async for one in api.items(LEASES) if _holder(one) not in {"", HOLDER}]
            body = msgspec.json.encode({"spec": {"holderIdentity": None}})
            await self._each([f"{LEASES}/{one['metadata']['name']}" for one in held], api, body, MERGE)

    async def show_pods(self, _: Sequence[ProcessRecord]) -> None:
        """Once it has started: every pod it has something to do for changes, so that it sees it.

        Waits for it to hold the Leases, and shows again the pods that it has not begun with; at most a minute.
        """
        deadline = self._clock.monotonic() + PATIENCE_SECONDS
        async with self._api() as api:
            while self._clock.monotonic() < deadline and not await _all_held(api):
                await self._clock.sleep(POLL_SECONDS)
            pods = await _played(api)
            while pods and self._clock.monotonic() < deadline:
                await self._show(api, pods)
                await self._clock.sleep(SHOWN_AGAIN_SECONDS)
                pods = [one for one in await _played(api) if "startTime" not in one["status"]]

    async def _show(self, api: SeedApi, pods: list[dict[str, Any]]) -> None:
        probed = {"type": "PodScheduled", "status": "True", "lastProbeTime": rfc3339(self._clock.now())}
        body = msgspec.json.encode({"status": {"conditions": [probed]}})
        paths = [
            f"/api/v1/namespaces/{one['metadata']['namespace']}/pods/{one['metadata']['name']}/status"
            for one in pods
        ]
        await self._each(paths, api, body, STRATEGIC)

    async def _each(self, paths: list[str], api: SeedApi, body: bytes, how: str) -> None:
        waiting = iter(paths)

        async def worker() -> None:
            for path in waiting:
                try:
                    await api.send("PATCH", path, body, how)
                except RefusedError as error:
                    if error.status not in {404, 409}:
                        raise

        await all_of(worker() for _ in range(CONNECTIONS))

    def _api(self) -> AbstractAsyncContextManager[SeedApi]:
        return open_api(self._folder.kubeconfig, connections=CONNECTIONS)


async def _all_held(api: SeedApi) -> bool:
    """Whether the Lease of every node has a holder."""
    held = {one["metadata"]["name"] async for one in api.items(LEASES) if _holder(one)}
    return {one["metadata"]["name"] async for one in api.items(NODES)} <= held


async def _played(api: SeedApi) -> list[dict[str, Any]]:
    """Pods whose life is not over and is kwok's to play: not on nodes that are silent, or gone."""
    nodes = {one["metadata"]["name"] async for one in api.items(LEASES) if _holder(one) not in {"", HOLDER}}
    return [
        one
        async for one in api.items("/api/v1/pods", labelSelector=f"{STATIC_LABEL}!=true")
        if one["spec"].get("nodeName") in nodes
        and ("deletionTimestamp" in one["metadata"] or one["status"].get("phase") not in ENDED)
    ]


def _holder(lease: dict[str, Any]) -> str:
    return str(lease["spec"].get("holderIdentity") or "")
