"""The least that many logs cost: `python -m tests.bench.logs_floor KUBECONFIG AT_ONCE` reads and drops them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from k8sops.core.tasks import all_of
from k8sops.sandbox.seed.load_objects import LOAD_LABEL
from tests.support.clients import client_of, transport_of

CHUNK = 1 << 18


async def read_all(kubeconfig: Path, at_once: int) -> None:
    """The log of every pod of the load, so many at a time."""
    async with client_of(kubeconfig) as cluster, transport_of(kubeconfig) as transport:
        resource = await cluster.resource("pods")
        paths = [
            f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/log"
            async for pod in cluster.list(resource, label_selector=LOAD_LABEL)
        ]

        async def reader() -> None:
            while paths:
                async with transport.stream(
                    paths.pop(), query=[("timestamps", "true")], accept="*/*"
                ) as body:
                    while await body.read(CHUNK):
                        pass

        await all_of(reader() for _ in range(at_once))


if __name__ == "__main__":
    asyncio.run(read_all(Path(sys.argv[1]), int(sys.argv[2])))
