"""`k8sops approvals review`: what went round approvals is looked at by somebody else, and that is on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from k8sops.sandbox.manager import SandboxHandle
from tests.support.command import Command
from tests.support.office import Office, make_office
from tests.support.persons_at_door import remove_all


@pytest.fixture(params=["local", "signed"])
def office(
    request: pytest.FixtureRequest,
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    own_store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Office]:
    """A team in which alice may break the glass, and alice and bob administrate."""
    office, manifests = make_office(
        command,
        sandbox,
        cluster_namespace,
        own_store,
        tmp_path,
        monkeypatch,
        trust=request.param,
        break_glass={"people": ["alice"]},
        administrators={"people": ["alice", "bob"]},
    )
    yield office
    remove_all(sandbox, manifests)


def test_a_broken_glass_is_reviewed_by_an_administrator_who_did_not_break_it(office: Office) -> None:
    """An emergency nobody looks at afterwards is a way round approvals."""
    done = office.scale("alice", 2, "--break-glass", "--reason", "the node is lost", "-o", "json")
    assert done.code == 0, done
    run = str(done.document["id"])
    assert f"run {run} went round approvals" in office.command.done("approvals", "list").err
    review = ("approvals", "review", run, "--note", "looked at it: right")
    own = office.at("alice", *review)
    assert own.code == 3
    assert "nobody reviews what they did themselves" in own.err
    other = office.at("carol", *review)
    assert other.code == 3
    assert "carol is no policy administrator" in other.err
    assert office.at("bob", "approvals", "review", run, "--note", "  ").code == 2
    closed = office.at("bob", *review)
    assert closed.code == 0, closed
    assert "went round" not in office.command.done("approvals", "list").err
    again = office.at("bob", *review)
    assert again.code == 2
    assert "no open review" in again.err
    (record,) = office.command.done("audit", "list", "--code", "review.closed", "-o", "json").document
    assert (record["person"], record["reason"], record["run"]) == ("bob", "looked at it: right", run)
    assert office.command("audit", "verify").code == 0


def test_a_run_that_broke_no_glass_has_no_review_to_close(office: Office) -> None:
    """Nothing is closed that was never open."""
    run = office.scale("alice", 2, "-o", "json").document["id"]
    told = office.at("bob", "approvals", "review", run, "--note", "fine")
    assert told.code == 2
    assert "no open review" in told.err
