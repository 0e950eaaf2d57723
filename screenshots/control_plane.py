"""etcd and an API server on what a stage holds, with kubelet and metrics to ask: no controller, scheduler or kwok.

So nothing ever moves. Everything else about them is as in any sandbox: the same binaries, flags and waits. Metrics are
those of the stage's moment.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from k8sops.core.clock import SystemClock, parse_rfc3339, rfc3339
from k8sops.sandbox.binaries import ensure_binaries
from k8sops.sandbox.components import APISERVER, ETCD, KUBELET, Components
from k8sops.sandbox.etcdapi import BATCH, EtcdApi, open_etcd
from k8sops.sandbox.kubeconfig import context_name, kubeconfig_text
from k8sops.sandbox.locations import private_folder, write_private
from k8sops.sandbox.people import PEOPLE
from k8sops.sandbox.pki import Pki
from k8sops.sandbox.played.api import PlayedApi
from k8sops.sandbox.played.metrics import GROUP_VERSION, Metrics
from k8sops.sandbox.played.objects import write_objects
from k8sops.sandbox.played.server import MetricsServer
from k8sops.sandbox.played.usage import Meter
from k8sops.sandbox.ports import PortClaims
from k8sops.sandbox.processes import ProcessRecord, spawn, stop
from k8sops.sandbox.readiness import START_SECONDS, Readiness
from k8sops.sandbox.state import SandboxFolder, SandboxState
from k8sops.sandbox.versions import VERSION_SET

GRACE_SECONDS: Final = 2.0
POLL_SECONDS: Final = 0.1
YOUNG: Final = timedelta(days=300)
"""So long certificates are those of the stage's moment, which a screen tells; older ones would soon have ended."""
ALL: Final = base64.b64encode(b"\0").decode()
"""As the end of a range: to the last key (etcd's RangeRequest)."""

Entries = Sequence[tuple[bytes, bytes]]


async def read_all(etcd: EtcdApi) -> list[tuple[bytes, bytes]]:
    """Every key of the API server with its value, in the order of the keys."""
    found: list[tuple[bytes, bytes]] = []
    start = b"/registry/"
    while True:
        request = {"key": start, "range_end": ALL, "limit": BATCH}
        (answer,) = await etcd.transact([{"request_range": request}])
        pairs = answer["response_range"].get("kvs", ())
        if not pairs:
            return found
        found += [(base64.b64decode(pair["key"]), base64.b64decode(pair["value"])) for pair in pairs]
        start = found[-1][0] + b"\0"


class ControlPlane:
    """A running one."""

    def __init__(self, folder: SandboxFolder, state: SandboxState, server: str) -> None:
        self.name: Final = folder.name
        self.folder: Final = folder
        self.state: Final = state
        self.server: Final = server

    @classmethod
    @asynccontextmanager
    async def standing(
        cls, home: Path, name: str, nodes: int, entries: Entries, moment: datetime
    ) -> AsyncIterator[ControlPlane]:
        """Start it on these entries; it ends with the block. Raises SandboxError."""
        clock = SystemClock()
        issued = moment if clock.now() - moment < YOUNG else clock.now()
        binaries = await ensure_binaries((ETCD, APISERVER))
        folder = SandboxFolder(home, name)
        folder.create()
        await asyncio.to_thread(Pki(folder.pki).create, issued)
        started: list[ProcessRecord] = []
        try:
            with PortClaims() as claims, as_file(files("k8sops.sandbox").joinpath("data")) as data:
                state = SandboxState(
                    name=name,
                    created=rfc3339(moment),
                    version_set=VERSION_SET,
                    ports=claims.choose(),
                    nodes=nodes,
                )
                components = Components(folder, state, binaries, data)
                components.write_configuration()
                components.write_nodes(issued)
                components.write_played(issued)
                readiness = Readiness(folder, state, components.server, clock, lambda _: None)
                started.append(_begun(components, ETCD))
                await readiness.etcd_answers(started)
                # One transaction after the other: revisions, which objects show, are then the same each time.
                async with open_etcd(folder, state.ports) as etcd:
                    for first in range(0, len(entries), BATCH):
                        await etcd.put_all(entries[first : first + BATCH])
                started.append(_begun(components, APISERVER))
                await readiness.api_is_ready(started)
                started.append(_begun(components, KUBELET))
            async with _metrics(folder, state, moment):
                yield cls(folder, state, components.server)
        finally:
            for process in reversed(started):
                await stop([process], clock, grace_seconds=GRACE_SECONDS)

    def kubeconfig_of(self, person: str, *, first: bool) -> Path:
        """A kubeconfig of one of the company's people, or of the administrator (empty).

        The context of the `first` is named after the sandbox alone.
        """
        if not person:
            return self.folder.kubeconfig
        pki = Pki(self.folder.pki)
        path = private_folder(self.folder.path / "people") / f"{person}.kubeconfig"
        text = kubeconfig_text(
            sandbox=self.name,
            user=person,
            server=self.server,
            authority=pki.certificate("cluster-ca").read_bytes(),
            identity=pki.issue_for(person, PEOPLE[person], parse_rfc3339(self.state.created)),
            context=context_name(self.name) if first else f"{context_name(self.name)}-{person}",
        )
        write_private(path, text)
        return path


def _begun(components: Components, name: str) -> ProcessRecord:
    environment: Mapping[str, str] = components.environment(name)
    return spawn(name, components.command(name), components.log_file(name), environment)


@asynccontextmanager
async def _metrics(folder: SandboxFolder, state: SandboxState, moment: datetime) -> AsyncIterator[None]:
    """Usage at the moment, served until the block ends."""
    async with PlayedApi(state.ports.apiserver, folder.pki) as api:
        server = MetricsServer(Metrics(api, Meter(folder.name), moment.timestamp))
        try:
            port = await server.start(state.ports.played, folder.pki)
            authority = Pki(folder.pki).certificate("cluster-ca").read_bytes()
            # What is written must differ from what the stage brought, or the server keeps what it thinks of that.
            await write_objects(api, port, authority, SystemClock().now().isoformat())
            async with asyncio.timeout(START_SECONDS):
                while (await api.raw("GET", f"/apis/{GROUP_VERSION}/nodes"))[0] != HTTPStatus.OK:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(POLL_SECONDS)
            yield
        finally:
            await server.aclose()
