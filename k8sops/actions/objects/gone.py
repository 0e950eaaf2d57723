"""Wait until one object is gone: by watch, with a deadline, naming what holds it.

An object made again under the same name is another one (its uid differs): the one that was meant is gone.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final

from k8sops.core.clock import Clock
from k8sops.core.errors import NotFoundError, WaitError
from k8sops.core.events import Emission, Emit, waits
from k8sops.core.plan import JsonObject, Step
from k8sops.core.ports import Cluster, Resource

MOST_TOLD: Final = 500
"""So many characters of what a namespace's controller says are told."""


async def wait_until_gone(
    cluster: Cluster, resource: Resource, step: Step, *, timeout_s: float, emit: Emit, clock: Clock
) -> str:
    """Return once the step's object no longer exists; raises WaitError at the deadline, naming its finalizers."""
    target = step.target
    last: JsonObject = {}
    began = clock.now()

    async def gone() -> None:
        nonlocal last
        try:
            last = await cluster.get(resource, target.name, target.namespace)
        except NotFoundError:
            return
        if last["metadata"]["uid"] != target.uid:
            return
        events = cluster.watch(resource, target.namespace, field_selector=f"metadata.name={target.name}")
        seen = False
        async with aclosing(events):
            async for event in events:
                if event.object and event.object["metadata"]["uid"] == target.uid:
                    if event.type == "deleted":
                        return
                    last, seen = event.object, True
                    await emit(_waiting(step, what_holds(last), began))
                elif event.object or (event.type == "synced" and not seen):
                    return

    try:
        async with asyncio.timeout(timeout_s):
            await gone()
    except TimeoutError:
        raise WaitError(
            f"{target.label} is being deleted and not gone after {timeout_s:g} s: {what_holds(last)}",
            hint="the deletion stands; it ends once that lets go",
        ) from None
    return f"{target.label} is gone"


def what_holds(found: JsonObject) -> str:
    """Why an object that is being deleted is still there, in one clause."""
    metadata: dict[str, Any] = found.get("metadata") or {}
    if finalizers := metadata.get("finalizers"):
        return f"its finalizers have not acted: {', '.join(finalizers)}"
    if left := _left_in(found):
        return left
    if grace := metadata.get("deletionGracePeriodSeconds"):
        return f"it has {grace} s to end"
    return "its kubelet or controller has not let it go"


def _left_in(found: JsonObject) -> str:
    """What is left in a namespace that is being deleted, as its controller says in the conditions that hold."""
    if found.get("kind") != "Namespace":
        return ""
    conditions = (found.get("status") or {}).get("conditions") or ()
    told = [str(one.get("message") or "") for one in conditions if one.get("status") == "True"]
    return "; ".join(text for text in told if text)[:MOST_TOLD]


def _waiting(step: Step, why: str, since: datetime) -> Emission:
    data = waits(f"{step.target.label}: {why}", since)
    return Emission(kind="progress", step=step.id, text="not gone yet", data=data)
