"""From a context to an open cluster whose identity is pinned.

A cluster's key is the uid of its namespace kube-system (DESIGN §8). Where that may not be read, the key is
`unverified:` and a hash over authority and server: stable for one way to reach it, never equal to a real uid, so
that policy which pins uids does not take it for a known cluster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.credentials import Credentials, load_credentials
from k8sops.cluster.discovery import Discovery
from k8sops.cluster.exec_plugin import ExecCredential
from k8sops.cluster.identity import Impersonation
from k8sops.cluster.transport import Transport
from k8sops.core.clock import Clock
from k8sops.core.errors import ForbiddenError, NotFoundError, ServerError
from k8sops.core.plan import ClusterInfo

UNVERIFIED = "unverified:"


class _Meta(msgspec.Struct, frozen=True):
    uid: str


class _Namespace(msgspec.Struct, frozen=True):
    metadata: _Meta


async def connect(
    *,
    context: str | None,
    kubeconfig: Sequence[Path] | None,
    impersonate: Impersonation | None,
    clock: Clock,
    cluster_names: Mapping[str, tuple[str, str]],
    held: ExecCredential | None = None,
    early: bool = False,
) -> KubeCluster:
    """Open the cluster of a context (None: the current one); the caller closes it.

    `held` is what a credential plugin gave a person just now; `cluster_names` maps a cluster's uid to its name and
    environment. With `early` the first reads do not wait for the HTTP client (`cluster.early`), until the transport's
    `end_early`. Raises UsageError, UnknownContextError, CredentialsError, TlsError, UnreachableError.
    """
    credentials = await load_credentials(
        kubeconfig=kubeconfig, context=context, impersonate=impersonate, clock=clock
    )
    if held is not None:
        await credentials.take(held)
    transport = Transport(credentials, clock=clock, early=early)
    try:
        uid = await _cluster_uid(transport)
    except BaseException:
        await transport.aclose()
        raise
    name, environment = cluster_names.get(uid, (credentials.context, "unclassified"))
    info = ClusterInfo(
        context=credentials.context, server=credentials.server, uid=uid, name=name, environment=environment
    )
    return KubeCluster(transport, info, Discovery(transport, clock), clock)


async def _cluster_uid(transport: Transport) -> str:
    try:
        data = await transport.request(
            "GET", "/api/v1/namespaces/kube-system", deadline_s=10.0, subject="namespace kube-system"
        )
        return msgspec.json.decode(data, type=_Namespace).metadata.uid
    except (ForbiddenError, NotFoundError):
        return unverified_uid(transport.credentials)
    except msgspec.MsgspecError as error:
        raise ServerError(f"{transport.server} does not answer like a Kubernetes API server") from error


def unverified_uid(credentials: Credentials) -> str:
    """The stand-in for a uid that may not be read."""
    key = f"{credentials.authority_fingerprint}\n{credentials.server}".encode()
    return UNVERIFIED + hashlib.sha256(key).hexdigest()[:32]
