"""One process: serves metrics.k8s.io, and runs the controllers of the sandbox's CSI driver, until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from k8sops.core.errors import SandboxError
from k8sops.sandbox.played.api import AGAIN_SECONDS, JsonObject, PlayedApi
from k8sops.sandbox.played.metrics import Metrics
from k8sops.sandbox.played.objects import write_objects
from k8sops.sandbox.played.server import MetricsServer
from k8sops.sandbox.played.storage import Storage
from k8sops.sandbox.played.usage import Meter
from k8sops.sandbox.played.workqueue import WorkQueue


async def run(port: int, apiserver_port: int, pki: Path, seed: str) -> None:
    """Serve and control until SIGTERM."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with PlayedApi(apiserver_port, pki) as api:
        server = MetricsServer(Metrics(api, Meter(seed), time.time))
        serves = await server.start(port, pki)
        work = asyncio.ensure_future(_control(api, serves, pki))
        waits = asyncio.ensure_future(ended.wait())
        try:
            # The controllers end by a defect only; then the process must not go on as if nothing were.
            await asyncio.wait((work, waits), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in (work, waits):
                task.cancel()
            await asyncio.gather(work, waits, return_exceptions=True)
            await server.aclose()


async def _control(api: PlayedApi, port: int, pki: Path) -> None:
    storage = Storage(api, time.time)
    async with asyncio.TaskGroup() as group:
        group.create_task(_objects(api, port, pki))
        nodes = WorkQueue(group, storage.node)
        claims, volumes = WorkQueue(group, storage.claim), WorkQueue(group, storage.volume)
        group.create_task(_nodes(api, storage, nodes.add))
        group.create_task(_each(api, "/api/v1/persistentvolumeclaims", claims.add))
        group.create_task(_each(api, "/api/v1/persistentvolumes", volumes.add))


async def _objects(api: PlayedApi, port: int, pki: Path) -> None:
    authority = (pki / "cluster-ca.crt").read_bytes()
    started = datetime.now(UTC).isoformat()
    while True:
        try:
            await write_objects(api, port, authority, started)
        except SandboxError:
            # The API server answers before it knows all of its own kinds and roles.
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return


async def _nodes(api: PlayedApi, storage: Storage, add: Callable[[JsonObject], None]) -> None:
    async for event, node in api.follow("/api/v1/nodes", metadata_only=True):
        if event == "DELETED":
            storage.forget_node(node)
        else:
            add(node)


async def _each(api: PlayedApi, path: str, add: Callable[[JsonObject], None]) -> None:
    async for event, item in api.follow(path):
        if event != "DELETED":
            add(item)


def main() -> None:
    """Read the command line the sandbox wrote."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--port", "--apiserver-port"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--pki", type=Path, required=True)
    parser.add_argument("--seed", required=True)
    options = parser.parse_args()
    asyncio.run(run(options.port, options.apiserver_port, options.pki, options.seed))


if __name__ == "__main__":
    main()
