"""What a read-only or dry-run view of the transport lets pass.

The check is on the request itself, so that it holds whatever a caller above was able to assemble.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from k8sops.core.errors import ReadOnlyError

Mode = Literal["write", "dry_run", "read_only"]

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
DRY_RUN: Final = ("dryRun", "All")

# Created to be answered, never stored (Kubernetes API, "authorization.k8s.io" and "authentication.k8s.io").
QUESTIONS: Final = (
    "/selfsubjectaccessreviews",
    "/selfsubjectrulesreviews",
    "/selfsubjectreviews",
    "/subjectaccessreviews",
    "/localsubjectaccessreviews",
)

# A plain GET on these reaches into a container or through to whatever listens there.
CONNECTIONS: Final = frozenset({"exec", "attach", "portforward", "proxy"})


def guarded_query(
    mode: Mode, method: str, path: str, pairs: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The query to send in this mode. Raises ReadOnlyError where the request could change something."""
    query = list(pairs)
    if mode == "write":
        return query
    if method in SAFE_METHODS:
        if CONNECTIONS.intersection(path.split("/")[5:]):
            raise ReadOnlyError(f"{method} {path}: refused, this view of the cluster can only read")
        return query
    if path.startswith("/apis/auth") and path.endswith(QUESTIONS):
        return query
    if mode == "dry_run":
        return [*(pair for pair in query if pair[0] != "dryRun"), DRY_RUN]
    if [pair for pair in query if pair[0] == "dryRun"] != [DRY_RUN]:
        raise ReadOnlyError(
            f"{method} {path}: refused, this view of the cluster can only read",
            hint="changes are made by an action's apply, from a plan",
        )
    return query
