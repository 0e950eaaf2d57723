"""Why a pod is not well, in one sentence, from its spec and status alone.

Pure. The most telling reason wins: what keeps a pod from a node before what keeps a container from starting, that
before what makes it end, that before what keeps it from being ready. Sources: the Pod's status as the kubelet writes
it (core/v1 `PodStatus`, `ContainerState`), the scheduler's PodScheduled condition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from k8sops.core.clock import parse_rfc3339
from k8sops.core.moments import in_words
from k8sops.core.overview import Gauge
from k8sops.core.plan import JsonObject
from k8sops.core.text import counted

STARTING: Final = timedelta(seconds=60)
"""So long a pod may take to come up before that is a trouble."""
RECENT: Final = timedelta(hours=1)
MANY_RESTARTS: Final = 3
LONGEST_MESSAGE: Final = 240

_EXIT_CODES: Final = {
    126: "the command cannot be executed",
    127: "the command was not found",
    134: "aborted, SIGABRT",
    137: "killed, SIGKILL",
    139: "segmentation fault, SIGSEGV",
    143: "asked to end, SIGTERM",
}
_STARTING_REASONS: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
_IMAGE_REASONS: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
    }
)
# What the scheduler adds on preemption says nothing of why.
_PREEMPTION: Final = re.compile(r"\.?\s*(?:no new claims to deallocate,?\s*)?preemption:.*\Z", re.DOTALL)


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """A reason: a word or two for a column, a clause for a sentence, and since when."""

    word: str
    clause: str
    since: datetime | None = None
    gauge: Gauge = Gauge.BAD


def why_of_pod(pod: JsonObject, now: datetime) -> Why | None:
    """Why the pod is not well; None where it is, or is only just starting, or has done its work."""
    status: dict[str, Any] = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return _ending(pod, now)
    if status.get("phase") == "Succeeded":
        return None
    if status.get("phase") == "Failed":
        return _failed(pod)
    found = _unscheduled(pod, now) or next(_of_containers(pod, now), None)
    return found or _between_crashes(pod, now) or _unready(pod, now) or _restarting(pod, now)


def moment(text: object) -> datetime | None:
    """A time as the API server writes it; None where there is none."""
    return parse_rfc3339(text) if isinstance(text, str) and text else None


def condition(of: JsonObject, kind: str) -> dict[str, Any]:
    """A condition of an object's status; empty where it has none of this kind."""
    conditions: list[dict[str, Any]] = (of.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one.get("type") == kind), {})


def said(message: object) -> str:
    """A message of the cluster's as part of a sentence: one line, without its full stop, not endless."""
    text = " ".join(str(message or "").split()).rstrip(".")
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}…"


def _ending(pod: JsonObject, now: datetime) -> Why | None:
    asked = moment(pod["metadata"]["deletionTimestamp"])
    if asked is None or now - asked < STARTING:
        return None
    finalizers = pod["metadata"].get("finalizers")
    held = f"held by {', '.join(finalizers)}" if finalizers else "its node has not said that it ended"
    return Why(word="Terminating", clause=f"it should have ended and has not: {held}", since=asked)


def _failed(pod: JsonObject) -> Why:
    status = pod["status"]
    for container in _statuses(pod):
        ended = (container.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode"):
            clause = f"container {container['name']} {_exit(ended)}"
            return Why(
                word=ended.get("reason") or "Error", clause=clause, since=moment(ended.get("finishedAt"))
            )
    reason, message = status.get("reason") or "Failed", said(status.get("message"))
    clause = f"{reason}: {message}" if message else str(reason)
    return Why(
        word=str(reason), clause=clause, since=moment(condition(pod, "Ready").get("lastTransitionTime"))
    )


def _unscheduled(pod: JsonObject, now: datetime) -> Why | None:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") != "False":
        return None
    since = moment(scheduled.get("lastTransitionTime"))
    if scheduled.get("reason") == "SchedulingGated":
        gates = ", ".join(str(gate.get("name")) for gate in pod["spec"].get("schedulingGates") or ())
        return Why(word="SchedulingGated", clause=f"held back by the gate {gates}", since=since)
    if since is not None and now - since < timedelta(seconds=5):
        return None
    message = said(_PREEMPTION.sub("", str(scheduled.get("message") or "")))
    return Why(
        word="Unschedulable",
        clause=f"no node takes it: {message}" if message else "no node takes it",
        since=since,
    )


def _of_containers(pod: JsonObject, now: datetime) -> Iterator[Why]:
    for container in _statuses(pod):
        waiting = (container.get("state") or {}).get("waiting")
        if waiting and (found := _of_waiting(pod, container, waiting, now)):
            yield found
    for container in _statuses(pod):
        ended = (container.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode") and not container.get("ready"):
            restarts = int(container.get("restartCount") or 0)
            clause = f"container {container['name']} {_exit(ended)}{_restarts(restarts)}"
            yield Why(word=str(ended.get("reason") or "Error"), clause=clause, since=_unready_since(pod))


def _of_waiting(
    pod: JsonObject, container: dict[str, Any], waiting: dict[str, Any], now: datetime
) -> Why | None:
    reason, name = str(waiting.get("reason") or ""), container["name"]
    if reason == "CrashLoopBackOff":
        return _crash_loop(pod, container)
    if reason in _IMAGE_REASONS:
        image = str(container.get("image") or _spec_of(pod, name).get("image") or "")
        message = said(waiting.get("message"))
        about = f": {message}" if message and not message.startswith("Back-off pulling") else ""
        return Why(
            word=reason, clause=f"image {image} cannot be pulled ({reason}){about}", since=_unready_since(pod)
        )
    if reason not in _STARTING_REASONS:
        message = said(waiting.get("message"))
        clause = f"container {name} cannot start: {reason}{f', {message}' if message else ''}"
        return Why(word=reason, clause=clause, since=_unready_since(pod))
    began = moment((pod.get("status") or {}).get("startTime")) or moment(
        pod["metadata"].get("creationTimestamp")
    )
    if began is None or now - began < STARTING or _is_behind_an_init(pod, name):
        return None
    clause = f"container {name} has not been made yet: its volumes, network or image are not there"
    return Why(word=reason or "Waiting", clause=clause, since=began, gauge=Gauge.WARN)


def _crash_loop(pod: JsonObject, container: dict[str, Any]) -> Why:
    name, restarts = container["name"], int(container.get("restartCount") or 0)
    ended = (container.get("lastState") or {}).get("terminated") or {}
    since = _unready_since(pod)
    if ended.get("reason") == "OOMKilled":
        clause = f"container {name} is killed for memory{_limit(pod, name)}{_restarts(restarts)}"
        return Why(word="OOMKilled", clause=clause, since=since)
    if not ended:
        return Why(
            word="CrashLoopBackOff", clause=f"container {name} ends again and again{_restarts(restarts)}"
        )
    clause = f"container {name} crash-loops, and {_exit(ended)}{_restarts(restarts)}"
    return Why(word="CrashLoopBackOff", clause=clause, since=since)


def _between_crashes(pod: JsonObject, now: datetime) -> Why | None:
    """A container that runs again, is not ready, and crashed a short time ago: that is still what is wrong."""
    for container in _statuses(pod):
        ended = (container.get("lastState") or {}).get("terminated") or {}
        at = moment(ended.get("finishedAt"))
        if container.get("ready") or not ended.get("exitCode") or at is None or now - at > RECENT:
            continue
        limit = _limit(pod, container["name"]) if ended.get("reason") == "OOMKilled" else ""
        restarts = _restarts(int(container.get("restartCount") or 0))
        clause = f"container {container['name']} is starting again, and {_exit(ended)}{limit}{restarts}"
        return Why(word=str(ended.get("reason") or "Error"), clause=clause, since=_unready_since(pod))
    return None


def _unready(pod: JsonObject, now: datetime) -> Why | None:
    ready = condition(pod, "Ready")
    since = moment(ready.get("lastTransitionTime"))
    if ready.get("status") == "True" or (since is not None and now - since < STARTING):
        return None
    for container in _statuses(pod):
        if "running" not in (container.get("state") or {}) or container.get("ready"):
            continue
        name = container["name"]
        spec = _spec_of(pod, name)
        which = "startup" if container.get("started") is False and spec.get("startupProbe") else "readiness"
        probe = _probe(spec.get(f"{which}Probe") or {})
        failing = f"its {which} probe ({probe}) does not pass" if probe else "it is not ready"
        return Why(word="NotReady", clause=f"container {name} runs, but {failing}", since=since)
    for gate in pod["spec"].get("readinessGates") or ():
        if condition(pod, str(gate.get("conditionType"))).get("status") != "True":
            kind = gate.get("conditionType")
            return Why(
                word="NotReady",
                clause=f"its readiness gate {kind} is not true",
                since=since,
                gauge=Gauge.WARN,
            )
    if not ready or not _statuses(pod):
        return None
    message = said(ready.get("message") or ready.get("reason"))
    return Why(word="NotReady", clause=message or "it is not ready", since=since)


def _restarting(pod: JsonObject, now: datetime) -> Why | None:
    """A pod that is well just now, after one restart too many."""
    for container in _statuses(pod):
        restarts = int(container.get("restartCount") or 0)
        ended = (container.get("lastState") or {}).get("terminated") or {}
        at = moment(ended.get("finishedAt"))
        if restarts < MANY_RESTARTS or at is None or now - at > RECENT:
            continue
        limit = _limit(pod, container["name"]) if ended.get("reason") == "OOMKilled" else ""
        clause = f"container {container['name']} runs again, and {_exit(ended)}{limit}{_restarts(restarts)}"
        return Why(word=str(ended.get("reason") or "Restarting"), clause=clause, since=at, gauge=Gauge.WARN)
    return None


def _exit(ended: dict[str, Any]) -> str:
    """`last exited with code 1 (Error), 5 s after its start`."""
    code, reason = int(ended.get("exitCode") or 0), str(ended.get("reason") or "")
    if reason == "OOMKilled":
        return "was last killed for memory"
    about = _EXIT_CODES.get(code) or (reason if reason not in {"", "Completed"} else "")
    began, at = moment(ended.get("startedAt")), moment(ended.get("finishedAt"))
    after = ""
    if began is not None and at is not None and began.year > 1970 and at >= began:
        after = f", {in_words((at - began).total_seconds())} after its start"
    message = said(ended.get("message"))
    return f"last exited with code {code}{f' ({about})' if about else ''}{after}{f': {message}' if message else ''}"


def _restarts(count: int) -> str:
    return f"; {counted(count, 'restart')}" if count else ""


def _limit(pod: JsonObject, name: str) -> str:
    limit = ((_spec_of(pod, name).get("resources") or {}).get("limits") or {}).get("memory")
    return f" at its limit of {limit}" if limit else ""


def _probe(probe: dict[str, Any]) -> str:
    if http := probe.get("httpGet"):
        return f"GET :{http.get('port', '')}{http.get('path', '/')}"
    if tcp := probe.get("tcpSocket"):
        return f"TCP :{tcp.get('port', '')}"
    if grpc := probe.get("grpc"):
        return f"gRPC :{grpc.get('port', '')}"
    return said(" ".join((probe.get("exec") or {}).get("command") or ()))


def _statuses(pod: JsonObject) -> list[dict[str, Any]]:
    status: dict[str, Any] = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _spec_of(pod: JsonObject, name: str) -> dict[str, Any]:
    spec = pod["spec"]
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return next((one for one in containers if one.get("name") == name), {})


def _is_behind_an_init(pod: JsonObject, name: str) -> bool:
    """Whether the container waits for an init container that runs: that is slow work, not a trouble of its own."""
    inits = (pod.get("status") or {}).get("initContainerStatuses") or ()
    mains = {one["name"] for one in (pod.get("status") or {}).get("containerStatuses") or ()}
    return name in mains and any("running" in (one.get("state") or {}) for one in inits)


def _unready_since(pod: JsonObject) -> datetime | None:
    return moment(condition(pod, "Ready").get("lastTransitionTime")) or moment(
        (pod.get("status") or {}).get("startTime")
    )
