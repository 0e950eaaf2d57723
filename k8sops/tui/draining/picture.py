"""What a drain's plan says, sorted for the eye: each pod with where it goes or why not, each node's room, each wave.

Pure, from the plan alone, so that somebody else's run from the store is drawn as one's own is. A plan of more pods than
are listed says how many are left out; nothing is made up for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from k8sops.core.plan import Item, Plan, Step

ACTION: Final = "drain"
RESOURCES: Final = ("cpu", "memory", "pods")

ALLOW_PENDING: Final = "--allow-pending"
"""What turns blockers off that speak of pods without a node."""

Fate = Literal["moves", "ends", "stays", "blocked"]
"""`ends`: it leaves, and nothing is made in its place. `blocked`: it cannot leave as things stand."""
LEAVES: Final[frozenset[Fate]] = frozenset({"moves", "ends"})


class PodMove(msgspec.Struct, frozen=True, kw_only=True):
    """One pod and what becomes of it."""

    name: str
    uid: str
    path: str
    """Under which the run tells of it."""
    fate: Fate
    origin: str
    whereto: str = ""
    """The node it lands on, or would if it were not blocked; empty where it lands on none or nobody can tell."""
    why: str = ""
    """Why it stays or is blocked, or what else there is to know of its move."""
    wave: int = 0
    budgets: tuple[str, ...] = ()


class NodeRoom(msgspec.Struct, frozen=True, kw_only=True):
    """A node that stays: the resource that gets tightest, in per cent of what the node can give."""

    name: str
    resource: str
    before: int
    after: int
    arriving: int = 0
    cordoned: bool = False


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """Pods that go together."""

    number: int
    begins_s: float
    ends_s: float
    paths: tuple[str, ...]
    paced_by: str = ""
    """The budget that lets no more go at once; empty in the first wave."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    moves: tuple[PodMove, ...]
    ends: tuple[PodMove, ...]
    stays: tuple[PodMove, ...]
    blocked: tuple[PodMove, ...]
    unlisted: int
    """Pods that the plan counts and does not list."""
    rooms: tuple[NodeRoom, ...]
    waves: tuple[Wave, ...]
    seconds: float
    limited_by: str
    origins: tuple[str, ...]

    @property
    def pods(self) -> tuple[PodMove, ...]:
        """All that are listed."""
        return (*self.moves, *self.ends, *self.stays, *self.blocked)

    @property
    def leaving(self) -> tuple[PodMove, ...]:
        """Those that the drain is about, blocked or not."""
        return (*self.moves, *self.ends, *self.blocked)


def has_picture(plan: Plan) -> bool:
    """Whether a plan is drawn so."""
    return plan.action == ACTION and any(step.bulk is not None for step in plan.steps)


def picture_of(plan: Plan) -> Picture:
    """The picture of a drain's plan."""
    drains = [step for step in plan.steps if step.bulk is not None]
    needs_node = any(finding.override == ALLOW_PENDING for finding in plan.blockers)
    pods = [
        _pod(step, item, needs_node=needs_node)
        for step in drains
        for item in (step.bulk.items if step.bulk else ())
    ]
    counted = sum(step.bulk.total for step in drains if step.bulk)
    by_fate: defaultdict[Fate, list[PodMove]] = defaultdict(list)
    for pod in pods:
        by_fate[pod.fate].append(pod)
    items = [item for step in drains for item in (step.bulk.items if step.bulk else ())]
    return Picture(
        moves=tuple(sorted(by_fate["moves"], key=lambda pod: (pod.wave, pod.origin, pod.name))),
        ends=tuple(sorted(by_fate["ends"], key=lambda pod: (pod.wave, pod.origin, pod.name))),
        stays=tuple(by_fate["stays"]),
        blocked=tuple(by_fate["blocked"]),
        unlisted=counted - len(pods),
        rooms=tuple(_rooms(plan.blast_radius.get("room"))),
        waves=tuple(_waves(zip(items, pods, strict=True))),
        seconds=plan.forecast.seconds or 0.0,
        limited_by=plan.forecast.limited_by,
        origins=tuple(step.target.name for step in drains),
    )


def _pod(step: Step, item: Item, *, needs_node: bool) -> PodMove:
    data = item.data
    fate = _fate(item, needs_node=needs_node)
    landing = str(data.get("lands_on") or "")
    target = item.target
    return PodMove(
        name=f"{target.namespace}/{target.name}",
        uid=target.uid,
        path=f"{step.id}/evict:{target.namespace}.{target.name}",
        fate=fate,
        origin=step.target.name,
        whereto=landing,
        why=_beside(item, landing) if fate in LEAVES else item.why.removesuffix(" and stays"),
        wave=int(data.get("wave") or 0),
        budgets=tuple(map(str, data.get("budgets") or ())),
    )


def _fate(item: Item, *, needs_node: bool) -> Fate:
    if item.verb == "keep":
        return "stays"
    fit = item.data.get("fit")
    if item.verb == "refuse" or item.data.get("blocked_by") or (needs_node and fit == "does_not_fit"):
        return "blocked"
    return "moves" if fit else "ends"


def _beside(item: Item, landing: str) -> str:
    """What is said of a move besides where it ends, which has a column of its own."""
    told = item.why.removeprefix(f"moves to {landing}").lstrip(",; ") if landing else item.why
    return "; ".join(part for part in told.split("; ") if not part.startswith("wave "))


def _rooms(told: Any) -> Iterable[NodeRoom]:
    for room in told if isinstance(told, list | tuple) else ():
        known = {name: room[name] for name in RESOURCES if name in room}
        if known:
            tightest = max(known, key=lambda name: known[name][1])
            before, after = known[tightest]
            yield NodeRoom(
                name=str(room["node"]),
                resource=tightest,
                before=int(before),
                after=int(after),
                arriving=int(room.get("arriving", 0)),
                cordoned=bool(room.get("cordoned")),
            )


def _waves(pods: Iterable[tuple[Item, PodMove]]) -> Iterable[Wave]:
    by_number: defaultdict[int, list[tuple[Mapping[str, Any], PodMove]]] = defaultdict(list)
    for item, pod in pods:
        if pod.wave and pod.fate in LEAVES:
            by_number[pod.wave].append((item.data, pod))
    for number in sorted(by_number):
        several = by_number[number]
        paced: defaultdict[str, int] = defaultdict(int)
        for budget in (budget for _, pod in several for budget in pod.budgets):
            paced[budget] += 1
        yield Wave(
            number=number,
            begins_s=min(float(data.get("at_s", 0)) for data, _ in several),
            ends_s=max(float(data.get("done_s", 0)) for data, _ in several),
            paths=tuple(pod.path for _, pod in several),
            paced_by=max(paced, key=lambda name: (paced[name], name)) if paced and number > 1 else "",
        )
