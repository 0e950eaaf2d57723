"""Wait until rollouts are complete: by watch, with a deadline, saying what is missing and which pods are in trouble.

A lost connection is told and survived, since the watch goes on by itself; a template that somebody else changes in the
middle ends the wait as overruled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from k8sops.actions.rollouts.progress import RolloutState, rollout_state, stuck_before
from k8sops.actions.rollouts.templates import template_hash
from k8sops.actions.troubles import pods_in_trouble
from k8sops.core.clock import Clock
from k8sops.core.errors import NotFoundError, OverruledError, WaitError
from k8sops.core.events import Emission, Emit, waits
from k8sops.core.plan import JsonObject, Step
from k8sops.core.ports import Cluster, Resource


class Follower:
    """Follows the rollout of one step's workload."""

    def __init__(self, cluster: Cluster, resource: Resource, step: Step, emit: Emit, clock: Clock) -> None:
        self._cluster = cluster
        self._resource = resource
        self._step = step
        self._emit = emit
        self._clock = clock
        self._began = clock.now()
        self._template = ""
        self._told = ""
        self._lost = ""
        self.last = RolloutState(wanted=0, updated=0, available=0, missing="it has not been looked at")

    async def until_complete(self, timeout_s: float) -> None:
        """Raises WaitError at the deadline or where its controller gave up, OverruledError, NotFoundError."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._follow()
        except TimeoutError:
            why = self._lost or self.last.missing
            raise WaitError(
                f"the rollout of {self._step.target.label} is not complete after {timeout_s:g} s: {why}"
                f"{await self._troubles()}",
                hint=self._way_back(),
            ) from None

    async def _follow(self) -> None:
        target = self._step.target
        events = self._cluster.watch(
            self._resource, target.namespace, field_selector=f"metadata.name={target.name}"
        )
        async with aclosing(events):
            async for event in events:
                if event.type in {"lost", "recovered"}:
                    self._lost = event.message if event.type == "lost" else ""
                    await self._emit(Emission(kind="note", step=self._step.id, text=event.message))
                elif event.type == "deleted":
                    raise NotFoundError(f"{target.label} was deleted while its rollout was followed")
                elif event.object and await self._complete(event.object):
                    return

    async def _complete(self, workload: JsonObject) -> bool:
        label = self._step.target.label
        if workload["metadata"]["uid"] != self._step.target.uid:
            raise OverruledError(f"{label} was deleted and made again while its rollout was followed")
        template = template_hash(workload)
        if self._template not in {"", template}:
            raise OverruledError(
                f"the template of {label} was changed by something else while its rollout was followed",
                hint="look at who changed it, then `k8sops rollout status` follows the new rollout",
            )
        self._template = template
        self.last = rollout_state(workload, self._resource.qualified)
        await self._tell()
        if self.last.stuck and not stuck_before(workload):
            raise WaitError(
                f"the rollout of {label} is stuck: {self.last.stuck}; {self.last.missing}{await self._troubles()}",
                hint=self._way_back(),
            )
        return self.last.complete

    async def _tell(self) -> None:
        state = self.last
        # A rollout that surges has more available than it wants.
        text = f"{min(state.available, state.wanted)} of {state.wanted} available"
        if (news := text + state.missing) == self._told:
            return
        self._told = news
        waiting = f"{self._step.target.label}: {state.missing}" if state.missing else ""
        data = {
            "done": min(state.updated, state.available),
            "total": state.wanted,
            "unit": "replicas rolled out",
            **waits(waiting, self._began),
        }
        await self._emit(Emission(kind="progress", step=self._step.id, text=text, data=data))

    async def _troubles(self) -> str:
        """Which of its pods are not ready and why, as far as that can be read now."""
        target = self._step.target

        async def pods() -> AsyncGenerator[JsonObject, None]:
            workload = await self._cluster.get(self._resource, target.name, target.namespace)
            labels = workload["spec"]["selector"].get("matchLabels") or {}
            selector = ",".join(f"{key}={value}" for key, value in labels.items())
            resource = await self._cluster.resource("pods")
            async for pod in self._cluster.list(resource, target.namespace, label_selector=selector):
                yield pod

        return await pods_in_trouble(pods)

    def _way_back(self) -> str:
        command = (self._step.undo or {}).get("command", "")
        return f"the change stands; to go back: {command}" if command else "the change stands"


async def follow(
    cluster: Cluster, resource: Resource, step: Step, *, timeout_s: float, emit: Emit, clock: Clock
) -> None:
    """Wait for one workload's rollout; see `Follower.until_complete`."""
    await Follower(cluster, resource, step, emit, clock).until_complete(timeout_s)
