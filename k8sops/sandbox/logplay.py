"""Plays a container's log: the right lines for the moment, the options, and the container's state.

Line i of a container comes in the i-th period after the container started, at a moment inside it that a hash decides.
So any part of the log can be made without the parts before it. Like a kubelet that rotates files, only the last
`KEPT_LINES` lines can be read.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from k8sops.sandbox.logscripts import last_words, script_for

KEPT_LINES: Final = 20_000
PERIOD_SECONDS: Final = 1.5
FOLLOW_POLL_SECONDS: Final = 0.5
STATE_POLL_SECONDS: Final = 2.0
BATCH_LINES: Final = 500

LOG_ANNOTATION: Final = "sandbox.k8sops.dev/log"
RATE_ANNOTATION: Final = "sandbox.k8sops.dev/log-rate"
"""Lines per second; between 0.001 and 1000."""

SILENT: Final = "silent"
"""The script of a container that says nothing by itself."""

Lookup = Callable[[], Awaitable[dict[str, Any] | None]]


class Refusal(Exception):  # noqa: N818 - it is an answer, with the status and the sentence a kubelet would give
    """The log cannot be shown, and why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status: Final = status


class Instance(NamedTuple):
    """One life of a container."""

    seed: str
    script: str
    period: float
    started: float
    ended: float | None
    """Seconds since the epoch; None while it runs."""
    reason: str


async def log_lines(
    lookup: Lookup, where: str, container: str, options: Mapping[str, str]
) -> AsyncGenerator[bytes, None]:
    """Blocks of log text as the kubelet would answer `options` (PodLogOptions of core/v1).

    An empty block means nothing new yet. Raises Refusal before the first block.
    """
    instance = await _instance(lookup, where, container, previous=options.get("previous") == "true")
    stamped = options.get("timestamps") == "true"
    lines = _selected(instance, options, time.time())
    budget = _number(options, "limitBytes")
    for block in _blocks(lines, stamped=stamped):
        if budget is not None and len(block) >= budget:
            yield block[:budget]
            return
        budget = None if budget is None else budget - len(block)
        yield block
    if options.get("follow") != "true" or instance.ended is not None:
        return
    shown, looked = time.time(), time.monotonic()
    while True:
        await asyncio.sleep(min(FOLLOW_POLL_SECONDS, instance.period))
        if time.monotonic() - looked >= STATE_POLL_SECONDS:
            looked = time.monotonic()
            instance, ended = await _still(lookup, where, container, instance)
        else:
            ended = False
        now = time.time()
        yield b"".join(_blocks(_between(instance, shown, now), stamped=stamped))
        shown = now
        if ended:
            return


async def _still(lookup: Lookup, where: str, container: str, shown: Instance) -> tuple[Instance, bool]:
    """The instance as it is now, and whether it has ended (as the kubelet, a follower is let go then)."""
    try:
        for previous in (False, True):
            now = await _instance(lookup, where, container, previous=previous)
            if now.seed == shown.seed:
                return now, now.ended is not None
    except Refusal:
        pass
    return shown, True


async def _instance(lookup: Lookup, where: str, container: str, *, previous: bool) -> Instance:
    pod = await lookup()
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


def _life(pod: Mapping[str, Any], container: str, life: Mapping[str, Any], restart: int) -> Instance:
    annotations = pod["metadata"].get("annotations") or {}
    try:
        rate = min(max(float(annotations.get(RATE_ANNOTATION, 1 / PERIOD_SECONDS)), 0.001), 1000.0)
    except ValueError:
        rate = 1 / PERIOD_SECONDS
    ended = life.get("finishedAt")
    return Instance(
        seed=f"{pod['metadata']['uid']}/{container}/{restart}",
        script=SILENT if _is_shell(pod, container) else annotations.get(LOG_ANNOTATION, ""),
        period=1 / rate,
        started=_seconds(life.get("startedAt") or pod["metadata"]["creationTimestamp"]),
        ended=None if ended is None else _seconds(ended),
        reason=life.get("reason", "") if ended else "",
    )


def _is_shell(pod: Mapping[str, Any], container: str) -> bool:
    """Whether the container is one that somebody types into (`kubectl run -it`, `kubectl debug`)."""
    kinds = ("containers", "ephemeralContainers")
    every = [one for kind in kinds for one in pod["spec"].get(kind) or ()]
    return any(one["name"] == container and one.get("stdin") for one in every)


def _selected(instance: Instance, options: Mapping[str, str], now: float) -> Iterator[tuple[float, str]]:
    until = now if instance.ended is None else instance.ended + 1.0
    since = 0.0
    if (seconds := _number(options, "sinceSeconds")) is not None:
        since = now - seconds
    if "sinceTime" in options:
        since = max(since, _seconds(options["sinceTime"]))
    lines = _between(instance, since, until)
    tail = _number(options, "tailLines")
    if tail is None:
        yield from lines
        return
    # The last lines alone are made: from so many periods before the end, and counted once more.
    start = max(since, until - (tail + len(last_words(instance.reason, "")) + 2) * instance.period)
    kept = list(_between(instance, start, until))
    yield from kept[len(kept) - min(tail, len(kept)) :]


def _between(instance: Instance, after: float, until: float) -> Iterator[tuple[float, str]]:
    """Lines with `after` < time ≤ `until`."""
    if instance.script == SILENT:
        return
    end = until if instance.ended is None else min(until, instance.ended)
    count = int(max(end - instance.started, 0.0) / instance.period) + 1
    first = max(int((after - instance.started) / instance.period) - 1, count - KEPT_LINES, 0)
    script, base = script_for(instance.script), instance.seed.encode()
    for index in range(first, count + 1):
        number = zlib.crc32(b"%b:%d" % (base, index))
        moment = instance.started + (index + (number & 0xFFFF) / 0x10000 if index else 0.0) * instance.period
        if after < moment <= end:
            yield moment, script(number, datetime.fromtimestamp(moment, UTC))
    if instance.ended is not None and after < instance.ended <= until and instance.reason != "Completed":
        for line in last_words(instance.reason, instance.script):
            yield instance.ended, line


def _blocks(lines: Iterator[tuple[float, str]], *, stamped: bool) -> Iterator[bytes]:
    batch: list[str] = []
    for moment, line in lines:
        stamp = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z ") if stamped else ""
        batch.append(f"{stamp}{line}\n")
        if len(batch) == BATCH_LINES:
            yield "".join(batch).encode()
            batch.clear()
    if batch:
        yield "".join(batch).encode()


def _number(options: Mapping[str, str], name: str) -> int | None:
    value = options.get(name)
    return int(value) if value is not None and value.isdigit() else None


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
