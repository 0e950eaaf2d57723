"""A log endpoint in memory that breaks where a test wants it to, and a gathering that reads from it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from k8sops.actions.collecting.gathering import Gathering, Window
from k8sops.bundle.port import BundleSink
from k8sops.core.clock import rfc3339
from k8sops.core.errors import K8sOpsError, UnreachableError
from k8sops.core.log_selection import LogSelection
from k8sops.core.logs import SECOND_NS, moment_of, stamp_ns
from k8sops.core.ports import ClusterReader
from k8sops.logs.choosing import FoundContainer
from k8sops.logs.containers import ContainerState, Ended
from k8sops.logs.finding import FoundPod
from tests.actions.collecting.sources.ground import Records
from tests.support.cuts import NoWaiting

START_NS: Final = stamp_ns("2026-11-22T16:00:00Z")
RUNNING: Final = ContainerState(life=0, running=True, waiting="", ended=None, before=None)


def stamped(at_ns: int, text: str) -> bytes:
    """A line as the kubelet gives it."""
    whole = rfc3339(moment_of(at_ns - at_ns % SECOND_NS))[:19]
    return f"{whole}.{at_ns % SECOND_NS:09d}Z {text}\n".encode()


def restarted(at: str) -> ContainerState:
    """A container that runs again after it ended at that time."""
    return ContainerState(life=1, running=True, waiting="", ended=None, before=Ended(1, "Error", at))


@dataclass
class Kubelet:
    """Serves `logs` by pod; a pod in `breaks` is cut after so many bytes, once for each number."""

    logs: dict[str, bytes]
    breaks: dict[str, list[int]] = field(default_factory=dict)
    refuses: dict[str, K8sOpsError] = field(default_factory=dict)
    piece: int = 10_000
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def bytes_at(
        self, path: str, query: Sequence[tuple[str, str]] = (), **_: Any
    ) -> AsyncGenerator[bytes, None]:
        """The log from `sinceTime` on, to the whole second, as a kubelet serves it."""
        pod, wanted = path.split("/")[-2], dict(query)
        self.asked.append((pod, wanted))
        if pod in self.refuses:
            raise self.refuses[pod]
        since = int(datetime.fromisoformat(wanted["sinceTime"]).timestamp()) * SECOND_NS
        lines = self.logs[pod].splitlines(keepends=True)
        served = b"".join(
            line for line in lines if stamp_ns(line.partition(b" ")[0].decode("latin-1")) >= since
        )
        served = served[: int(wanted["limitBytes"])]
        broken = self.breaks.get(pod) or []
        end = broken.pop(0) if broken else len(served)
        for at in range(0, min(end, len(served)), self.piece):
            yield served[at : min(at + self.piece, end)]
        if end < len(served):
            raise UnreachableError("the connection was reset")


def gathering_from(
    kubelet: Kubelet, sink: BundleSink, state: ContainerState = RUNNING, **more: Any
) -> Gathering:
    """Of all pods that the kubelet has, from four o'clock on."""
    found = tuple(
        FoundPod({"metadata": {"namespace": "shop", "name": pod}}, (FoundContainer("app", "main", state),))
        for pod in kubelet.logs
    )
    given: dict[str, Any] = {"window": Window(START_NS, START_NS + 3600 * SECOND_NS)} | more
    return Gathering(
        cluster=cast("ClusterReader", kubelet),
        clock=NoWaiting(),
        sink=sink,
        selection=LogSelection(namespaces=("shop",)),
        pods=tuple(one.pod for one in found),
        namespaces=("shop",),
        records=Records(),
        moments=[],
        found=found,
        **given,
    )
