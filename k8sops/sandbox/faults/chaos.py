"""Every fault in force: begun when asked for, ended in time, at `clear`, or when this process ends.

A node's trouble outlives this process in the cluster itself; the next one takes it over. A paused process does not:
its guard continues it.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import msgspec

from k8sops.core.clock import Clock, rfc3339
from k8sops.core.errors import K8sOpsError, UsageError
from k8sops.sandbox.faults.nodes import NodeTroubles
from k8sops.sandbox.faults.pausing import Paused, pause
from k8sops.sandbox.faults.proxy import ReverseProxy
from k8sops.sandbox.faults.rules import JSON, Rule, status_body
from k8sops.sandbox.faults.specs import (
    AnySpec,
    Errors,
    Fault,
    Latency,
    Nodes,
    OfRequests,
    Pause,
    Report,
    Reset,
    Throttle,
    Watches,
    describe,
)
from k8sops.sandbox.processes import ProcessRecord

AGAIN_SECONDS: Final = 1.0
REASONS: Final = {500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}

FindProcess = Callable[[str], ProcessRecord]


class _InForce:
    """One fault, and what has to be undone."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.rule: Rule | None = None
        self.paused: Paused | None = None
        self.hits = 0
        self.tasks: list[asyncio.Task[None]] = []


class Chaos:
    """The faults of one sandbox."""

    def __init__(self, proxy: ReverseProxy, nodes: NodeTroubles, find: FindProcess, clock: Clock) -> None:
        self._proxy: Final = proxy
        self._nodes: Final = nodes
        self._find: Final = find
        self._clock: Final = clock
        self._in_force: Final[dict[str, _InForce]] = {}
        self._numbers: Final[Counter[str]] = Counter()
        self._beginning: Final = asyncio.Lock()

    def report(self) -> Report:
        """What is in force, oldest first."""
        faults = []
        for one in self._in_force.values():
            hits = one.rule.hits if one.rule else one.hits
            faults.append(msgspec.structs.replace(one.fault, hits=hits))
        return Report(faults=tuple(faults), watches=self._proxy.open_watches)

    async def add(self, spec: AnySpec) -> Fault:
        """Begin a fault. Raises UsageError or SandboxError where it cannot be."""
        async with self._beginning:
            match spec:
                case OfRequests():
                    one = self._enter(spec)
                    one.rule = self._proxy.rules.add(_rule(spec))
                case Watches() if not spec.every:
                    return self._end_watches_once(spec)
                case Watches():
                    one = self._enter(spec)
                    one.tasks.append(asyncio.create_task(self._end_watches(spec, one)))
                case Pause():
                    one = await self._pause(spec)
                case Nodes():
                    spec = msgspec.structs.replace(spec, names=await self._nodes.chosen(spec))
                    await self._release(spec.names)
                    try:
                        await self._nodes.begin(spec.trouble, spec.names, spec.seconds)
                    except K8sOpsError:
                        # Some of them may be in it already, and nobody would know.
                        self.withdraw(self._enter(spec).fault.id)
                        raise
                    one = self._enter(spec)
        return one.fault

    async def remove(self, fault_id: str) -> Fault:
        """End one fault. Raises UsageError where there is none of that name."""
        one = self._in_force.get(fault_id)
        if one is None:
            there = ", ".join(self._in_force)
            raise UsageError(
                f"no fault {fault_id!r} is in force",
                hint=f"there are: {there}" if there else "none is in force",
            )
        await self._end(one)
        return one.fault

    def withdraw(self, fault_id: str) -> None:
        """End one fault as soon as that can be, without waiting for it; one that is over is no error."""
        if one := self._in_force.get(fault_id):
            one.tasks.append(asyncio.create_task(self._end_surely(one)))

    async def clear(self) -> tuple[Fault, ...]:
        """End all faults, pauses first: the others' end may need what is paused."""
        ended = sorted(self._in_force.values(), key=lambda one: one.paused is None)
        for one in ended:
            await self._end(one)
        return tuple(one.fault for one in ended)

    async def restore(self, names: tuple[str, ...], zone: str) -> tuple[str, ...]:
        """Bring these nodes back from whatever trouble, the whole of a zone's; returns those that were in any."""
        wanted = {*names, *(await self._nodes.of_zone(zone) if zone else ())}
        held = {name for one in self._in_force.values() for name in _names(one)} & wanted
        await self._release(tuple(held))
        return tuple(sorted(held))

    async def take_over(self) -> None:
        """Go on with what an earlier process left, once the API server answers."""
        while True:
            try:
                for left in await self._nodes.left():
                    seconds = max(0.1, (left.until - self._clock.now()).total_seconds())
                    self._enter(Nodes(trouble=left.trouble, names=left.names, seconds=seconds))
            except K8sOpsError:
                await self._clock.sleep(AGAIN_SECONDS)
            else:
                return

    async def _look_after(self, paused: Paused, one: _InForce) -> None:
        """A pause that somebody else ended, as `up` does, is no longer in force."""
        while paused.holds:
            await self._clock.sleep(AGAIN_SECONDS)
        await self._end(one)

    async def close(self) -> None:
        """Continue what is paused. Nodes stay as they are, for the next process to bring back."""
        for one in self._in_force.values():
            for task in one.tasks:
                task.cancel()
            if one.paused:
                one.paused.resume()

    def _enter(self, spec: AnySpec) -> _InForce:
        kind = spec.trouble if isinstance(spec, Nodes) else str(spec.__struct_config__.tag)
        self._numbers[kind] += 1
        now = self._clock.now()
        fault = Fault(
            id=f"{kind}-{self._numbers[kind]}",
            spec=spec,
            text=describe(spec),
            began=rfc3339(now),
            until=rfc3339(now + timedelta(seconds=spec.seconds)),
        )
        one = self._in_force[fault.id] = _InForce(fault)
        one.tasks.append(asyncio.create_task(self._end_in_time(one)))
        return one

    async def _pause(self, spec: Pause) -> _InForce:
        for other in list(self._in_force.values()):
            held = other.fault.spec
            if isinstance(held, Pause) and held.component == spec.component:
                # Two ends for one stop would let the first go on before the second.
                await self._end(other)
        # Its time begins once it is stopped: an end that comes before that would end nothing.
        paused = await pause(self._find(spec.component), spec.seconds)
        one = self._enter(spec)
        one.paused = paused
        one.tasks.append(asyncio.create_task(self._look_after(paused, one)))
        return one

    async def _release(self, names: tuple[str, ...]) -> None:
        """End the trouble of these nodes alone; what else a fault holds stays."""
        for one in list(self._in_force.values()):
            spec = one.fault.spec
            if not isinstance(spec, Nodes) or not set(spec.names) & set(names):
                continue
            await self._nodes.end(spec.trouble, tuple(n for n in spec.names if n in names))
            rest = tuple(n for n in spec.names if n not in names)
            if not rest:
                self._leave(one)
                continue
            fewer = msgspec.structs.replace(spec, names=rest)
            one.fault = msgspec.structs.replace(one.fault, spec=fewer, text=describe(fewer))

    async def _end_in_time(self, one: _InForce) -> None:
        await self._clock.sleep(one.fault.spec.seconds)
        await self._end_surely(one)

    async def _end_surely(self, one: _InForce) -> None:
        while one.fault.id in self._in_force:
            try:
                await self._end(one)
            except K8sOpsError:
                # The API server is away, perhaps paused by another fault; a node must come back all the same.
                await self._clock.sleep(AGAIN_SECONDS)

    async def _end(self, one: _InForce) -> None:
        if one.paused:
            await asyncio.to_thread(one.paused.resume)
        if one.rule:
            self._proxy.rules.remove(one.rule)
        if isinstance(one.fault.spec, Nodes):
            await self._nodes.end(one.fault.spec.trouble, one.fault.spec.names)
        self._leave(one)

    def _leave(self, one: _InForce) -> None:
        self._in_force.pop(one.fault.id, None)
        for task in one.tasks:
            if task is not asyncio.current_task():
                task.cancel()

    def _end_watches_once(self, spec: Watches) -> Fault:
        now = rfc3339(self._clock.now())
        hits = self._end_running(spec)
        return Fault(
            id="watches", spec=spec, text=f"running watches {spec.how}", began=now, until=now, hits=hits
        )

    async def _end_watches(self, spec: Watches, one: _InForce) -> None:
        while True:
            one.hits += self._end_running(spec)
            await self._clock.sleep(spec.every)

    def _end_running(self, spec: Watches) -> int:
        return self._proxy.cut_watches() if spec.how == "cut" else self._proxy.expire_watches()


def _names(one: _InForce) -> tuple[str, ...]:
    return one.fault.spec.names if isinstance(one.fault.spec, Nodes) else ()


def _rule(spec: OfRequests) -> Rule:
    rule = Rule(re.compile(spec.path), spec.method, share=spec.share)
    match spec:
        case Latency():
            rule.latency_s, rule.jitter_s = spec.latency, spec.jitter
        case Throttle():
            # The words of client-go and of the API server's own priority-and-fairness filter.
            text = "the server has received too many requests and has asked us to try again later"
            rule.status, rule.headers = 429, JSON | {"Retry-After": str(spec.retry_after)}
            rule.body = status_body(429, "TooManyRequests", text, retry_after=spec.retry_after)
        case Errors():
            rule.status, rule.headers = spec.status, dict(JSON)
            text = f"injected by the sandbox: {spec.status}"
            rule.body = status_body(spec.status, REASONS.get(spec.status, ""), text)
        case Reset():
            rule.reset = True
    return rule
