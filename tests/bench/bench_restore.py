"""A restore into an empty cluster against raw concurrent creation by the same transport; preview and comparison beside.

`python -m tests.bench.bench_restore [--objects 10000 --rounds 3]`: each case is a process of its own on an empty
sandbox of its own. What counts is the time from the start of the run to the last object that is made; ratios take the
best of several rounds in turn, since other work on the machine only ever makes a round slower. Exits 1 where a limit
was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pyrage

from k8sops.actions.backups.restoring.action import RestoreBackup, RestoreParams
from k8sops.actions.backups.restoring.levels import level_of
from k8sops.actions.backups.restoring.pace import MOST
from k8sops.backup.bodies import Cut
from k8sops.backup.listing import Kind
from k8sops.backup.vault.items import Facts, Item, Key
from k8sops.backup.vault.writing import Writer, write_backup
from k8sops.core.clock import SystemClock, UlidSource, rfc3339
from k8sops.core.errors import AlreadyExistsError
from k8sops.core.plan import JsonObject, Step
from k8sops.core.ports import Resource
from k8sops.sandbox.manager import SandboxManager
from tests.bench.bench_cluster import Figure
from tests.bench.measuring import MIB, forget_peak, peak_bytes
from tests.support.clients import client_of
from tests.support.journals import NotedJournal
from tests.support.repositories import in_folder
from tests.support.workloads import deployment

LIMIT = 1.3
NAMESPACES = 20
CLUSTER = "5a0c6f6e-0d5c-4a3e-9d5a-2f6f3f1c9e10"

KINDS = tuple(
    Kind(
        group=group,
        version="v1",
        resource=resource,
        kind=kind,
        namespaced=resource != "namespaces",
        served=("v1",),
        preferred="v1",
        resource_version="1",
    )
    for group, resource, kind in (
        ("", "configmaps", "ConfigMap"),
        ("", "namespaces", "Namespace"),
        ("", "secrets", "Secret"),
        ("", "serviceaccounts", "ServiceAccount"),
        ("apps", "deployments", "Deployment"),
        ("rbac.authorization.k8s.io", "rolebindings", "RoleBinding"),
        ("rbac.authorization.k8s.io", "roles", "Role"),
    )
)


class Took(msgspec.Struct, frozen=True):
    """Seconds until the last object was made, of the preview and of the comparison; resident memory at its greatest."""

    made_s: float
    preview_s: float = 0.0
    compared_s: float = 0.0
    peak_mib: float = 0.0
    objects: int = 0


class TimedJournal(NotedJournal):
    """Knows when the comparison began."""

    compared_at = 0.0

    async def step(self, step: Step, do: Callable[[], Awaitable[str]], **more: object) -> str:
        """As ever."""
        if step.verb == "compare":
            self.compared_at = time.perf_counter()
        return await super().step(step, do)


def load(objects: int) -> Iterator[tuple[Kind, JsonObject]]:
    """About so many mixed objects, as a backup has them."""
    kinds = {kind.resource: kind for kind in KINDS}
    for number in range(NAMESPACES):
        yield kinds["namespaces"], _made(kinds["namespaces"], f"bench-{number:02d}", "")
    makers = itertools.cycle(_makers())
    for number, (resource, fields) in zip(range(objects - NAMESPACES), makers, strict=False):
        kind = kinds[resource]
        namespace = f"bench-{number % NAMESPACES:02d}"
        name = f"{resource}-{number:06d}"
        if resource == "deployments":
            found = deployment(name, namespace, replicas=0)
            # As the API server gives it back: without empty maps.
            del found["spec"]["template"]["metadata"]["annotations"]
        else:
            found = _made(kind, name, namespace) | fields
        found["metadata"]["labels"] = {"app": f"app-{number % 50}", "team": "bench"}
        yield kind, found


def _makers() -> list[tuple[str, JsonObject]]:
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}
    return [
        *[("configmaps", {"data": {"config.yaml": "key: value\n" * 40}})] * 4,
        *[("secrets", {"type": "Opaque", "data": {"key": base64.b64encode(b"x" * 300).decode()}})] * 3,
        ("serviceaccounts", {}),
        ("deployments", {}),
        ("roles", {"rules": [rule]}),
        (
            "rolebindings",
            {
                "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "view"},
                "subjects": [{"apiGroup": rbac, "kind": "User", "name": "bench"}],
            },
        ),
    ]


def _made(kind: Kind, name: str, namespace: str) -> JsonObject:
    version = f"{kind.group}/v1" if kind.group else "v1"
    where = {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind.kind, "metadata": {"name": name, **where}}


async def write(folder: Path, objects: int) -> None:
    """The backup, without any cluster."""
    repositories = in_folder(folder, identity=(folder / "identity").read_text())
    opened = await repositories.make()
    assert opened.signer is not None
    clock = SystemClock()
    now = rfc3339(clock.now())

    async def items() -> AsyncIterator[Item]:
        rows = sorted(
            (
                kind.group,
                kind.resource,
                found["metadata"].get("namespace", ""),
                found["metadata"]["name"],
                number,
            )
            for number, (kind, found) in enumerate(every)
        )
        for group, resource, namespace, name, number in rows:
            found = every[number][1]
            found["metadata"] |= {"uid": f"00000000-0000-4000-8000-{number:012d}", "resourceVersion": "1"}
            key = Key(group, resource, namespace, name)
            yield Item(key, found["metadata"]["uid"], "1", data=msgspec.json.encode(found))

    async def facts() -> Facts:
        return Facts(
            name="bench",
            run="",
            began_at=clock.now(),
            cluster_name="bench",
            server_version="v1",
            kinds=KINDS,
            cut=Cut(first_at=now, last_at=now, changed=0, read_again=0),
            full_read=True,
        )

    every = list(load(objects))
    who = Writer(
        cluster=CLUSTER, signer=opened.signer, ids=UlidSource(), encrypt=opened.encrypt, selection={}
    )
    await write_backup(opened.vault, who, items(), facts)


async def restore(kubeconfig: Path, folder: Path, _: int) -> Took:
    """Preview, restore and comparison."""
    repositories = in_folder(folder, identity=(folder / "identity").read_text())
    action, clock = RestoreBackup(repositories), SystemClock()
    params = RestoreParams.model_validate({"backup": "latest"})
    async with client_of(kubeconfig) as cluster:
        begun = time.perf_counter()
        plan = await action.plan(params, cluster, clock)
        planned = time.perf_counter()
        journal = TimedJournal()
        await action.apply(plan, cluster, journal)
        ended = time.perf_counter()
    return Took(
        journal.compared_at - planned,
        planned - begun,
        ended - journal.compared_at,
        objects=int(plan.blast_radius["objects"]),
    )


async def preview(kubeconfig: Path, folder: Path, objects: int) -> Took:
    """The preview where the namespaces are there: the server tries every object by a dry run."""
    repositories = in_folder(folder, identity=(folder / "identity").read_text())
    params = RestoreParams.model_validate({"backup": "latest"})
    async with client_of(kubeconfig) as cluster:
        for kind, found in itertools.islice(load(objects), NAMESPACES):
            await cluster.create(_resource(kind), found)
        begun = time.perf_counter()
        plan = await RestoreBackup(repositories).plan(params, cluster, SystemClock())
        return Took(0.0, time.perf_counter() - begun, objects=int(plan.blast_radius["objects"]))


async def raw(kubeconfig: Path, _: Path, objects: int) -> Took:
    """The same objects, as many at once, by the same transport: nothing read, nothing compared."""
    every = list(load(objects))
    every.sort(key=lambda one: level_of(_resource(one[0]).qualified, defined=False, aggregated=False))
    async with client_of(kubeconfig) as cluster:

        async def worker(waiting: Iterator[tuple[Kind, JsonObject]]) -> None:
            for kind, found in waiting:
                try:
                    await cluster.create(_resource(kind), found)
                except AlreadyExistsError:
                    continue

        begun = time.perf_counter()
        for some in (every[:NAMESPACES], every[NAMESPACES:]):
            waiting = iter(some)
            await asyncio.gather(*(worker(waiting) for _ in range(MOST)))
        return Took(time.perf_counter() - begun, objects=len(every))


def _resource(kind: Kind) -> Resource:
    return Resource(
        group=kind.group,
        version=kind.version,
        plural=kind.resource,
        kind=kind.kind,
        namespaced=kind.namespaced,
    )


CASES: dict[str, Callable[[Path, Path, int], Awaitable[Took]]] = {
    "raw": raw,
    "restore": restore,
    "preview": preview,
}


async def case(name: str, kubeconfig: Path, folder: Path, objects: int) -> Took:
    """One case in this process."""
    forget_peak()
    took = await CASES[name](kubeconfig, folder, objects)
    return msgspec.structs.replace(took, peak_mib=peak_bytes() / MIB)


async def apart(name: str, folder: Path, objects: int) -> Took:
    """One case in a process of its own, on an empty cluster of its own."""
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
        manager = SandboxManager(Path(home))
        handle = await manager.up("restore", nodes=0)
        try:
            command = [sys.executable, "-m", "tests.bench.bench_restore", "--case", name]
            command += ["--kubeconfig", str(handle.kubeconfig), "--folder", str(folder)]
            command += ["--objects", str(objects)]
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            out, _ = await process.communicate()
        finally:
            await manager.down("restore")
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode or 1, command)
    return msgspec.json.decode(out, type=Took)


async def run(objects: int, rounds: int) -> int:
    """Measure and print; 1 where a limit was missed."""
    took: dict[str, list[Took]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
        folder = Path(home)
        (folder / "identity").write_text(str(pyrage.x25519.Identity.generate()))
        await write(folder, objects)
        for turn in range(rounds):
            for name in CASES:
                took[name].append(await apart(name, folder, objects))
                sys.stderr.write(f"round {turn + 1}: {name} {took[name][-1]}\n")
    least = {name: min(one.made_s for one in costs) for name, costs in took.items()}
    restores, tried = took["restore"], took["preview"]
    found = [
        Figure(f"raw creation of {objects:,} objects, {MOST} at once", least["raw"], "s"),
        Figure("restore, from start to last object made", least["restore"], "s"),
        Figure("restore, against raw creation", least["restore"] / least["raw"], "x", LIMIT),
        Figure("restore, objects in a second", restores[0].objects / least["restore"], "/s"),
        Figure("preview where nothing can be tried yet", min(one.preview_s for one in restores), "s"),
        Figure("preview where the server tries everything", min(one.preview_s for one in tried), "s"),
        Figure("preview, objects in a second", tried[0].objects / min(one.preview_s for one in tried), "/s"),
        Figure("comparison", min(one.compared_s for one in restores), "s"),
        Figure("memory of the process, at its greatest", max(one.peak_mib for one in restores), "MiB"),
    ]
    for figure in found:
        sys.stdout.write(f"{figure}\n")
    return 1 if any(not figure.held for figure in found) else 0


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--case", choices=sorted(CASES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.case:
        took = asyncio.run(case(said.case, said.kubeconfig, said.folder, said.objects))
        sys.stdout.write(msgspec.json.encode(took).decode())
        return 0
    return asyncio.run(run(said.objects, said.rounds))


if __name__ == "__main__":
    sys.exit(main())
