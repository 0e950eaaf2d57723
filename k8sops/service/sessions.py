"""`core.sessions.Sessions` on one cluster: terminals, forwarded ports and copies, each asked of policy and on record.

The policy, the store and what they take to import are loaded with the first session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from k8sops.cluster.client_base import PODS
from k8sops.cluster.paths import object_path, subject_of
from k8sops.cluster.websocket_exec import ExecSession, open_exec
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock, IdSource
from k8sops.core.errors import InvalidError, WaitError
from k8sops.core.plan import JsonObject
from k8sops.core.sessions import Consent, Copied, Forwarding, SessionWanted, Terminal
from k8sops.logs.containers import state_of
from k8sops.service.session_pods import (
    container_wanted,
    default_container,
    pod_of,
    ports_of,
    running_containers,
)

if TYPE_CHECKING:
    from k8sops.cluster.client import KubeCluster
    from k8sops.service.config import Config
    from k8sops.service.forwarding import PortForwarding
    from k8sops.service.session_records import SessionBook, Tally
    from k8sops.service.storing import Storage

SHELL: Final = ("sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash || exec sh")
DEBUG_DEADLINE_S: Final = 90.0
LOOK_S: Final = 0.5
_HOPELESS: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerError"})


class SessionDesk:
    """The sessions of one process on one cluster."""

    def __init__(
        self,
        cluster: KubeCluster,
        storage: Callable[[], Awaitable[Storage]],
        *,
        config: Config,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._cluster = cluster
        self._storage = storage
        self._config = config
        self._clock = clock
        self._ids = ids
        self._book: SessionBook | None = None
        self._forwardings: dict[str, PortForwarding] = {}

    @asynccontextmanager
    async def terminal(
        self, wanted: SessionWanted, actor: Actor, consent: Consent
    ) -> AsyncIterator[Terminal]:
        """A shell, an attachment or a debug container; leaving the context ends it."""
        book, pod = await self._books(), await pod_of(self._cluster, wanted)
        container = default_container(pod) if wanted.kind == "debug" else container_wanted(pod, wanted)
        command = (wanted.command or SHELL) if wanted.kind == "exec" else ()
        told: dict[str, Any] = {"container": container, "command": list(command)}
        if wanted.kind == "debug":
            told = {
                "beside": wanted.container or container,
                "image": wanted.image or self._config.debug_image,
            }
        async with book.session(wanted, pod, actor, consent, **told) as tally:
            if wanted.kind == "debug":
                container = await self._debugger(pod, wanted)
            tty = wanted.kind != "attach" or _has(pod, container, "tty")
            stdin = wanted.kind != "attach" or _has(pod, container, "stdin")
            async with open_exec(
                self._cluster.transport,
                object_path(PODS, pod["metadata"]["name"], wanted.namespace, _subresource(wanted)),
                command,
                container=container,
                stdin=stdin,
                tty=tty,
                subject=wanted.said,
            ) as session:
                yield _Terminal(session, tally, container, hears=stdin, is_terminal=tty)

    async def forward(self, wanted: SessionWanted, actor: Actor, consent: Consent) -> Forwarding:
        """Listen on a local port until `stop`."""
        from k8sops.service.forwarding import PortForwarding

        book, pod = await self._books(), await pod_of(self._cluster, wanted)
        found = PortForwarding(self._cluster, wanted, pod, self._clock)
        await found.begin(book.session(wanted, pod, actor, consent, port=wanted.port))
        self._forwardings[found.id] = found
        return found

    @property
    def forwardings(self) -> tuple[Forwarding, ...]:
        """Those of this process."""
        return tuple(self._forwardings.values())

    async def stop(self, forwarding: str) -> None:
        """End one."""
        if (found := self._forwardings.pop(forwarding, None)) is not None:
            await found.end()

    async def copy(self, wanted: SessionWanted, actor: Actor, consent: Consent) -> Copied:
        """Copy files by `tar`."""
        from k8sops.service.copying import copied_from, copied_to

        book, pod = await self._books(), await pod_of(self._cluster, wanted)
        container = container_wanted(pod, wanted)
        told = {"container": container, "path": wanted.path, "direction": wanted.direction}
        async with book.session(wanted, pod, actor, consent, **told) as tally:
            path = object_path(PODS, pod["metadata"]["name"], wanted.namespace, "exec")
            copy = copied_from if wanted.direction == "from" else copied_to
            done = await copy(self._cluster.transport, path, container, wanted)
            tally.data |= {"files": done.files, "bytes": done.bytes}
            return done

    async def ports(self, wanted: SessionWanted) -> tuple[int, ...]:
        """The ports that the containers say they serve."""
        return tuple(dict.fromkeys(ports_of(await pod_of(self._cluster, wanted))))

    async def containers(self, wanted: SessionWanted) -> tuple[str, ...]:
        """The running containers, the default one first."""
        return running_containers(await pod_of(self._cluster, wanted))

    async def aclose(self) -> None:
        """End what is forwarded."""
        for number in list(self._forwardings):
            await self.stop(number)

    async def _books(self) -> SessionBook:
        if self._book is None:
            storage = await self._storage()
            from k8sops.service.session_records import SessionBook

            self._book = SessionBook(self._cluster, storage, self._config, self._clock, self._ids)
        return self._book

    async def _debugger(self, pod: JsonObject, wanted: SessionWanted) -> str:
        """Add an ephemeral container and wait until it runs; its name. Raises WaitError."""
        metadata = pod["metadata"]
        name = f"debugger-{self._ids.new()[-5:].lower()}"
        image = wanted.image or self._config.debug_image
        added = {
            "name": name,
            "image": image,
            "stdin": True,
            "tty": True,
            "targetContainerName": wanted.container or default_container(pod),
        }
        await self._cluster.patch(
            PODS,
            metadata["name"],
            wanted.namespace,
            body={"metadata": {"uid": metadata["uid"]}, "spec": {"ephemeralContainers": [added]}},
            patch_type="strategic",
            subresource="ephemeralcontainers",
        )
        state = None
        try:
            async with asyncio.timeout(DEBUG_DEADLINE_S):
                while True:
                    found = await self._cluster.get(PODS, metadata["name"], wanted.namespace)
                    state = state_of(found, name)
                    if state.running:
                        pod["spec"] = found["spec"]
                        return name
                    if state.ended is not None or state.waiting in _HOPELESS:
                        break
                    await self._clock.sleep(LOOK_S)
        except TimeoutError:
            pass
        why = "its state is not known" if state is None else state.waiting or "it is not told why"
        if state is not None and state.ended is not None:
            why = f"it ended with {state.ended.said}"
        raise WaitError(
            f"the debug container {name} of {subject_of(PODS, metadata['name'], wanted.namespace)} with image "
            f"{image} does not run: {why}",
            hint="set debug_image in the configuration to an image that this cluster can pull",
        )


class _Terminal:
    """`core.sessions.Terminal` over an exec session; counts what goes through."""

    def __init__(
        self, session: ExecSession, tally: Tally, container: str, *, hears: bool, is_terminal: bool
    ) -> None:
        self.hears: Final = hears
        self.is_terminal: Final = is_terminal
        self.container: Final = container
        self._session = session
        self._tally = tally
        tally.data |= {"bytes_out": 0, "bytes_in": 0}

    @property
    def exit_code(self) -> int | None:
        """Once the output has ended."""
        return self._session.exit_code

    async def output(self) -> AsyncGenerator[bytes, None]:
        """What the far end writes."""
        async with aclosing(self._session.output()) as pieces:
            async for piece in pieces:
                self._tally.data["bytes_out"] += len(piece.data)
                yield piece.data
        if self._session.exit_code is not None:
            self._tally.data["exit_code"] = self._session.exit_code

    async def send(self, data: bytes) -> None:
        """What is typed; dropped where the container hears nothing."""
        if self.hears:
            self._tally.data["bytes_in"] += len(data)
            await self._session.send(data)

    async def resize(self, columns: int, rows: int) -> None:
        """The size of the terminal here."""
        await self._session.resize(columns, rows)


def _subresource(wanted: SessionWanted) -> str:
    if wanted.kind not in {"exec", "attach", "debug"}:
        raise InvalidError(f"{wanted.said} needs no terminal")
    return "exec" if wanted.kind == "exec" else "attach"


def _has(pod: JsonObject, container: str, field: str) -> bool:
    spec = pod["spec"]
    every = [*(spec.get("containers") or ()), *(spec.get("ephemeralContainers") or ())]
    return any(one["name"] == container and one.get(field) for one in every)
