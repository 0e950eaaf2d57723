"""How a sandbox is: each process, and what the API server says of the nodes."""

from __future__ import annotations

import asyncio
from typing import Final, Literal

import msgspec

from k8sops.core.errors import SandboxError
from k8sops.sandbox.apiclient import ApiClient
from k8sops.sandbox.components import CHAOS, START_ORDER
from k8sops.sandbox.faults.remote import ChaosRemote
from k8sops.sandbox.faults.specs import Fault
from k8sops.sandbox.kubeconfig import context_name
from k8sops.sandbox.ports import LOOPBACK, Ports
from k8sops.sandbox.processes import ProcessRecord, is_running, memory_bytes
from k8sops.sandbox.readiness import admin_client
from k8sops.sandbox.seed.load_objects import LoadSize
from k8sops.sandbox.state import SandboxFolder, SandboxState

LOOK_SECONDS: Final = 5.0
"""Somebody looks once; a busy server that takes a little longer is no less ready."""


class ComponentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One process."""

    component: str
    running: bool
    pid: int
    """0 for one that was never started, or was taken down."""
    memory_bytes: int
    port: int
    log: str


class SandboxStatus(msgspec.Struct, frozen=True, kw_only=True):
    """All of a sandbox. `degraded` means that some process is gone; `up` repairs that."""

    name: str
    state: Literal["ready", "starting", "degraded", "stopped"]
    server: str
    context: str
    kubeconfig: str
    created: str
    versions: str
    nodes: int
    nodes_ready: int
    components: tuple[ComponentStatus, ...]
    load: LoadSize | None = None
    """What `up --pods` or `--objects` put into it."""
    faults: tuple[Fault, ...] = ()
    """Those that `sandbox chaos` has in force."""

    @property
    def gone(self) -> tuple[str, ...]:
        """The processes that should run and do not."""
        return tuple(c.component for c in self.components if not c.running)


async def status_of(folder: SandboxFolder, state: SandboxState) -> SandboxStatus:
    """Look at the processes, and ask the API server where it runs."""
    components = await asyncio.to_thread(_components, state)
    running = sum(c.running for c in components)
    server = f"https://{LOOPBACK}:{state.ports.apiserver}"
    nodes, nodes_ready, answers = state.nodes, 0, False
    if running:
        async with admin_client(folder, server) as client:
            answers = await client.probe("/readyz", LOOK_SECONDS)
            if answers:
                nodes, nodes_ready = await _nodes(client)
    condition: Literal["ready", "starting", "degraded", "stopped"] = "starting"
    if running == 0:
        condition = "stopped"
    elif running < len(components):
        condition = "degraded"
    elif answers:
        condition = "ready"
    return SandboxStatus(
        name=state.name,
        state=condition,
        server=server,
        context=context_name(state.name),
        kubeconfig=str(folder.kubeconfig),
        created=state.created,
        versions=state.version_set,
        nodes=nodes,
        nodes_ready=nodes_ready,
        components=components,
        load=state.load,
        faults=await _faults(folder, state),
    )


async def _faults(folder: SandboxFolder, state: SandboxState) -> tuple[Fault, ...]:
    if CHAOS not in state.extras:
        return ()
    report = await ChaosRemote(folder.name, folder.path.parent).look()
    return report.faults if report else ()


async def _nodes(client: ApiClient) -> tuple[int, int]:
    """How many there are, and how many of them are Ready."""
    try:
        nodes = await client.nodes()
    except SandboxError:
        # It has gone away since it was found ready; the status says the rest.
        return 0, 0
    return len(nodes), sum(nodes.values())


def _components(state: SandboxState) -> tuple[ComponentStatus, ...]:
    known = {process.component: process for process in state.processes}
    names = (*START_ORDER, *state.extras)
    return tuple(_component(name, known.get(name), state.ports) for name in names)


def _component(name: str, record: ProcessRecord | None, ports: Ports) -> ComponentStatus:
    running = record is not None and is_running(record)
    port: int = getattr(ports, name.removeprefix("kube-").replace("-", "_") if name != "kubelet" else name)
    return ComponentStatus(
        component=name,
        running=running,
        pid=record.pid if record else 0,
        memory_bytes=memory_bytes(record) if record and running else 0,
        port=port,
        log=record.log if record else "",
    )
