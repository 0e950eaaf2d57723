"""What changed of a kind, read in three ways side by side: by single requests, by one more list, by what a watch tells.

`python -m tests.bench.bench_switch [--objects 2000 --bytes 1000 --rounds 3]` on a sandbox of its own, or `--kubeconfig
FILE` on another cluster (objects are made in a namespace of their own and deleted afterwards). All go through the
client, and as many at once, as a backup does (`Reading.fetched`, `Reading._list_again`, `retold`); what is read is
thrown away. The crossing is what `SINGLY_PER_PAGE` of the backup's reading stands for.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import math
import random
import string
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from k8sops.actions.backups.incremental import Place
from k8sops.actions.backups.kinds import ChosenKind, choose_kinds
from k8sops.actions.backups.reading import SINGLY_PER_PAGE
from k8sops.actions.backups.retelling import RETOLD_FROM, retold
from k8sops.actions.backups.sources import Source, each_of, raw_or_gone
from k8sops.backup.selection import make_selection
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.pages import PAGE_SIZE
from k8sops.sandbox.manager import SandboxManager
from tests.support.clients import client_of

PERCENT = (1, 2, 5, 10, 20, 50)
MAKERS = 16
NAMES = "bench-{:06d}"


async def singly(cluster: KubeCluster, kind: ChosenKind, namespace: str, names: Sequence[str]) -> float:
    """Seconds for one request each."""
    begun = time.perf_counter()
    answers = each_of(names, lambda name: raw_or_gone(cluster, kind, name, namespace))
    async with aclosing(answers):
        found = [len(answer.data) async for answer in answers if answer is not None]
    assert len(found) == len(names)
    return time.perf_counter() - begun


async def listed(cluster: KubeCluster, kind: ChosenKind, namespace: str, names: Sequence[str]) -> float:
    """Seconds for the pages of the list, out of which these are taken."""
    begun, wanted, found = time.perf_counter(), set(names), 0
    source = Source(kind=kind, namespaces=(namespace,))
    pages = source.pages(cluster, namespace, metadata_only=False)
    async with aclosing(pages):
        async for page in pages:
            found += sum(one.name in wanted for one in page.objects)
    assert found == len(names)
    return time.perf_counter() - begun


async def told(
    cluster: KubeCluster, kind: ChosenKind, namespace: str, wanted: dict[Place, str], since: str
) -> float:
    """Seconds for a watch since a state before they changed."""
    begun, left = time.perf_counter(), dict(wanted)
    answers = retold(cluster, Source(kind=kind, namespaces=(namespace,)), namespace, since, left)
    async with aclosing(answers):
        found = [len(answer.data) async for answer in answers]
    assert len(found) == len(wanted) or len(wanted) < RETOLD_FROM
    return time.perf_counter() - begun


async def states(cluster: KubeCluster, kind: ChosenKind, namespace: str) -> tuple[dict[Place, str], str]:
    """The resourceVersion of each object, and that of their list."""
    found: dict[Place, str] = {}
    since = ""
    pages = Source(kind=kind, namespaces=(namespace,)).pages(cluster, namespace, metadata_only=True)
    async with aclosing(pages):
        async for page in pages:
            since = page.resource_version
            found.update({(one.namespace, one.name): one.resource_version for one in page.objects})
    return found, since


class Part(NamedTuple):
    """So many changed objects, and the least seconds that each way took."""

    number: int
    singly: float
    listed: float
    told: float


async def compared(
    cluster: KubeCluster, kind: ChosenKind, namespace: str, objects: int, rounds: int
) -> list[Part]:
    """Each part of the objects in each way, taken in turn."""
    chance = random.Random(7)  # noqa: S311 - which objects changed
    names = [NAMES.format(number) for number in range(objects)]
    found = []
    for percent in PERCENT:
        some = chance.sample(names, max(1, objects * percent // 100))
        before, since = await states(cluster, kind, namespace)
        answers = each_of(some, lambda name: cluster.patch(kind.resource, name, namespace, body=_changed()))
        async with aclosing(answers):
            changes = [None async for _ in answers]
        after, _ = await states(cluster, kind, namespace)
        wanted = {place: state for place, state in after.items() if state != before[place]}
        assert len(wanted) == len(changes)
        turns = [
            (
                await singly(cluster, kind, namespace, some),
                await listed(cluster, kind, namespace, some),
                await told(cluster, kind, namespace, wanted, since),
            )
            for _ in range(rounds)
        ]
        found.append(Part(len(some), *(min(way) for way in zip(*turns, strict=True))))
    return found


def crossing(found: Sequence[Part]) -> float | None:
    """How many objects take as long singly and by list, by the line between the parts around it; None if none do."""
    # Of no objects, nothing is asked for singly.
    points = [(0, 0.0, found[0].listed), *((one.number, one.singly, one.listed) for one in found)]
    for (few, short, list_few), (many, long, list_many) in itertools.pairwise(points):
        before, after = short - list_few, long - list_many
        if before <= 0 < after:
            return few + (many - few) * -before / (after - before)
    return None


@asynccontextmanager
async def made(cluster: KubeCluster, objects: int, size: int) -> AsyncIterator[tuple[ChosenKind, str]]:
    """So many ConfigMaps of so many bytes in a namespace of their own."""
    name = f"bench-switch-{uuid.uuid4().hex[:8]}"
    namespaces, maps = await cluster.resource("namespaces"), await cluster.resource("configmaps")
    await cluster.create(namespaces, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    numbers, chance = iter(range(objects)), random.Random(7)  # noqa: S311 - filling

    async def maker() -> None:
        for number in numbers:
            text = "".join(chance.choices(string.ascii_lowercase, k=size))
            await cluster.create(maps, _config_map(NAMES.format(number), name, text))

    try:
        await asyncio.gather(*(maker() for _ in range(MAKERS)))
        chosen = choose_kinds(await cluster.served(), make_selection(include_kinds=("configmaps",)))
        yield chosen.kinds[0], name
    finally:
        await cluster.delete(namespaces, name)


def _changed() -> dict[str, Any]:
    return {"metadata": {"annotations": {"bench.k8sops.dev/turn": str(time.time_ns())}}}


def _config_map(name: str, namespace: str, text: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": text}}


async def measure(kubeconfig: Path, objects: int, size: int, rounds: int) -> None:
    """Measure and print."""
    async with client_of(kubeconfig) as cluster, made(cluster, objects, size) as (kind, namespace):
        found = await compared(cluster, kind, namespace, objects, rounds)
    sys.stdout.write(f"{objects:,} ConfigMaps of {size:,} bytes, the best of {rounds}\n")
    sys.stdout.write(f"{'changed':>14} {'singly':>10} {'by list':>10} {'told':>10}\n")
    for one in found:
        part = f"{one.number:>6} ({one.number / objects:4.0%})"
        sys.stdout.write(f"{part} {one.singly:>8.3f} s {one.listed:>8.3f} s {one.told:>8.3f} s\n")
    at = crossing(found)
    if at is None:
        sys.stdout.write("single requests are never more work\n")
    else:
        sys.stdout.write(f"they cross at {at:,.0f} objects, {at / objects:.1%}")
        sys.stdout.write(f" (in use: more than {SINGLY_PER_PAGE * math.ceil(objects / PAGE_SIZE)})\n")


async def run(kubeconfig: Path | None, objects: int, size: int, rounds: int) -> None:
    """On that cluster, or on a sandbox of its own."""
    if kubeconfig is not None:
        await measure(kubeconfig, objects, size, rounds)
        return
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
        manager = SandboxManager(Path(home))
        handle = await manager.up("switch", nodes=0)
        try:
            await measure(handle.kubeconfig, objects, size, rounds)
        finally:
            await manager.down("switch")


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--objects", type=int, default=2_000)
    parser.add_argument("--bytes", type=int, default=1_000, dest="size")
    parser.add_argument("--rounds", type=int, default=3)
    said = parser.parse_args()
    asyncio.run(run(said.kubeconfig, said.objects, said.size, said.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
