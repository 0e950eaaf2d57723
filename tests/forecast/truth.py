"""The fit preview against the real kube-scheduler, on random clusters of one control plane.

A case makes a cluster, previews it, cordons the leaving nodes, deletes the moving pods, creates equal ones in the order
the preview was given, and compares once the scheduler has said of each that it is bound or cannot be. Then the same in
another order: there *fits* must hold as well, and feasibility shows how much depends on the order.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

import msgspec

from k8sops.core.errors import AlreadyExistsError, NotFoundError
from k8sops.core.ports import Cluster
from k8sops.forecast.fit import Fit, World, preview, reasons_in_words
from k8sops.forecast.objects import Node, Pod
from k8sops.forecast.storage import Attachment, Claim, CsiNode, PersistentVolume, StorageClass
from tests.forecast.random_clusters import PRIORITIES, Manifest, RandomCluster, random_cluster

T = TypeVar("T")

AT_ONCE: Final = 16
QUIET_S: Final = 2.5
"""How long nothing may change; a pod that was refused is tried again after a second, then after two."""
DEADLINE_S: Final = 240.0


class SetUpError(Exception):
    """The control plane was too slow to make a case."""


class Outcome(msgspec.Struct, frozen=True):
    """What was said of one pod, and what became of it."""

    case: str
    fit: Fit
    landed: str
    """"" where it stayed pending."""
    scheduler: str
    """The scheduler's own words where it did."""
    shuffled: bool
    """Whether the pods came in another order than the preview was given."""

    @property
    def wrong_promise(self) -> bool:
        """Whether *fits* was said of a pod that has no place."""
        return self.fit.verdict == "fits" and not self.landed

    @property
    def right(self) -> bool:
        """Whether it was foreseen that there is a place, or that there is none."""
        return (self.fit.verdict != "does_not_fit") == bool(self.landed)

    def __str__(self) -> str:
        return (
            f"{self.case}{' shuffled' if self.shuffled else ''} {self.fit.pod}: {self.fit.verdict} "
            f"({reasons_in_words(self.fit)} {' '.join(self.fit.notes)}); became: {self.landed or self.scheduler}"
        )


class Tally(msgspec.Struct):
    """Figures over many cases."""

    outcomes: list[Outcome] = []
    cases: int = 0
    unmade: list[str] = []
    """Cases that could not be set up, and why."""

    @property
    def wrong_promises(self) -> list[Outcome]:
        """*fits*, and no place."""
        return [one for one in self.outcomes if one.wrong_promise]

    def accuracy(self, *, shuffled: bool = False) -> float:
        """The share of pods whose feasibility was foreseen."""
        some = [one.right for one in self.outcomes if one.shuffled == shuffled]
        return sum(some) / max(1, len(some))

    def __str__(self) -> str:
        verdicts = Counter((one.fit.verdict, "landed" if one.landed else "pending") for one in self.outcomes)
        landed = [one for one in self.outcomes if one.landed and one.fit.node]
        same = sum(one.landed == one.fit.node for one in landed)
        parts = ", ".join(
            f"{verdict} and {became}: {count}" for (verdict, became), count in sorted(verdicts.items())
        )
        return (
            f"{self.cases} cases, {len(self.unmade)} not set up; {len(self.outcomes)} pods; {parts}; "
            f"feasibility right: {self.accuracy():.2%} in the order given, "
            f"{self.accuracy(shuffled=True):.2%} in another; "
            f"fits wrong: {len(self.wrong_promises)}; same node: {same}/{len(landed)}"
        )


async def play(cluster: Cluster, name: str, seed: int) -> list[Outcome]:
    """One case from beginning to end, cleaned up after."""
    made = random_cluster(name, seed)
    try:
        await _make(cluster, made)
        return await _move(cluster, made, random.Random(seed))  # noqa: S311 - for variety, not secrecy
    finally:
        await _unmake(cluster, made)


@contextlib.asynccontextmanager
async def priorities(cluster: Cluster) -> AsyncIterator[None]:
    """The priority classes that all cases use."""
    for name, value in PRIORITIES.items():
        policy = "Never" if name == "fit-meek" else "PreemptLowerPriority"
        manifest = {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "preemptionPolicy": policy,
        }
        with contextlib.suppress(AlreadyExistsError):
            await _create(cluster, manifest)
    yield
    resource = await cluster.resource("priorityclasses.scheduling.k8s.io")
    await _each(PRIORITIES, lambda name: cluster.delete(resource, name))


async def read_world(cluster: Cluster, namespaces: Iterable[str]) -> World:
    """All that a preview looks at; pods of other cases are left out, since they are never on these nodes."""

    async def all_of(item: type[T], kind: str, namespace: str = "") -> tuple[T, ...]:
        resource = await cluster.resource(kind)
        return tuple([one async for one in cluster.list_as(item, resource, namespace)])

    spaces = {
        one["metadata"]["name"]: one["metadata"]["labels"]
        async for one in cluster.list(await cluster.resource("namespaces"))
    }
    pods: list[Pod] = []
    claims: list[Claim] = []
    for namespace in namespaces:
        pods.extend(await all_of(Pod, "pods", namespace))
        claims.extend(await all_of(Claim, "persistentvolumeclaims", namespace))
    return World(
        nodes=await all_of(Node, "nodes"),
        pods=tuple(pods),
        namespaces=spaces,
        claims=tuple(claims),
        volumes=await all_of(PersistentVolume, "persistentvolumes"),
        storage_classes=await all_of(StorageClass, "storageclasses.storage.k8s.io"),
        csi_nodes=await all_of(CsiNode, "csinodes.storage.k8s.io"),
        attachments=await all_of(Attachment, "volumeattachments.storage.k8s.io"),
    )


async def _make(cluster: Cluster, made: RandomCluster) -> None:
    await _each(made.namespaces, lambda one: _create(cluster, one))
    await _each(made.nodes, lambda one: _create(cluster, one))
    await _each([*made.csi_nodes, *made.volumes], lambda one: _create(cluster, one))
    await _until(lambda: _accounts(cluster, made), "the namespaces' accounts")
    await _each(made.claims, lambda one: _create(cluster, one))
    await _each(made.pods, lambda one: _create(cluster, one))
    await _until(lambda: _nodes_settled(cluster, made, cordoned=False), "the nodes to be ready")
    await _until(lambda: _claims_bound(cluster, made), "the claims to be bound")


async def _move(cluster: Cluster, made: RandomCluster, rng: random.Random) -> list[Outcome]:
    spaces = [one["metadata"]["name"] for one in made.namespaces]
    leaving = frozenset(made.leaving)
    world = await read_world(cluster, spaces)
    manifests = {f"{one['metadata']['namespace']}/{one['metadata']['name']}": one for one in made.pods}
    moving = [pod for pod in world.pods if pod.spec.node_name in leaving]
    rng.shuffle(moving)
    fits = {one.pod: one for one in preview(world, leaving=leaving, moving=moving)}

    nodes, pods = await cluster.resource("nodes"), await cluster.resource("pods")
    await _each(made.leaving, lambda name: cluster.patch(nodes, name, body={"spec": {"unschedulable": True}}))
    await _until(lambda: _nodes_settled(cluster, made, cordoned=True), "the cordons")
    keys = list(fits)
    outcomes: list[Outcome] = []
    staying = {pod.metadata.uid for pod in world.pods} - {pod.metadata.uid for pod in moving}
    for shuffled in (False, True):
        await _each(keys, lambda key: _delete_pod(cluster, key))
        if shuffled:
            rng.shuffle(keys)
        for key in keys:
            await cluster.create(pods, _without_node(manifests[key]))
        found = await _settled(cluster, spaces, fits, manifests)
        outcomes += [
            Outcome(made.name, fit, found[key].spec.node_name, _words(found[key]), shuffled)
            for key, fit in fits.items()
        ]
        if not staying <= {pod.metadata.uid for pod in found.values()}:
            break  # what was preempted stands elsewhere now: no second round from the same start
    return outcomes


async def _settled(
    cluster: Cluster, spaces: list[str], fits: dict[str, Fit], manifests: dict[str, Manifest]
) -> dict[str, Pod]:
    """The pods once all are decided on and nothing has changed for a while; what is preempted is made again."""
    resource = await cluster.resource("pods")
    changed = started = time.monotonic()
    last: dict[str, str] = {}
    while True:
        pods = {
            pod.key: pod
            for space in spaces
            for pod in [one async for one in cluster.list_as(Pod, resource, space)]
        }
        for key in manifests.keys() - pods.keys():
            with contextlib.suppress(AlreadyExistsError):
                await cluster.create(resource, _without_node(manifests[key]))
        state = {
            key: f"{pod.metadata.uid} {pod.spec.node_name} {pod.status.nominated_node_name}"
            for key, pod in pods.items()
        }
        now = time.monotonic()
        if state != last:
            changed, last = now, state
        decided = all(key in pods and (pods[key].spec.node_name or _words(pods[key])) for key in manifests)
        hoped = any(key in pods and not pods[key].spec.node_name and fit.node for key, fit in fits.items())
        if decided and now - changed > QUIET_S * (4 if hoped else 1):
            return pods
        if now - started > DEADLINE_S and all(key in pods for key in fits):
            return pods
        await asyncio.sleep(0.2)


async def _nodes_settled(cluster: Cluster, made: RandomCluster, *, cordoned: bool) -> bool:
    """Ready, without the taint of new nodes, and with that of the cordon where one was made."""
    resource = await cluster.resource("nodes")
    mine = {one["metadata"]["name"] for one in made.nodes}
    async for node in cluster.list_as(Node, resource):
        if node.name not in mine:
            continue
        taints = {taint.key for taint in node.spec.taints}
        if not node.ready or "node.kubernetes.io/not-ready" in taints:
            return False
        if cordoned and node.name in made.leaving and "node.kubernetes.io/unschedulable" not in taints:
            return False
    return True


async def _claims_bound(cluster: Cluster, made: RandomCluster) -> bool:
    if not made.claims:
        return True
    resource = await cluster.resource("persistentvolumeclaims")
    for space in made.namespaces:
        async for claim in cluster.list_as(Claim, resource, space["metadata"]["name"]):
            if claim.status.phase != "Bound":
                return False
    return True


async def _accounts(cluster: Cluster, made: RandomCluster) -> bool:
    resource = await cluster.resource("serviceaccounts")
    try:
        for space in made.namespaces:
            await cluster.get(resource, "default", space["metadata"]["name"])
    except NotFoundError:
        return False
    return True


async def _unmake(cluster: Cluster, made: RandomCluster) -> None:
    kinds = (
        ("pods", made.pods),
        ("nodes", made.nodes),
        ("csinodes.storage.k8s.io", made.csi_nodes),
        ("persistentvolumeclaims", made.claims),
        ("persistentvolumes", made.volumes),
        ("namespaces", made.namespaces),
    )
    for kind, manifests in kinds:
        resource = await cluster.resource(kind)

        async def delete(manifest: Manifest, resource: Any = resource) -> None:
            metadata = manifest["metadata"]
            with contextlib.suppress(NotFoundError):
                await cluster.delete(
                    resource, metadata["name"], metadata.get("namespace", ""), grace_period_seconds=0
                )

        await _each(manifests, delete)


async def _delete_pod(cluster: Cluster, key: str) -> None:
    namespace, _, name = key.partition("/")
    await cluster.delete(await cluster.resource("pods"), name, namespace, grace_period_seconds=0)


async def _create(cluster: Cluster, manifest: Manifest) -> None:
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    kind = str(manifest["kind"])
    await cluster.create(await cluster.resource(f"{kind}.{group}" if group else kind), manifest)


async def _each(items: Iterable[T], work: Callable[[T], Awaitable[Any]]) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> None:
        async with limit:
            await work(item)

    await asyncio.gather(*(one(item) for item in items))


async def _until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not await condition():
        if time.monotonic() > deadline:
            raise SetUpError(f"waited {DEADLINE_S:.0f} s for {what}")
        await asyncio.sleep(0.1)


def _without_node(manifest: Manifest) -> Manifest:
    spec = {key: value for key, value in manifest["spec"].items() if key != "nodeName"}
    return {**manifest, "spec": spec}


def _words(pod: Pod) -> str:
    return next(
        (
            one.message
            for one in pod.status.conditions
            if one.type == "PodScheduled" and one.status == "False"
        ),
        "",
    )


async def many(
    cluster: Cluster,
    cases: Iterable[tuple[str, int]],
    at_once: int = 4,
    tell: Callable[[list[Outcome], Tally], None] = lambda _, __: None,
) -> Tally:
    """Cases side by side; `tell` hears each one's outcomes as they come."""
    limit, tally = asyncio.Semaphore(at_once), Tally()

    async def one(name: str, seed: int) -> None:
        async with limit:
            try:
                outcomes = await play(cluster, name, seed)
            except SetUpError as error:
                tally.unmade.append(f"{name}: {error}")
                return
        tally.cases += 1
        tally.outcomes.extend(outcomes)
        tell(outcomes, tally)

    async with asyncio.TaskGroup() as group:
        for name, seed in cases:
            group.create_task(one(name, seed))
    return tally
