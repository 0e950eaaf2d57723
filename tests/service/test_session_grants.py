"""Sessions under time-boxed grants, on a real control plane: voted on beforehand, and believed as for a run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.client_base import PODS
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.errors import ConfirmationError, DeniedError, UsageError
from k8sops.core.run import Approval, Vote
from k8sops.core.sessions import Consent, SessionWanted
from k8sops.policy.keys import create_key
from k8sops.service import open_ops
from k8sops.service.config import Config
from k8sops.service.grants_desk import Grant, GrantAsked, open_grants
from k8sops.service.storing import Storage
from k8sops.store.database import Tx
from k8sops.store.grant_rows import change_grant, load_grant
from tests.support.persons_at_door import team_policy
from tests.support.workloads import create, deployment

ALICE = Actor(name="alice-at-acme", surface="tui", auth="self_subject_review")
BOB = Actor(name="bob-at-acme", surface="cli", auth="self_subject_review")
FORWARD = "session.port_forward"
RULES = [
    {"name": "ports-take-one", "match": {"actions": ["session.*"]}, "effect": "approve", "from": ["sre"]}
]
GRANTS = {"effect": "approve", "from": ["sre"], "risk": "low", "longest": "8h", "most_targets": 2}


class Desk:
    """Two persons, a pod, and the policy that wants a vote for each session."""

    def __init__(self, configs: dict[str, Config], namespace: str, pod: str) -> None:
        self.configs = configs
        self.namespace = namespace
        self.wanted = SessionWanted(kind="port_forward", namespace=namespace, name=pod, port=80)

    async def begin(self, actor: Actor = ALICE, consent: Consent | None = None) -> None:
        """Forward a port, and stop."""
        async with open_ops(self.configs["alice"]) as ops:
            found = await ops.sessions.forward(self.wanted, actor, consent or Consent())
            await ops.sessions.stop(found.id)

    async def granted(self, *, approve: bool = True, action: str = FORWARD) -> Grant:
        """A grant that alice asked for, approved by bob."""
        asked = GrantAsked(
            actions=(action,), namespaces=(self.namespace,), lasts=timedelta(hours=1), people=("alice",)
        )
        async with open_ops(self.configs["alice"]) as ops, open_grants(self.configs["alice"]) as grants:
            grant = await grants.request(asked, ALICE, ops.cluster_info)
        if not approve:
            return grant
        async with open_ops(self.configs["bob"]) as ops, open_grants(self.configs["bob"]) as grants:
            vote = Vote(verdict="approve", digest=grant.digest)
            return await grants.decide(grant.id, vote, BOB, ops.cluster_info)

    async def revoke(self, grant: Grant) -> None:
        """Alice takes it back."""
        async with open_ops(self.configs["alice"]) as ops, open_grants(self.configs["alice"]) as grants:
            await grants.revoke(grant.id, ALICE, ops.cluster_info)

    async def written(self, change: Callable[[Tx], None]) -> None:
        """Write into the store past everything that asks."""
        storage = Storage(self.configs["alice"], SystemClock(), UlidSource())
        try:
            await (await storage.database()).write(change, name="forged")
        finally:
            await storage.aclose()


@pytest.fixture
async def desk(
    request: pytest.FixtureRequest,
    kubeconfig: Path,
    cluster: KubeCluster,
    cluster_namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    """Trust is what the test's parameter says; `local` where it says nothing."""
    monkeypatch.setenv("K8SOPS_DATA", str(tmp_path))
    more = {"rules": RULES, "grants": GRANTS, **getattr(request, "param", {})}
    keys = {person: create_key(tmp_path / f"{person}.pem") for person in ("alice", "bob")}
    users = {"alice": ALICE.name, "bob": BOB.name}
    pins = {person: key.public for person, key in keys.items()}
    policy = team_policy(tmp_path / "team.yaml", cluster.info.uid, users, keys=pins, **more)
    configs = {
        person: Config(
            kubeconfig=(kubeconfig,),
            namespace=cluster_namespace,
            database_url=f"sqlite:///{tmp_path / 'store.db'}",
            policy=policy,
            identity_key=tmp_path / f"{person}.pem",
        )
        for person in keys
    }
    await create(cluster, deployment("web", cluster_namespace))
    pods = [pod async for pod in cluster.list(PODS, cluster_namespace)]
    while not pods:  # the controller has made one by then; the test run's own limit ends a wait in vain
        pods = [pod async for pod in cluster.list(PODS, cluster_namespace)]
    return Desk(configs, cluster_namespace, str(pods[0]["metadata"]["name"]))


SIGNED = {"trust": "signed"}


@pytest.mark.parametrize("desk", [{}, SIGNED], indirect=True, ids=["local", "signed"])
async def test_a_session_begins_under_a_grant_and_not_once_it_is_taken_back(desk: Desk) -> None:
    """Two hours of forwarded ports for who is on call: asked for once, not once for each port."""
    with pytest.raises(DeniedError, match="cannot wait for one"):
        await desk.begin()
    grant = await desk.granted()
    await desk.begin()
    with pytest.raises(DeniedError, match="cannot wait for one"):
        await desk.begin(BOB)
    await desk.revoke(grant)
    with pytest.raises(DeniedError, match="cannot wait for one"):
        await desk.begin()


@pytest.mark.parametrize("desk", [SIGNED], indirect=True)
async def test_a_grant_that_was_written_into_the_store_lets_nobody_in(desk: Desk) -> None:
    """Bob's vote stands in the table, and bob never signed it."""
    grant = await desk.granted(approve=False)

    def forge(tx: Tx) -> None:
        row = load_grant(tx, grant.id)
        yes = Approval(actor=BOB, vote=Vote(verdict="approve", digest=row.digest), at=tx.now(), person="bob")
        change_grant(tx, msgspec.structs.replace(row, state="active", approvals=(yes,)))

    await desk.written(forge)
    with pytest.raises(DeniedError, match="cannot wait for one"):
        await desk.begin()


CONFIRMED = [*RULES, {"name": "asked", "match": {"actions": [FORWARD]}, "effect": "confirm"}]


@pytest.mark.parametrize("desk", [{"rules": CONFIRMED}], indirect=True)
async def test_a_grant_stands_in_for_the_vote_and_not_for_the_yes(desk: Desk) -> None:
    """A grant lifts approvals alone."""
    await desk.granted()
    with pytest.raises(ConfirmationError):
        await desk.begin()
    await desk.begin(consent=Consent(confirmed=True))


async def test_a_grant_is_for_sessions_and_actions_that_there_are(desk: Desk) -> None:
    """A slip of the hand would be approved and never cover anything."""
    with pytest.raises(UsageError):
        await desk.granted(action="session.portforward")
