"""One measured case per process: `python -m tests.bench.cases CASE KUBECONFIG` prints its cost as JSON.

A process of its own, because memory that one case leaves behind would hide what the next one takes.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from k8sops.cluster.codecs import StructCodec
from k8sops.cluster.credentials import load_credentials
from k8sops.cluster.known import Change, Known
from k8sops.cluster.ordered_rows import OrderedRows
from k8sops.cluster.pages import list_pages, page_bodies
from k8sops.cluster.pods import PodLite
from k8sops.cluster.table import ACCEPT, WITH_METADATA, Entry, TableCodec, table_pages
from k8sops.cluster.transport import Transport
from k8sops.cluster.watch import watch_batches
from tests.bench.measuring import Work, measured

PATH = "/api/v1/pods"
PAGE = ("limit", "500")
EVENTS = 20_000
UPDATES_PER_S = 1000
UPDATES = 10 * UPDATES_PER_S
BATCH = 20


@asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[Transport]:
    """A transport whose connection is open already: neither side of a ratio pays for the handshake."""
    transport = Transport(await load_credentials(kubeconfig=[kubeconfig], environ={}))
    try:
        await transport.request("GET", "/version")
        yield transport
    finally:
        await transport.aclose()


async def download(transport: Transport, accept: str, query: list[tuple[str, str]]) -> Work:
    """The same pages, one after the other, thrown away."""
    began, first, token, size = time.perf_counter(), 0.0, "", 0
    while True:
        pairs = [*query, PAGE, *([("continue", token)] if token else [])]
        body = await transport.request("GET", PATH, query=pairs, accept=accept)
        first = first or time.perf_counter() - began
        size += len(body)
        found = re.search(rb'"continue":"([^"]*)"', body[:4096])
        if found is None:
            return Work(size, first)
        token = found[1].decode()


async def bare_list(transport: Transport) -> Work:
    """Objects, downloaded only."""
    return await download(transport, "application/json", [])


async def bare_table(transport: Transport) -> Work:
    """Table pages with metadata, downloaded only."""
    return await download(transport, ACCEPT, [WITH_METADATA])


async def our_list(transport: Transport) -> Work:
    """Objects, decoded and kept."""
    began, first, pods = time.perf_counter(), 0.0, list[PodLite]()
    async with aclosing(list_pages(transport, PATH, item_type=PodLite)) as pages:
        async for page in pages:
            first = first or time.perf_counter() - began
            pods += page.items
    return Work(len(pods), first)


async def our_table(transport: Transport) -> Work:
    """Table rows, decoded and kept."""
    began, first, count, kept = time.perf_counter(), 0.0, 0, []
    async with aclosing(table_pages(transport, PATH)) as pages:
        async for page in pages:
            first = first or time.perf_counter() - began
            kept.append(page.rows)
            count += len(page.rows)
    return Work(count, first)


async def bare_watch(transport: Transport) -> Work:
    """The bytes of a watch, downloaded only; counts its lines."""
    lines = 0
    async with transport.stream(PATH, query=[("watch", "true")]) as reader:
        while chunk := await reader.readany():
            lines += chunk.count(b"\n")
    return Work(lines)


async def our_watch(transport: Transport) -> Work:
    """Watch events, decoded."""
    count = 0
    codec = StructCodec(PodLite)
    async with aclosing(watch_batches(transport, PATH, codec=codec, resource_version="1")) as batches:
        async for batch in batches:
            count += len(batch.events)
    return Work(count)


async def live_updates(transport: Transport) -> Work:
    """UPDATES changes of single rows, through decoding, diffing and ordering, with a look every tenth of a second.

    Reports how many there were; their CPU time over the seconds they stand for is the load of a live table.
    """
    codec = TableCodec()
    known, ordered, lines = Known(codec.identify, codec.keep), OrderedRows(), list[bytes]()
    bodies = page_bodies(transport, PATH, query=[WITH_METADATA], accept=ACCEPT)
    async with aclosing(bodies):
        async for body in bodies:
            changes: list[Change[Entry]] = []
            known.put(codec.page(body.data), changes)
            ordered.apply(changes)
            lines += (
                _event(row, number) for number, row in enumerate(msgspec.json.decode(body.data)["rows"])
            )
    began = time.process_time()
    for start in range(0, UPDATES, BATCH):
        block = b"".join(lines[number % len(lines)] for number in range(start, start + BATCH))
        changes = []
        known.put((event.object for event in codec.events(block)), changes)
        ordered.apply(changes)
        if not start % (UPDATES_PER_S // 10):
            ordered.snapshot()
    return Work(UPDATES, time.process_time() - began)


def _event(row: dict[str, Any], number: int) -> bytes:
    row["object"]["metadata"]["resourceVersion"] = f"changed-{number}"
    row["cells"][3] = f"{number} (1s ago)"
    return msgspec.json.encode({"type": "MODIFIED", "object": {"kind": "Table", "rows": [row]}}) + b"\n"


def official_list(kubeconfig: Path) -> Work:
    """Objects, by the official client, in the same pages."""
    api = official_api(kubeconfig)
    began, first, token, pods = time.perf_counter(), 0.0, None, []
    while True:
        page = api.list_pod_for_all_namespaces(limit=500, _continue=token)
        first = first or time.perf_counter() - began
        pods += page.items
        token = page.metadata._continue
        if not token:
            return Work(len(pods), first)


def official_watch(kubeconfig: Path) -> Work:
    """Watch events, by the official client, which would watch again when the recording ends."""
    from kubernetes import watch

    make_watch: Any = watch.Watch
    watching = make_watch()
    count = 0
    for _ in watching.stream(official_api(kubeconfig).list_pod_for_all_namespaces, timeout_seconds=300):
        count += 1
        if count == EVENTS:
            watching.stop()
    return Work(count)


def official_api(kubeconfig: Path) -> Any:
    """The official client's typed API; its hints do not fit its own use."""
    from kubernetes import client, config

    load: Any = config.load_kube_config
    load(config_file=str(kubeconfig))
    return client.CoreV1Api()


ALL = (bare_list, bare_table, our_list, our_table, bare_watch, our_watch, live_updates)
OURS: dict[str, Callable[[Transport], Awaitable[Work]]] = {case.__name__: case for case in ALL}
OFFICIAL: dict[str, Callable[[Path], Work]] = {
    case.__name__: case for case in (official_list, official_watch)
}


async def run(case: str, kubeconfig: Path) -> None:
    """Measure one case and print its cost."""
    if case in OFFICIAL:
        import kubernetes.client  # noqa: F401 - importing is not part of the work

        official = OFFICIAL[case]

        async def work() -> Work:
            return official(kubeconfig)

        cost = await measured(work())
    else:
        async with connected(kubeconfig) as transport:
            cost = await measured(OURS[case](transport))
    sys.stdout.write(msgspec.json.encode(cost).decode() + "\n")


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2])))
