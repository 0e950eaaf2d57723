"""An emergency under signed trust: whoever acts signs for it, alone, and the shared store can prove it afterwards."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.sandbox.manager import SandboxHandle
from k8sops.store.roles import RoleNames
from tests.support.command import Command
from tests.support.office import RULES, Office, make_office
from tests.support.persons_at_door import on_cluster, remove_all
from tests.support.postgres import PostgresTestServer

NOBODY = "postgresql://k8sops@127.0.0.1:1/k8sops?connect_timeout=1"
BURNS = ("--emergency", "--reason", "the database burns")


@pytest.fixture
def office(
    request: pytest.FixtureRequest,
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Office]:
    """A team whose shared store is away; alice may break the glass; a worker would act as a service of its own."""
    monkeypatch.setenv("K8SOPS_DATABASE_URL", NOBODY)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    office, manifests = make_office(
        command,
        sandbox,
        cluster_namespace,
        NOBODY,
        tmp_path,
        monkeypatch,
        trust="signed",
        rules=getattr(request, "param", RULES),
        break_glass={"people": ["alice"]},
        administrators={"people": ["bob"]},
        execute_as={"services": [{"name": "deployer", "actions": ["workload.scale"], "user": "deployer"}]},
    )
    yield office
    remove_all(sandbox, manifests)


def in_an_emergency(office: Office) -> str:
    """Alice scales web to two while the shared store is away; the run."""
    done = office.scale("alice", 2, *BURNS, "-o", "json")
    assert done.code == 0, done
    assert office.replicas() == 2
    return str(done.document["id"])


def merged(office: Office, url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The shared store is back, and what was done is brought over."""
    monkeypatch.setenv("K8SOPS_DATABASE_URL", url)
    done = office.at("alice", "store", "merge", "-o", "json")
    assert done.code == 0, done
    return dict(done.document)


def of_run(office: Office, run: str, code: str) -> dict[str, Any]:
    """The one record of a run with this code."""
    (record,) = office.command.done("audit", "list", "--run", run, "--code", code, "-o", "json").document
    return dict(record)


@pytest.fixture
def door_url(postgres: PostgresTestServer, postgres_url: str) -> str:
    """The shared store as a laptop's login sees it: a member of the door's role."""
    database = postgres_url.partition("@/")[2].partition("?")[0]
    user = f"laptop_{uuid.uuid4().hex[:6]}"
    postgres.run(f"CREATE ROLE {user} LOGIN IN ROLE {RoleNames().door}", database)
    return postgres.url(database, user=user)


@pytest.mark.parametrize("office", [RULES, RULES[1:]], ids=["approvals", "confirmed"], indirect=True)
def test_who_acts_in_an_emergency_signs_for_it_and_the_shared_store_can_prove_it(
    office: Office, postgres_url: str, door_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else was there to judge: what is left is her word for plan and broken glass, whatever policy asks for."""
    run = in_an_emergency(office)
    assert merged(office, door_url, monkeypatch)["unsigned"] == []
    with psycopg.connect(postgres_url) as shared:
        kinds = shared.execute("SELECT kind FROM statements WHERE run = %s ORDER BY kind", (run,)).fetchall()
    assert kinds == [("break_glass",), ("propose",)]
    ended = of_run(office, run, "run.succeeded")
    assert (ended["person"], bool(ended["statement"])) == ("alice", True)
    assert "unsigned" not in ended["data"]
    assert office.command("audit", "verify").code == 0
    assert office.at("bob", "approvals", "review", run, "--note", "it was right").code == 0
    assert of_run(office, run, "review.closed").get("data") is None


def test_what_was_signed_in_an_emergency_is_not_carried_out_again_in_the_shared_store(
    office: Office, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statements are there now for whoever writes that store, and hold for an hour; the chain says it is over."""
    run = in_an_emergency(office)
    merged(office, postgres_url, monkeypatch)

    async def back(cluster: KubeCluster) -> None:
        deployments = await cluster.resource("deployments")
        await cluster.patch(deployments, "web", office.namespace, body={"spec": {"replicas": 1}})

    on_cluster(office.sandbox, back)
    with psycopg.connect(postgres_url, autocommit=True) as shared:
        shared.execute("DELETE FROM run_steps WHERE run = %s", (run,))
        shared.execute(
            "UPDATE runs SET state = 'queued', outcome = '', ended_at = NULL, error = NULL, started_at = NULL"
            " WHERE id = %s",
            (run,),
        )
    assert office.at("alice", "worker", "--until-idle", "--no-health").code == 0
    shown = office.command("runs", "show", run, "-o", "json").document
    assert (shown["state"], office.replicas()) == ("denied", 1)
    assert "ended before (succeeded" in shown["outcome"]


def test_a_run_nobody_signed_for_is_merged_as_such(
    office: Office, postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Somebody changed the local store: what happened stays on record, in nobody's name, at the review as well."""
    run = in_an_emergency(office)
    with sqlite3.connect(tmp_path / "data" / "k8sops" / "emergency.db") as local:
        local.execute("DELETE FROM statements WHERE kind = 'break_glass'")
    local.close()
    why = "alice has not signed that the glass was broken for it"
    assert merged(office, postgres_url, monkeypatch)["unsigned"] == [f"run {run}: {why}"]
    ended = of_run(office, run, "run.succeeded")
    assert ("person" in ended, "statement" in ended, ended["data"]["unsigned"]) == (False, False, why)
    assert office.at("bob", "approvals", "review", run, "--note", "who was it?").code == 0
    assert of_run(office, run, "review.closed")["data"] == {"unsigned": why}


def test_an_emergency_takes_a_person_who_may_break_the_glass_and_their_key(
    office: Office, tmp_path: Path
) -> None:
    """A store of one's own is no way round policy, nor round signing."""
    other = office.scale("carol", 2, *BURNS)
    assert other.code == 3
    assert "carol may not break the glass" in other.err
    (tmp_path / "keys" / "alice.pem").rename(tmp_path / "keys" / "lost.pem")
    keyless = office.scale("alice", 2, *BURNS)
    assert keyless.code != 0
    assert "k8sops identity enrol" in keyless.err
    assert office.replicas() == 1
