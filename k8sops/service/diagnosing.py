"""Why one object is in trouble, with the facts that rest on: the object, its pods, their budgets and warnings.

Each part is read by itself: what may not be read is told under its own heading, and the rest stands.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.errors import ForbiddenError, K8sOpsError
from k8sops.core.overview import Diagnosis, Fact, Gauge
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader
from k8sops.core.selectors import selector_text
from k8sops.core.why import Why, why_of_pod
from k8sops.core.why_owners import why_of_job, why_of_node, why_of_workload
from k8sops.forecast.objects import Selector
from k8sops.forecast.selectors import matches
from k8sops.service.diagnosing_facts import (
    budget_facts,
    condition_facts,
    container_facts,
    event_facts,
    pod_facts,
)
from k8sops.service.overview_looking import sentence

MOST_PODS: Final = 500
MOST_EVENTS: Final = 500
_SELECTING: Final = frozenset(
    {"deployments.apps", "statefulsets.apps", "daemonsets.apps", "replicasets.apps", "jobs.batch"}
)

Section = tuple[str, tuple[Fact, ...]]


async def diagnose(reader: ClusterReader, kind: str, name: str, namespace: str, clock: Clock) -> Diagnosis:
    """What is known of one object. Raises NotFoundError, ForbiddenError for the object itself, UnknownKindError."""
    resource = await reader.resource(kind)
    found = await reader.get(resource, name, namespace if resource.namespaced else "")
    now = clock.now()
    pods: list[JsonObject] = []
    sections: list[Section] = []
    if resource.qualified == "pods":
        pods = [found]
    elif resource.qualified in _SELECTING:
        sections.append(await _section("pods", _pods_read(reader, found, namespace, pods), now))
    worst, why_pod = _worst(pods, now)
    why = _why(resource.qualified, found, why_pod)
    if worst is not None:
        title = "containers" if resource.qualified == "pods" else f"containers of {worst['metadata']['name']}"
        sections.append((title, tuple(container_facts(worst))))
    if worst is not None or pods:
        sections.append(await _section("disruption budgets", _budgets_read(reader, pods, namespace), now))
    sections.append(("conditions", tuple(condition_facts(found))))
    about = [found] if worst is None or worst is found else [found, worst]
    sections.append(await _section("warnings", _events_read(reader, about, namespace), now))
    return Diagnosis(
        kind=resource.qualified,
        name=name,
        namespace=namespace if resource.namespaced else "",
        gauge=why.gauge if why is not None else Gauge.OK,
        why=sentence(why.clause)
        if why is not None
        else "Nothing is wrong with it that can be seen from here.",
        since=why.since if why is not None else None,
        facts=tuple((title, facts) for title, facts in sections if facts),
    )


def _why(kind: str, found: JsonObject, pod: Why | None) -> Why | None:
    if kind == "nodes":
        return why_of_node(found)
    if kind == "jobs.batch":
        return why_of_job(found, pod) or pod
    if kind in _SELECTING:
        return why_of_workload(found, _ready(found), pod)
    return pod


def _ready(workload: JsonObject) -> str:
    spec, status = workload["spec"], workload.get("status") or {}
    if "desiredNumberScheduled" in status:
        return f"{status.get('numberReady', 0)}/{status['desiredNumberScheduled']}"
    return f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)}"


def _worst(pods: list[JsonObject], now: datetime) -> tuple[JsonObject | None, Why | None]:
    """The pod that says most, and what it says; of one pod alone itself."""
    for pod in pods:
        if why := why_of_pod(pod, now):
            return pod, why
    return (pods[0], None) if len(pods) == 1 else (None, None)


Read = Callable[[datetime], Awaitable[Iterable[Fact]]]


async def _section(title: str, read: Read, now: datetime) -> Section:
    try:
        return title, tuple(await read(now))
    except ForbiddenError as error:
        return title, (Fact(label="not permitted", text=error.message, gauge=Gauge.DENIED),)
    except K8sOpsError as error:
        return title, (Fact(label="not known", text=error.message, gauge=Gauge.UNKNOWN),)


def _pods_read(reader: ClusterReader, owner: JsonObject, namespace: str, into: list[JsonObject]) -> Read:
    async def read(now: datetime) -> Iterable[Fact]:
        selector = selector_text(owner["spec"].get("selector") or {})
        if not selector:
            return ()
        found = reader.list(await reader.resource("pods"), namespace, label_selector=selector)
        into.extend(await _first(found, MOST_PODS))
        return pod_facts(into, now)

    return read


def _budgets_read(reader: ClusterReader, pods: list[JsonObject], namespace: str) -> Read:
    async def read(_: datetime) -> Iterable[Fact]:
        labels = [pod["metadata"].get("labels") or {} for pod in pods]
        every = await _first(
            reader.list(await reader.resource("poddisruptionbudgets.policy"), namespace), MOST_PODS
        )
        return budget_facts(
            budget
            for budget in every
            if any(matches(_selector(budget["spec"].get("selector")), one) for one in labels)
        )

    return read


def _events_read(reader: ClusterReader, about: list[JsonObject], namespace: str) -> Read:
    async def read(_: datetime) -> Iterable[Fact]:
        events = await reader.resource("events")
        found: list[JsonObject] = []
        for one in about:
            selector = f"involvedObject.uid={one['metadata']['uid']},type=Warning"
            found += await _first(reader.list(events, namespace, field_selector=selector), MOST_EVENTS)
        return event_facts(found)

    return read


async def _first(objects: AsyncGenerator[JsonObject, None], most: int) -> list[JsonObject]:
    found: list[JsonObject] = []
    async with aclosing(objects):
        async for one in objects:
            found.append(one)
            if len(found) == most:
                break
    return found


def _selector(selector: Any) -> Selector | None:
    return None if selector is None else msgspec.convert(selector, Selector)
