"""Which life of a container a log is of, and how that container talks: read off the pod's status and annotations.

A status knows whole seconds only, and news of it take a moment. So what counts here is a little later than what stands
there: a container that was ended talks until all who follow it have heard of the end, and the next one begins behind
that. Thus the log of a life that is over holds exactly what its followers saw, and no two lives overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

SECOND_NS: Final = 1_000_000_000
SETTLE_NS: Final = 1_250_000_000
"""The second that a status cuts off, and a quarter for the news to arrive."""
NEVER_NS: Final = 1 << 62
PERIOD_NS: Final = 1_500_000_000
KEPT_LINES: Final = 20_000
BULK_BYTES: Final = 2_000_000
MOST_BULK_BYTES: Final = 1 << 30

LOG_ANNOTATION: Final = "sandbox.k8sops.dev/log"
RATE_ANNOTATION: Final = "sandbox.k8sops.dev/log-rate"
"""Lines per second; between 0.001 and 1000."""
KEEP_ANNOTATION: Final = "sandbox.k8sops.dev/log-keep"
"""How many of the last lines can be read, as if the files with the others had been rotated away."""
SIZE_ANNOTATION: Final = "sandbox.k8sops.dev/log-size"
"""Bytes of a `bulk` log."""

SILENT: Final = "silent"
"""The script of a container that says nothing by itself."""


class Refusal(Exception):  # noqa: N818 - it is an answer, with the status and the sentence a kubelet would give
    """The log cannot be shown, and why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status: Final = status


class Life(NamedTuple):
    """One life of a container; times are nanoseconds since the epoch."""

    seed: str
    script: str
    period_ns: int
    keep: int
    """The most lines that can be read; 0 leaves it to the script."""
    size: int
    started_ns: int
    ended_ns: int | None
    """None while it runs."""
    reason: str


def life_of(pod: Mapping[str, Any] | None, where: str, container: str, *, previous: bool) -> Life:
    """The life a log request means. Raises Refusal as the kubelet does; `where` is the pod in its words."""
    if pod is None:
        raise Refusal(404, f"pod {where!r} is not known to this node")
    name = pod["metadata"]["name"]
    status = pod.get("status", {})
    kinds = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    every = [one for kind in kinds for one in status.get(kind, ())]
    found = next((one for one in every if one["name"] == container), None)
    if found is None:
        raise Refusal(400, f"container {container!r} in pod {name!r} is waiting to start: ContainerCreating")
    now, last = found.get("state", {}), found.get("lastState", {}).get("terminated")
    restart = int(found.get("restartCount", 0))
    if previous:
        if last is None:
            raise Refusal(400, f"previous terminated container {container!r} in pod {name!r} not found")
        life, restart = last, restart - ("waiting" not in now)
    elif "waiting" in now:
        if last is None:
            why = now["waiting"].get("message") or now["waiting"].get("reason", "unknown")
            raise Refusal(400, f"container {container!r} in pod {name!r} is waiting to start: {why}")
        life = last
    else:
        life = now.get("running") or now.get("terminated") or {}
    return _life(pod, container, life, restart)


def as_it_is_now(pod: Mapping[str, Any] | None, container: str, shown: Life) -> Life | None:
    """The same life as the pod now tells of it; None where the pod knows of it no more."""
    for previous in (False, True):
        try:
            now = life_of(pod, "", container, previous=previous)
        except Refusal:
            continue
        if now.seed == shown.seed:
            return now
    return None


def moment_ns(text: str) -> int:
    """An RFC 3339 time, to the microsecond. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * SECOND_NS + moment.microsecond * 1000


def _life(pod: Mapping[str, Any], container: str, life: Mapping[str, Any], restart: int) -> Life:
    annotations = pod["metadata"].get("annotations") or {}
    started = moment_ns(life.get("startedAt") or pod["metadata"]["creationTimestamp"])
    ended = life.get("finishedAt")
    return Life(
        seed=f"{pod['metadata']['uid']}/{container}/{restart}",
        script=SILENT if _is_shell(pod, container) else annotations.get(LOG_ANNOTATION, ""),
        period_ns=_period_ns(annotations.get(RATE_ANNOTATION, "")),
        keep=_whole(annotations, KEEP_ANNOTATION, 0, 1_000_000),
        size=_whole(annotations, SIZE_ANNOTATION, BULK_BYTES, MOST_BULK_BYTES),
        started_ns=started + (SETTLE_NS if restart else 0),
        ended_ns=None if ended is None else moment_ns(ended) + SETTLE_NS,
        reason=life.get("reason", "") if ended else "",
    )


def _period_ns(rate: str) -> int:
    try:
        return int(SECOND_NS / min(max(float(rate), 0.001), 1000.0))
    except ValueError:
        return PERIOD_NS


def _whole(annotations: Mapping[str, str], name: str, otherwise: int, most: int) -> int:
    """A number above 0; what is none is as if it were not there, as with the rate."""
    value = annotations.get(name, "")
    return min(int(value), most) if value.isdecimal() and int(value) else otherwise


def _is_shell(pod: Mapping[str, Any], container: str) -> bool:
    """Whether the container is one that somebody types into (`kubectl run -it`, `kubectl debug`)."""
    kinds = ("containers", "ephemeralContainers")
    every = [one for kind in kinds for one in pod["spec"].get(kind) or ()]
    return any(one["name"] == container and one.get("stdin") for one in every)
