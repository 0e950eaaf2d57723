"""The one place where a running drain decides: who leaves next, who is gone, which node is empty, stopped or late.

A loop woken by watch events, once a second at the latest for what only time brings (deadlines, stuck pods). An event
costs the pods it is about, not all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final

from k8sops.actions.drain.admitting import Admission, refusal
from k8sops.actions.drain.departing import Departure, NodeDrain
from k8sops.actions.drain.evicting import Evictor
from k8sops.actions.drain.floor import Floor
from k8sops.actions.drain.gates import Gates
from k8sops.actions.drain.params import DrainParams
from k8sops.actions.drain.settling import Replacements, on_their_way, still_attached, volumes_of
from k8sops.actions.drain.surging import Surges
from k8sops.actions.drain.telling import Teller, obstacles, stuck_note
from k8sops.actions.drain.turns import Turns
from k8sops.actions.drain.watching import ATTACHMENTS, Watching
from k8sops.core.errors import K8sOpsError, NotFoundError, OverruledError, WaitError
from k8sops.core.journal import Journal
from k8sops.core.plan import Plan, Step
from k8sops.core.ports import Cluster
from k8sops.forecast.objects import Pod

TICK_S: Final = 1.0


class Drainage:
    """All nodes of one drain, in this carrier's hands."""

    def __init__(self, plan: Plan, params: DrainParams, cluster: Cluster, journal: Journal) -> None:
        self.floor = Floor()
        self.watching = Watching(cluster, self.floor, self._note)
        self.surges = Surges(cluster, self.floor, journal, wanted=params.surge)
        self._params = params
        self._cluster = cluster
        self._journal = journal
        self._clock = journal.clock
        self._gates = Gates(self.floor, journal.clock, budgets_asked=not params.disable_eviction)
        self._admission = Admission(cluster, params, journal.clock)
        self._replacements = Replacements(cluster, self.floor, journal.clock)
        self._evictor = Evictor(
            cluster, self.floor, self._gates, grace_s=params.own_grace_s, delete=params.disable_eviction
        )
        self._turns = Turns(self.floor, self._gates, journal.clock, self._room)
        self._teller = Teller(plan, journal)
        self._nodes: dict[str, NodeDrain] = {}
        self._departures: dict[str, Departure] = {}
        self._homeless = _homeless(plan)
        self._tasks: set[asyncio.Task[None]] = set()
        self._beside: set[asyncio.Task[None]] = set()
        self._looking: set[str] = set()
        self._closing: K8sOpsError | None = None
        self._interruption: BaseException | None = None

    async def begin(self) -> None:
        """Start the watches; returns once all that is on the cluster has been seen."""
        self.watching.begin(self._params.pod_selector)
        await self.watching.synced()
        self._gates.index()
        self.floor.budgets_moved = False
        await self.surges.find()

    async def drain_node(self, step: Step) -> str:
        """Return, in a sentence, once the node is empty and what left it runs elsewhere."""
        began = self._clock.monotonic() - await self._journal.under_way_s(step.id)
        node = NodeDrain(step, began)
        self._nodes[node.name] = node
        self.floor.touched.update(self.floor.on_node[node.name])
        self.floor.changed.set()
        try:
            return await node.over
        finally:
            del self._nodes[node.name]

    async def decide(self) -> None:
        """The loop; ends only by being cancelled, or by raising what no node can be blamed for."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self.floor.changed.wait()
            self.floor.changed.clear()
            if broken := self._interruption or self.watching.defect:
                raise broken
            await self._take_in()
            for node in list(self._nodes.values()):
                self._look_at(node)
            self._admit()
            self._look_for_replacements()
            await self._teller.tell(self._nodes, self.floor, self._gates, self._replacements)

    async def say_last(self) -> None:
        """Tell how far it came."""
        await self._teller.tell(self._nodes, self.floor, self._gates, self._replacements, last=True)

    async def wind_down(self, why: K8sOpsError) -> None:
        """Begin nothing more, let what is under way end, and end all nodes with `why`."""
        self._closing = why
        for node in list(self._nodes.values()):
            self._stop(node, why)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for node in list(self._nodes.values()):
            self._end_stopped(node)

    async def aclose(self) -> None:
        """Stop at once, wherever things stand."""
        tasks = self._tasks | self._beside
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.watching.aclose()

    # --- what the watches brought ---

    async def _take_in(self) -> None:
        if self.watching.failure is not None:
            for node in self._nodes.values():
                self._stop(node, self.watching.failure)
        if self.floor.budgets_moved:
            self.floor.budgets_moved = False
            self._gates.index()
            for departure in self._departures.values():
                self._turns.queue(departure)
        self._gates.recount()
        touched = list(self.floor.touched)
        self.floor.touched.clear()
        for uid in touched:
            pod = self.floor.pods.get(uid)
            one = self._departures.get(uid)
            if one is not None:
                self._follow(one, pod)
            elif pod is not None and pod.spec.node_name in self._nodes:
                await self._meet(self._nodes[pod.spec.node_name], pod)

    def _follow(self, one: Departure, pod: Pod | None) -> None:
        if pod is None:
            one.state = "gone"
            one.node.left.add(one.key)
            self._departures.pop(one.uid, None)
            if one.turn is not None and not one.turn.done():
                one.turn.set_result(None)
            return
        if pod.ending and one.state == "waiting" and one.turn is None and self._params.own_grace_s is None:
            one.state = "leaving"
        self._turns.queue(one)

    async def _meet(self, node: NodeDrain, pod: Pod) -> None:
        """A pod that was not known on this node: at the beginning all of them, later newcomers."""
        uid = pod.metadata.uid
        if uid in node.departures or (
            self.watching.selected is not None and uid not in self.watching.selected
        ):
            return
        try:
            verdict = await self._admission.verdict(pod)
        except K8sOpsError as error:
            if error.transient:
                self.floor.touched.add(uid)
            else:
                self._stop(node, error)
            return
        if verdict.verb == "keep":
            node.kept[uid] = pod
            return
        if verdict.verb == "refuse":
            self._stop(node, refusal(pod, node.name, verdict))
            return
        one = Departure(pod, node, planned=uid in node.planned)
        node.departures[uid] = one
        self._departures[uid] = one
        # Taken over with a second pod there already, one is enough all the same.
        most = 1 if self.surges.is_single(pod) else None
        self._replacements.expect(pod, homeless=uid in self._homeless, most=most)
        if pod.ending and self._params.own_grace_s is None:
            one.state = "leaving"
        elif self._params.surge and self.surges.wants(pod):
            one.state = "preparing"
            self._spawn(one, self._prepare(one, pod))
        self._turns.queue(one)

    # --- who leaves next ---

    def _admit(self) -> None:
        if self._closing is not None:
            return
        for one in self._turns.next():
            if one.turn is None:
                self._spawn(one, self._evict(one))
            else:
                turn, one.turn = one.turn, None
                turn.set_result(None)

    def _room(self) -> bool:
        most = self._params.max_parallel
        return not most or on_their_way(self._departures.values(), self.floor, self._replacements) < most

    def _spawn(self, one: Departure, work: Coroutine[Any, Any, None]) -> None:
        one.task = asyncio.create_task(work)
        self._tasks.add(one.task)
        one.task.add_done_callback(partial(self._ended, one))

    def _ended(self, one: Departure, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.floor.changed.set()
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, K8sOpsError):
            if one.state != "gone":
                one.state = "failed"
            self._stop(one.node, error)
        else:
            self._interruption = self._interruption or error

    async def _prepare(self, one: Departure, pod: Pod) -> None:
        await self.surges.raise_for(pod, one.node.step.id, frozenset(self._nodes))
        if one.state == "preparing":
            one.state = "waiting"
            self._turns.queue(one)

    async def _evict(self, one: Departure) -> None:
        pod = self.floor.pods.get(one.uid)
        try:
            await self._journal.part(one.path, one.target, partial(self._evictor.evict, one, self._next_turn))
        finally:
            self._turns.give_back(one)
            if pod is not None:
                self._gates.answered(one.gate, pod, accepted=True)
        if one.state == "trying":
            one.state = "leaving"
        if pod is not None:
            await self.surges.lower_for(pod, one.node.step.id)

    async def _next_turn(self, one: Departure, seconds: float) -> None:
        self._turns.give_back(one)
        one.state = "waiting"
        one.not_before = self._clock.monotonic() + seconds
        if one.node.trouble is not None or self._closing is not None:
            raise self._not_asked(one)
        one.turn = asyncio.get_running_loop().create_future()
        self._turns.queue(one)
        self.floor.changed.set()
        await one.turn

    def _not_asked(self, one: Departure) -> WaitError:
        why = self._gates.closed_text(one.gate)
        return WaitError(f"pod {one.key} was not evicted" + (f": {why}" if why else ""))

    # --- which node is empty, stopped or late ---

    def _look_at(self, node: NodeDrain) -> None:
        if node.over.done():
            return
        present = self.floor.nodes.get(node.name)
        if node.trouble is None:
            if present is None or present.metadata.uid != node.uid:
                self._stop(node, _vanished(node))
            elif not present.spec.unschedulable:
                self._stop(node, _overruled(node))
            elif self._late(node):
                self._stop(node, self._deadline(node))
        if node.trouble is not None:
            self._end_stopped(node)
            return
        for one in node.present:
            pod = self.floor.pods.get(one.uid)
            if pod is not None and not one.told_stuck and (said := stuck_note(pod, self._clock.now())):
                one.told_stuck = True
                self._background(self._note(f"pod {one.key} on {node.name} {said}"))
        if not node.present and not node.in_flight and self._is_judged(node) and not self._unsettled(node):
            node.over.set_result(f"node {node.name} is drained: {node.account()}")

    def _is_judged(self, node: NodeDrain) -> bool:
        """Whether every pod on it has been looked at: a node may begin while those of another are asked about."""
        return self.floor.touched.isdisjoint(self.floor.on_node[node.name])

    def _unsettled(self, node: NodeDrain) -> bool:
        controllers = [one.controller for one in node.departures.values() if one.controller]
        if any(self._replacements.missing(uid) for uid in controllers):
            return True
        if not any(one.has_volumes for one in node.departures.values()) or ATTACHMENTS in self.watching.blind:
            return False
        if node.staying is None:
            if not node.asked_volumes:
                node.asked_volumes = True
                self._background(self._find_volumes(node))
            return True
        return bool(still_attached(self.floor.attached, node.name, node.staying))

    async def _find_volumes(self, node: NodeDrain) -> None:
        await self.watching.begin_attachments()
        node.staying = await volumes_of(self._cluster, node.kept.values())
        self.floor.changed.set()

    def _late(self, node: NodeDrain) -> bool:
        return bool(self._params.timeout) and self._clock.monotonic() - node.began >= self._params.timeout

    def _deadline(self, node: NodeDrain) -> WaitError:
        waits = obstacles(node, self.floor, self._gates, self._replacements, self._clock.now())
        return WaitError(
            f"node {node.name} is not drained after {self._params.timeout} s ({node.account()}): "
            f"waits for {'; '.join(waits) or 'nothing that could be named'}",
            hint="give more time with --timeout, or take away what it waits for, and drain again",
        )

    def _stop(self, node: NodeDrain, error: K8sOpsError) -> None:
        """Nothing more is begun on this node; what has been asked to leave, leaves."""
        if node.trouble is None:
            node.trouble = error
        for one in node.departures.values():
            if one.turn is not None and not one.turn.done():
                one.turn.set_exception(self._not_asked(one))
                one.turn = None
            elif one.state == "preparing" and one.task is not None:
                one.task.cancel()
        self.floor.changed.set()

    def _end_stopped(self, node: NodeDrain) -> None:
        if node.trouble is not None and not node.in_flight and not node.over.done():
            node.over.set_exception(node.trouble)

    # --- beside the loop ---

    def _look_for_replacements(self) -> None:
        for uid in self._replacements.due():
            if uid not in self._looking:
                self._looking.add(uid)
                self._background(self._look_once(uid))

    async def _look_once(self, uid: str) -> None:
        try:
            await self._replacements.look(uid)
        finally:
            self._looking.discard(uid)

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._background_ended)

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        self.floor.changed.set()
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, K8sOpsError):
            for node in self._nodes.values():
                self._stop(node, error)
        else:
            self._interruption = self._interruption or error

    async def _note(self, text: str) -> None:
        await self._teller.note(text)


def _homeless(plan: Plan) -> frozenset[str]:
    """uids of pods that the plan finds no other node for: their replacements are not waited for."""
    return frozenset(
        item.target.uid
        for step in plan.steps
        for item in (step.bulk.items if step.bulk else ())
        if item.data.get("fit") == "does_not_fit"
    )


def _vanished(node: NodeDrain) -> NotFoundError:
    left = [one.key for one in node.unasked]
    named = f"; with it went {', '.join(left[:5])}" if left else ""
    more = f" and {len(left) - 5} more" if len(left) > 5 else ""
    return NotFoundError(
        f"node {node.name} vanished while it was being drained ({node.account()} before){named}{more}",
        hint="their controllers make them again elsewhere once the pod garbage collector has removed them",
    )


def _overruled(node: NodeDrain) -> OverruledError:
    return OverruledError(
        f"node {node.name} was uncordoned by something else while it was being drained ({node.account()})",
        hint="find out who did (`k8sops get nodes`), then drain again",
    )
