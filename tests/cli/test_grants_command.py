"""`k8sops grants` on the sandbox and both stores: asked for, voted on, used, taken back, run out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import update

from k8sops.cli.identity_here import actor_at_terminal
from k8sops.core.actor import Actor
from k8sops.core.run import Approval, Run, RunState, Vote
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service import open_ops
from k8sops.service.config import load_config
from k8sops.service.grants_desk import open_grants
from k8sops.store.database import Tx
from k8sops.store.grant_rows import change_grant, load_grant
from k8sops.store.schema import grants
from tests.support.command import Command
from tests.support.office import Office, make_office
from tests.support.persons_at_door import remove_all
from tests.support.records import in_store


@pytest.fixture
def office(
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    each_store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Office]:
    """The team, on each kind of store."""
    office, manifests = make_office(command, sandbox, cluster_namespace, each_store, tmp_path, monkeypatch)
    yield office
    remove_all(sandbox, manifests)


@pytest.fixture
def small_office(
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    own_store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Office]:
    """The team on SQLite, for what does not touch the store's own ways."""
    office, manifests = make_office(command, sandbox, cluster_namespace, own_store, tmp_path, monkeypatch)
    yield office
    remove_all(sandbox, manifests)


def test_a_grant_is_voted_on_used_on_record_and_revoked(office: Office) -> None:
    """The whole of its life: nothing without approval, then quickly, then never again."""
    assert office.scale("alice", 2).code == 4
    grant = office.granted("--reason", "OPS-12 release")
    assert office.scale("alice", 2).code == 0
    assert office.replicas() == 2
    assert office.scale("dave", 3).code == 4, "a grant is for those it names"
    explained = ("policy", "explain", "scale", "deployment/web", "--replicas", "3", "-n", office.namespace)
    assert f"grant {grant} covers it" in office.at("alice", *explained).out
    assert office.at("dave", *explained).code == 4
    shown = office.command.done("grants", "show", grant).out
    assert "state     active" in shown
    assert f"scale in {office.namespace} on prod" in shown
    (used,) = office.command.done("audit", "list", "--code", "grant.used", "-o", "json").document
    run = office.command.done("runs", "show", used["run"], "-o", "json").document
    assert run["grant"] == office.command.done("grants", "show", grant, "-o", "json").document["digest"]
    assert run["plan"]["decision"]["effect"] == "confirm"
    revoked = office.at("bob", "grants", "revoke", grant, "--reason", "the release is out")
    assert revoked.code == 0, revoked
    assert office.scale("alice", 3).code == 4
    assert office.replicas() == 2
    assert office.codes("--code", "grant.*") == [
        "grant.requested", "grant.voted", "grant.approved", "grant.used", "grant.revoked",
    ]  # fmt: skip
    assert office.command("audit", "verify").code == 0


def test_nobody_approves_their_own_grant_nor_does_who_is_not_asked(office: Office) -> None:
    """A grant is many approvals at once: it takes no less than each of them."""
    grant = office.granted("--group", "sre", person="carol", approve=False)
    digest = office.command.done("grants", "show", grant, "-o", "json").document["digest"][:12]
    vote = ("grants", "approve", grant, "--digest", digest)
    own = office.at("carol", *vote)
    assert own.code == 3
    assert "nobody approves what they asked for themselves" in own.err
    outsider = office.at("dave", *vote)
    assert outsider.code == 3
    assert "approvals come from sre" in outsider.err
    wrong = office.at("bob", "grants", "approve", grant, "--digest", "0" * 12)
    assert wrong.code == 2
    unseen = office.at("bob", "grants", "approve", grant)
    assert unseen.code == 2
    assert "no terminal to show the grant at" in unseen.err
    assert office.at("bob", *vote).code == 0
    late = office.at("bob", *vote)
    assert late.code == 2
    assert "already active" in late.err
    refused = office.command.done("audit", "list", "--outcome", "refused", "-o", "json").document
    assert [one["code"] for one in refused] == ["grant.voted", "grant.voted"]


def test_a_denied_grant_covers_nothing(small_office: Office) -> None:
    """A no ends it."""
    grant = small_office.granted(approve=False)
    assert small_office.at("bob", "grants", "deny", grant, "--reason", "not this week").code == 0
    assert small_office.scale("alice", 2).code == 4
    assert small_office.command.done("grants", "list", "-o", "json").document == []
    listed = small_office.command.done("grants", "list", "--all", "-o", "json").document
    assert [one["state"] for one in listed] == ["denied"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--for", "9h"), "lasts at most 28800 seconds"),
        (("--risk", "disruptive"), "at most low"),
        (("--most-targets", "3"), "at most 2 objects"),
        (("-n", "kube-*"), "no wildcards"),
    ],
)
def test_what_policy_does_not_allow_is_denied_at_once_and_on_record(
    small_office: Office, more: tuple[str, ...], why: str
) -> None:
    """The policy's limits hold whoever would approve."""
    given = ("grants", "request", "--action", "scale", "-n", small_office.namespace, "--for", "2h", *more)
    told = small_office.at("alice", *given)
    assert told.code == 3, told
    assert why in told.err
    assert small_office.codes("--code", "grant.*") == ["grant.requested", "grant.denied"]


def test_a_grant_covers_no_more_than_it_says(small_office: Office) -> None:
    """Scaling down is disruptive, another namespace is another place, cordon is another action."""
    small_office.granted("--label", "app=other")
    assert small_office.scale("alice", 2).code == 4
    small_office.granted()
    assert small_office.scale("alice", 2).code == 0
    assert small_office.scale("alice", 1).code == 4
    assert small_office.replicas() == 2


def test_an_expired_grant_never_covers_though_nobody_noted_it(office: Office) -> None:
    """Time alone ends it; no worker has to come by."""
    grant = office.granted()
    in_store(office.url, lambda tx: tx.execute(update(grants).values(expires_at=tx.now_ms() - 1)))
    assert office.scale("alice", 2).code == 4
    assert office.command.done("grants", "show", grant, "-o", "json").document["state"] == "expired"
    told = office.at("bob", "grants", "revoke", grant)
    assert told.code == 2
    assert "already expired" in told.err


def test_a_grant_taken_back_before_the_run_began_stops_the_run(office: Office) -> None:
    """What was proposed under it is asked again by whoever carries it, before the first change."""
    office.granted()
    office.become("alice")

    async def go() -> Run:
        config = load_config({})
        async with open_ops(config) as ops, open_grants(config) as given:
            actor = await actor_at_terminal(ops)
            params = {"target": "deployment/web", "replicas": 2, "namespace": office.namespace}
            run = await ops.propose("scale", params, actor)
            assert (run.state, bool(run.grant)) == (RunState.PROPOSED, True)
            (grant,) = await given.list()
            await given.revoke(grant.id, actor, ops.cluster_info)
            started = await ops.start(run.id, actor)
            async with aclosing(ops.watch(started.id)) as events:
                async for _ in events:
                    pass
            return await ops.get_run(started.id)

    run = asyncio.run(go())
    assert run.state is RunState.DENIED
    assert "is revoked" in run.outcome
    assert office.replicas() == 1


def test_with_signed_trust_a_grant_holds_by_its_signatures(
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    own_store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each word is signed, and a carrier that believes nothing else goes on."""
    office, manifests = make_office(
        command, sandbox, cluster_namespace, own_store, tmp_path, monkeypatch, trust="signed"
    )
    try:
        office.granted()
        done = office.scale("alice", 2)
        assert done.code == 0, done
        assert office.replicas() == 2
        requested, voted = command.done("audit", "list", "--code", "grant.*", "-o", "json").document[:2]
        assert requested["statement"]
        assert voted["statement"]
    finally:
        remove_all(sandbox, manifests)


def test_with_signed_trust_a_grant_put_into_the_store_is_worth_nothing(
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    own_store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever writes the grants table gives themselves nothing: bob's vote stands there, and bob never signed it."""
    office, manifests = make_office(
        command, sandbox, cluster_namespace, own_store, tmp_path, monkeypatch, trust="signed"
    )
    try:
        grant = office.granted(approve=False)

        def forge(tx: Tx) -> None:
            row = load_grant(tx, grant)
            bob = Actor(name=office.users["bob"], auth="self_subject_review")
            yes = Approval(
                actor=bob, vote=Vote(verdict="approve", digest=row.digest), at=tx.now(), person="bob"
            )
            change_grant(tx, msgspec.structs.replace(row, state="active", approvals=(yes,)))

        in_store(office.url, forge)
        told = office.scale("alice", 2)
        assert told.code == 3, told
        assert office.replicas() == 1
    finally:
        remove_all(sandbox, manifests)


def test_a_freeze_that_wants_approvals_is_not_lifted_by_a_grant(
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    own_store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A grant stands in for the everyday rule, not for what was said of this very time."""
    freeze = {
        "name": "always", "effect": "approve", "from": ["sre"], "windows": [{"from": "2020-01-01", "to": "2099-01-01"}],
    }  # fmt: skip
    office, manifests = make_office(
        command, sandbox, cluster_namespace, own_store, tmp_path, monkeypatch, freezes=[freeze]
    )
    try:
        office.granted()
        assert office.scale("alice", 2).code == 4
    finally:
        remove_all(sandbox, manifests)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "01ZZZZZZ"), "there is no grant"),
        (("show", "x"), "is no grant's id"),
        (
            ("request", "--action", "scale", "-n", "shop", "--for", "soon"),
            "--for 'soon' is no length of time",
        ),
        (("request", "--action", "scale", "-n", "shop", "--for", "1h", "--label", "app"), "is no label"),
    ],
)
def test_wrong_input_gets_one_sentence_and_exit_2(
    command: Command, own_store: str, arguments: tuple[str, ...], sentence: str
) -> None:
    """Before anything is connected."""
    told = command("grants", *arguments)
    assert told.code == 2
    assert sentence in told.err
