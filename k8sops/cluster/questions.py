"""Questions the API server answers about itself and its caller: version, identity, permission.

The reviews are created by POST but never stored, so they may be repeated and pass a read-only view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from k8sops.core.actor import Identity
from k8sops.core.errors import ServerError
from k8sops.core.ports import AccessAnswer, AccessRequest

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

T = TypeVar("T")

ANONYMOUS: Final = "system:anonymous"
AUTHENTICATED: Final = "system:authenticated"


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    git_version: str = ""


class _UserInfo(msgspec.Struct, frozen=True):
    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] | None = None


class _SelfStatus(msgspec.Struct, frozen=True, rename="camel"):
    user_info: _UserInfo = _UserInfo()


class _SelfReview(msgspec.Struct, frozen=True):
    status: _SelfStatus = _SelfStatus()


class _AccessStatus(msgspec.Struct, frozen=True, rename="camel"):
    allowed: bool = False
    reason: str = ""
    evaluation_error: str = ""


class _AccessReview(msgspec.Struct, frozen=True):
    status: _AccessStatus = _AccessStatus()


async def ask_version(transport: Transport) -> str:
    """gitVersion, e.g. `v1.36.3`."""
    subject = "the server's version"
    return _decoded(
        await transport.request("GET", "/version", subject=subject), _Version, subject
    ).git_version


async def ask_identity(transport: Transport) -> Identity:
    """SelfSubjectReview (authentication.k8s.io/v1, since Kubernetes 1.28)."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    info = (
        await _review(transport, path, review, _SelfReview, "who the credentials belong to")
    ).status.user_info
    return Identity(username=info.username, uid=info.uid, groups=info.groups or ())


async def ask_access(transport: Transport, request: AccessRequest) -> AccessAnswer:
    """SelfSubjectAccessReview (authorization.k8s.io/v1)."""
    subject = f"whether {request.verb} on {request.resource} is allowed"
    return await _access(transport, "SelfSubjectAccessReview", request, {}, subject)


async def ask_access_of(
    transport: Transport, identity: Identity, request: AccessRequest, extra: Mapping[str, Sequence[str]]
) -> AccessAnswer:
    """SubjectAccessReview (authorization.k8s.io/v1), which takes the right to create them."""
    groups = set(identity.groups)
    if identity.username != ANONYMOUS:
        # The API server puts whoever authenticates in this group; a review asks about what it is given, only.
        groups.add(AUTHENTICATED)
    who = {
        "user": identity.username,
        "uid": identity.uid,
        "groups": sorted(groups),
        "extra": {key: list(values) for key, values in extra.items()},
    }
    subject = f"whether {request.verb} on {request.resource} is allowed to {identity.username}"
    return await _access(transport, "SubjectAccessReview", request, who, subject)


async def _access(
    transport: Transport, kind: str, request: AccessRequest, who: Mapping[str, Any], subject: str
) -> AccessAnswer:
    attributes = {key: value for key, value in msgspec.to_builtins(request).items() if value}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": kind,
        "spec": {"resourceAttributes": attributes, **{key: value for key, value in who.items() if value}},
    }
    path = f"/apis/authorization.k8s.io/v1/{kind.lower()}s"
    status = (await _review(transport, path, review, _AccessReview, subject)).status
    return AccessAnswer(allowed=status.allowed, reason=status.reason or status.evaluation_error)


async def _review(
    transport: Transport, path: str, review: Mapping[str, Any], kind: type[T], subject: str
) -> T:
    data = await transport.request(
        "POST", path, body=msgspec.json.encode(review), repeatable=True, subject=subject
    )
    return _decoded(data, kind, subject)


def _decoded(data: bytes, kind: type[T], subject: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise ServerError(f"{subject}: the API server's answer cannot be read: {error}") from error
