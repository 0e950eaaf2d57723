"""A drain as forecast: everything that findings, items and the summary are written from. Pure, from what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from k8sops.actions.drain.params import DrainParams
from k8sops.actions.drain.passengers import Passenger, passengers_of
from k8sops.actions.drain.reading import Scene
from k8sops.actions.drain.waves import Estimates, Schedule, Slot, estimates_of, schedule
from k8sops.core.text import counted as counted  # noqa: PLC0414 - findings and the summary take it from here
from k8sops.forecast.budgets import BudgetBlock, Ledger
from k8sops.forecast.budgets_counting import Scale
from k8sops.forecast.fit import Fit, preview
from k8sops.forecast.objects import Pod
from k8sops.forecast.selectors import matches

NAMES_SHOWN = 3


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a drain."""

    params: DrainParams
    scene: Scene
    passengers: tuple[Passenger, ...]
    ledger: Ledger
    fits: Mapping[str, Fit]
    """By pod uid, of those that come back elsewhere."""
    schedule: Schedule
    estimates: Estimates
    now: datetime

    @property
    def going(self) -> tuple[Passenger, ...]:
        """Pods that leave, or would under the flag their refusal names."""
        return tuple(one for one in self.passengers if one.would_go)

    def slot(self, one: Passenger) -> Slot | None:
        """When it goes."""
        return self.schedule.slots.get(one.uid)

    def can_go(self, one: Passenger) -> bool:
        """Whether it leaves as things stand: no flag is missing, and no budget is in the way."""
        slot = self.slot(one)
        return one.goes and not (slot is not None and slot.blocked)

    def homeless(self) -> list[Passenger]:
        """Pods that fit nowhere."""
        return [
            one for one in self.going if (fit := self.fits.get(one.uid)) and fit.verdict == "does_not_fit"
        ]

    def never_go(self) -> list[tuple[Passenger, BudgetBlock]]:
        """Pods that a budget never lets go, with the first reason."""
        found = []
        for one in self.going:
            slot = self.slot(one)
            blocks = [block for block in (slot.blocked if slot else ()) if block.when == "never"]
            if blocks:
                found.append((one, blocks[0]))
        return found


def outlook(scene: Scene, params: DrainParams, now: datetime) -> Outlook:
    """Judge, place and time every pod of the chosen nodes."""
    world = scene.world
    passengers = passengers_of(
        scene.chosen, world.pods, scene.controllers, params, selected=scene.selected, now=now
    )
    ledger = _ledger(scene, passengers, params, now)
    fits = _fits(scene, passengers)
    estimates = estimates_of(world.pods)
    times = schedule(
        passengers,
        ledger,
        world.nodes,
        scene.chosen,
        params,
        estimates=estimates,
        homeless=frozenset(uid for uid, fit in fits.items() if fit.verdict == "does_not_fit"),
        new_nodes=bool(scene.autoscaler),
        now=now,
    )
    return Outlook(
        params=params,
        scene=scene,
        passengers=passengers,
        ledger=ledger,
        fits=fits,
        schedule=times,
        estimates=estimates,
        now=now,
    )


def _ledger(scene: Scene, passengers: Sequence[Passenger], params: DrainParams, now: datetime) -> Ledger:
    """The budgets; with --surge as they are once workloads of one pod have their second one."""
    pods, scales = list(scene.world.pods), dict(scene.controllers.scales)
    for one in passengers if params.surge else ():
        controller = one.pod.metadata.controller
        if one.would_go and one.is_single and one.can_surge and controller is not None:
            meta = msgspec.structs.replace(
                one.pod.metadata, name=f"{one.pod.metadata.name}-second", uid=f"{one.uid}-second"
            )
            pods.append(msgspec.structs.replace(one.pod, metadata=meta))
            scales[controller.uid] = Scale(scales[controller.uid].uid, 2)
    near = {one.pod.metadata.namespace: list[Passenger]() for one in passengers}
    for one in passengers:
        near[one.pod.metadata.namespace].append(one)
    # Counting a budget looks at every pod of its namespace: only those that matter here are counted.
    budgets = [
        budget
        for budget in scene.budgets
        if any(
            matches(budget.spec.selector, one.pod.metadata.labels)
            for one in near.get(budget.metadata.namespace, ())
        )
    ]
    return Ledger.of(budgets, pods, scales, now=now)


def _fits(scene: Scene, passengers: Sequence[Passenger]) -> dict[str, Fit]:
    moving: list[Pod] = [one.pod for one in passengers if one.comes_back]
    gone = {one.key for one in passengers if one.would_go and not one.comes_back}
    leaving = frozenset(node.name for node in scene.chosen)
    found = preview(scene.world, leaving=leaving, moving=moving, gone=gone)
    return {pod.metadata.uid: fit for pod, fit in zip(moving, found, strict=True)}


def listed(names: Sequence[str], shown: int = NAMES_SHOWN) -> str:
    """`a, b, c and 4 more`."""
    head = ", ".join(names[:shown])
    return f"{head} and {len(names) - shown} more" if len(names) > shown else head
