"""How soon the bot acks a hundred commands that come at once: `python -m tests.bench.bench_slack`.

Real bot processes on a real store and a sandbox, the local Slack in this one, whose own record of acks is what counts;
commands are reads, slips of the keyboard and changes that wait for an approval. Beside it, in the same run, slack_bolt
alone, acking at once. `--kubeconfig FILE` uses a cluster that is there. Exits 1 where the limit was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import psutil
import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.core.clock import SystemClock
from k8sops.sandbox.manager import SandboxManager
from k8sops.service.chat.doors import INBOX
from k8sops.store.database import Database, Tx, open_database
from k8sops.store.door_rows import remembered
from k8sops.store.outbox import undelivered
from k8sops_local_slack import LocalSlack, Patience, Workspace, app_from_manifest
from k8sops_slack.manifest import manifest
from tests.bench.bench_cluster import Figure
from tests.bench.measuring import MIB
from tests.service.chat.office import GROUPS, TEAM, USERS
from tests.slack.flows.conftest import APPROVED, CHANGES, OPS, SEES
from tests.support.clients import client_of
from tests.support.persons import granted, rule
from tests.support.postgres import postgres_server
from tests.support.workloads import create, deployment

AT_ONCE: Final = 100
READS_AT_ONCE, SLIPS_AT_ONCE, CHANGES_AT_ONCE = 50, 20, 30
ROUNDS: Final = 5
LIMIT_MS: Final = 500.0
NAMESPACE: Final = f"slack-bench-{uuid.uuid4().hex[:6]}"
READS: Final = (
    *("help", "help drain", "whoami", "runs", "runs --mine"),
    *("status", "get pods -A", "get nodes", f"get deployments -n {NAMESPACE}", "schedules"),
)
SLIPS: Final = ("staus", "get podz", "drian node-1", "scale —replicas", "“runs")
CHANGE: Final = "scale deployment/web-{} --replicas {} -n {} --reason “bench”"


class Bot(msgspec.Struct, frozen=True):
    """A process of the bot's, or of the bare app's."""

    process: asyncio.subprocess.Process
    reached: str

    @property
    def seen(self) -> psutil.Process:
        """What the kernel knows of it."""
        return psutil.Process(self.process.pid)

    @property
    def cpu_s(self) -> float:
        """CPU seconds until now."""
        times = self.seen.cpu_times()
        return times.user + times.system


class Setting(msgspec.Struct, frozen=True):
    """One way of running it."""

    name: str
    way: str
    bots: int = 1
    on_postgres: bool = False
    bare: bool = False


SETTINGS: Final = (
    Setting("slack_bolt alone, Socket Mode", "sockets", bare=True),
    Setting("Socket Mode, SQLite", "sockets"),
    Setting("slack_bolt alone, HTTP", "http", bare=True),
    Setting("HTTP, SQLite", "http"),
    Setting("Socket Mode, PostgreSQL, two replicas", "sockets", bots=2, on_postgres=True),
)


def say(sentence: str) -> None:
    """Progress goes beside the figures, not among them."""
    sys.stderr.write(f"{sentence}\n")


def lines(burst: int) -> list[str]:
    """A hundred commands: fifty reads, twenty slips, thirty changes, well mixed and the same in every run."""
    reads = [READS[number % len(READS)] for number in range(READS_AT_ONCE)]
    slips = [SLIPS[number % len(SLIPS)] for number in range(SLIPS_AT_ONCE)]
    changes = [CHANGE.format(number, 2 + burst, NAMESPACE) for number in range(CHANGES_AT_ONCE)]
    every = reads + slips + changes
    return [every[(number * 37) % AT_ONCE] for number in range(AT_ONCE)]


def workspace() -> Workspace:
    """The team and its channel."""
    space = Workspace(app_from_manifest(manifest()), team_id=TEAM)
    for name, user in USERS.items():
        space.add_user(user, name)
    space.add_channel(OPS, "ops", *USERS.values())
    return space


def policy(cluster_uid: str) -> str:
    """Everybody is known, and acts under their own name; changes take one of sre."""
    document = {
        "format": 1,
        "clusters": [{"uid": cluster_uid, "name": "prod-eu", "environment": "production"}],
        "people": {
            person: {"groups": GROUPS[person], "slack": [{"team": TEAM, "user": user}]}
            for person, user in USERS.items()
        },
        "slack": {"channels": [{"team": TEAM, "channel": OPS, "cluster": "prod-eu"}]},
        "execute_as": {"people": {one: {"user": f"bench-{one}"} for one in USERS}},
        "rules": APPROVED,
    }
    return yaml.safe_dump(document)


@asynccontextmanager
async def started(*command: str, environ: dict[str, str]) -> AsyncIterator[Bot]:
    """A process, once it says where it is reached."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *command, env={**os.environ, **environ}, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        said = ""
        while (found := re.search(r"listening over (.+) for ", said)) is None:
            line = (await asyncio.wait_for(process.stderr.readline(), 120)).decode()
            if not line:
                raise SystemExit(f"{command[0]} did not start: {said}")
            said += line
        reading = asyncio.create_task(process.stderr.read())
        yield Bot(process, found[1])
        reading.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def burst(slack: LocalSlack, number: int) -> None:
    """Everybody types at once; returns when each command was acked, or was not."""
    people = [slack.person(user) for user in USERS.values()]
    typed = [
        people[place % len(people)].slash(f"/k8s {line}", OPS) for place, line in enumerate(lines(number))
    ]
    late = [sent for sent in await asyncio.gather(*typed) if not sent.acked]
    if late:
        raise SystemExit(f"{len(late)} commands were not acked: {late[0].error}")


async def all_done(database: Database) -> None:
    """Wait until everything that was taken in is done, and everybody has been told."""

    def left(tx: Tx) -> bool:
        return any(row.value for row in remembered(tx, INBOX)) or bool(undelivered(tx, 1))

    # What is undelivered is read to be held, which takes a transaction that may write.
    while await database.write(left, name="bench.left"):  # noqa: ASYNC110 - the store tells nobody
        await asyncio.sleep(0.2)


async def measured(setting: Setting, rounds: int, environ: dict[str, str], url: str) -> list[Figure]:
    """Bursts of a hundred, each once the one before is done with. A first one, not counted, warms up."""
    space = workspace()
    patience = Patience(ack=60.0, trigger=60.0)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        slack = await enter(await LocalSlack.start(space, patience=patience, rate_limits=False))
        environ |= {
            "SLACK_API_URL": slack.base_url,
            "SLACK_BOT_TOKEN": space.app.bot_token,
            "SLACK_APP_TOKEN": space.app.app_token,
            "SLACK_SIGNING_SECRET": space.app.signing_secret,
            "K8SOPS_DATABASE_URL": url,
        }
        if setting.bare:
            command = ["tests.bench.slack_floor", setting.way]
        else:
            command = ["k8sops", "slack", *(["--http", "0"] if setting.way == "http" else [])]
        bots = [await enter(started(*command, environ=environ)) for _ in range(setting.bots)]
        if setting.way == "http":
            await slack.deliver_over_http(bots[0].reached)
        else:
            await slack.sockets_open(len(bots))
        database = None if setting.bare else await open_database(url, clock=SystemClock())
        before = acking = 0.0
        for number in range(rounds + 1):
            if number == 1:
                slack.journal.ack_seconds.clear()
                before = sum(bot.cpu_s for bot in bots)
                acking = 0.0
            begun = sum(bot.cpu_s for bot in bots)
            await burst(slack, number)
            acking += sum(bot.cpu_s for bot in bots) - begun
            if database is not None:
                await all_done(database)
        spent = sum(bot.cpu_s for bot in bots) - before
        if database is not None:
            await database.aclose()
        if refused := slack.journal.refused():
            raise SystemExit(
                f"Slack refused {len(refused)} calls, first {refused[0].method} {refused[0].error}"
            )
        rss = max(bot.seen.memory_info().rss for bot in bots)
        return figures(setting, slack, acking / rounds, spent / rounds / AT_ONCE, rss)


def figures(setting: Setting, slack: LocalSlack, acking_s: float, cpu_s: float, rss: int) -> list[Figure]:
    """What one way of running it took."""
    limit = None if setting.bare else LIMIT_MS

    def named(what: str) -> str:
        return f"{setting.name}: {what}"

    found = [
        Figure(named("ack p50"), slack.journal.ack_at(0.5) * 1000, "ms"),
        Figure(named("ack p99"), slack.journal.ack_at(0.99) * 1000, "ms", limit),
        Figure(named("slowest ack"), max(slack.journal.ack_seconds) * 1000, "ms"),
        Figure(named("CPU until the last ack"), acking_s * 1000, "ms"),
        Figure(named("CPU for a command"), cpu_s * 1000, "ms"),
    ]
    return found + ([] if setting.bare else [Figure(named("RSS of a process"), rss / MIB, "MiB")])


@asynccontextmanager
async def workloads(cluster: KubeCluster) -> AsyncIterator[None]:
    """What is scaled, in a namespace of its own that is deleted in the end."""
    metadata = {"name": NAMESPACE}
    await create(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    try:
        for number in range(CHANGES_AT_ONCE):
            await create(cluster, deployment(f"web-{number}", NAMESPACE))
        yield
    finally:
        await cluster.delete(await cluster.resource("namespaces"), NAMESPACE)


async def run(kubeconfig: Path, rounds: int, chosen: str = "") -> int:
    """Measure every way of running it; returns 1 where a limit was missed."""
    missed = 0
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        cluster = await enter(client_of(kubeconfig))
        await enter(workloads(cluster))
        nodes = rule("", "nodes", "get", "list", "watch")
        for person in USERS:
            await enter(granted(cluster, f"bench-{person}", *SEES, *CHANGES, nodes))
        server = stack.enter_context(postgres_server(durable=True))
        for setting in SETTINGS:
            if chosen not in setting.name:
                continue
            with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
                path = Path(home, "policy.yaml")
                await asyncio.to_thread(path.write_text, policy(cluster.info.uid), encoding="utf-8")
                environ = {
                    "KUBECONFIG": str(kubeconfig),
                    "K8SOPS_POLICY": str(path),
                    "XDG_DATA_HOME": f"{home}/data",
                    "XDG_CONFIG_HOME": f"{home}/config",
                }
                with server.store() as shared:
                    url = shared if setting.on_postgres else f"sqlite:///{home}/k8sops.db"
                    for figure in await measured(setting, rounds, environ, url):
                        sys.stdout.write(f"{figure}\n")
                        sys.stdout.flush()
                        missed |= not figure.held
    return missed


async def on_a_sandbox(rounds: int, chosen: str) -> int:
    """Bring a small sandbox up, measure on it, take it down."""
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
        manager = SandboxManager(Path(home))
        handle = await manager.up("bench", say=say)
        try:
            return await run(handle.kubeconfig, rounds, chosen)
        finally:
            await manager.down("bench")


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, help="a cluster that is there; used, and left as it was")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="bursts of a hundred")
    parser.add_argument("--only", default="", help="only the settings in whose name this stands")
    asked = parser.parse_args()
    if asked.kubeconfig:
        return asyncio.run(run(asked.kubeconfig, asked.rounds, asked.only))
    return asyncio.run(on_a_sandbox(asked.rounds, asked.only))


if __name__ == "__main__":
    sys.exit(main())
