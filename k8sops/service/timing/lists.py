"""The objects that tell when something happened, listed kind by kind; what may not be read is said and costs no more.

Objects are made into moments as they come and let go of, so that a cluster of any size fits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from k8sops.core.errors import ForbiddenError, K8sOpsError, UnknownKindError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader
from k8sops.core.tasks import all_of
from k8sops.core.timeline import Moment, Unknown
from k8sops.service.timing.scope import Scope
from k8sops.timeline.objects import moments_of
from k8sops.timeline.reading_events import node_of_event
from k8sops.timeline.reading_rollouts import moments_of_revisions

AT_ONCE: Final = 4
KINDS: Final = (
    "events",
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "replicasets.apps",
    "controllerrevisions.apps",
    "jobs.batch",
    "horizontalpodautoscalers.autoscaling",
)
REVISIONS: Final = frozenset({"replicasets.apps", "controllerrevisions.apps"})
OF_NODES: Final = "default"
"""Where the events of what has no namespace are written."""
_EVERY: Final = 500


class Lists:
    """What lists gave: moments, and why there are not more of them."""

    def __init__(self, reader: ClusterReader, scope: Scope, told: Callable[[str], None]) -> None:
        self.moments: Final[list[Moment]] = []
        self.nodes: Final[set[str]] = set()
        """Of which events of pods tell."""
        self.unknown: Final[list[Unknown]] = []
        self._reader = reader
        self._scope = scope
        self._told = told
        self._failed: list[K8sOpsError] = []
        self._done = 0
        self._seen = 0

    async def read(self, namespaces: tuple[str, ...]) -> None:
        """All kinds in all of the namespaces, some at a time. Raises where none of it can be read."""
        waiting = iter([(kind, namespace) for namespace in namespaces or ("",) for kind in KINDS])

        async def reader() -> None:
            for kind, namespace in waiting:
                await self._one(kind, namespace)

        await all_of(reader() for _ in range(AT_ONCE))
        if self._failed and not self._done:
            raise self._failed[0]

    async def read_nodes(self, *, with_events: bool) -> None:
        """The nodes, and their events where no namespace that was read holds these."""
        await self._one("nodes", "")
        if with_events:
            await self._one("events", OF_NODES, only="involvedObject.kind=Node")

    async def _one(self, kind: str, namespace: str, *, only: str = "") -> None:
        try:
            resource = await self._reader.resource(kind)
            listed = self._reader.list(resource, namespace, field_selector=only)
            kept: list[JsonObject] = []
            async for found in listed:
                if kind in REVISIONS:
                    if kept and _namespace(kept[0]) != _namespace(found):
                        self.moments.extend(moments_of_revisions(resource.kind, kept))
                        kept.clear()
                    kept.append(found)
                self._take(resource.kind, found)
            self.moments.extend(moments_of_revisions(resource.kind, kept) if kept else ())
            self._done += 1
        except UnknownKindError:
            # A cluster that does not serve the kind has none of it.
            return
        except K8sOpsError as error:
            self._failed.append(error)
            what = f"{kind.partition('.')[0]}{_where(kind, namespace)}"
            self.unknown.append(unknown_of("events of nodes" if only else what, error))

    def _take(self, kind: str, found: JsonObject) -> None:
        self._seen += 1
        if not self._seen % _EVERY:
            self._told(f"{self._seen:,} objects read")
        if kind != "Event":
            self._scope.see(kind, found)
        elif node := node_of_event(found):
            self.nodes.add(node)
        if kind not in {"ReplicaSet", "ControllerRevision"}:
            self.moments.extend(moments_of(kind, found))


def unknown_of(source: str, error: K8sOpsError) -> Unknown:
    """Why a source is missing; that something may not be read is no failure."""
    if isinstance(error, ForbiddenError):
        return Unknown(source=source, why="not permitted", expected=True)
    return Unknown(source=source, why=error.message)


def _where(kind: str, namespace: str) -> str:
    if kind == "nodes":
        return ""
    return f" in {namespace}" if namespace else " in all namespaces"


def _namespace(found: JsonObject) -> str:
    return str(found["metadata"].get("namespace") or "")
