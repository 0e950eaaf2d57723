"""The service on a stage at its moment: a clock that stands still, ids that are the same each time.

The API server itself cannot be told what time it is: it writes into cells how long ago a pod restarted and an event
was seen. Those are written anew here, from the objects; everything else of time a screen computes by its own clock.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from ulid import ULID

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.connect import connect
from k8sops.cluster.credentials import Credentials
from k8sops.cluster.discovery import Discovery
from k8sops.cluster.transport import Transport
from k8sops.core.clock import Clock, parse_rfc3339
from k8sops.core.durations import human_duration
from k8sops.service.config import Config
from k8sops.service.ops import EngineOps
from k8sops.service.policies import in_force

_RESTARTED: Final = re.compile(r"^(\d+) \(\S+ ago\)$")
_STATUSES: Final = ("containerStatuses", "initContainerStatuses")


class StillClock:
    """`core.clock.Clock` whose moment does not pass; what is waited for is real."""

    def __init__(self, moment: datetime) -> None:
        self._moment: Final = moment

    def now(self) -> datetime:
        """The moment."""
        return self._moment

    def monotonic(self) -> float:
        """Real seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await asyncio.sleep(seconds)


class StillIds:
    """`core.clock.IdSource` that counts, from the moment on."""

    def __init__(self, moment: datetime) -> None:
        self._millisecond: Final = int(moment.timestamp() * 1000)
        self._given = 0

    def new(self) -> str:
        """A ULID, the same each time."""
        self._given += 1
        return str(ULID(self._millisecond.to_bytes(6) + self._given.to_bytes(10)))


class StillTransport(Transport):
    """A transport whose tables of pods and events tell times by the stage's clock instead of the server's."""

    def __init__(self, credentials: Credentials, *, clock: Clock) -> None:
        super().__init__(credentials, clock=clock)
        self._still: Final = clock

    async def request(self, method: str, path: str, *, accept: str = "", **asked: Any) -> bytes:
        """As any other transport."""
        if accept:
            asked["accept"] = accept
        data = await super().request(method, path, **asked)
        moments = _MOMENTS.get(path.rsplit("/", 1)[-1])
        if "as=Table" not in accept or moments is None:
            return data
        table = msgspec.json.decode(data)
        columns = [column["name"] for column in table.get("columnDefinitions") or ()]
        items = msgspec.json.decode(await super().request("GET", path))["items"]
        known = {item["metadata"]["uid"]: moments(item) for item in items}
        for row in table["rows"] or ():
            for name, moment in known.get(row["object"]["metadata"]["uid"], {}).items():
                self._tell(row["cells"], columns.index(name), moment)
        return msgspec.json.encode(table)

    def _tell(self, cells: list[Any], place: int, moment: datetime) -> None:
        age = human_duration((self._still.now() - moment).total_seconds())
        restarts = _RESTARTED.match(str(cells[place]))
        cells[place] = f"{restarts.group(1)} ({age} ago)" if restarts else age


def pod_times(pod: Mapping[str, Any]) -> dict[str, datetime]:
    """When a container of it last ended before a restart, as kubectl's printer takes it (printPod)."""
    moments = [
        parse_rfc3339(status["lastState"]["terminated"]["finishedAt"])
        for field in _STATUSES
        for status in pod["status"].get(field, ())
        if "terminated" in status.get("lastState", {})
    ]
    return {"Restarts": max(moments)} if moments else {}


def event_times(event: Mapping[str, Any]) -> dict[str, datetime]:
    """First and last time of an event, in either of its versions, as kubectl's printer takes them (printEvent)."""
    once = event.get("eventTime")
    first = event.get("firstTimestamp") or event.get("deprecatedFirstTimestamp") or once
    last = event.get("lastTimestamp") or event.get("deprecatedLastTimestamp") or first
    last = (event.get("series") or {}).get("lastObservedTime") or last
    found = {"First Seen": first, "Last Seen": last}
    return {name: parse_rfc3339(moment) for name, moment in found.items() if moment}


_MOMENTS: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, datetime]]]] = {
    "pods": pod_times,
    "events": event_times,
}
"""By the last part of a collection's path: what an item's cells tell that are times."""


@asynccontextmanager
async def open_still(
    config: Config, kubeconfigs: Sequence[Path], moment: datetime
) -> AsyncIterator[EngineOps]:
    """What `k8sops.service.open_ops` opens, at that moment, for whom the first kubeconfig is of."""
    clock = StillClock(moment)
    config, names = in_force(config)
    reached = await connect(
        context=None, kubeconfig=kubeconfigs, impersonate=None, clock=clock, cluster_names=names
    )
    transport = StillTransport(reached.transport.credentials, clock=clock)
    cluster = KubeCluster(transport, reached.info, Discovery(transport, clock), clock)
    ops = EngineOps(cluster, config=config, clock=clock, ids=StillIds(moment))
    try:
        yield ops
    finally:
        await ops.aclose()
        await cluster.aclose()
        await reached.aclose()
