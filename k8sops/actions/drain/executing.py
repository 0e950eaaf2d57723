"""Carrying a drain out: cordon everything, drain wave by wave, and leave nothing half done behind.

Nodes of a wave go on together; one that fails stops itself, not its neighbours, but no further wave begins. On failure
and on cancel what is under way to the API server is let finish, seconds at most, then second pods and cordons of this
run are taken back; where only the carrier changes, all stays for the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from k8sops.actions.drain.cordoning import cordon, uncordon
from k8sops.actions.drain.draining import Drainage
from k8sops.actions.drain.params import DrainParams
from k8sops.actions.planning import undo_command
from k8sops.core.errors import K8sOpsError, PartialError, WaitError
from k8sops.core.events import Emission
from k8sops.core.journal import Journal
from k8sops.core.plan import Plan, Step
from k8sops.core.ports import Cluster

CORDON = "cordon"
DRAIN = "drain"
CORDONS_AT_ONCE = 8


class Execution:
    """One drain in one carrier's hands."""

    def __init__(self, plan: Plan, params: DrainParams, cluster: Cluster, journal: Journal) -> None:
        self._plan = plan
        self._params = params
        self._cluster = cluster
        self._journal = journal
        self._drainage = Drainage(plan, params, cluster, journal)
        self._drains = [step for step in plan.steps if step.verb == DRAIN]
        self._cordons = {step.target.name: step for step in plan.steps if step.verb == CORDON}
        self._failed: dict[str, K8sOpsError] = {}
        """Node → why it was not cordoned or drained."""
        self._drained: list[str] = []

    async def go(self) -> None:
        """Do all of it. Raises PartialError, or the one node's own error where nothing was done before."""
        try:
            await self._go()
        except asyncio.CancelledError:
            if not self._journal.errand.leaving:
                await to_its_end(self._cancelled())
            raise
        except Exception:
            # Of a defect too nothing is left behind; whose run it no longer is raises past this.
            await to_its_end(self._give_back())
            raise
        finally:
            await self._drainage.aclose()

    async def _go(self) -> None:
        await self._cordon_all()
        await self._drainage.begin()
        deciding = asyncio.create_task(self._drainage.decide(), name="drain")
        try:
            for wave in waves_of(self._plan):
                await self._drain_wave(
                    [step for step in wave if step.target.name not in self._failed], deciding
                )
                if self._failed:
                    break
        finally:
            deciding.cancel()
            await asyncio.wait([deciding])
        await self._drainage.say_last()
        if self._failed:
            raise self._account()
        # What was raised by a carrier that died has no eviction here that would be followed by its end.
        await self._drainage.surges.lower_all()

    async def _cordon_all(self) -> None:
        """All nodes first, so that no pod moves from one of them to the next."""
        steps = [*self._cordons.values()]
        if self._params.taint:
            steps += [step for step in self._drains if step.target.name not in self._cordons]
        gate = asyncio.Semaphore(CORDONS_AT_ONCE)
        tasks = [asyncio.create_task(self._cordon(step, gate)) for step in steps]
        try:
            for task in tasks:
                await task
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _cordon(self, step: Step, gate: asyncio.Semaphore) -> None:
        errand, clock, taint = self._journal.errand, self._journal.clock, self._params.taint
        do = partial(cordon, self._cluster, step.target, errand, clock, taint=taint)
        async with gate:
            with self._failing(step):
                if step.verb == CORDON:
                    await self._journal.step(step, do)
                else:
                    await self._journal.part(f"{step.id}/taint", step.target, do)

    async def _drain_wave(self, steps: Sequence[Step], deciding: asyncio.Task[None]) -> None:
        nodes = {
            asyncio.create_task(
                self._journal.step(step, partial(self._drainage.drain_node, step)), name=step.id
            ): step
            for step in steps
        }
        try:
            await self._until_drained(nodes, deciding)
        except asyncio.CancelledError:
            if not self._journal.errand.leaving:
                why = WaitError("cancelled before it was drained")
                await to_its_end(self._wind_down(nodes, why))
            raise
        finally:
            for task in nodes:
                task.cancel()
            await asyncio.gather(*nodes, return_exceptions=True)

    async def _until_drained(
        self, nodes: dict[asyncio.Task[str], Step], deciding: asyncio.Task[None]
    ) -> None:
        left = set(nodes)
        while left:
            done, _ = await asyncio.wait([*left, deciding], return_when=asyncio.FIRST_COMPLETED)
            if deciding in done:
                # It ends only by raising: the run is another's, or there is a defect.
                deciding.result()
            for task in left & done:
                with self._failing(nodes[task]):
                    task.result()
                    self._drained.append(nodes[task].target.name)
            left -= done

    async def _wind_down(self, nodes: dict[asyncio.Task[str], Step], why: K8sOpsError) -> None:
        await self._drainage.wind_down(why)
        await asyncio.gather(*nodes, return_exceptions=True)
        for task, step in nodes.items():
            if not task.cancelled() and task.exception() is None and step.target.name not in self._drained:
                self._drained.append(step.target.name)

    def _failing(self, step: Step) -> _Failing:
        return _Failing(self._failed, step.target.name)

    # --- after a failure or a cancel ---

    async def _cancelled(self) -> None:
        with suppress(K8sOpsError):
            await self._give_back()

    async def _give_back(self) -> None:
        """Take back second pods, and the cordons of nodes that are not drained."""
        try:
            await self._drainage.surges.lower_all()
        except K8sOpsError as error:
            await self._tell(f"a second pod could not be taken back: {error.message}")
        if self._params.on_failure == "keep":
            return
        for step in self._plan.steps:
            taints = step.verb == DRAIN and self._params.taint and step.target.name not in self._cordons
            if step.target.name in self._drained or not (step.verb == CORDON or taints):
                continue
            try:
                await self._journal.part(
                    f"{step.id}/{'undo' if step.verb == CORDON else 'untaint'}",
                    step.target,
                    partial(uncordon, self._cluster, step.target, self._journal.errand.run),
                )
            except K8sOpsError as error:
                await self._tell(f"node {step.target.name} could not be uncordoned: {error.message}")

    async def _tell(self, text: str) -> None:
        await self._journal.tell(Emission(kind="note", text=text))

    def _account(self) -> K8sOpsError:
        """What was done, what was not, and how to go back."""
        alone = not self._drained and len(self._failed) == 1 == len(self._drains)
        if alone and self._params.on_failure == "uncordon":
            return next(iter(self._failed.values()))
        failed = "; ".join(f"{name}: {error.message}" for name, error in self._failed.items())
        begun = {*self._drained, *self._failed}
        left = [step.target.name for step in self._drains if step.target.name not in begun]
        parts = [f"drain stopped: {failed}"]
        if self._drained:
            parts.append(f"drained: {', '.join(self._drained)}")
        if left:
            parts.append(f"not begun: {', '.join(left)}")
        return PartialError(". ".join(parts), hint=self._hint())

    def _hint(self) -> str:
        keep = self._params.on_failure == "keep"
        cordoned = [step for name, step in self._cordons.items() if name in self._drained or keep]
        commands = [undo_command(step) for step in cordoned]
        hints = dict.fromkeys(error.hint for error in self._failed.values() if error.hint)
        back = "; ".join(command for command in commands if command)
        return "; ".join([*hints, *([f"to go back: {back}"] if back else [])])


class _Failing:
    """Puts a node's error on the list and goes on."""

    def __init__(self, failed: dict[str, K8sOpsError], name: str) -> None:
        self._failed = failed
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, K8sOpsError):
            return False
        self._failed.setdefault(self._name, error)
        return True


def waves_of(plan: Plan) -> list[list[Step]]:
    """The plan's drains, grouped as its turns are: a turn begins when the one before is drained and settled."""
    drains = {step.target.name: step for step in plan.steps if step.verb == DRAIN}
    turns = [
        [drains.pop(name) for name in turn if name in drains] for turn in plan.blast_radius.get("turns", [])
    ]
    return [turn for turn in [*turns, list(drains.values())] if turn]


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Finish it, however often this task is cancelled meanwhile; the caller goes on with the cancel."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()
