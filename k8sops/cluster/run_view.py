"""A cluster as one run, or somebody else, uses it: same connections, the run's id in its requests, another identity.

The id goes into the User-Agent always. Where the run impersonates, it also goes into `Impersonate-Extra-`, which the
API server's audit log keeps under `impersonatedUser` and which, unlike a User-Agent, takes a right of its own; it is
left out where the carrier lacks that right, because with it every request would be refused.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.identity import Impersonation, checked
from k8sops.core.errors import UsageError
from k8sops.core.ports import AccessRequest

RUN_EXTRA: Final = "k8sops.dev/run"
AUTHENTICATION: Final = "authentication.k8s.io"

_RUN_ID: Final = re.compile(r"[0-9A-Za-z]{1,64}")
_SYSTEM: Final = "system:"


async def view_for_run(
    cluster: KubeCluster, run_id: str, *, impersonate: Impersonation | None = None
) -> KubeCluster:
    """The cluster for one run; costs no connection, and one question where the run impersonates.

    `impersonate` comes from the carrier's own policy, never from a store. Raises UsageError for an identity of
    Kubernetes' own (`system:*`), or where the credentials impersonate somebody already: there is no acting as
    somebody through somebody.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise UsageError(f"{run_id[:80]!r} cannot be the id of a run")
    if impersonate is None:
        return cluster.for_run(run_id)
    _check(cluster, impersonate)
    tells = AccessRequest(
        verb="impersonate",
        group=AUTHENTICATION,
        resource="userextras",
        subresource=RUN_EXTRA,
        name=run_id,
    )
    if (await cluster.can_i(tells)).allowed:
        extra = {**impersonate.extra, RUN_EXTRA: (run_id,)}
        impersonate = msgspec.structs.replace(impersonate, extra=extra)
    return cluster.for_run(run_id, impersonate)


def view_as(cluster: KubeCluster, whom: Impersonation) -> KubeCluster:
    """The cluster as somebody else sees it, reads included. Raises UsageError as `view_for_run` does."""
    _check(cluster, whom)
    return cluster.acting_as(whom)


def _check(cluster: KubeCluster, whom: Impersonation) -> None:
    checked(whom)
    if not whom.user:
        raise UsageError("nobody is named to act as")
    if already := cluster.transport.credentials.impersonation.user:
        raise UsageError(
            f"nothing can be done as {whom.user}: the credentials in use already act as {already}",
            hint="start this process without --as and without `as` in its kubeconfig",
        )
    for name in (whom.user, *whom.groups):
        if name.lower().startswith(_SYSTEM):
            raise UsageError(
                f"nothing may be done as {name}: names that begin with {_SYSTEM} are Kubernetes' own",
                hint="give the action a service identity, or bind the person's own name to a role",
            )
