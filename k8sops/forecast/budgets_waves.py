"""In which order and how fast budgets let a set of pods go, and how fast at best.

Every pod is evicted as soon as its budget allows, and gives back what it took when its replacement is ready. Where the
replacements of a budget take equally long, no order is faster; else the bound and the forecast differ, and both are
told. What the cluster has room for, and how many nodes may be empty at once, is not reckoned with here.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from math import ceil, inf

import msgspec

from k8sops.forecast.budgets import BudgetBlock, Ledger, bypasses_budgets
from k8sops.forecast.objects import Pod


class Move(msgspec.Struct, frozen=True, gc=False):
    """A pod that is to go."""

    pod: Pod
    leaves_s: float
    """Seconds from its eviction until it is gone: at most its grace period."""
    back_s: float | None
    """Seconds from its eviction until its replacement is ready; None where nothing replaces it."""


class Going(msgspec.Struct, frozen=True, gc=False):
    """When a pod goes."""

    pod: str
    """`namespace/name`."""
    wave: int
    """From 1; one more than the wave of the pods it waits for. 0: it cannot go as things stand."""
    at_s: float = 0.0
    """When it is evicted, in seconds from the start."""
    gone_s: float = 0.0
    """When it is gone."""
    blocked: tuple[BudgetBlock, ...] = ()
    """Why it cannot go, where it cannot."""


class Waves(msgspec.Struct, frozen=True, gc=False):
    """The forecast; where pods are blocked, the times are of those that go."""

    goings: tuple[Going, ...]
    """In the order of the moves."""
    waves: int
    seconds: float
    """When the last pod is gone."""
    lower_bound_s: float
    """No order that keeps the budgets is faster."""
    limited_by: str = ""
    """The budget (`namespace/name`) that imposes the bound; empty where none makes anything wait."""


def forecast_waves(ledger: Ledger, moves: Sequence[Move]) -> Waves:
    """Say when each pod can go; the ledger is left as it is. Each pod is to be given once."""
    book = ledger.copy()
    queues: dict[str, list[Move]] = {}
    for move in sorted(moves, key=_urgency):
        budgets = ledger.budgets_of(move.pod)
        # A pod under two budgets waits for neither: it is refused at once, or bypasses both.
        queues.setdefault(budgets[0].key if len(budgets) == 1 else "", []).append(move)
    goings: dict[str, Going] = {}
    bound, limit = max((move.leaves_s for move in moves), default=0.0), ""
    for key, queue in queues.items():
        told = _simulate(book, queue, alike=bool(key))
        goings |= told
        if key:
            least = _lower_bound(ledger, key, [move for move in queue if told[move.pod.metadata.uid].wave])
            bound, limit = (least, key) if least > bound else (bound, limit)
    ordered = tuple(goings[move.pod.metadata.uid] for move in moves)
    return Waves(
        ordered,
        waves=max((one.wave for one in ordered), default=0),
        seconds=max((one.gone_s for one in ordered), default=0.0),
        lower_bound_s=bound,
        limited_by=limit,
    )


def _urgency(move: Move) -> tuple[bool, bool, float]:
    """First what costs a budget nothing, then the slowest to come back, what never does last."""
    return _asks(move.pod), move.back_s is None, -(move.back_s or 0.0)


def _asks(pod: Pod) -> bool:
    return pod.ready and not bypasses_budgets(pod)


def _simulate(book: Ledger, queue: Iterable[Move], *, alike: bool) -> dict[str, Going]:
    """Let pods go, by uid; `alike` where all are under the same one budget."""
    waiting = deque(queue)
    goings: dict[str, Going] = {}
    returns: list[tuple[float, int, Move]] = []
    now, wave = 0.0, 1
    while True:
        for move in _let_go(book, waiting, alike=alike):
            goings[move.pod.metadata.uid] = Going(move.pod.key, wave, now, now + move.leaves_s)
            if move.back_s is not None:
                heapq.heappush(returns, (now + move.back_s, len(goings), move))
        if not waiting or not returns:
            break
        now = returns[0][0]
        wave = 1
        while returns and returns[0][0] <= now:
            move = heapq.heappop(returns)[2]
            book.replaced(move.pod)
            wave = max(wave, goings[move.pod.metadata.uid].wave + 1)
    for move in waiting:
        blocked = book.blocked_by(move.pod)
        goings[move.pod.metadata.uid] = Going(move.pod.key, 0, blocked=blocked)
    return goings


def _let_go(book: Ledger, waiting: deque[Move], *, alike: bool) -> list[Move]:
    """Evict all that may go now; `waiting` keeps the rest, in order."""
    gone: list[Move] = []
    held: list[Move] = []
    while waiting:
        move = waiting.popleft()
        if not book.blocked_by(move.pod):
            book.evict(move.pod)
            gone.append(move)
            continue
        held.append(move)
        if alike and _asks(move.pod):
            # All behind it ask the same budget the same.
            break
    waiting.extendleft(reversed(held))
    return gone


def _lower_bound(ledger: Ledger, key: str, moves: Sequence[Move]) -> float:
    """The least time for pods of one budget, all of which can go.

    At most as many are out at once as the budget allows, or will once the unready ones among them are replaced. The
    pods that share such a slot follow each other, each but the last for as long as its replacement takes.
    """
    asking = [move for move in moves if _asks(move.pod)]
    slots = ledger.allowed(key) + len(moves) - len(asking)
    if not asking or slots <= 0:
        return 0.0
    backs = sorted((inf if move.back_s is None else move.back_s) for move in asking)
    rounds_before_last = ceil(len(backs) / slots) - 1
    in_one_slot = sum(backs[:rounds_before_last])
    evenly = sum(backs[: max(0, len(backs) - slots)]) / slots
    return max(in_one_slot, evenly) + min(move.leaves_s for move in asking)
