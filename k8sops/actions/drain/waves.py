"""When each pod goes and how long all of it takes: budgets, turns of nodes, and places for pods on their way.

Budgets are reckoned by `forecast.budgets_waves`; here come the limits of the drain itself. Times are estimates: a pod
takes its whole grace period to end, and its replacement as long to be ready as its workload's pods took before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from math import ceil
from statistics import median
from typing import Final

import msgspec

from k8sops.actions.drain.params import DrainParams
from k8sops.actions.drain.passengers import Passenger
from k8sops.forecast.budgets import BudgetBlock, Ledger
from k8sops.forecast.budgets_waves import Going, Move, Waves, forecast_waves
from k8sops.forecast.objects import Node, Pod
from k8sops.forecast.quantities import amount

DEFAULT_GRACE_S: Final = 30.0
DEFAULT_STARTUP_S: Final = 5.0
NEW_NODE_S: Final = 120.0
LONGEST_STARTUP_S: Final = 900.0
AT_ONCE_S: Final = 1.0
_COUNTED: Final = ("cpu", "memory")


class Slot(msgspec.Struct, frozen=True, gc=False):
    """When a pod goes."""

    wave: int
    """From 1; 0 where it cannot go as things stand."""
    at_s: float
    done_s: float
    """When it is gone and its replacement, where one comes, is ready."""
    blocked: tuple[BudgetBlock, ...] = ()


class Schedule(msgspec.Struct, frozen=True):
    """The forecast of a whole drain."""

    slots: Mapping[str, Slot]
    """By uid, of all that would go."""
    waves: int
    seconds: float
    limited_by: str
    turns: tuple[tuple[str, ...], ...]
    """Nodes that are emptied together, one group after the other."""
    paced: Mapping[str, int]
    """Budget → how many waves it imposes, of those that impose more than one."""


class Estimates(msgspec.Struct, frozen=True):
    """How long pods take, from what the cluster shows of them."""

    by_controller: Mapping[str, float]
    usual_s: float

    def startup_s(self, pod: Pod) -> float:
        """Seconds from a replacement's making until it is ready."""
        controller = pod.metadata.controller
        return self.by_controller.get(controller.uid if controller else "", self.usual_s)


def estimates_of(pods: Sequence[Pod]) -> Estimates:
    """The median time from scheduled to ready, for each controller and for all; pods that restarted tell nothing."""
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for pod in pods:
        controller = pod.metadata.controller
        if controller is not None and (took := _time_to_ready(pod)) is not None:
            seen[controller.uid].append(took)
    everything = [took for several in seen.values() for took in several]
    return Estimates(
        {uid: median(several) for uid, several in seen.items()},
        median(everything) if everything else DEFAULT_STARTUP_S,
    )


def _time_to_ready(pod: Pod) -> float | None:
    if any(container.restart_count for container in pod.status.container_statuses):
        return None
    times = {
        one.type: one.last_transition_time
        for one in pod.status.conditions
        if one.type in {"PodScheduled", "Ready"} and one.status == "True"
    }
    began, ready = times.get("PodScheduled"), times.get("Ready")
    if began is None or ready is None:
        return None
    took = (ready - began).total_seconds()
    return took if 0 <= took <= LONGEST_STARTUP_S else None


def grace_s(pod: Pod, params: DrainParams, now: datetime) -> float:
    """How long the pod takes to be gone, in seconds."""
    if pod.ending and pod.metadata.deletion_timestamp is not None:
        return max(AT_ONCE_S, (pod.metadata.deletion_timestamp - now).total_seconds())
    if pod.finished or pod.status.phase == "Pending":
        return AT_ONCE_S
    own = pod.spec.termination_grace_period_seconds
    given = params.own_grace_s if params.own_grace_s is not None else own
    return max(AT_ONCE_S, DEFAULT_GRACE_S if given is None else float(given))


def schedule(
    passengers: Sequence[Passenger],
    ledger: Ledger,
    nodes: Sequence[Node],
    chosen: Sequence[Node],
    params: DrainParams,
    *,
    estimates: Estimates,
    homeless: Collection[str],
    new_nodes: bool,
    now: datetime,
) -> Schedule:
    """Forecast all that would go. `homeless` are uids of pods that fit nowhere; `new_nodes`: they get a node made."""

    def move_of(one: Passenger) -> Move:
        leaves = grace_s(one.pod, params, now)
        if not one.comes_back or (one.uid in homeless and not new_nodes):
            return Move(one.pod, leaves, None)
        ready = estimates.startup_s(one.pod) + (NEW_NODE_S if one.uid in homeless else 0.0)
        # A StatefulSet makes the next pod of a name when the last one is gone; others make it at once.
        return Move(one.pod, leaves, ready + (leaves if one.verdict.owner == "stateful" else 0.0))

    going = [one for one in passengers if one.would_go]
    turns = turns_of(nodes, chosen, params.capacity_share)
    place = {name: number for number, names in enumerate(turns) for name in names}
    book = ledger.copy() if not params.disable_eviction else Ledger.of((), (), {})
    slots: dict[str, Slot] = {}
    waves, start, limited, paced = 0, 0.0, "", dict[str, int]()
    for number in range(len(turns)):
        moves = [move_of(one) for one in going if place[one.node] == number]
        told = forecast_waves(book, moves)
        slots |= _slots(moves, told, waves, start)
        _count_paced(paced, book, moves, told)
        end = max((slots[move.pod.metadata.uid].done_s for move in moves), default=start)
        if told.limited_by and told.waves > 1:
            limited = f"budget {told.limited_by}"
        waves, start = waves + told.waves, end
        for move in moves:
            if move.back_s is None:
                book.evict(move.pod)
    if not limited and len(turns) > 1:
        limited = f"--max-unavailable-capacity {params.max_unavailable_capacity}"
    found = Schedule(slots, waves, start, limited or _slowest(going, slots, params, now), turns, paced)
    return _narrowed(found, params.max_parallel)


def turns_of(nodes: Sequence[Node], chosen: Sequence[Node], share: float) -> tuple[tuple[str, ...], ...]:
    """Group the chosen nodes so that no group is more than `share` of the cluster; a node alone may be more."""
    if share >= 1:
        return (tuple(node.name for node in chosen),) if chosen else ()
    whole = {resource: sum(_allocatable(node, resource) for node in nodes) for resource in _COUNTED}
    turns: list[list[str]] = []
    taken = dict.fromkeys(_COUNTED, 0)
    for node in chosen:
        after = {resource: taken[resource] + _allocatable(node, resource) for resource in _COUNTED}
        if not turns or any(after[one] > whole[one] * share for one in _COUNTED):
            turns.append([])
            after = {resource: _allocatable(node, resource) for resource in _COUNTED}
        turns[-1].append(node.name)
        taken = after
    return tuple(tuple(turn) for turn in turns)


def _allocatable(node: Node, resource: str) -> int:
    return amount(resource, node.status.allocatable.get(resource, "0"))


def _slots(moves: Sequence[Move], told: Waves, waves: int, start: float) -> dict[str, Slot]:
    found = {}
    for move, going in zip(moves, told.goings, strict=True):
        takes = max(move.leaves_s, move.back_s or 0.0)
        found[move.pod.metadata.uid] = Slot(
            going.wave + waves if going.wave else 0,
            start + going.at_s,
            start + going.at_s + takes if going.wave else start,
            going.blocked,
        )
    return found


def _count_paced(paced: dict[str, int], book: Ledger, moves: Sequence[Move], told: Waves) -> None:
    here: dict[str, int] = {}
    going: Going
    for move, going in zip(moves, told.goings, strict=True):
        if going.wave > 1:
            for budget in book.budgets_of(move.pod):
                here[budget.key] = max(here.get(budget.key, 0), going.wave)
    for key, number in here.items():
        paced[key] = paced.get(key, 0) + number


def _slowest(
    going: Sequence[Passenger], slots: Mapping[str, Slot], params: DrainParams, now: datetime
) -> str:
    last = max(going, key=lambda one: slots[one.uid].done_s, default=None)
    if last is None:
        return ""
    if slots[last.uid].done_s - slots[last.uid].at_s > grace_s(last.pod, params, now):
        return f"how long {last.owner.label} takes to be ready"
    return f"the grace period of {last.owner.label}"


def _narrowed(found: Schedule, most: int) -> Schedule:
    """The same where only so many pods may be on their way at once; 0 is no limit."""
    if not most:
        return found
    by_wave: defaultdict[int, list[str]] = defaultdict(list)
    for uid, slot in found.slots.items():
        by_wave[slot.wave].append(uid)
    if all(len(uids) <= most for wave, uids in by_wave.items() if wave):
        return found
    slots = {uid: found.slots[uid] for uid in by_wave.pop(0, [])}
    wave, start = 0, 0.0
    for number in sorted(by_wave):
        uids = by_wave[number]
        for group in range(ceil(len(uids) / most)):
            wave += 1
            part = [(uid, found.slots[uid]) for uid in uids[group * most : (group + 1) * most]]
            end = start + max(slot.done_s - slot.at_s for _, slot in part)
            slots |= {uid: Slot(wave, start, end, slot.blocked) for uid, slot in part}
            start = end
    return msgspec.structs.replace(
        found, slots=slots, waves=wave, seconds=start, limited_by=f"--max-parallel {most}"
    )
