"""What a drain says of itself: how far it is, what it waits for and since when, and which pods do not end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from k8sops.actions.drain.departing import Departure, NodeDrain
from k8sops.actions.drain.floor import Floor
from k8sops.actions.drain.gates import Gates
from k8sops.actions.drain.settling import Replacements, still_attached
from k8sops.core.events import Emission, waits
from k8sops.core.journal import Journal
from k8sops.core.plan import Plan
from k8sops.forecast.objects import Pod

STUCK_AFTER_S: Final = 10.0
"""A pod that is still there this long after its grace period has something that holds it."""
MOST_NAMED: Final = 5
SAID_EVERY_S: Final = 10.0
LOOKS_EVERY_S: Final = 0.2
MOST_LEAVING: Final = 300
"""So many of the pods that are ending are named in progress, which is stored twice a second."""


class Teller:
    """Progress of one drain over all its nodes."""

    def __init__(self, plan: Plan, journal: Journal) -> None:
        self._journal = journal
        self._clock = journal.clock
        self._planned = frozenset(
            item.target.uid
            for step in plan.steps
            for item in (step.bulk.items if step.bulk else ())
            if item.verb != "keep"
        )
        self._forecast = plan.forecast.seconds
        self._came: set[str] = set()
        self._began = journal.clock.monotonic()
        self._said: tuple[int, int, str] = (-1, 0, "")
        self._said_at = float("-inf")
        self._looked_at = float("-inf")

    async def note(self, text: str) -> None:
        """Something the watcher should read."""
        await self._journal.tell(Emission(kind="note", text=text))

    async def tell(
        self,
        nodes: Mapping[str, NodeDrain],
        floor: Floor,
        gates: Gates,
        replacements: Replacements,
        *,
        last: bool = False,
    ) -> None:
        """Tell progress where something moved, and now and then while it only takes time; the `last` at once."""
        now = self._clock.monotonic()
        if now - self._looked_at < LOOKS_EVERY_S and not last:
            return
        self._looked_at = now
        self._came.update(
            uid for node in nodes.values() for uid in node.departures if uid not in self._planned
        )
        everyone = self._planned | self._came
        left = sum(uid in floor.pods for uid in everyone)
        done, total = len(everyone) - left, len(everyone)
        obstacle, since = _pressing(nodes, floor, gates, replacements, self._clock.now())
        said = (done, total, obstacle)
        if said == self._said and now - self._said_at < SAID_EVERY_S:
            return
        self._said, self._said_at = said, now
        data = {
            "done": done,
            "total": total,
            "unit": "pods moved",
            "eta_s": self._eta(done, total, now - self._began),
            **waits(obstacle, since),
            "leaving": _leaving(nodes),
        }
        text = f"{done} of {total} pods moved"
        await self._journal.tell(Emission(kind="progress", text=text, data=data))

    def _eta(self, done: int, total: int, elapsed: float) -> float | None:
        if done >= total:
            return 0.0
        if self._forecast is not None and elapsed < self._forecast:
            return round(self._forecast - elapsed, 1)
        return round(elapsed / done * (total - done), 1) if done else None


def _leaving(nodes: Mapping[str, NodeDrain]) -> list[str]:
    """uids of pods that were let go and are still there: which have gone follows from these and the record."""
    states = {"trying", "leaving"}
    here = [one.uid for node in nodes.values() for one in node.present if one.state in states]
    return here[:MOST_LEAVING]


def _pressing(
    nodes: Mapping[str, NodeDrain],
    floor: Floor,
    gates: Gates,
    replacements: Replacements,
    now: datetime,
) -> tuple[str, datetime | None]:
    """What holds the drain up most, and since when: a lost connection, a stuck pod, a budget, else what takes time."""
    if floor.lost:
        return next(iter(floor.lost.values())), None
    present = [one for node in nodes.values() for one in node.present]
    if stuck := next(filter(None, (_stuck(one, floor, now) for one in present)), ""):
        return stuck, None
    gate = gates.longest_closed({one.gate for one in present if one.state == "waiting"})
    if gate and (closed := gates.why_closed(gate)):
        return closed, now - timedelta(seconds=gates.closed_for_s(gate))
    return (_takes_time(present) or _settles(nodes, floor, replacements)), None


def _stuck(one: Departure, floor: Floor, now: datetime) -> str:
    pod = floor.pods.get(one.uid)
    said = stuck_note(pod, now) if pod else ""
    return f"pod {one.key}, which {said.partition(' for ')[0]}" if said else ""


def _takes_time(present: Sequence[Departure]) -> str:
    ending = [one for one in present if one.state in {"trying", "leaving"}]
    if ending:
        return f"pod {ending[0].key} to end" if len(ending) == 1 else f"{len(ending)} pods to end"
    preparing = [one for one in present if one.state == "preparing"]
    if not preparing:
        return ""
    more = f" and {len(preparing) - 1} more" if len(preparing) > 1 else ""
    return f"a second pod beside {preparing[0].key}{more} to be ready"


def _settles(nodes: Mapping[str, NodeDrain], floor: Floor, replacements: Replacements) -> str:
    missing = replacements.missing_of(
        one.controller for node in nodes.values() for one in node.departures.values() if one.controller
    )
    if missing:
        name, number = next(iter(missing.items()))
        return f"{name}: {number} not ready"
    attached = [volume for node in nodes.values() for volume in _attached(node, floor)]
    return f"volume {attached[0]} to be detached" if attached else ""


def obstacles(
    node: NodeDrain, floor: Floor, gates: Gates, replacements: Replacements, now: datetime
) -> list[str]:
    """All that a node waits for, by name."""
    waits = [_waits(one, floor, gates, now) for one in node.present]
    if len(waits) > MOST_NAMED:
        waits = [*waits[:MOST_NAMED], f"{len(waits) - MOST_NAMED} more pods"]
    controllers = [one.controller for one in node.departures.values() if one.controller]
    waits += [
        f"{number} {'pod' if number == 1 else 'pods'} of {name} not ready"
        for name, number in replacements.missing_of(controllers).items()
    ]
    waits += [f"volume {volume} still attached" for volume in _attached(node, floor)]
    if floor.lost:
        waits += list(dict.fromkeys(floor.lost.values()))
    return waits


def stuck_note(pod: Pod, now: datetime) -> str:
    """Why a pod that should have ended long ago is still there; empty where its time has not come."""
    due = pod.metadata.deletion_timestamp
    if due is None or (late := (now - due).total_seconds()) < STUCK_AFTER_S:
        return ""
    held = ", ".join(pod.metadata.finalizers)
    why = f"finalizers {held} hold it" if held else "no finalizer holds it: its kubelet has not ended it"
    return f"should have ended but is still there ({why}) for {late:.0f} s"


def _waits(one: Departure, floor: Floor, gates: Gates, now: datetime) -> str:
    pod = floor.pods.get(one.uid)
    if pod is not None and (stuck := stuck_note(pod, now)):
        return f"pod {one.key}, which {stuck}"
    if one.state == "waiting":
        why = gates.closed_text(one.gate)
        return f"pod {one.key} ({why})" if why else f"pod {one.key}, whose turn has not come"
    if one.state == "preparing":
        return f"a second pod beside {one.key}"
    held = f" (finalizers {', '.join(pod.metadata.finalizers)})" if pod and pod.metadata.finalizers else ""
    return f"pod {one.key} to end{held}"


def _attached(node: NodeDrain, floor: Floor) -> tuple[str, ...]:
    return () if node.staying is None else still_attached(floor.attached, node.name, node.staying)
