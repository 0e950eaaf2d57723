"""What following asks of a cluster, and how a real one answers it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from k8sops.cluster.client_base import PODS
from k8sops.cluster.logs import LogBlock, LogQuery, log_blocks
from k8sops.cluster.paths import object_path, subject_of
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.logs import LogStream
from k8sops.logs.targets import PodReader


class LogCluster(PodReader, Protocol):
    """A cluster whose logs are read."""

    def log(
        self, stream: LogStream, query: LogQuery, on_sent: Callable[[], None] | None = None
    ) -> AsyncGenerator[LogBlock, None]:
        """The lines of one container; `on_sent` is called when the request is on its way."""
        ...


class ClusterLogs(ReadOnlyCluster):
    """`LogCluster` on a real cluster."""

    def log(
        self, stream: LogStream, query: LogQuery, on_sent: Callable[[], None] | None = None
    ) -> AsyncGenerator[LogBlock, None]:
        """The lines of one container, as the kubelet serves them."""
        return log_blocks(
            self.transport,
            object_path(PODS, stream.pod, stream.namespace, "log"),
            query,
            on_sent=on_sent,
            subject=f"log of {subject_of(PODS, stream.pod, stream.namespace)}",
        )
