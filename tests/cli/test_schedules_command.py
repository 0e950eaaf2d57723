"""`k8sops schedules`: made with the plan in sight, told in words, voted on, and fired by a worker."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from k8sops.core.plan import JsonObject
from k8sops.sandbox.manager import SandboxHandle
from tests.support.command import Command, Told
from tests.support.office import Office, make_office
from tests.support.persons_at_door import on_cluster, remove_all
from tests.support.processes import Processes, processes_of_a_test
from tests.support.workloads import create, deployment, replicas_of

NIGHTLY = ("--cron", "30 2 * * *", "--zone", "Europe/Berlin")
WITHIN_S = 180.0
WEB = ("--", "scale", "deployment/web", "--replicas", "2")


@pytest.fixture
def alone(
    kubeconfig: Path,
    cluster_namespace: str,
    own_store: str,
    sandbox: SandboxHandle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The administrator at work alone, with a deployment of one replica."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("K8SOPS_NAMESPACE", cluster_namespace)
    on_cluster(sandbox, lambda cluster: create(cluster, deployment("web", cluster_namespace, replicas=1)))


@pytest.fixture
def office(
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    own_store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Office]:
    """A team where disruption takes one of bob and carol, and eight replicas the cluster's name."""
    many = {"when": "has(plan.params.replicas) && plan.params.replicas > 7"}
    found, manifests = make_office(
        command,
        sandbox,
        cluster_namespace,
        own_store,
        tmp_path,
        monkeypatch,
        baseline={"low": {"effect": "allow"}, "disruptive": {"effect": "approve", "from": ["sre"]}},
        rules=[{"name": "many", "match": many, "effect": "confirm", "typed_name": True}],
    )
    yield found
    remove_all(sandbox, manifests)


@pytest.fixture
def processes() -> Iterator[Processes]:
    """`k8sops` in processes of its own."""
    with processes_of_a_test() as found:
        yield found


def added(command: Command, *more: str, what: tuple[str, ...] = WEB) -> Told:
    """The nightly schedule."""
    return command("schedules", "add", "night", *NIGHTLY, *more, *what)


def shown(command: Command, name: str = "night") -> JsonObject:
    """As JSON."""
    found: JsonObject = command.done("schedules", "show", name, "-o", "json").document
    return found


@pytest.mark.usefixtures("alone")
def test_it_is_shown_with_its_plan_before_it_is_kept(command: Command, cluster_namespace: str) -> None:
    """A slip in the cron expression or the arguments is seen here, or at half past two at night."""
    asked = added(command)
    assert asked.code == 2
    assert "there is no terminal to ask at, so nothing was kept" in asked.err
    assert f"does      scale deployment/web --replicas 2 -n {cluster_namespace}" in asked.err
    assert "goes from 1 to 2 replicas" in asked.err
    assert "risk      up to low" in asked.err
    assert command.done("schedules", "list").err == "There are no schedules.\n"
    kept = added(command, "--yes", "--jitter", "30", "--alert-after", "90000")
    assert kept.code == 0, kept
    assert "when      at 02:30 every day in Europe/Berlin (30 2 * * *)" in kept.out
    assert "approval  granted; risk up to low, until" in kept.out
    assert "jitter    up to 30 s" in kept.out
    assert "workers   no worker is alive for this cluster" in kept.out
    assert kept.out.count("\nnext      ") == 5
    heading, line = command.done("schedules", "list").out.splitlines()
    assert heading.split()[:3] == ["NAME", "STATE", "APPROVAL"]
    assert line.split()[:3] == ["night", "active", "granted"]
    assert line.endswith(f"scale deployment/web --replicas 2 -n {cluster_namespace}")


@pytest.mark.usefixtures("alone")
def test_a_schedule_is_changed_only_on_purpose_paused_resumed_and_removed(command: Command) -> None:
    """Each says in a sentence how it stands now."""
    assert added(command, "--yes").code == 0
    before = shown(command)
    again = added(command, "--yes")
    assert again.code == 2
    assert "there is a schedule 'night' already" in again.err
    assert "--replace changes it" in again.err
    changed = added(command, "--yes", "--replace", "--concurrency", "queue")
    assert changed.code == 0
    assert shown(command)["version"] == before["version"] + 1
    assert command.done("schedules", "pause", "night", "--reason", "holiday").out == (
        "schedule night is paused\n"
    )
    assert "state     paused: kubernetes-admin: holiday" in command.done("schedules", "show", "night").out
    told = command("schedules", "run-now", "night")
    assert told.code == 2
    assert "`k8sops schedules resume night` first" in told.err
    assert command.done("schedules", "resume", "night").out == "schedule night fires again\n"
    assert "its runs stay on record" in command.done("schedules", "remove", "night").out
    gone = command("schedules", "show", "night")
    assert gone.code == 2
    assert "there is no schedule 'night'" in gone.err
    missing = added(command, "--yes", "--replace")
    assert missing.code == 2
    assert "there is no schedule 'night'" in missing.err


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--cron", "30 2 * *", *WEB), "has 4 fields"),
        (("--cron", "30 2 * * *", "--zone", "Mars/Olympus", *WEB), "Mars/Olympus"),
        (("--cron", "@daily", "--missed", "sometimes", *WEB), "'sometimes' is not known"),
        (("--cron", "@daily", "--", "frobnicate"), "there is no action 'frobnicate'"),
        (("--cron", "@daily", "--", "scale", "deployment/web"), "give one of --replicas"),
        (("--cron", "@daily", "--", "scale", "deployment/web", "--replicas", "many"), "replicas should be"),
        (("--cron", "@daily", *WEB, "--yes"), "--yes says nothing behind --"),
        (("--cron", "@daily", *WEB, "--context", "other"), "--context says nothing behind --"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_one_sentence(
    command: Command, given: tuple[str, ...], sentence: str
) -> None:
    """Nothing of it is stored, and nothing that was typed is passed over in silence."""
    told = command("schedules", "add", "night", "--yes", *given)
    assert told.code == 2, told
    assert sentence in told.err
    assert command.done("schedules", "list", "-o", "json").document == []


@pytest.mark.usefixtures("alone")
def test_a_worker_fires_it_and_the_success_is_shown(
    command: Command, processes: Processes, sandbox: SandboxHandle, cluster_namespace: str
) -> None:
    """From the command to the cluster, with nothing in between but a worker."""
    assert added(command, "--yes").code == 0
    told = command.done("schedules", "run-now", "night")
    assert told.out == "schedule night is to fire now\n"
    assert "nothing fires until `k8sops worker` runs" in told.err
    worker = processes("worker", "--no-health")
    worker.until("it carries runs")
    firing = first_firing(command)
    watched = processes("runs", "watch", firing["run"])
    assert watched.ended() == 0, watched.said
    assert on_cluster(sandbox, lambda c: replicas_of(c, "deployments", "web", cluster_namespace)) == (2, 2)
    found = shown(command)
    assert found["last_success"]
    assert found["unattended"] == ""
    run = command.done("runs", "show", firing["run"]).out
    assert "schedule  night" in run
    assert "by        kubernetes-admin, by a schedule" in run


def first_firing(command: Command) -> JsonObject:
    """The first firing once it has become a run."""
    end = time.monotonic() + WITHIN_S
    firings: list[JsonObject] = []
    while time.monotonic() < end:
        firings = shown(command)["firings"]
        if firings and firings[0]["outcome"] == "run":
            found: JsonObject = firings[0]
            return found
    raise AssertionError(json.dumps(firings))


def test_what_it_may_do_by_itself_is_voted_on(office: Office) -> None:
    """The digest names exactly what is approved."""
    office.become("alice")
    what = ("--", "scale", "deployment/web", "--replicas", "2", "-n", office.namespace)
    kept = added(office.command, "--yes", "--risk", "disruptive", what=what)
    assert kept.code == 0, kept
    assert "Votes come first: baseline.disruptive: 1 approval from sre" in kept.err
    assert "approval  awaits votes; risk up to disruptive" in kept.out
    digest = shown(office.command)["standing_digest"]
    own = office.at("alice", "schedules", "approve", "night", "--digest", digest)
    assert own.code == 3
    assert "nobody approves what they asked for themselves" in own.err
    other = office.at("bob", "schedules", "approve", "night", "--digest", "0123456789ab")
    assert other.code == 2
    assert f"the standing approval's is {digest[:12]}" in other.err
    assert office.at("bob", "schedules", "approve", "night", "--digest", digest[:12]).code == 0
    assert "approval  granted, approved by bob" in office.command.done("schedules", "show", "night").out
    late = office.at("carol", "schedules", "deny", "night", "--digest", digest)
    assert late.code == 2
    assert "it takes no votes" in late.err
    stranger = office.at("dave", "schedules", "remove", "night")
    assert stranger.code == 3
    assert "is alice's" in stranger.err


def test_what_takes_the_cluster_s_name_takes_it_here_too(office: Office) -> None:
    """Else a schedule would be the way round typing it."""
    office.become("alice")
    what = ("--", "scale", "deployment/web", "--replicas", "9", "-n", office.namespace)
    refused = added(office.command, "--yes", what=what)
    assert refused.code == 2
    assert "--yes does not stand for the cluster's name" in refused.err
    assert added(office.command, "--confirm", "prod", what=what).code == 0
