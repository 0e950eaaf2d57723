"""The facts below a diagnosis, read from objects: containers, conditions, budgets, events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from k8sops.core.overview import Fact, Gauge
from k8sops.core.plan import JsonObject
from k8sops.core.text import counted
from k8sops.core.why import moment, said, why_of_pod
from k8sops.core.why_owners import blocked_budget

MOST_PODS: Final = 10
MOST_EVENTS: Final = 8
_GOOD_WHEN_FALSE: Final = frozenset(
    {
        "MemoryPressure",
        "DiskPressure",
        "PIDPressure",
        "NetworkUnavailable",
        "ReplicaFailure",
        "DisruptionTarget",
    }
)
_BAD_WHEN_TRUE: Final = frozenset({"Failed", "FailureTarget"})
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def pod_facts(pods: Sequence[JsonObject], now: datetime) -> Iterator[Fact]:
    """A line for each pod, those that are not well first."""
    told = [(pod, why_of_pod(pod, now)) for pod in pods]
    told.sort(key=lambda pair: pair[1] is None)
    for pod, why in told[:MOST_PODS]:
        node = str(pod["spec"].get("nodeName") or "on no node")
        phase = str((pod.get("status") or {}).get("phase") or "unknown")
        yield Fact(
            label=str(pod["metadata"]["name"]),
            text=f"{node}; {why.clause}" if why is not None else f"{node}; {phase}",
            gauge=why.gauge if why is not None else Gauge.OK,
            at=why.since if why is not None else moment(pod["metadata"].get("creationTimestamp")),
        )
    if len(told) > MOST_PODS:
        yield Fact(label="", text=f"and {counted(len(told) - MOST_PODS, 'more pod')}")


def container_facts(pod: JsonObject) -> Iterator[Fact]:
    """Of each container: what it is doing, how it last ended, what it runs and may use."""
    status = pod.get("status") or {}
    specs = {
        one["name"]: one
        for one in (*(pod["spec"].get("initContainers") or ()), *(pod["spec"].get("containers") or ()))
    }
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        name, state = str(container["name"]), container.get("state") or {}
        yield _state(name, state, ready=bool(container.get("ready")))
        if last := (container.get("lastState") or {}).get("terminated"):
            yield Fact(
                label=name,
                text=f"last ended: {_ended(last)}; {counted(int(container.get('restartCount') or 0), 'restart')}",
                gauge=Gauge.BAD if last.get("exitCode") else Gauge.OK,
                at=moment(last.get("finishedAt")),
            )
        spec = specs.get(name, {})
        yield Fact(label=name, text=f"image {spec.get('image') or container.get('image', '')}")
        if resources := _resources(spec.get("resources") or {}):
            yield Fact(label=name, text=resources)
    if not status.get("containerStatuses"):
        for name, spec in specs.items():
            yield Fact(label=name, text=f"not made yet; image {spec.get('image', '')}", gauge=Gauge.WARN)


def condition_facts(found: JsonObject) -> Iterator[Fact]:
    """The object's conditions, each with how it is to be read."""
    for one in (found.get("status") or {}).get("conditions") or ():
        kind, status = str(one.get("type")), str(one.get("status"))
        is_bad = (status == "True") is (kind in _GOOD_WHEN_FALSE or kind in _BAD_WHEN_TRUE)
        why = ", ".join(part for part in (str(one.get("reason") or ""), said(one.get("message"))) if part)
        yield Fact(
            label=kind,
            text=f"{status}{f': {why}' if why else ''}",
            gauge=Gauge.UNKNOWN if status == "Unknown" else Gauge.WARN if is_bad else Gauge.OK,
            at=moment(one.get("lastTransitionTime")),
        )


def budget_facts(budgets: Iterable[JsonObject]) -> Iterator[Fact]:
    """Of each disruption budget over the pods: what it allows now."""
    for budget in budgets:
        blocked = blocked_budget(budget)
        allowed = int((budget.get("status") or {}).get("disruptionsAllowed") or 0)
        yield Fact(
            label=str(budget["metadata"]["name"]),
            text=blocked or f"{counted(allowed, 'pod')} may be evicted now",
            gauge=Gauge.WARN if blocked else Gauge.OK,
        )


def event_facts(events: Iterable[JsonObject]) -> Iterator[Fact]:
    """The latest warnings, newest first."""
    found = [one for one in events if one.get("type") == "Warning"]
    found.sort(key=lambda one: _seen(one) or _LONG_AGO, reverse=True)
    for event in found[:MOST_EVENTS]:
        about = event.get("involvedObject") or {}
        count = int((event.get("series") or {}).get("count") or event.get("count") or 1)
        times = f" ({count} times)" if count > 1 else ""
        yield Fact(
            label=str(event.get("reason") or ""),
            text=f"{str(about.get('kind') or '').lower()}/{about.get('name', '')}: {said(event.get('message'))}{times}",
            gauge=Gauge.WARN,
            at=_seen(event),
        )


def _state(name: str, state: dict[str, Any], *, ready: bool) -> Fact:
    if running := state.get("running"):
        text, gauge = ("running and ready", Gauge.OK) if ready else ("running, not ready", Gauge.BAD)
        return Fact(label=name, text=text, gauge=gauge, at=moment(running.get("startedAt")))
    if ended := state.get("terminated"):
        gauge = Gauge.BAD if ended.get("exitCode") else Gauge.OK
        return Fact(
            label=name, text=f"ended: {_ended(ended)}", gauge=gauge, at=moment(ended.get("finishedAt"))
        )
    waiting = state.get("waiting") or {}
    about = ", ".join(
        part for part in (str(waiting.get("reason") or ""), said(waiting.get("message"))) if part
    )
    return Fact(label=name, text=f"waiting{f': {about}' if about else ''}", gauge=Gauge.BAD)


def _ended(ended: dict[str, Any]) -> str:
    parts = [f"exit code {ended.get('exitCode', 0)}", str(ended.get("reason") or "")]
    if signal := ended.get("signal"):
        parts.append(f"signal {signal}")
    return ", ".join(part for part in (*parts, said(ended.get("message"))) if part)


def _resources(resources: dict[str, Any]) -> str:
    parts = [
        f"{title} {', '.join(f'{key} {value}' for key, value in found.items())}"
        for title in ("requests", "limits")
        if (found := resources.get(title))
    ]
    return "; ".join(parts)


def _seen(event: JsonObject) -> datetime | None:
    series = event.get("series") or {}
    return moment(
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event.get("firstTimestamp")
    )
