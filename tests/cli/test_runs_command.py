"""`k8sops runs`: looking at runs, following them from elsewhere, stopping, starting and taking them back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import insert

from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock
from k8sops.core.plan import JsonObject
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service import open_ops
from k8sops.service.config import load_config
from k8sops.store.database import Tx, open_database
from k8sops.store.runs import set_columns
from k8sops.store.schema import run_steps
from tests.support.command import Command
from tests.support.persons_at_door import on_cluster
from tests.support.processes import Process, Processes, processes_of_a_test
from tests.support.workloads import NEVER_READY, create, deployment, replicas_of


@pytest.fixture(autouse=True)
def own_machine(
    kubeconfig: Path, cluster_namespace: str, own_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The administrator, in the test's namespace, on a store of the test's own."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("K8SOPS_NAMESPACE", cluster_namespace)


@pytest.fixture
def processes() -> Iterator[Processes]:
    """`k8sops` in processes of its own."""
    with processes_of_a_test() as found:
        yield found


@pytest.fixture
def web(sandbox: SandboxHandle, cluster_namespace: str) -> None:
    """A deployment of one replica."""
    on_cluster(sandbox, lambda cluster: create(cluster, deployment("web", cluster_namespace, replicas=1)))


@pytest.fixture
def going(sandbox: SandboxHandle, cluster_namespace: str, processes: Processes) -> Process:
    """A scale in another process, waiting for replicas that never get ready."""
    manifest = deployment("web", cluster_namespace, replicas=1, annotations=NEVER_READY)
    on_cluster(sandbox, lambda cluster: create(cluster, manifest))
    process = processes("scale", "deployment/web", "--replicas", "2", "--yes", "--timeout", "10m")
    process.until("waiting for")
    return process


def scaled(command: Command, replicas: int, *more: str) -> JsonObject:
    """Scale web; the run as JSON."""
    arguments = ("scale", "deployment/web", "--replicas", str(replicas), "--yes", *more)
    found: JsonObject = command.done(*arguments, "-o", "json").document
    return found


def newest(command: Command, *filters: str) -> JsonObject:
    """The newest run that fits."""
    found: JsonObject = command.done("runs", "list", *filters, "-o", "json").document[0]
    return found


def test_the_list_says_what_who_and_how_it_ended(command: Command, web: None) -> None:
    """The first question after coming back from lunch."""
    assert command.done("runs", "list").err == "No runs found.\n"
    run = scaled(command, 2)
    heading, line = command.done("runs", "list").out.splitlines()
    assert heading.split() == ["RUN", "STATE", "ACTION", "BY", "AGE", "WHAT"]
    assert line.split()[:4] == [run["id"], "succeeded", "scale", "kubernetes-admin"]
    assert line.endswith(run["outcome"])
    assert newest(command)["digest"] == run["plan"]["digest"]


def test_the_list_is_filtered_and_an_unknown_state_names_those_there_are(command: Command, web: None) -> None:
    """Whoever no policy knows is found by their username."""
    run = scaled(command, 2)
    for filters in (("--state", "succeeded"), ("--action", "scale"), ("--by", "kubernetes-admin")):
        assert newest(command, *filters)["id"] == run["id"]
    for filters in (("--state", "running"), ("--action", "cordon"), ("--by", "kubernetes"), ("--by", "%")):
        assert command.done("runs", "list", *filters, "-o", "json").document == []
    told = command("runs", "list", "--state", "over")
    assert told.code == 2
    assert "the states are: proposed, denied" in told.err


def test_show_has_the_command_the_plan_the_way_back_and_every_event(command: Command, web: None) -> None:
    """Who reviews it afterwards has nothing else."""
    run = scaled(command, 3, "--reason", "lunch rush")
    shown = command.done("runs", "show", run["id"][:20]).out
    namespace = run["plan"]["params"]["namespace"]
    assert f"does      scale deployment/web --replicas 3 -n {namespace}\n" in shown
    assert "reason    lunch rush" in shown
    assert "by        kubernetes-admin, at the command line" in shown
    assert "spec.replicas 1 → 3" in shown
    assert f"back      k8sops scale deployments/web --replicas 1 -n {namespace}" in shown
    assert f"digest    {run['plan']['digest']}" in shown
    numbers = [int(line.split()[0]) for line in shown.partition("Events (UTC")[2].splitlines()[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 6


@pytest.mark.parametrize("wanted", ["nope", "01ZZZZ", "01J%", "01J_ABC"])
@pytest.mark.parametrize("verb", ["show", "watch", "cancel", "undo", "start"])
def test_a_run_that_is_not_there_is_one_sentence_and_exit_2(command: Command, verb: str, wanted: str) -> None:
    """A typing error must hit nothing."""
    told = command("runs", verb, wanted)
    assert told.code == 2
    assert told.err.startswith("error: ")
    assert "`k8sops runs list` shows them" in told.err


def test_a_run_is_followed_live_from_another_process_and_cancelled_from_a_third(
    command: Command, going: Process, processes: Processes, sandbox: SandboxHandle, cluster_namespace: str
) -> None:
    """What goes on at one door is seen at every other, and anybody who may can stop it."""
    run = newest(command, "--state", "running")["id"]
    watching = processes("runs", "watch", run)
    watching.until("0 of 2 ready; waiting for .*web")
    cancelled = command.done("runs", "cancel", run, "--reason", "wrong one")
    assert "cancelled by kubernetes-admin: wrong one" in cancelled.out
    assert "to go back: k8sops scale deployments/web --replicas 1" in cancelled.out
    assert (watching.ended(), going.ended()) == (130, 130)
    assert "cancelled by kubernetes-admin: wrong one" in watching.said
    assert "cancelled by kubernetes-admin: wrong one" in going.said
    assert on_cluster(sandbox, lambda c: replicas_of(c, "deployments", "web", cluster_namespace))[0] == 2
    again = command("runs", "cancel", run)
    assert again.code == 2
    assert "already cancelled by kubernetes-admin" in again.err


def test_a_second_run_on_the_same_object_names_the_first_and_is_not_left_behind(
    command: Command, going: Process
) -> None:
    """Two people scale the same workload; nobody comes back later to a proposal that starts by itself."""
    first = newest(command, "--state", "running")["id"]
    told = command("scale", "deployment/web", "--replicas", "5", "--yes")
    assert told.code == 1
    assert f"is being changed by run {first}" in told.err
    assert f"`k8sops runs watch {first}`" in told.err
    second = newest(command)
    assert second["state"] == "cancelled"
    assert "it could not be started" in second["headline"]


def test_events_are_followed_from_any_number_on_as_json_lines(command: Command, web: None) -> None:
    """A script goes on where it stopped; the exit code is the run's own."""
    run = scaled(command, 2)["id"]
    every = [json.loads(line) for line in command.done("runs", "watch", run, "-o", "json").out.splitlines()]
    assert [event["seq"] for event in every] == list(range(1, len(every) + 1))
    later = command.done("runs", "watch", run, "-o", "json", "--after", "4").out.splitlines()
    assert [json.loads(line) for line in later] == every[4:]
    assert command.done("runs", "watch", run, "--after", str(len(every)), "-o", "json").out == ""


def test_a_run_that_is_going_cannot_be_undone_and_what_did_nothing_has_no_way_back(
    command: Command, going: Process
) -> None:
    """Taking back half of something is what nobody means."""
    run = newest(command, "--state", "running")["id"]
    told = command("runs", "undo", run, "--yes")
    assert told.code == 2
    assert "is running; cancel it or wait, then undo it" in told.err
    command.done("runs", "cancel", run)
    nothing = command("scale", "deployment/web", "--replicas", "2", "--yes", "-o", "json").document
    told = command("runs", "undo", nothing["id"], "--yes")
    assert told.code == 2
    assert "did nothing that could be undone" in told.err


def test_undo_is_a_new_plan_that_is_shown_and_asked_about(
    command: Command, web: None, sandbox: SandboxHandle, cluster_namespace: str
) -> None:
    """The cluster has moved on; what takes a run back is planned on what it is now."""
    run = scaled(command, 3)["id"]
    refused = command("runs", "undo", run)
    assert refused.code == 2
    assert "from 3 to 1 replica" in refused.err
    assert "no terminal to ask at" in refused.err
    undone = command.done("runs", "undo", run, "--yes", "-o", "json").document
    assert undone["reason"] == f"undo of run {run}"
    assert undone["id"] != run
    assert undone["plan"]["steps"][0]["after"] == {"spec.replicas": 1}
    assert on_cluster(sandbox, lambda c: replicas_of(c, "deployments", "web", cluster_namespace)) == (1, 1)


def test_a_run_that_does_not_need_review_is_not_settled(command: Command, web: None) -> None:
    """Saying what became of a step that is not in doubt would be making it up."""
    run = scaled(command, 2)["id"]
    told = command("runs", "resume", run, "--as", "done")
    assert told.code == 2
    assert "only one that needs review is settled" in told.err


def in_review(url: str, replicas: int) -> str:
    """A scale of web whose carrier died in a step that must not be repeated, as it stands in the store; its id."""
    admin = Actor(name="kubernetes-admin", auth="self_subject_review")

    async def go() -> str:
        async with open_ops(load_config({})) as ops:
            run = await ops.propose("scale", {"target": "deployment/web", "replicas": replicas}, admin)
            await ops.start(run.id, admin, carry=False)
        database = await open_database(url, clock=SystemClock())

        def break_off(tx: Tx) -> None:
            set_columns(tx, run.id, state="needs_review", outcome="it may or may not have been sent")
            step = {"run": run.id, "path": run.plan.steps[0].id, "state": "started"}
            tx.execute(insert(run_steps).values(**step, fence=1, attempt=1, started_at=tx.now_ms()))

        try:
            await database.write(break_off, name="test")
        finally:
            await database.aclose()
        return run.id

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("how", "code", "says", "replicas"),
    [
        ("retry", 0, "to be done again", 2),
        ("done", 1, "taken as done", 1),
        ("abandon", 1, "given up by kubernetes-admin", 1),
    ],
)
def test_a_step_in_doubt_is_settled_and_the_run_goes_on_here(
    command: Command, web: None, own_store: str, sandbox: SandboxHandle, cluster_namespace: str,
    how: str, code: int, says: str, replicas: int,
) -> None:  # fmt: skip
    """A person has looked; what they say is on record, and what is left is done, or found not to be so."""
    run = in_review(own_store, 2)
    settled = command("runs", "resume", run, "--as", how)
    assert settled.code == code, settled
    assert says in command.done("runs", "show", run).out
    recorded = command.done("audit", "list", "--run", run, "--code", "run.resumed", "-o", "json").document
    assert [(one["outcome"], one["actor"]["name"]) for one in recorded] == [(how, "kubernetes-admin")]
    found = on_cluster(sandbox, lambda c: replicas_of(c, "deployments", "web", cluster_namespace))
    assert found[0] == replicas


def test_without_confirmation_nothing_is_left_to_be_started(command: Command, web: None) -> None:
    """A proposal that nobody confirmed must not lie about."""
    assert command("scale", "deployment/web", "--replicas", "2").code == 2
    run = newest(command)
    assert run["state"] == "cancelled"
    told = command("runs", "start", run["id"])
    assert told.code == 2
    assert "already cancelled" in told.err


def test_a_detached_run_goes_on_in_a_worker_of_its_own(
    command: Command, processes: Processes, sandbox: SandboxHandle, cluster_namespace: str
) -> None:
    """The command returns at once; the worker it leaves carries the run to its end, then ends by itself."""
    manifest = deployment("web", cluster_namespace, replicas=1, annotations=NEVER_READY)
    on_cluster(sandbox, lambda cluster: create(cluster, manifest))
    left = processes("scale", "deployment/web", "--replicas", "2", "--yes", "--timeout", "9s", "--detach")
    worker = psutil.Process(int(left.until(r"as process (\d+)")[1]))
    assert left.ended() == 0, left.said
    assert "goes on in the background" in left.said
    run = newest(command)["id"]
    watched = command("runs", "watch", run)
    assert watched.code == 1
    assert "after 9 s" in watched.err
    worker.wait(180)
    assert "handed over" not in command.done("runs", "show", run).out, "it was begun where it was proposed"


NOBODY = "postgresql://k8sops:hidden@127.0.0.1:1/k8sops?connect_timeout=1"


def test_with_the_shared_store_away_the_cluster_is_read_and_the_way_out_is_named(
    command: Command, web: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, the flag in its hint, no password, and nothing done."""
    monkeypatch.setenv("K8SOPS_DATABASE_URL", NOBODY)
    assert "web" in command.done("get", "deployments").out
    assert command("scale", "deployment/web", "--replicas", "2", "--plan").code == 0
    for arguments in (("scale", "deployment/web", "--replicas", "2", "--yes"), ("runs", "list"), ("worker",)):
        told = command(*arguments)
        assert told.code == 6, told
        assert told.err.count("error: ") == 1
        assert "--emergency --reason TEXT" in told.err
        assert "hidden" not in told.err


def test_an_emergency_is_loud_recorded_apart_and_left_to_be_reviewed(
    command: Command,
    web: None,
    monkeypatch: pytest.MonkeyPatch,
    sandbox: SandboxHandle,
    cluster_namespace: str,
) -> None:
    """Break-glass by another name: a reason is a must, and somebody looks at it afterwards."""
    monkeypatch.setenv("K8SOPS_DATABASE_URL", NOBODY)
    emergency = ("scale", "deployment/web", "--replicas", "2", "--yes", "--emergency")
    unsaid = command(*emergency)
    assert unsaid.code == 2
    assert "asks for a reason" in unsaid.err
    done = command.done(*emergency, "--reason", "the database burns", "-o", "json")
    assert "EMERGENCY: this goes on record in sqlite:///" in done.err
    assert "hidden" not in done.err
    run = done.document
    assert run["emergency"] is True
    assert on_cluster(sandbox, lambda c: replicas_of(c, "deployments", "web", cluster_namespace)) == (2, 2)
    waiting = command.done("approvals", "list", "--emergency", "-o", "json").document
    assert [(review["run"], review["kind"]) for review in waiting["reviews"]] == [(run["id"], "emergency")]
    told = command.done("audit", "list", "--emergency", "-o", "json").document
    codes = [record["code"] for record in told]
    assert codes.count("emergency.opened") == 1
    assert codes.index("emergency.opened") < codes.index("run.proposed")
    assert {"break_glass.used", "review.opened"} <= set(codes)
    assert all("hidden" not in json.dumps(record) for record in told)
