"""Write the load: many requests at once, each safe to repeat, with rate and remaining time as it goes.

A pod costs two requests (the API server drops the status of a new pod) unless the sandbox's etcd is at hand to take
copies of the first; everything else one. What a first list finds
in place is skipped, so that a cancelled load continues where it stopped. Cancelling stops at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

import msgspec

from k8sops.core.clock import Clock, rfc3339
from k8sops.core.errors import K8sOpsError, SandboxError
from k8sops.sandbox.etcdapi import BATCH
from k8sops.sandbox.seed import load_objects
from k8sops.sandbox.seed.api import RefusedError, SeedApi, conditions_of
from k8sops.sandbox.seed.etcd_copies import EtcdCopies, copy_of
from k8sops.sandbox.seed.load_objects import LOAD_LABEL, LoadSize, Placed
from k8sops.sandbox.seed.manifests import collection_path

WRITERS: Final = 32
PROGRESS_SECONDS: Final = 2.0
MOST_FAILURES: Final = 20
READY_SECONDS: Final = 90.0
NODES_BEHIND: Final = 3

T = TypeVar("T")
JsonObject = dict[str, Any]
InPlace = set[tuple[str, str, str]]


class LoadWritten(msgspec.Struct, frozen=True, kw_only=True):
    """What the load now consists of, and what it took."""

    counts: dict[str, int]
    created: int
    seconds: float


class LoadWriter:
    """One load onto one cluster."""

    def __init__(
        self,
        api: SeedApi,
        clock: Clock,
        progress: Callable[[str], None],
        size: LoadSize,
        copies: EtcdCopies | None = None,
    ) -> None:
        self._api = api
        self._copies = copies
        self._clock = clock
        self._progress = progress
        self._size = size
        self._now = rfc3339(clock.now())
        self._begun = clock.monotonic()
        self._said_at = self._begun
        self._counts: Counter[str] = Counter()
        self._written = 0
        self._created = 0
        self._failures: list[str] = []

    async def run(self) -> LoadWritten:
        """Write it all. Raises SandboxError with the first failures, saying how much is done and not done."""
        size = self._size
        in_place = await self._in_place()
        await self._write_all(map(load_objects.namespace, range(size.namespaces)), in_place)
        await self._write_all(map(load_objects.service_account, range(size.namespaces)), in_place)
        nodes = await self._nodes()
        pods = self._pods(nodes, in_place)
        if self._copies is None:
            await self._each(pods, self._write_bound)
        else:
            await self._copy_each(self._copies, pods)
        await self._write_all((load_objects.rest(number, size) for number in range(size.rest)), in_place)
        await self._wait_until_ready()
        seconds = self._clock.monotonic() - self._begun
        self._progress(f"{size.total:,} load objects in place after {seconds:.1f} s")
        return LoadWritten(counts=dict(sorted(self._counts.items())), created=self._created, seconds=seconds)

    async def _wait_until_ready(self) -> None:
        """Nodes become ready by whoever plays them, and so does a pod that the player laid hands on first."""
        deadline = self._clock.monotonic() + READY_SECONDS
        while True:
            nodes = self._api.items(collection_path("Node"), labelSelector=f"{LOAD_LABEL}=true")
            ready = [one async for one in nodes if conditions_of(one).get("Ready", ("", ""))[0] == "True"]
            idle = self._api.items(
                collection_path("Pod"),
                labelSelector=f"{LOAD_LABEL}=true",
                fieldSelector="status.phase!=Running",
            )
            waiting = [one async for one in idle]
            if len(ready) >= self._size.nodes and not waiting:
                return
            said = f"{len(ready)} of {self._size.nodes} nodes of the load are ready, {len(waiting)} of its pods are not"
            if self._clock.monotonic() > deadline:
                raise SandboxError(
                    f"the load is written, but after {READY_SECONDS:.0f} s {said}",
                    hint="`k8sops sandbox status` says whether every process of the sandbox is alive",
                )
            self._progress(said)
            await self._clock.sleep(1.0)

    async def _in_place(self) -> InPlace:
        """What an earlier load left: (kind, namespace, name). A pod counts only once it runs."""
        if await self._api.find(f"{collection_path('Namespace')}/{load_objects.namespace_name(0)}") is None:
            return set()
        found: InPlace = set()
        for kind in ("Node", "Namespace", "ServiceAccount", "Pod", *sorted(set(load_objects.REST_KINDS))):
            phase = {"fieldSelector": "status.phase=Running"} if kind == "Pod" else {}
            async for item in self._api.items(
                collection_path(kind), labelSelector=f"{LOAD_LABEL}=true", **phase
            ):
                metadata = item["metadata"]
                found.add((kind, metadata.get("namespace", ""), metadata["name"]))
        self._progress(f"{len(found):,} objects of an earlier load are in place")
        return found

    async def _nodes(self) -> list[str]:
        """Where the pods go: the load's own nodes, else whatever nodes there are."""
        if self._size.nodes:
            return [load_objects.node_name(number) for number in range(self._size.nodes)]
        names = [item["metadata"]["name"] async for item in self._api.items(collection_path("Node"))]
        room = len(names) * load_objects.PODS_PER_NODE
        if self._size.pods > room:
            raise SandboxError(
                f"{self._size.pods} pods do not fit on the {len(names)} nodes there are",
                hint=f"add --nodes {-(-self._size.pods // load_objects.PODS_PER_NODE)}",
            )
        return sorted(names)

    def _pods(self, nodes: list[str], in_place: InPlace) -> Iterator[tuple[int, Placed]]:
        """Pods node by node, each new node soon after its pods.

        Whoever plays the nodes takes no notice of pods on a node that is not there, so that nobody else touches a pod
        while its status is being written. The garbage collector bears with such a pod for 40 s.
        """
        size = self._size
        behind: list[tuple[int, Placed]] = []
        for position, name in enumerate(nodes):
            for number in range(position, size.pods, len(nodes)):
                placed = load_objects.pod(number, size, name)
                if self._is_new(placed, in_place):
                    yield number, placed
            if size.nodes:
                behind.append((position, load_objects.node(position)))
            if len(behind) > NODES_BEHIND:
                yield from self._new_nodes([behind.pop(0)], in_place)
        yield from self._new_nodes(behind, in_place)

    def _new_nodes(self, nodes: list[tuple[int, Placed]], in_place: InPlace) -> Iterator[tuple[int, Placed]]:
        return (one for one in nodes if self._is_new(one[1], in_place))

    def _is_new(self, placed: Placed, in_place: InPlace) -> bool:
        self._counts[placed.kind] += 1
        return (placed.kind, placed.namespace, placed.name) not in in_place

    async def _write_all(self, load: Iterable[Placed], in_place: InPlace) -> None:
        await self._each((one for one in load if self._is_new(one, in_place)), self._create)

    async def _create(self, placed: Placed) -> None:
        path = collection_path(placed.kind, placed.namespace)
        try:
            await self._api.send("POST", path, msgspec.json.encode(placed.body))
        except RefusedError as error:
            if error.status != 409:
                raise
        else:
            self._created += 1

    async def _write_bound(self, numbered: tuple[int, Placed]) -> None:
        number, placed = numbered
        await self._create(placed)
        if placed.kind != "Pod":
            return
        body = placed.body | {"status": load_objects.running(placed, number, self._now)}
        path = f"{collection_path('Pod', placed.namespace)}/{placed.name}/status"
        await self._api.send("PUT", path, msgspec.json.encode(body))

    async def _copy_each(self, copies: EtcdCopies, numbered: Iterator[tuple[int, Placed]]) -> None:
        """The first pod through the API, all others as copies of it; nodes through the API, shortly after theirs."""
        template: JsonObject | None = None
        batch: list[JsonObject] = []
        nodes: list[Placed] = []
        for number, placed in numbered:
            if placed.kind == "Node":
                nodes.append(placed)
            elif template is None:
                await self._write_bound((number, placed))
                path = f"{collection_path('Pod', placed.namespace)}/{placed.name}"
                template = (await self._api.send("GET", path)).json()
                self._written += 1
            else:
                batch.append(copy_of(template, placed, number, self._now))
            if len(batch) == BATCH:
                await self._store(copies, batch)
                await self._each(iter(nodes), self._create)
                batch, nodes = [], []
        await self._store(copies, batch)
        await self._each(iter(nodes), self._create)

    async def _store(self, copies: EtcdCopies, batch: list[JsonObject]) -> None:
        if batch:
            self._created += await copies.put(batch)
            self._written += len(batch)
            self._tell()

    async def _each(self, load: Iterator[T], write: Callable[[T], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(self._worker(load, write))
        if self._failures:
            shown = "; ".join(self._failures[:MOST_FAILURES])
            raise SandboxError(
                f"the load stopped: {self._written:,} objects written, {len(self._failures)} failed, of "
                f"{self._size.total:,} wanted. Failed: {shown}",
                hint="what is written stays; the same command continues",
            )

    async def _worker(self, load: Iterator[T], write: Callable[[T], Awaitable[None]]) -> None:
        for one in load:
            try:
                await write(one)
            except K8sOpsError as error:
                self._failures.append(error.message)
            else:
                self._written += 1
            if len(self._failures) >= MOST_FAILURES:
                return
            self._tell()

    def _tell(self) -> None:
        now = self._clock.monotonic()
        if now - self._said_at < PROGRESS_SECONDS:
            return
        self._said_at = now
        rate = self._written / (now - self._begun)
        done = min(sum(self._counts.values()), self._size.total)
        left = (self._size.total - done) / rate if rate else 0.0
        self._progress(
            f"{done:,} of {self._size.total:,} load objects, {rate:.0f}/s, about {left:.0f} s left"
        )
