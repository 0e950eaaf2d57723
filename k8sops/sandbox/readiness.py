"""Waits until a sandbox is ready: its API, its controllers, its nodes, and the default service account.

A wait ends early when a process it depends on dies; the error then carries that process's last words. One that takes
long says every few seconds what it is for and how far that is: a large cluster may take minutes on a busy machine.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.errors import SandboxError
from k8sops.core.tasks import all_of
from k8sops.sandbox.apiclient import ApiClient
from k8sops.sandbox.etcdapi import open_etcd
from k8sops.sandbox.nodes import node_manifest, node_name
from k8sops.sandbox.pki import Pki
from k8sops.sandbox.ports import LOOPBACK
from k8sops.sandbox.processes import ProcessRecord, is_running
from k8sops.sandbox.state import SandboxFolder, SandboxState

START_SECONDS: Final = 90.0
SECONDS_PER_NODE: Final = 0.3
SECONDS_PER_OBJECT: Final = 0.01
POLL_SECONDS: Final = 0.1
POLL_SECONDS_PER_NODE: Final = 0.001
TAIL_BYTES: Final = 64 * 1024
LINE_LIMIT: Final = 400
SAY_SECONDS: Final = 10.0

_TELLING: Final = re.compile(
    r'^(Error|error|panic):|^F\d{4} |"command failed"|"level":"(fatal|panic|error|ERROR)"'
)
_KLOG_ERROR: Final = re.compile(r'err="((?:[^"\\]|\\.)*)"')

Condition = Callable[[], Awaitable[bool]]
Say = Callable[[str], None]


class Readiness:
    """The conditions of one sandbox."""

    def __init__(
        self, folder: SandboxFolder, state: SandboxState, server: str, clock: Clock, say: Say
    ) -> None:
        self._folder: Final = folder
        self._state: Final = state
        self._server: Final = server
        self._clock: Final = clock
        self._say: Final = say
        self._said = clock.monotonic()
        self._pending: Final[dict[str, str]] = {}
        """What is waited for now, and how far it is where that is known."""
        load = state.load.total if state.load else 0
        # Every component reads all there is before it calls itself ready; a busy machine takes its time over that.
        self._patience: Final = START_SECONDS + SECONDS_PER_NODE * state.nodes + SECONDS_PER_OBJECT * load

    def client(self) -> ApiClient:
        """An administrator's client; open it with `async with`."""
        return admin_client(self._folder, self._server)

    async def etcd_answers(self, processes: Sequence[ProcessRecord]) -> None:
        """Until etcd takes requests."""
        async with open_etcd(self._folder, self._state.ports) as etcd:
            await self._until("etcd to answer", etcd.answers, processes)

    async def api_answers(self, processes: Sequence[ProcessRecord]) -> None:
        """Until the API server takes requests; it may not be ready for all of them yet."""
        async with self.client() as client:
            await self._until("the API server to answer", lambda: client.probe("/livez/ping"), processes)

    async def api_is_ready(self, processes: Sequence[ProcessRecord]) -> None:
        """Until the API server has written the default roles and read its database into its watch caches.

        Without the roles the controllers give up at once; kube-controller-manager does so too where `/healthz`, which
        waits for the caches, is not good ten seconds after its start.
        """
        async with self.client() as client:
            await self._api(client, processes)

    async def nodes_are_ready(self, processes: Sequence[ProcessRecord]) -> None:
        """Until every node there should be is Ready."""
        async with self.client() as client:
            await self._nodes(client, processes)

    async def everything(self, processes: Sequence[ProcessRecord]) -> None:
        """Until all is as a user expects it; creates the nodes on the way."""
        ports = self._state.ports
        async with self.client() as client:

            async def account() -> bool:
                return await client.get("/api/v1/namespaces/default/serviceaccounts/default") is not None

            waits = [
                self._until(what, condition, processes)
                for what, condition in (
                    (
                        "kube-controller-manager to be healthy",
                        lambda: client.probe(f"https://{LOOPBACK}:{ports.controller_manager}/healthz"),
                    ),
                    (
                        "kube-scheduler to be healthy",
                        lambda: client.probe(f"https://{LOOPBACK}:{ports.scheduler}/healthz"),
                    ),
                    (
                        "the kubelet endpoint to answer",
                        lambda: client.probe(f"https://{LOOPBACK}:{ports.kubelet}/healthz"),
                    ),
                    ("the metrics API to be served", lambda: client.probe("/apis/metrics.k8s.io/v1beta1")),
                    ("the default service account", account),
                )
            ]
            await all_of([*waits, self._api(client, processes), self._nodes(client, processes)])

    async def _api(self, client: ApiClient, processes: Sequence[ProcessRecord]) -> None:
        what = "the API server to be ready"

        async def ready() -> bool:
            failing = await client.failing_checks()
            if failing is not None:
                self._pending[what] = f" ({', '.join(failing)})" if failing else ""
            return failing == ()

        await self._until(what, ready, processes)

    async def _nodes(self, client: ApiClient, processes: Sequence[ProcessRecord]) -> None:
        wanted = {node_name(index + 1) for index in range(self._state.nodes)}

        missing = wanted - (await client.nodes()).keys()
        for start in range(0, len(wanted), 16):
            batch = [i + 1 for i in range(start, min(start + 16, len(wanted))) if node_name(i + 1) in missing]
            await asyncio.gather(*(client.create("/api/v1/nodes", node_manifest(i)) for i in batch))

        what = f"{len(wanted):,} nodes to be Ready"

        async def ready() -> bool:
            found = {name for name, is_ready in (await client.nodes()).items() if is_ready and name in wanted}
            self._pending[what] = f" ({len(found):,} are)"
            return found == wanted

        # A list of many nodes costs the machine that they are waiting for.
        pause = max(POLL_SECONDS, POLL_SECONDS_PER_NODE * len(wanted))
        await self._until(what, ready, processes, pause)

    async def _until(
        self,
        what: str,
        condition: Condition,
        processes: Sequence[ProcessRecord],
        pause: float = POLL_SECONDS,
    ) -> None:
        seconds = self._patience
        begun = self._clock.monotonic()
        deadline = begun + seconds
        self._pending.setdefault(what, "")
        while not await condition():
            for process in processes:
                if not is_running(process):
                    raise SandboxError(
                        f"{process.component} ended while the sandbox waited for {what}: "
                        f"{last_words(Path(process.log))}",
                        hint="a flag of --kubernetes-args, or the machine's memory, are the usual causes",
                    )
            now = self._clock.monotonic()
            if now >= deadline:
                raise SandboxError(
                    f"the sandbox waited {seconds:.0f} s in vain for {what}",
                    hint="the machine may be overloaded; try again, or with fewer --nodes",
                )
            self._tell(now, now - begun)
            await self._clock.sleep(pause)
        del self._pending[what]

    def _tell(self, now: float, waited: float) -> None:
        """One line for all that is waited for at once, now and then."""
        if now - max(self._said, now - waited) < SAY_SECONDS:
            return
        self._said = now
        waits = ", ".join(f"{what}{how_far}" for what, how_far in self._pending.items())
        self._say(f"still waiting for {waits}: {waited:.0f} s of {self._patience:.0f} at most")


def admin_client(folder: SandboxFolder, server: str) -> ApiClient:
    """A client with the administrator's certificate."""
    pki = Pki(folder.pki)
    return ApiClient(server, pki.certificate("cluster-ca"), pki.certificate("admin"), pki.key("admin"))


def last_words(log: Path) -> str:
    """The line of a log that most likely says why its process ended; the last one where none stands out."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - TAIL_BYTES, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return "it left no log"
    said = [line.strip() for line in lines if line.strip()]
    telling = [
        line for line in said if line.startswith(("F", "Error:", "error:", "panic:")) or '"fatal"' in line
    ]
    return _sentence((telling or said or ["it said nothing"])[-1])[:LINE_LIMIT]


def _sentence(line: str) -> str:
    """The message inside a structured line, as etcd and kwok write them, or inside klog's `err="…"`."""
    try:
        fields = msgspec.json.decode(line)
    except msgspec.DecodeError:
        told = _KLOG_ERROR.search(line)
        return told[1].replace('\\"', '"') if told else line
    if not isinstance(fields, dict):
        return line
    said = [str(fields[name]) for name in ("msg", "err", "error") if fields.get(name)]
    return ": ".join(said) or line
