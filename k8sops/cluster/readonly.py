"""A cluster that can only be read: what planners get, refusing mutations at run time as mypy does before.

Two locks: the mutating names raise ReadOnlyError, and the transport beneath refuses every request that could change
something, so that reaching through to it helps nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from k8sops.cluster.client_base import ClusterBase
from k8sops.cluster.client_reads import ClusterReads
from k8sops.core.errors import ReadOnlyError

MUTATIONS: Final = frozenset(
    {"create", "apply", "patch", "replace", "delete", "evict", "execute", "set_scale"}
)


class ReadOnlyCluster(ClusterReads):
    """`ClusterReader` over a read-only view of another client's transport; closing it is the other's business."""

    def __init__(self, cluster: ClusterBase) -> None:
        super().__init__(cluster.transport.read_only_view(), cluster.info, cluster.discovery, cluster.clock)

    if not TYPE_CHECKING:
        # For mypy these names do not exist at all: that is the first refusal.
        def __getattr__(self, name: str) -> NoReturn:
            if name in MUTATIONS:
                raise ReadOnlyError(
                    f"{name} is refused: this view of cluster {self.info.name!r} can only read",
                    hint="planning changes nothing; changes belong in an action's apply",
                )
            raise AttributeError(name)
