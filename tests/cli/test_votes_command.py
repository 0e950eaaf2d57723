"""`k8sops approve` and `deny`, as four persons at their terminals: who counts, what is voted on, what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from k8sops.core.plan import JsonObject
from k8sops.sandbox.manager import SandboxHandle
from tests.support.command import Command, Told
from tests.support.office import Office, make_office
from tests.support.persons_at_door import remove_all
from tests.support.processes import Processes, processes_of_a_test

POLICY: dict[str, Any] = {
    "baseline": {"low": {"effect": "allow"}, "disruptive": {"effect": "confirm"}},
    "rules": [
        {
            "name": "scale-downs",
            "match": {"risk": "disruptive"},
            "effect": "approve",
            "approvals": 2,
            "from": ["sre"],
        },
        {
            "name": "many",
            "match": {"when": "has(plan.params.replicas) && plan.params.replicas > 7"},
            "effect": "confirm",
            "typed_name": True,
        },
    ],
    "break_glass": {"people": ["dave"]},
    "administrators": {"people": ["carol"]},
}


@pytest.fixture
def office(
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    own_store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Office]:
    """A team where scaling down takes two of bob and carol."""
    found, manifests = make_office(
        command, sandbox, cluster_namespace, own_store, tmp_path, monkeypatch, **POLICY
    )
    yield found
    remove_all(sandbox, manifests)


@pytest.fixture
def processes() -> Iterator[Processes]:
    """`k8sops` in processes of its own."""
    with processes_of_a_test() as found:
        yield found


def awaiting(office: Office, *more: str, person: str = "alice") -> JsonObject:
    """A run of alice's that waits for votes."""
    told = office.scale(person, 0, *more, "-o", "json")
    assert told.code == 4, told
    found: JsonObject = told.document
    return found


def vote(office: Office, person: str, run: JsonObject, *more: str, verb: str = "approve") -> Told:
    """A person's vote on the run's digest."""
    return office.at(person, verb, run["id"], "--digest", run["plan"]["digest"][:12], *more)


def state_of(office: Office, run: JsonObject) -> str:
    """How it stands."""
    return str(office.command.done("runs", "show", run["id"], "-o", "json").document["state"])


def test_two_approvals_queue_the_run_and_its_requester_carries_it(office: Office) -> None:
    """The whole way, each person told what is missing and what to do."""
    run = awaiting(office, "--reason", "less is enough")
    listed = office.command.done("approvals", "list").out
    assert run["id"] in listed
    assert run["plan"]["digest"][:12] in listed
    stranger = office.at("dave", "runs", "start", run["id"])
    assert stranger.code == 3
    assert "only its requester starts it" in stranger.err
    early = office.at("alice", "runs", "start", run["id"])
    assert early.code == 4
    assert "2 more needed (2 approvals from sre)" in early.err
    first = vote(office, "bob", run, "--reason", "looks right")
    assert first.code == 0
    assert "approved by bob; 1 more needed (2 approvals from sre)" in first.out
    second = vote(office, "carol", run)
    assert second.code == 0
    assert "approved and queued; nobody who is alive may carry it as alice" in second.out
    assert f"or alice runs `k8sops runs start {run['id']}`" in second.out
    assert state_of(office, run) == "queued"
    started = office.at("alice", "runs", "start", run["id"])
    assert started.code == 0, started
    assert office.replicas() == 0
    shown = office.command.done("runs", "show", run["id"]).out
    assert "approved by bob" in shown
    assert "looks right" in shown
    waiting = "a carrier: nobody who is alive"
    assert waiting not in office.command.done("runs", "list").out, "what it waited for is over"


def test_nobody_approves_their_own_run_nor_by_an_identity_that_several_use(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each refusal says why, and is on record."""
    run = awaiting(office)
    own = vote(office, "alice", run)
    assert own.code == 3
    assert "nobody approves what they asked for themselves" in own.err
    outsider = vote(office, "dave", run)
    assert outsider.code == 3
    assert "approvals come from sre" in outsider.err
    monkeypatch.setenv("KUBECONFIG", str(office.sandbox.kubeconfig))
    shared = office.command("approve", run["id"], "--digest", run["plan"]["digest"])
    assert shared.code == 3
    assert "several people use this identity" in shared.err
    assert office.codes("--run", run["id"]).count("run.vote_refused") == 3
    assert state_of(office, run) == "awaiting_approval"


def test_a_vote_is_on_the_digest_that_was_reviewed(office: Office) -> None:
    """Without a terminal it has to be given; another than the plan's votes on nothing."""
    run = awaiting(office)
    blind = office.at("bob", "approve", run["id"])
    assert blind.code == 2
    assert "no terminal to show the plan at, so no vote was recorded" in blind.err
    assert f"k8sops runs show {run['id']}" in blind.err
    for digest in ("0123456789ab", run["plan"]["digest"][:11]):
        other = office.at("bob", "approve", run["id"], "--digest", digest)
        assert other.code == 2
        assert f"the plan's is {run['plan']['digest'][:12]}" in other.err
    assert office.command.done("runs", "show", run["id"], "-o", "json").document["approvals"] == []


def test_a_no_ends_it_and_whoever_votes_later_hears_whose_it_was(office: Office) -> None:
    """Anybody's no counts, and the late yes is told what was decided and why."""
    run = awaiting(office)
    assert vote(office, "bob", run).code == 0
    again = vote(office, "bob", run)
    assert again.code == 2
    assert "bob has approved run" in again.err
    denied = vote(office, "dave", run, "--reason", "not on a Friday", verb="deny")
    assert denied.code == 0
    assert "denied by dave: not on a Friday" in denied.out
    late = vote(office, "carol", run)
    assert late.code == 2
    assert "already denied by dave: not on a Friday" in late.err
    watched = office.command("runs", "watch", run["id"])
    assert watched.code == 3
    assert office.replicas() == 1


def test_a_held_run_waits_for_its_requester_once_approved(office: Office) -> None:
    """Approved in the afternoon, started when the requester sits in front of it."""
    told = office.scale("alice", 0, "--hold")
    assert told.code == 4
    run = office.command.done("runs", "list", "-o", "json").document[0]
    assert f"start it: k8sops runs start {run['id']}" in told.err
    run = office.command.done("runs", "show", run["id"], "-o", "json").document
    vote(office, "bob", run)
    assert "it is held until alice starts it" in vote(office, "carol", run).out
    assert state_of(office, run) == "proposed"
    assert office.at("alice", "runs", "start", run["id"]).code == 0
    assert office.replicas() == 0


def test_who_waits_at_a_terminal_counts_as_alive(office: Office, processes: Processes) -> None:
    """The requester's own program carries it as soon as the last vote is in; nobody is told otherwise."""
    office.become("alice")
    web = ("scale", "deployment/web", "--replicas", "0", "-n", office.namespace, "--yes")
    waiting = processes.at_terminal(*web)
    waiting.until("awaits approval")
    run = office.command.done("runs", "list", "-o", "json").document[0]
    run = office.command.done("runs", "show", run["id"], "-o", "json").document
    vote(office, "bob", run)
    assert "nobody" not in vote(office, "carol", run).out
    assert waiting.ended() == 0, waiting.said
    assert office.replicas() == 0


def test_a_plan_that_drifted_is_told_before_the_vote_and_void_at_the_start(office: Office) -> None:
    """What was approved is what is done, or nothing; exit 7."""
    run = awaiting(office)
    office.scale("alice", 3)
    told = vote(office, "bob", run)
    assert "Drifted since it was planned" in told.err
    assert "spec.replicas was 1 and is 3" in told.err
    vote(office, "carol", run)
    started = office.at("alice", "runs", "start", run["id"])
    assert started.code == 7
    assert state_of(office, run) == "void"
    assert office.replicas() == 3


def test_the_glass_is_broken_by_whom_policy_names_with_a_reason_and_a_review_stays_open(
    office: Office,
) -> None:
    """Loud, on record, and looked at afterwards; for everybody else the glass stays whole."""
    assert office.scale("dave", 0, "--break-glass").code == 2
    other = office.scale("alice", 0, "--break-glass", "--reason", "fire")
    assert other.code == 3
    assert "the glass stays whole: alice may not break the glass" in other.err
    assert office.command.done("approvals", "list").err == "Nothing waits for approval.\n"
    done = office.scale("dave", 0, "--break-glass", "--reason", "the shop burns")
    assert done.code == 0, done
    assert "The glass is broken: everybody is told, and a review stays open" in done.err
    assert office.replicas() == 0
    waiting = office.command.done("approvals", "list", "-o", "json").document
    run = office.command.done("runs", "list", "-o", "json").document[0]["id"]
    assert [(review["run"], review["kind"]) for review in waiting["reviews"]] == [(run, "break_glass")]
    assert {"break_glass.used", "review.opened"} <= set(office.codes("--run", run))
    assert "break_glass.refused" in office.codes("--person", "alice")


def test_no_glass_is_broken_where_no_approval_is_asked_for(office: Office) -> None:
    """A review nobody needs teaches people to close reviews unread."""
    done = office.scale("dave", 2, "--break-glass", "--reason", "just in case")
    assert done.code == 0
    assert "Policy asks for no approval here" in done.err
    assert office.command.done("approvals", "list", "-o", "json").document["reviews"] == []


def test_yes_does_not_stand_for_the_cluster_s_name(office: Office) -> None:
    """Where policy wants it typed, only typing it, or giving it, will do."""
    refused = office.scale("alice", 8)
    assert refused.code == 2
    assert "--yes does not stand for the cluster's name" in refused.err
    assert "--confirm prod" in refused.err
    wrong = office.scale("alice", 8, "--confirm", "staging")
    assert wrong.code == 2
    assert "--confirm names 'staging', the plan is for 'prod'" in wrong.err
    assert office.replicas() == 1
    assert office.scale("alice", 8, "--confirm", "prod").code == 0
    assert office.replicas() == 8


def test_what_policy_denies_exits_3_and_is_on_record(office: Office, tmp_path: Path) -> None:
    """The sentence names the rule."""
    policy = tmp_path / "team.yaml"
    policy.write_text(policy.read_text() + "\nread_only: true\n")
    told = office.scale("alice", 2)
    assert told.code == 3
    assert "read-only" in told.err
    assert "run.denied" in office.codes("--person", "alice")


def test_a_run_that_only_a_missing_worker_may_carry_is_not_left_to_itself(
    office: Office, tmp_path: Path
) -> None:
    """Without a terminal it is taken back, saying what is missing; --detach leaves it queued on purpose."""
    policy = tmp_path / "team.yaml"
    service = {"services": [{"name": "deployer", "actions": ["workload.scale"], "user": "deployer"}]}
    policy.write_text(policy.read_text() + f"\nexecute_as: {service}\n")
    told = office.scale("alice", 2)
    assert told.code == 1
    assert "nobody who is alive may carry it as service deployer" in told.err
    assert "start a `k8sops worker` that may" in told.err
    run = office.command.done("runs", "list", "-o", "json").document[0]
    assert run["state"] == "cancelled"
    left = office.scale("alice", 2, "--detach")
    assert left.code == 0
    assert "It waits for a carrier: nobody who is alive may carry it as service deployer" in left.err
    run = office.command.done("runs", "list", "-o", "json").document[0]
    assert run["state"] == "queued"
    assert run["headline"] == "a carrier: nobody who is alive may carry it as service deployer"
