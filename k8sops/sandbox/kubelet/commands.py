"""Exec and attach: finds the container, makes its room, runs the command there, and ends it when it has to end.

Nothing else runs in a simulated container. So every exec has a room of its own over the container's folders, and to
attach is to follow the log; a container with `stdin: true` gets its command, or a shell, once somebody attaches.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from k8sops.sandbox.kubelet.containerlogs import ContainerLogs
from k8sops.sandbox.kubelet.folders import Folders, remove_tree
from k8sops.sandbox.kubelet.http import HttpRequest, Reader, Writer, answer
from k8sops.sandbox.kubelet.lifecycle import container_ended
from k8sops.sandbox.kubelet.process import RoomError, start
from k8sops.sandbox.kubelet.remote import V4, V5, Streams, conclude, failed, run_connected, run_log
from k8sops.sandbox.kubelet.rooms import Rooms
from k8sops.sandbox.kubelet.websocket import WebSocket, accept, offered
from k8sops.sandbox.logs.lives import Refusal
from k8sops.sandbox.podlookup import PodLookup

JsonObject = dict[str, Any]

MOST_SESSIONS: Final = 64
LOOK_SECONDS: Final = 2.0
SWEEP_SECONDS: Final = 30.0
NOT_STARTED: Final = 128
"""The exit code of a container whose command could not be executed."""
SHELL: Final = ("/bin/sh",)
OLD_CLIENT: Final = (
    "a sandbox runs commands over WebSockets (v5 or v4.channel.k8s.io) only: use kubectl 1.31 or later"
)


class Commands:
    """What runs in the pods of one sandbox."""

    def __init__(self, folder: Path, api: PodLookup, logs: ContainerLogs) -> None:
        self._api: Final = api
        self._logs: Final = logs
        self._rooms: Final = Rooms(folder, api)
        self._folders: Final = Folders(folder)
        self._sessions: Final[Counter[str]] = Counter()
        """By the pod's uid."""

    async def serve(self, request: HttpRequest, reader: Reader, writer: Writer) -> None:
        """`/exec/NAMESPACE/POD[/UID]/CONTAINER` or `/attach/…` of a kubelet."""
        verb, namespace, name = request.parts[:3]
        streams, subprotocol = Streams(request), offered(request, (V5, V4))
        pod = await self._api.get(namespace, name)
        container = None if pod is None else container_of(pod, request.parts[-1])
        if pod is None:
            await answer(writer, 404, f"pod {namespace}/{name} is not known to this node")
        elif container is None or not is_running(pod, container["name"]):
            await answer(writer, 404, f'container not found ("{request.parts[-1]}")')
        elif not streams.any():
            await answer(writer, 400, "you must specify at least 1 of stdin, stdout, stderr")
        elif not subprotocol:
            await answer(writer, 400, OLD_CLIENT)
        elif self._sessions.total() >= MOST_SESSIONS:
            await answer(writer, 503, f"{MOST_SESSIONS} commands run in this sandbox already")
        elif (socket := await accept(request, reader, writer, subprotocol)) is not None:
            if verb == "exec":
                await self._run(socket, pod, container, request.query.get("command", ()), streams)
            elif container.get("stdin"):
                code = await self._run(socket, pod, container, own_command(container), streams)
                await container_ended(self._api, pod, container["name"], code or 0)
            else:
                await self._follow(socket, pod, container["name"])

    async def _run(
        self,
        socket: WebSocket,
        pod: JsonObject,
        container: JsonObject,
        command: Sequence[str],
        streams: Streams,
    ) -> int | None:
        """Run a command to its end; the exit code, None where the client went away before."""
        uid: str = pod["metadata"]["uid"]
        self._sessions[uid] += 1
        try:
            specification = await self._rooms.specification(pod, container, command, tty=streams.tty)
            process = await start(specification, stdin=streams.stdin)
            return await run_connected(socket, process, streams, self._ended(pod, container["name"]))
        except (RoomError, OSError) as error:
            await conclude(socket, failed(str(error)))
            return NOT_STARTED
        finally:
            self._sessions[uid] -= 1
            if not self._sessions[uid]:
                del self._sessions[uid]

    async def _follow(self, socket: WebSocket, pod: JsonObject, container: str) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        try:
            await run_log(socket, self._logs.attached(namespace, name, container))
        except Refusal as refusal:
            await conclude(socket, failed(str(refusal)))

    async def _ended(self, pod: JsonObject, container: str) -> None:
        """Returns once the container that a command was started in no longer runs."""
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        life = started_at(pod, container)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            status, now = await self._api.ask("GET", path)
            if status == 404 or (
                status == 200
                and (now["metadata"]["uid"] != metadata["uid"] or started_at(now, container) != life)
            ):
                return

    async def sweep(self) -> None:
        """Remove the folders of pods and claims that are gone, for as long as the kubelet runs."""
        while True:
            for one in await asyncio.to_thread(lambda: list(self._folders.all())):
                path = f"/api/v1/namespaces/{one.namespace}/{one.resource}/{one.name}"
                status, found = await self._api.ask("GET", path)
                gone = status == 404 or (status == 200 and found["metadata"]["uid"] != one.uid)
                if gone and not self._sessions[one.uid]:
                    with contextlib.suppress(OSError):
                        await asyncio.to_thread(remove_tree, one.path)
            await asyncio.sleep(SWEEP_SECONDS)


def container_of(pod: JsonObject, name: str) -> JsonObject | None:
    """The container of this name, of any kind."""
    kinds = ("containers", "initContainers", "ephemeralContainers")
    every: list[JsonObject] = [one for kind in kinds for one in pod["spec"].get(kind) or ()]
    return next((one for one in every if one["name"] == name), None)


def own_command(container: JsonObject) -> Sequence[str]:
    """What the container itself runs; an image without an entry point, with a shell as its command, is assumed."""
    return (*(container.get("command") or ()), *(container.get("args") or ())) or SHELL


def started_at(pod: JsonObject, name: str) -> str:
    """When the running container started; empty where it does not run."""
    kinds = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    for kind in kinds:
        for one in pod.get("status", {}).get(kind) or ():
            if one["name"] == name:
                return str((one.get("state", {}).get("running") or {}).get("startedAt") or "")
    return ""


def is_running(pod: JsonObject, name: str) -> bool:
    """Whether a command can be run in the container now."""
    return bool(started_at(pod, name))
