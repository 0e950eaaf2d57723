"""What metrics.k8s.io measured, by pod and by node, and in one sentence why there is nothing of it."""

from __future__ import annotations

from typing import Final

import msgspec

from k8sops.cluster.structs import Meta, Quantities
from k8sops.core.errors import ForbiddenError, K8sOpsError, NotFoundError, UnknownKindError
from k8sops.core.ports import ClusterReader
from k8sops.service.live.figures import Used, used_of
from k8sops.service.live.slices import breathe

GROUP: Final = "metrics.k8s.io"


class ContainerUsage(msgspec.Struct, frozen=True, gc=False):
    """What a container used, over the last window."""

    name: str = ""
    usage: Quantities = {}


class PodMetrics(msgspec.Struct, frozen=True, gc=False):
    """metrics.k8s.io PodMetrics."""

    metadata: Meta = Meta()
    containers: tuple[ContainerUsage, ...] = ()


class NodeMetrics(msgspec.Struct, frozen=True, gc=False):
    """metrics.k8s.io NodeMetrics."""

    metadata: Meta = Meta()
    usage: Quantities = {}


class Usage:
    """Asks again each time; what cannot be had is told in `note` and is no error."""

    def __init__(self, reader: ClusterReader) -> None:
        self._reader: Final = reader
        self.note = ""
        """Why nothing was measured; empty while it is."""

    async def of_pods(self, namespace: str, label_selector: str = "") -> dict[tuple[str, str], Used]:
        """By namespace and name."""
        try:
            resource = await self._reader.resource(f"pods.{GROUP}")
            found = self._reader.list_as(PodMetrics, resource, namespace, label_selector=label_selector)
            measured: dict[tuple[str, str], Used] = {}
            seen = 0
            async for one in found:
                # metrics-server knows no pages: all of it comes at once.
                await breathe(seen)
                seen += 1
                if (used := used_of(each.usage for each in one.containers)) is not None:
                    measured[one.metadata.namespace, one.metadata.name] = used
        except K8sOpsError as error:
            self.note = _why(error)
            return {}
        self.note = ""
        return measured

    async def of_nodes(self) -> dict[str, Used]:
        """By name."""
        try:
            resource = await self._reader.resource(f"nodes.{GROUP}")
            measured = {
                one.metadata.name: used
                async for one in self._reader.list_as(NodeMetrics, resource)
                if (used := used_of([one.usage])) is not None
            }
        except K8sOpsError as error:
            self.note = _why(error)
            return {}
        self.note = ""
        return measured

    async def of_containers(self, pod: str, namespace: str) -> dict[str, Used]:
        """By the name of the container of one pod."""
        try:
            resource = await self._reader.resource(f"pods.{GROUP}")
            found = msgspec.convert(await self._reader.get(resource, pod, namespace), PodMetrics)
        except NotFoundError:
            # Served, but this pod was not measured: it does not run, or only began.
            self.note = ""
            return {}
        except K8sOpsError as error:
            self.note = _why(error)
            return {}
        self.note = ""
        return {one.name: used for one in found.containers if (used := used_of([one.usage])) is not None}


def _why(error: K8sOpsError) -> str:
    if isinstance(error, UnknownKindError):
        return "no metrics: this cluster does not serve metrics.k8s.io"
    if isinstance(error, ForbiddenError):
        return "no metrics: not permitted"
    return f"no metrics: {error.message}"
