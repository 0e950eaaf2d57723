"""What a read-only or dry-run view of the transport lets pass.

The check is on the request itself, so that it holds whatever a caller above was able to assemble.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from k8sops.cluster.one_line import one_line
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

# These reach into a container or through to whatever listens there, with any method, and know no dry run.
CONNECTIONS: Final = frozenset({"exec", "attach", "portforward", "proxy"})


class Guarded(NamedTuple):
    """Query and body as they may be sent."""

    query: list[tuple[str, str]]
    body: bytes | None


def guarded(
    mode: Mode, method: str, path: str, pairs: Sequence[tuple[str, str]], body: bytes | None = None
) -> Guarded:
    """What to send in this mode. Raises ReadOnlyError where the request could change something.

    A DELETE that has a body takes all its options from there, and the API server then ignores the query: the dry
    run has to be said in the body.
    """
    query = list(pairs)
    if mode == "write":
        return Guarded(query, body)
    if CONNECTIONS.intersection(path.split("/")[5:]):
        raise _refused(method, path)
    if _harmless(method, path):
        return Guarded(query, body)
    if mode == "dry_run":
        query = [*(pair for pair in query if pair[0] != DRY_RUN[0]), DRY_RUN]
        return Guarded(query, _with_dry_run(body) if method == "DELETE" and body else body)
    said = [pair for pair in query if pair[0] == DRY_RUN[0]] == [DRY_RUN]
    if not said or (method == "DELETE" and body and _with_dry_run(body) != body):
        raise _refused(method, path)
    return Guarded(query, body)


def may_change(mode: Mode, method: str, path: str) -> bool:
    """Whether the request, as `guarded` let it pass, could change something on the cluster."""
    return mode == "write" and not _harmless(method, path)


def _harmless(method: str, path: str) -> bool:
    return method in SAFE_METHODS or (path.startswith("/apis/auth") and path.endswith(QUESTIONS))


def _with_dry_run(body: bytes) -> bytes:
    options = msgspec.json.decode(body, type=dict[str, Any])
    return msgspec.json.encode({**options, DRY_RUN[0]: [DRY_RUN[1]]})


def _refused(method: str, path: str) -> ReadOnlyError:
    return ReadOnlyError(
        f"{method} {one_line(path, 200)}: refused, this view of the cluster can only read",
        hint="changes are made by an action's apply, from a plan",
    )
