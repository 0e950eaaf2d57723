"""Enrolment: the API server's own word on whose key it is.

`enrol` makes a CertificateSigningRequest that holds the public key. The API server writes the authenticated caller's
username, uid and groups into it, whatever the caller says; signerName `k8sops.dev/identity` belongs to no signer, so
nothing is ever issued from it. A policy administrator runs `attest` with credentials and cluster of their own and
pins key to person. Requests nobody approves are removed by Kubernetes after 24 hours.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from k8sops.core.errors import (
    AlreadyExistsError,
    EnrolmentError,
    ForbiddenError,
    NotFoundError,
)
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Cluster, ClusterReader, Resource
from k8sops.policy.keys import PublicKey, SigningKey, create_key, load_key, parse_public
from k8sops.service.identity_request import build_request, read_request, request_name

SIGNER: Final = "k8sops.dev/identity"
REQUESTS: Final = Resource(
    group="certificates.k8s.io",
    version="v1",
    plural="certificatesigningrequests",
    kind="CertificateSigningRequest",
    namespaced=False,
    singular="certificatesigningrequest",
)
KEY_VARIABLE: Final = "K8SOPS_IDENTITY_KEY"

_ROLE_HINT: Final = "an administrator of the cluster grants it; docs/identity.md has the role"


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """What the API server stamped: the evidence that a key is a user's. `notes` are what to look at twice."""

    cluster_uid: str
    cluster_name: str
    username: str
    groups: tuple[str, ...]
    uid: str
    key_id: str
    public_key: str
    request: str
    """Name of the CertificateSigningRequest."""
    request_uid: str
    resource_version: str
    created: str
    notes: tuple[str, ...] = ()


def key_path(environ: Mapping[str, str]) -> Path:
    """Where a person's key lies: K8SOPS_IDENTITY_KEY, else `keys/identity.pem` in the configuration folder."""
    if given := environ.get(KEY_VARIABLE):
        return Path(given).expanduser().absolute()
    from platformdirs import user_config_path

    return user_config_path("k8sops", appauthor=False) / "keys" / "identity.pem"


def own_key(path: Path, *, create: bool) -> SigningKey:
    """The person's key; made where there is none and `create` says so. Raises KeyFileError."""
    if create and not path.exists():
        return create_key(path)
    return load_key(path)


def claimed_key(text: str) -> PublicKey:
    """The public key a person sent, by whatever way. Raises KeyFileError."""
    return parse_public(text)


async def enrol(cluster: Cluster, key: SigningKey) -> Enrolment:
    """Have the API server stamp this key with who we are; the same key may be enrolled again.

    Raises ForbiddenError where we may not make requests; EnrolmentError where the key's request is somebody else's.
    """
    identity = await cluster.whoami()
    pem = build_request(key, cluster_uid=cluster.info.uid, username=identity.username)
    name = request_name(key.key_id)
    manifest = {
        "apiVersion": REQUESTS.api_version,
        "kind": REQUESTS.kind,
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "k8sops"}},
        "spec": {
            "request": base64.b64encode(pem).decode(),
            "signerName": SIGNER,
            # At least one is asked for; no certificate ever carries it.
            "usages": ["digital signature"],
        },
    }
    try:
        stored = await cluster.create(REQUESTS, manifest)
    except AlreadyExistsError:
        stored = await _earlier(cluster, name)
    except ForbiddenError as error:
        raise ForbiddenError(
            f"{identity.username} may not create certificatesigningrequests on cluster {cluster.info.name},"
            " which enrolling takes",
            hint=_ROLE_HINT,
        ) from error
    enrolment = _examined(stored, cluster, key.public)
    if enrolment.username != identity.username:
        raise EnrolmentError(
            f"the request of key {key.key_id} was made by {enrolment.username}, not by {identity.username}",
            hint=f"have an administrator delete {name}, and make a new key if that one was ever shared",
        )
    return enrolment


async def attest(cluster: ClusterReader, public_key: PublicKey) -> Enrolment:
    """Read, with our own credentials, whom the API server stamped on this key's request, and check all of it.

    Raises EnrolmentError where the request does not prove it, or is not there.
    """
    name = request_name(public_key.key_id)
    try:
        stored = await cluster.get(REQUESTS, name)
    except NotFoundError as error:
        raise EnrolmentError(
            f"cluster {cluster.info.name} has no enrolment request for key {public_key.key_id}",
            hint="its owner runs `k8sops identity enrol`; Kubernetes removes the request after 24 hours",
        ) from error
    except ForbiddenError as error:
        raise ForbiddenError(
            f"you may not read certificatesigningrequests on cluster {cluster.info.name}, which checking takes",
            hint=_ROLE_HINT,
        ) from error
    return _examined(stored, cluster, public_key)


async def withdraw(cluster: Cluster, enrolment: Enrolment) -> bool:
    """Delete the request, and none that was made in its place since. False where it was gone.

    Raises ForbiddenError: most persons may make requests and not delete them.
    """
    try:
        await cluster.delete(REQUESTS, enrolment.request, uid=enrolment.request_uid)
    except NotFoundError:
        return False
    except ForbiddenError as error:
        raise ForbiddenError(
            f"you may not delete {enrolment.request} on cluster {cluster.info.name}; it can stay",
            hint="it proves nothing new and can do nothing; Kubernetes removes it after 24 hours",
        ) from error
    return True


def policy_lines(enrolment: Enrolment, person: str) -> str:
    """What an administrator adds to the policy's `people` to pin the key, as YAML."""
    entry = {
        "cluster": [{"cluster": enrolment.cluster_uid, "username": enrolment.username}],
        "keys": [{"id": enrolment.key_id, "key": enrolment.public_key}],
    }
    return yaml.safe_dump({"people": {person: entry}}, sort_keys=False, allow_unicode=True, width=10_000)


async def _earlier(cluster: Cluster, name: str) -> JsonObject:
    try:
        return await cluster.get(REQUESTS, name)
    except (ForbiddenError, NotFoundError) as error:
        raise EnrolmentError(
            f"cluster {cluster.info.name} has {name} already, and it cannot be read: {error}",
            hint="have an administrator check or delete it, then enrol again",
        ) from error


def _examined(stored: Mapping[str, Any], cluster: ClusterReader, public_key: PublicKey) -> Enrolment:
    """The evidence in a request as the API server returned it. Raises EnrolmentError."""
    try:
        found = msgspec.convert(stored, _Request)
        pem = base64.b64decode(found.spec.request, validate=True)
    except (msgspec.MsgspecError, binascii.Error) as error:
        raise EnrolmentError("the API server's answer is not a CertificateSigningRequest") from error
    where = f"{found.metadata.name} on cluster {cluster.info.name}"
    if found.spec.signer_name != SIGNER:
        raise EnrolmentError(f"{where} is for signer {found.spec.signer_name}, not {SIGNER}")
    claim = read_request(pem, where)
    if claim.public_key != public_key or found.metadata.name != request_name(public_key.key_id):
        raise EnrolmentError(f"{where} holds another key than {public_key.key_id}")
    if not found.spec.username or claim.username != found.spec.username:
        raise EnrolmentError(
            f"{where} was signed for user {claim.username} and put forward by {found.spec.username}",
            hint="somebody uses a request that is not theirs: do not pin this key",
        )
    return Enrolment(
        cluster_uid=cluster.info.uid,
        cluster_name=cluster.info.name,
        username=found.spec.username,
        groups=found.spec.groups,
        uid=found.spec.uid,
        key_id=public_key.key_id,
        public_key=public_key.text,
        request=found.metadata.name,
        request_uid=found.metadata.uid,
        resource_version=found.metadata.resource_version,
        created=found.metadata.creation_timestamp,
        notes=_notes(found, claim.cluster_uid, cluster.info.uid, where),
    )


def _notes(found: _Request, claimed: str, actual: str, where: str) -> tuple[str, ...]:
    from k8sops.cluster.connect import UNVERIFIED

    notes = []
    if claimed != actual:
        if not claimed.startswith(UNVERIFIED):
            raise EnrolmentError(
                f"{where} was signed for another cluster ({claimed})",
                hint="enrol again on this cluster, with the same key",
            )
        notes.append(
            f"{found.spec.username} may not read namespace kube-system and could not name the cluster"
        )
    if found.spec.username.startswith("system:") or found.spec.username == "kubernetes-admin":
        notes.append(f"{found.spec.username} is an identity that several people can hold")
    if "system:masters" in found.spec.groups:
        notes.append(f"{found.spec.username} is in system:masters and may act as anybody on this cluster")
    return tuple(notes)


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    uid: str
    resource_version: str
    creation_timestamp: str


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    request: str
    signer_name: str
    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()


class _Request(msgspec.Struct, frozen=True):
    metadata: _Metadata
    spec: _Spec
