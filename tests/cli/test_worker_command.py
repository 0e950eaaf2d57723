"""`k8sops worker` as real processes: shared work, graceful stops, takeovers, and what a supervisor asks."""

from __future__ import annotations

import asyncio
import json
import signal
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock
from k8sops.core.plan import JsonObject
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service import open_ops
from k8sops.service.config import load_config
from k8sops.store.database import open_database
from k8sops.store.schema import runs
from tests.support.command import Command
from tests.support.pauses import pause_after
from tests.support.persons_at_door import on_cluster
from tests.support.processes import Process, Processes, processes_of_a_test
from tests.support.workloads import NEVER_READY, create, deployment, replicas_of

ADMIN = Actor(name="kubernetes-admin", auth="self_subject_review")
TAKEN_OVER = "its carrier stopped; another has taken the run over"
READY = {"spec": {"template": {"metadata": {"annotations": {"sandbox.k8sops.dev/play": None}}}}}


@pytest.fixture(autouse=True)
def own_machine(
    kubeconfig: Path, cluster_namespace: str, own_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The administrator, in the test's namespace, on a SQLite store of the test's own."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("K8SOPS_NAMESPACE", cluster_namespace)


@pytest.fixture
def processes() -> Iterator[Processes]:
    """`k8sops` in processes of its own."""
    with processes_of_a_test() as found:
        yield found


Queue = Callable[[str], str]


@pytest.fixture
def queue(sandbox: SandboxHandle, cluster_namespace: str) -> Queue:
    """Makes a deployment that never gets ready and queues a scale of it, which nobody carries yet; the run's id."""

    async def make(cluster: KubeCluster, name: str) -> None:
        await create(cluster, deployment(name, cluster_namespace, annotations=NEVER_READY))

    async def ask(name: str) -> str:
        async with open_ops(load_config({})) as ops:
            params = {"target": f"deployment/{name}", "replicas": 2, "timeout": 600}
            run = await ops.propose("scale", params, ADMIN)
            return (await ops.start(run.id, ADMIN, carry=False)).id

    def queued(name: str) -> str:
        on_cluster(sandbox, lambda cluster: make(cluster, name))
        return asyncio.run(ask(name))

    return queued


def get_ready(sandbox: SandboxHandle, namespace: str, *names: str) -> None:
    """Let their pods become ready."""

    async def do(cluster: KubeCluster) -> None:
        for name in names:
            await cluster.patch(await cluster.resource("deployments"), name, namespace, body=READY)

    on_cluster(sandbox, do)


def in_store(url: str, work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    """Do something in the store past the program."""

    async def go() -> None:
        database = await open_database(url, clock=SystemClock())
        try:
            await work(database)
        finally:
            await database.aclose()

    asyncio.run(go())


def a_worker(processes: Processes, *more: str) -> Process:
    """One that is ready."""
    worker = processes("worker", "--health-port", "0", *more)
    worker.until("health on")
    return worker


def asked(worker: Process, path: str) -> tuple[int, str]:
    """What its health server answers."""
    address = worker.until(r"health on (http://[^/]+)/")[1]
    request = urllib.request.Request(f"{address}{path}")  # noqa: S310 - loopback, our own
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def figure(worker: Process, name: str) -> float:
    """One figure of its metrics; 0 where it tells none."""
    lines = asked(worker, "/metrics")[1].splitlines()
    return float(next((line for line in lines if line.startswith(f"{name} ")), f"{name} 0").split()[1])


def until(holds: Callable[[], bool], within_s: float = 180.0) -> None:
    """Return once it holds; other processes do it, so it is asked again and again."""
    began = time.monotonic()
    end = began + within_s
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(pause_after(time.monotonic() - began))
        began = time.monotonic()


def shown(command: Command, run: str) -> JsonObject:
    """The run as it stands."""
    found: JsonObject = command.done("runs", "show", run, "-o", "json").document
    return found


def texts(run: JsonObject) -> list[str]:
    """What its events say."""
    return [str(event["text"]) for event in run["events"]]


def written(run: JsonObject) -> int:
    """How often the change went out."""
    return sum(text.endswith("is set to 2 replicas") for text in texts(run))


def test_two_workers_share_the_work_and_one_that_is_stopped_hands_over_at_once(
    command: Command, processes: Processes, queue: Queue, sandbox: SandboxHandle, cluster_namespace: str
) -> None:
    """The other carries it to the end without waiting for a lease to run out, and nothing is done twice."""
    names, carrying = ("web", "api", "db"), "k8sops_carrying_runs"
    one, other = a_worker(processes, "--grace", "0"), a_worker(processes, "--grace", "0")
    ids = [queue(name) for name in names]
    until(lambda: figure(one, carrying) + figure(other, carrying) == len(ids))
    until(lambda: all("0 of 2 ready" in texts(shown(command, run)) for run in ids))
    leaving, staying = (one, other) if figure(one, carrying) else (other, one)
    leaving.signal(signal.SIGTERM)
    assert leaving.ended() == 0, leaving.said
    until(lambda: figure(staying, carrying) == len(ids))
    get_ready(sandbox, cluster_namespace, *names)
    until(lambda: all(shown(command, run)["state"] == "succeeded" for run in ids))
    assert [written(shown(command, run)) for run in ids] == [1, 1, 1]
    told = [text for run in ids for text in texts(shown(command, run))]
    assert "handed over to another carrier" in told
    assert TAKEN_OVER not in told, "it was waited for until the lease ran out"
    assert on_cluster(sandbox, lambda c: replicas_of(c, "deployments", "web", cluster_namespace)) == (2, 2)


def test_what_ends_in_time_is_finished_before_a_worker_stops(
    command: Command, processes: Processes, queue: Queue, sandbox: SandboxHandle, cluster_namespace: str
) -> None:
    """SIGTERM is an everyday thing: the exit code says all is well, and a second one changes nothing."""
    run = queue("web")
    worker = a_worker(processes, "--grace", "240")
    until(lambda: "0 of 2 ready" in texts(shown(command, run)))
    worker.signal(signal.SIGTERM)
    worker.until("stopping: what goes on has 240 s to end, then it is handed over")
    worker.signal(signal.SIGTERM)
    worker.until("already stopping")
    get_ready(sandbox, cluster_namespace, "web")
    assert worker.ended() == 0, worker.said
    assert worker.said.endswith("stopped\n")
    assert shown(command, run)["state"] == "succeeded"
    store = command.done("store", "show", "-o", "json").document
    assert store["last_checkpoint"] == store["audit_head"], "the last record is signed for, too"


def test_what_a_killed_worker_carried_is_taken_over(
    each_store: str,
    command: Command,
    processes: Processes,
    queue: Queue,
    sandbox: SandboxHandle,
    cluster_namespace: str,
) -> None:
    """kill -9 in the middle; whoever follows the run sees it said."""
    run = queue("web")
    doomed = a_worker(processes)
    until(lambda: "0 of 2 ready" in texts(shown(command, run)))
    a_worker(processes)
    watching = processes("runs", "watch", run)
    watching.until("0 of 2 ready")
    doomed.signal(signal.SIGKILL)
    watching.until(TAKEN_OVER)
    get_ready(sandbox, cluster_namespace, "web")
    assert watching.ended() == 0, watching.said
    assert shown(command, run)["progress"]["done"] == 2


def test_a_supervisor_hears_whether_it_is_alive_ready_and_how_it_goes(
    processes: Processes, queue: Queue
) -> None:
    """Each part by name, and figures that an alert can be written on."""
    worker = a_worker(processes)
    answers: list[tuple[int, str]] = []

    def is_ready() -> bool:
        answers.append(asked(worker, "/readyz"))
        return answers[-1][0] == 200

    until(is_ready)
    assert json.loads(answers[-1][1]) == {
        "status": "ok",
        "checks": dict.fromkeys(("store", "cluster", "carrier", "scheduler"), "ok"),
    }
    assert asked(worker, "/healthz") == (200, '{"status": "ok"}')
    queue("web")
    until(lambda: figure(worker, 'k8sops_runs{state="running"}') == 1)
    assert figure(worker, "k8sops_carrying_runs") == 1
    # On a busy machine one heartbeat may be late.
    until(lambda: figure(worker, "k8sops_oldest_lease_seconds") < 8)
    assert figure(worker, "k8sops_audit_head_seq") >= 3
    assert figure(worker, "k8sops_store_up") == 1
    worker.signal(signal.SIGTERM)
    worker.until("stopping")
    status, body = asked(worker, "/readyz")
    assert status == 503
    assert json.loads(body)["checks"]["drain"] == "stopping"
    assert asked(worker, "/healthz")[0] == 200


def test_until_idle_ends_once_nothing_of_its_own_is_left(
    command: Command, processes: Processes, queue: Queue, sandbox: SandboxHandle,
    cluster_namespace: str, own_store: str,
) -> None:  # fmt: skip
    """It is what a closing door leaves behind; a run of another cluster must not keep it for ever."""
    elsewhere, run = queue("api"), queue("web")

    async def move(database: Any) -> None:
        def work(tx: Any) -> None:
            tx.execute(update(runs).where(runs.c.id == elsewhere).values(cluster_uid="another"))

        await database.write(work, name="test")

    in_store(own_store, move)
    worker = processes("worker", "--until-idle", "--no-health")
    until(lambda: "0 of 2 ready" in texts(shown(command, run)))
    get_ready(sandbox, cluster_namespace, "web")
    assert worker.ended() == 0, worker.said
    assert shown(command, run)["state"] == "succeeded"
    assert shown(command, elsewhere)["state"] == "queued"


def test_a_port_that_is_taken_is_one_sentence_and_exit_2(processes: Processes) -> None:
    """Two workers on one machine: the second is told what to do."""
    port = a_worker(processes).until(r":(\d+)/healthz")[1]
    second = processes("worker", "--health-port", port)
    assert second.ended() == 2, second.said
    assert f"cannot listen on 127.0.0.1:{port}" in second.said
    assert "choose another port" in second.said
    assert "Traceback" not in second.said
