"""Logs of 500 pods against kubectl (and stern, where it is named) in the same run, on a sandbox of the bench's own.

    python -m tests.bench.bench_logs collect [--stern PATH]    2 MB of each pod, into a bundle
    python -m tests.bench.bench_logs follow [--stern PATH]     40 lines a second of each; every line is counted

`collect` takes the best of several rounds in turn, since other work only ever makes a round slower. Beside it stands
the floor, the same requests read and dropped. `follow` reads the numbers that the lines bear. Exits 1 where a limit is
missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from k8sops.bundle.opening import open_bundle
from k8sops.core.tasks import all_of
from k8sops.sandbox.binaries import ensure_binary
from k8sops.sandbox.logs.lives import LOG_ANNOTATION, RATE_ANNOTATION
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.seed.load_objects import LOAD_LABEL
from tests.bench.bench_cluster import Figure
from tests.bench.logs_counted import Counted, count_lines
from tests.bench.programs import Spent, best, environment, follow_for, run_program
from tests.support.clients import client_of

PODS = 500
NODES = 5
RATE = 40
ROUNDS = 3
AT_ONCE = 16
"""Requests at once, for everybody."""
FOLLOW_S = 30.0
OPENING_S = 25.0
"""By then every follower has its streams; the CPU is read off after it."""
PEAK_MIB = 200
REDACTED = 1.5
ANNOTATORS = 8


@asynccontextmanager
async def talking(pods: int, script: str, rate: float) -> AsyncIterator[SandboxHandle]:
    """A sandbox whose pods all follow one script."""
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
        manager = SandboxManager(Path(home))
        handle = await manager.up("logs", nodes=NODES, pods=pods)
        try:
            await _annotate(handle, {LOG_ANNOTATION: script, RATE_ANNOTATION: f"{rate:g}"})
            yield handle
        finally:
            await manager.down("logs")


async def _annotate(handle: SandboxHandle, annotations: dict[str, str]) -> None:
    async with client_of(handle.kubeconfig) as cluster:
        resource = await cluster.resource("pods")
        pods = [
            (pod["metadata"]["namespace"], pod["metadata"]["name"])
            async for pod in cluster.list(resource, label_selector=LOAD_LABEL)
        ]

        async def annotator() -> None:
            while pods:
                namespace, name = pods.pop()
                body = {"metadata": {"annotations": annotations}}
                await cluster.patch(resource, name, namespace, body=body)

        await all_of(annotator() for _ in range(ANNOTATORS))


async def collect(pods: int, rounds: int, stern: str) -> list[Figure]:
    """Bundles against a loop of kubectl's."""
    async with talking(pods, "bulk", RATE) as handle:
        with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as folder:
            programs = _collectors(handle, Path(folder), await ensure_binary("kubectl"), stern)
            names = list(programs)
            runs: dict[str, list[Spent]] = {name: [] for name in names}
            for number in range(rounds):
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    runs[name].append(await run_program(programs[name], environment(handle, Path(folder))))
            lines = {name: _lines(Path(folder) / name) for name in names if name != "floor"}
    return _collect_figures({name: best(spent) for name, spent in runs.items()}, lines, rounds)


def _collectors(handle: SandboxHandle, folder: Path, kubectl: Path, stern: str) -> dict[str, list[str]]:
    ours = [str(Path(sys.executable).parent / "k8sops"), "logs", "collect", "-A", "-l", LOAD_LABEL, "--yes"]
    ours += ["--include-sources", "logs", "--no-previous"]
    loop = (
        f"rm -rf {folder}/kubectl; mkdir {folder}/kubectl;"
        f"{kubectl} get pods -A -l {LOAD_LABEL} --no-headers -o custom-columns=:metadata.namespace,:metadata.name |"
        f" xargs -P {AT_ONCE} -L 1 sh -c '{kubectl} logs -n $0 $1 --timestamps >{folder}/kubectl/$0.$1.log'"
    )
    programs = {
        "redacted": _emptied(folder / "redacted", [*ours, "--to", f"{folder}/redacted/"]),
        "plain": _emptied(folder / "plain", [*ours, "--no-redact", "--to", f"{folder}/plain/"]),
        "kubectl": ["sh", "-c", loop],
        "floor": [sys.executable, "-m", "tests.bench.logs_floor", str(handle.kubeconfig), str(AT_ONCE)],
    }
    if stern:
        told = f"{stern} . -A -l {LOAD_LABEL} --no-follow --tail -1 --timestamps --color never"
        programs["stern"] = [
            "sh",
            "-c",
            f"mkdir -p {folder}/stern; {told} --max-log-requests {AT_ONCE} >{folder}/stern/all.log",
        ]
    return programs


def _emptied(folder: Path, program: Sequence[str]) -> list[str]:
    """The program, begun with an empty folder."""
    return ["sh", "-c", f'rm -rf "{folder}"; exec "$@" >/dev/null', "sh", *program]


def _lines(folder: Path) -> int:
    """How many lines of logs a program left behind."""
    bundles = list(folder.glob("*.tar.zst"))
    if bundles:
        opened = open_bundle(bundles[0])
        return sum(file.lines for file in opened.index.files if file.path.endswith(".log"))
    count = 0
    for path in folder.iterdir():
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                count += block.count(b"\n")
    return count


def _collect_figures(least: dict[str, Spent], lines: dict[str, int], rounds: int) -> list[Figure]:
    redacted, plain, kubectl, floor = (least[name] for name in ("redacted", "plain", "kubectl", "floor"))
    titles = {"redacted": "collect, redacted", "plain": "collect, not redacted"}
    figures = []
    for name, spent in least.items():
        title = titles.get(name, name)
        figures.append(Figure(f"{title}: wall", spent.wall_s, "s"))
        figures.append(Figure(f"{title}: CPU", spent.cpu_s, "s"))
        mine = name in titles
        figures.append(Figure(f"{title}: memory", spent.peak_mib, "MiB", PEAK_MIB if mine else None))
    return [
        *figures,
        Figure(f"collect, redacted, against kubectl, wall, best of {rounds}", redacted.wall_s / kubectl.wall_s, "x", 1),
        Figure("collect, redacted, against kubectl, CPU", redacted.cpu_s / kubectl.cpu_s, "x"),
        Figure("collect, not redacted, against the floor, wall", plain.wall_s / floor.wall_s, "x"),
        Figure("collect: what redaction costs, wall", redacted.wall_s / plain.wall_s, "x", REDACTED),
        Figure("lines of kubectl's", lines["kubectl"], ""),
        *(
            Figure(f"{name}: lines that are missing, or too many", abs(count - lines["kubectl"]), "", 0)
            for name, count in lines.items()
            if name in titles
        ),
    ]  # fmt: skip


async def follow(pods: int, seconds: float, stern: str) -> list[Figure]:
    """Followers, one after the other, and what each of them said."""
    figures: list[Figure] = []
    async with talking(pods, "numbered", RATE) as handle:
        with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as folder:
            for name, program in _followers(handle, await ensure_binary("kubectl"), stern).items():
                said = Path(folder) / "said"
                spent = await follow_for(program, environment(handle, Path(folder)), said, OPENING_S, seconds)
                figures += _follow_figures(name, pods, seconds, spent, count_lines(said))
    return figures


def _followers(handle: SandboxHandle, kubectl: Path, stern: str) -> dict[str, list[str]]:
    ours = str(Path(sys.executable).parent / "k8sops")
    # kubectl follows one namespace; the load has two.
    half = f"{kubectl} logs -f -l {LOAD_LABEL} --prefix --tail 1 --max-log-requests {PODS}"
    programs = {
        "k8sops logs": [ours, "logs", ".", "-A", "-l", LOAD_LABEL, "--tail", "1", "--color", "never"],
        "kubectl": ["sh", "-c", f"{half} -n load-000 & {half} -n load-001 & wait"],
    }
    if stern:
        told = [stern, ".", "-A", "-l", LOAD_LABEL, "--tail", "1", "--color", "never"]
        programs["stern"] = [*told, "--max-log-requests", str(PODS)]
    return programs


def _follow_figures(name: str, pods: int, seconds: float, spent: Spent, said: Counted) -> list[Figure]:
    mine = 0 if name == "k8sops logs" else None
    return [
        Figure(f"{name}: streams that said nothing", pods - said.streams, "", mine),
        Figure(f"{name}: lines", said.lines, ""),
        Figure(f"{name}: lines lost between others of their stream", said.lost, "", mine),
        Figure(f"{name}: lines told twice", said.doubled, "", mine),
        Figure(f"{name}: streams that lag behind the last by 2 s", said.late(2 * RATE), "", mine),
        Figure(f"{name}: of one core", 100 * spent.cpu_s / seconds, "%"),
        Figure(f"{name}: memory", spent.peak_mib, "MiB"),
    ]


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("collect", "follow"))
    parser.add_argument("--pods", type=int, default=PODS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=FOLLOW_S)
    parser.add_argument("--stern", default="", help="its program, for comparison")
    options = parser.parse_args()
    if options.what == "collect":
        figures = asyncio.run(collect(options.pods, options.rounds, options.stern))
    else:
        figures = asyncio.run(follow(options.pods, options.seconds, options.stern))
    sys.stdout.write("".join(f"{figure}\n" for figure in figures))
    return 0 if all(figure.held for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
