"""Enrolment on a real API server: it stamps who asks, and nobody can have another's name on their key."""

from __future__ import annotations

import base64
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.identity import Impersonation
from k8sops.core.errors import EnrolmentError, ForbiddenError, InvalidError, KeyFileError
from k8sops.policy.keys import SigningKey, new_key
from k8sops.policy.model import PersonEntry
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service.identity import (
    REQUESTS,
    SIGNER,
    Enrolment,
    attest,
    claimed_key,
    enrol,
    key_path,
    own_key,
    policy_lines,
    withdraw,
)
from k8sops.service.identity_request import build_request, request_name
from tests.support.clients import client_of
from tests.support.persons import client_as, granted, rule

MAY_ENROL = (rule(REQUESTS.group, REQUESTS.plural, "create"), rule("", "namespaces", "get"))


@pytest.fixture
async def alice(sandbox: SandboxHandle, cluster: KubeCluster, tmp_path: Path) -> AsyncIterator[KubeCluster]:
    """A person who may enrol and nothing else."""
    user = f"alice-{uuid.uuid4().hex[:6]}"
    async with (
        granted(cluster, user, *MAY_ENROL),
        client_as(sandbox, tmp_path, user, ["ops", "shop"]) as client,
    ):
        yield client


@pytest.fixture
async def mallory(sandbox: SandboxHandle, cluster: KubeCluster, tmp_path: Path) -> AsyncIterator[KubeCluster]:
    """Another who may enrol, and who also reads everybody's requests."""
    user = f"mallory-{uuid.uuid4().hex[:6]}"
    reads = rule(REQUESTS.group, REQUESTS.plural, "get")
    async with (
        granted(cluster, user, *MAY_ENROL, reads),
        client_as(sandbox, tmp_path, user, ["interns"]) as client,
    ):
        yield client


async def name_of(client: KubeCluster) -> str:
    """Who the API server says the client is."""
    return (await client.whoami()).username


async def put_forward(client: KubeCluster, pem: bytes, name: str, **spec: Any) -> None:
    """Make a request by hand, as a hostile client would."""
    await client.create(
        REQUESTS,
        {
            "metadata": {"name": name},
            "spec": {
                "request": base64.b64encode(pem).decode(),
                "signerName": SIGNER,
                "usages": ["digital signature"],
                **spec,
            },
        },
    )


async def test_the_api_server_stamps_who_enrols_and_an_administrator_reads_the_same(
    alice: KubeCluster, cluster: KubeCluster
) -> None:
    """The administrator believes the cluster, read with their own credentials, and nothing the person says."""
    key = new_key()
    mine = await enrol(alice, key)
    assert (mine.username, mine.cluster_uid) == (await name_of(alice), cluster.info.uid)
    assert set(mine.groups) == {"ops", "shop", "system:authenticated"}
    theirs = await attest(cluster, claimed_key(key.public.text))
    assert msgspec.structs.replace(theirs, cluster_name=mine.cluster_name) == mine
    assert theirs.notes == ()
    stored = await cluster.get(REQUESTS, mine.request)
    assert "certificate" not in stored.get("status", {})


async def test_a_username_written_into_the_request_by_its_maker_is_overwritten(
    mallory: KubeCluster, cluster: KubeCluster
) -> None:
    """The fields are there in the API; only the server's word may be in them."""
    key = new_key()
    pem = build_request(key, cluster_uid=cluster.info.uid, username="alice")
    await put_forward(
        mallory, pem, request_name(key.key_id), username="alice", groups=["system:masters"], uid="1"
    )
    with pytest.raises(EnrolmentError, match=r"signed for user alice and put forward by mallory-"):
        await attest(cluster, key.public)


async def test_anothers_request_cannot_be_put_forward_as_ones_own(
    alice: KubeCluster, mallory: KubeCluster, cluster: KubeCluster
) -> None:
    """Requests are no secrets: with hers copied, her key could be pinned as his, and her votes be his."""
    key = new_key()
    hers = await enrol(alice, key)
    pem = base64.b64decode((await mallory.get(REQUESTS, hers.request))["spec"]["request"])
    await withdraw(cluster, hers)
    await put_forward(mallory, pem, hers.request)
    with pytest.raises(EnrolmentError, match="put forward by mallory-"):
        await attest(cluster, key.public)
    with pytest.raises(EnrolmentError, match="already"):
        await enrol(alice, key)


async def test_a_request_for_a_key_one_does_not_have_is_refused_by_the_server(
    mallory: KubeCluster, cluster: KubeCluster
) -> None:
    """The request's own signature is the proof of holding the key."""
    pem = build_request(new_key(), cluster_uid=cluster.info.uid, username=await name_of(mallory))
    broken = bytearray(base64.b64decode("".join(pem.decode().splitlines()[1:-1])))
    broken[-1] ^= 1
    text = base64.b64encode(broken).decode()
    armour = f"-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(InvalidError, match="Ed25519 verification failure"):
        await put_forward(mallory, armour.encode(), request_name("0" * 16))


async def test_a_request_under_anothers_name_is_not_taken_for_theirs(
    mallory: KubeCluster, cluster: KubeCluster
) -> None:
    """The name is only where to look; what counts is the key inside."""
    key, wanted = new_key(), new_key()
    pem = build_request(key, cluster_uid=cluster.info.uid, username=await name_of(mallory))
    await put_forward(mallory, pem, request_name(wanted.key_id))
    with pytest.raises(EnrolmentError, match="holds another key"):
        await attest(cluster, wanted.public)


async def test_a_request_made_for_another_cluster_proves_nothing_here(
    mallory: KubeCluster, cluster: KubeCluster
) -> None:
    """The same username may be somebody else there."""
    key = new_key()
    pem = build_request(key, cluster_uid="another", username=await name_of(mallory))
    await put_forward(mallory, pem, request_name(key.key_id))
    with pytest.raises(EnrolmentError, match="another cluster"):
        await attest(cluster, key.public)


async def test_a_request_for_another_signer_is_no_enrolment(
    mallory: KubeCluster, cluster: KubeCluster
) -> None:
    """A request that could become a certificate is not ours to reason about."""
    key = new_key()
    pem = build_request(key, cluster_uid=cluster.info.uid, username=await name_of(mallory))
    await put_forward(mallory, pem, request_name(key.key_id), signerName="example.org/other")
    with pytest.raises(EnrolmentError, match=r"signer example\.org/other"):
        await attest(cluster, key.public)


async def test_enrolling_the_same_key_again_finds_the_first_request(
    cluster: KubeCluster,
) -> None:
    """A command that was interrupted is repeated."""
    key = new_key()
    first = await enrol(cluster, key)
    assert await enrol(cluster, key) == first


async def test_withdrawing_takes_away_that_request_only(cluster: KubeCluster) -> None:
    """A request made in its place since is another's business."""
    key = new_key()
    first = await enrol(cluster, key)
    assert await withdraw(cluster, first)
    assert not await withdraw(cluster, first)
    with pytest.raises(EnrolmentError, match="no enrolment request"):
        await attest(cluster, key.public)


async def test_who_may_not_make_requests_is_told_in_one_sentence(
    sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """It is the first thing that goes wrong for a new person."""
    async with client_as(sandbox, tmp_path, "nobody-yet") as nobody:
        with pytest.raises(
            ForbiddenError, match="nobody-yet may not create certificatesigningrequests"
        ) as caught:
            await enrol(nobody, new_key())
        assert "docs/identity.md" in caught.value.hint
        with pytest.raises(ForbiddenError, match="may not read"):
            await attest(nobody, new_key().public)


async def test_who_may_make_a_request_and_not_delete_it_learns_that_it_may_stay(alice: KubeCluster) -> None:
    """Deleting is tidiness; nobody should be given more rights for it."""
    with pytest.raises(ForbiddenError, match="it can stay"):
        await withdraw(alice, await enrol(alice, new_key()))


async def test_a_person_who_cannot_name_the_cluster_is_noted(
    sandbox: SandboxHandle, cluster: KubeCluster, tmp_path: Path
) -> None:
    """Without reading kube-system one cannot say which cluster one is on; the administrator sees that."""
    key = new_key()
    async with (
        granted(cluster, "narrow", MAY_ENROL[0]),
        client_as(sandbox, tmp_path, "narrow") as narrow,
    ):
        await enrol(narrow, key)
    found = await attest(cluster, key.public)
    assert "may not read namespace kube-system" in found.notes[0]


async def test_an_administrators_shared_identity_is_noted(cluster: KubeCluster) -> None:
    """It may propose, never approve, and whoever has it can have any name stamped by impersonating."""
    found = await enrol(cluster, new_key())
    assert [note.split()[0] for note in found.notes] == ["kubernetes-admin", "kubernetes-admin"]


async def test_who_may_impersonate_somebody_can_enrol_as_them(kubeconfig: Path) -> None:
    """Not a flaw but a fact to know: to the API server such a caller is that person."""
    async with client_of(
        kubeconfig, impersonate=Impersonation(user="bob", groups=("system:masters",))
    ) as bob:
        assert (await enrol(bob, new_key())).username == "bob"


def test_a_username_of_any_shape_survives_the_request() -> None:
    """OIDC names are URLs with fragments; the request's URI is ASCII."""
    from k8sops.service.identity_request import read_request

    key = new_key()
    for username in ("https://id.example.org/#alice:ops%2F", "zoë@example.org", "a" * 500):
        claim = read_request(build_request(key, cluster_uid="unverified:1", username=username), "it")
        assert (claim.username, claim.cluster_uid, claim.public_key) == (username, "unverified:1", key.public)


@pytest.mark.parametrize("pem", [b"", b"junk", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END"])
def test_junk_in_a_request_is_refused_in_one_sentence(pem: bytes) -> None:
    """Anybody who may make requests can put anything there."""
    from k8sops.service.identity_request import read_request

    with pytest.raises(EnrolmentError, match="it is no request"):
        read_request(pem, "it")


def test_the_lines_for_the_policy_are_yaml_that_says_what_was_stamped() -> None:
    """An administrator pastes them."""
    key = new_key()
    lines = policy_lines(an_enrolment(key), "alice")
    people = yaml.safe_load(lines)["people"]
    assert people == {
        "alice": {
            "cluster": [{"cluster": "c-1", "username": "alice@example.org: x"}],
            "keys": [{"id": key.key_id, "key": key.public.text}],
        }
    }
    assert PersonEntry.model_validate(people["alice"]).keys[0].id == key.key_id


def test_a_key_is_made_once_and_then_found(tmp_path: Path) -> None:
    """`identity show` must never make one by accident."""
    path = key_path({"K8SOPS_IDENTITY_KEY": str(tmp_path / "keys" / "me.pem")})
    with pytest.raises(KeyFileError, match="there is no key"):
        own_key(path, create=False)
    made = own_key(path, create=True)
    assert own_key(path, create=True).public == own_key(path, create=False).public == made.public


def an_enrolment(key: SigningKey) -> Enrolment:
    """Evidence for a username that YAML would read otherwise if it were not quoted."""
    return Enrolment(
        cluster_uid="c-1",
        cluster_name="demo",
        username="alice@example.org: x",
        groups=("ops",),
        uid="",
        key_id=key.key_id,
        public_key=key.public.text,
        request=request_name(key.key_id),
        request_uid="u-1",
        resource_version="7",
        created="2026-11-21T03:00:00Z",
    )
