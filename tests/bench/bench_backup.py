"""A backup against merely reading every list page, the next after 1 % changed, their memory, and kubectl beside them.

`python -m tests.bench.bench_backup [--objects 20000 --pods 8000 --nodes 100 --rounds 3]` on a sandbox of its own, or
`--kubeconfig FILE` on one that holds the load. `--objects 100000 --rounds 1` asks the same of five times as many, in as
much memory: that of each backup is told beside what merely reading takes. Every case is a process of its own; ratios
take the best of several rounds in turn, since other work on the machine only ever makes a round slower. What is timed
is the reading or the run alone: connecting, discovery and the plan come before it. Exits 1 where a limit was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psutil
import pyrage

from k8sops.actions.backups.backup import Backup, BackupParams
from k8sops.actions.backups.kinds import EPHEMERAL, choose_kinds
from k8sops.actions.backups.sources import KINDS_AT_ONCE
from k8sops.backup.selection import make_selection
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.pages import page_bodies
from k8sops.cluster.paths import collection_path
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.collector import collect_rarely
from k8sops.sandbox.manager import SandboxManager
from tests.bench.bench_cluster import Figure
from tests.bench.measuring import MIB, forget_peak, peak_bytes
from tests.support.clients import client_of
from tests.support.journals import NotedJournal
from tests.support.repositories import in_folder

READ_LIMIT = 1.3
AGAIN_LIMIT = 0.4
AGAIN_BYTES_LIMIT = 0.02
MEMORY_LIMIT_MIB = 256
CHANGED_PART = 100


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """What one case came to: seconds, bytes (read or written), objects, resident memory at its greatest.

    `server_s` is the CPU of API server and etcd meanwhile, whatever else they did, where they run on this machine.
    """

    wall_s: float
    cpu_s: float
    server_s: float
    size: int
    objects: int = 0
    note: str = ""
    peak_mib: float = 0.0


class Account:
    """Seconds of wall clock, and of CPU here and at an API server, from its making to `took`."""

    def __init__(self, server: str) -> None:
        """`server` is the API server's URL."""
        self._processes = _listening(urlsplit(server).port or 443)
        self._begun = self._now()

    def took(self, *, size: int, objects: int = 0, note: str = "") -> Took:
        """What it came to until now."""
        wall, cpu, there = (now - begun for now, begun in zip(self._now(), self._begun, strict=True))
        return Took(wall_s=wall, cpu_s=cpu, server_s=there, size=size, objects=objects, note=note)

    def _now(self) -> tuple[float, float, float]:
        there = sum(sum(process.cpu_times()[:2]) for process in self._processes)
        return time.perf_counter(), time.process_time(), there


def _listening(port: int) -> list[psutil.Process]:
    """What listens on a port of this machine, and the etcd that its command names."""
    found = [
        psutil.Process(one.pid)
        for one in psutil.net_connections("tcp")
        if one.pid and one.laddr and one.status == psutil.CONN_LISTEN and one.laddr.port == port
    ][:1]
    flag = "--etcd-servers="
    for argument in found[0].cmdline() if found else ():
        if argument.startswith(flag) and (behind := urlsplit(argument.removeprefix(flag)).port):
            found += _listening(behind)
    return found


async def bare(kubeconfig: Path, _: Path) -> Took:
    """Every list page of every kind that a backup takes, so many kinds at once as a backup reads, thrown away."""
    async with client_of(kubeconfig) as cluster:
        kinds = choose_kinds(await cluster.served(), make_selection(ephemeral=EPHEMERAL)).kinds
        slots, sizes = asyncio.Semaphore(KINDS_AT_ONCE), []

        async def one(path: str) -> None:
            async with slots:
                pages = page_bodies(cluster.transport, path, prefetch=1, deadline_s=60)
                async with aclosing(pages):
                    sizes.extend([len(page.data) async for page in pages])

        account = Account(cluster.transport.server)
        await asyncio.gather(*(one(collection_path(kind.resource)) for kind in kinds))
        return account.took(size=sum(sizes))


async def backup(kubeconfig: Path, folder: Path, **said: object) -> Took:
    """A backup of everything into an encrypted folder, its plan not counted."""
    # Each case is a process: the identity has to outlive it.
    identity = (folder / "identity").read_text()
    repositories, clock = in_folder(folder, identity=identity), SystemClock()
    action, params = Backup(repositories), BackupParams.model_validate(said)
    async with client_of(kubeconfig) as cluster:
        plan = await action.plan(params, cluster, clock)
        before, journal = _size(folder), NotedJournal(UlidSource().new())
        account = Account(cluster.transport.server)
        await action.apply(plan, cluster, journal)
        took = account.took(
            size=0, objects=int(plan.blast_radius["objects"]), note=journal.done["backup/objects"]
        )
        return msgspec.structs.replace(took, size=_size(folder) - before)


async def full(kubeconfig: Path, folder: Path) -> Took:
    """The first backup, into an empty folder."""
    shutil.rmtree(folder / "repository", ignore_errors=True)
    return await backup(kubeconfig, folder)


async def kubectl(kubeconfig: Path, folder: Path) -> Took:
    """`kubectl get … -A -o yaml` of the same kinds, into a file."""
    async with client_of(kubeconfig) as cluster:
        kinds = choose_kinds(await cluster.served(), make_selection(ephemeral=EPHEMERAL)).kinds
        account = Account(cluster.transport.server)
    names = ",".join(kind.resource.qualified for kind in kinds)
    process = await asyncio.create_subprocess_exec(
        *("kubectl", "--kubeconfig", str(kubeconfig), "get", names, "-A", "-o", "yaml"),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    size = 0
    while piece := await process.stdout.read(1 << 20):
        size += len(piece)
    await process.wait()
    return account.took(size=size)


CASES: dict[str, Callable[[Path, Path], Awaitable[Took]]] = {
    "bare": bare,
    "full": full,
    "again": backup,
    "kubectl": kubectl,
}


async def case(name: str, kubeconfig: Path, folder: Path) -> Took:
    """One case in this process."""
    collect_rarely()
    forget_peak()
    took = await CASES[name](kubeconfig, folder)
    return msgspec.structs.replace(took, peak_mib=peak_bytes() / MIB)


async def apart(name: str, kubeconfig: Path, folder: Path) -> Took:
    """One case in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.bench_backup", "--case", name]
    command += ["--kubeconfig", str(kubeconfig), "--folder", str(folder)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode or 1, command)
    return msgspec.json.decode(out, type=Took)


async def change_some(cluster: KubeCluster, turn: int) -> int:
    """Change one of a hundred ConfigMaps, Secrets and pods."""
    changed = 0
    for kind in ("configmaps", "secrets", "pods"):
        resource, found = await cluster.resource(kind), []
        pages = cluster.pages(resource, metadata_only=True)
        async with aclosing(pages):
            async for page in pages:
                found += page.objects
        for each in found[turn::CHANGED_PART]:
            body = {"metadata": {"annotations": {"bench.k8sops.dev/turn": str(time.time_ns())}}}
            await cluster.patch(resource, each.name, each.namespace, body=body)
            changed += 1
    return changed


async def figures(kubeconfig: Path, rounds: int) -> list[Figure]:
    """Everything in turn, several rounds; of each the best."""
    took: dict[str, list[Took]] = {name: [] for name in ("bare", "full", "again")}
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
        folder = Path(home)
        (folder / "identity").write_text(str(pyrage.x25519.Identity.generate()))
        for turn in range(rounds):
            took["bare"].append(await apart("bare", kubeconfig, folder))
            took["full"].append(await apart("full", kubeconfig, folder))
            async with client_of(kubeconfig) as cluster:
                changed = await change_some(cluster, turn)
            took["again"].append(await apart("again", kubeconfig, folder))
            _say(f"round {turn + 1}: {changed} changed; {took['again'][-1].note}")
        shown = await apart("kubectl", kubeconfig, folder) if shutil.which("kubectl") else None
    least = {name: min(one.wall_s for one in costs) for name, costs in took.items()}
    cpu = {
        name: (min(one.cpu_s for one in costs), min(one.server_s for one in costs))
        for name, costs in took.items()
    }
    first, again = took["full"][0], took["again"][0]
    peaks = {name: max(one.peak_mib for one in costs) for name, costs in took.items()}
    return [
        Figure(
            f"every list page read and thrown away, {took['bare'][0].size / 1e6:.0f} MB", least["bare"], "s"
        ),
        Figure(f"first backup of about {first.objects:,} objects", least["full"], "s"),
        Figure("first backup, against the bare read", least["full"] / least["bare"], "x", READ_LIMIT),
        Figure("first backup, written", first.size / 1e6, "MB"),
        Figure("second backup after 1 % changed", least["again"], "s"),
        Figure("second backup, against the first", least["again"] / least["full"], "x", AGAIN_LIMIT),
        Figure("second backup, bytes against the first", again.size / first.size, "x", AGAIN_BYTES_LIMIT),
        *(
            Figure(f"CPU of {whose}, {name}", seconds, "s")
            for name, both in cpu.items()
            for whose, seconds in zip(("the client", "API server and etcd"), both, strict=True)
        ),
        Figure("memory of the bare read, at its greatest", peaks["bare"], "MiB"),
        Figure("memory of a first backup", peaks["full"], "MiB", MEMORY_LIMIT_MIB),
        Figure("memory of a second one", peaks["again"], "MiB", MEMORY_LIMIT_MIB),
        *(
            [Figure(f"kubectl get … -A -o yaml, {shown.size / 1e6:.0f} MB", shown.wall_s, "s")]
            if shown
            else []
        ),
    ]


@asynccontextmanager
async def loaded(objects: int, pods: int, nodes: int) -> AsyncIterator[Path]:
    """A sandbox that holds the load."""
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
        manager = SandboxManager(Path(home))
        handle = await manager.up("backup", nodes=nodes, pods=pods, objects=objects, say=_say)
        try:
            yield handle.kubeconfig
        finally:
            await manager.down("backup")


async def run(kubeconfig: Path | None, rounds: int, objects: int, pods: int, nodes: int) -> int:
    """Measure and print; 1 where a limit was missed."""
    if kubeconfig is None:
        async with loaded(objects, pods, nodes) as made:
            found = await figures(made, rounds)
    else:
        found = await figures(kubeconfig, rounds)
    for figure in found:
        sys.stdout.write(f"{figure}\n")
    return 1 if any(not figure.held for figure in found) else 0


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--objects", type=int, default=20_000, help="of all kinds, pods and nodes among them")
    parser.add_argument("--pods", type=int, default=8_000)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--case", choices=sorted(CASES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.case:
        took = asyncio.run(case(said.case, said.kubeconfig, said.folder))
        sys.stdout.write(msgspec.json.encode(took).decode())
        return 0
    return asyncio.run(run(said.kubeconfig, said.rounds, said.objects, said.pods, said.nodes))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
