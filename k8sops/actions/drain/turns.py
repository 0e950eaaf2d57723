"""Whose turn it is: a queue for each gate, so that a closed budget holds up only those behind it.

A turn is one request's; who is refused gives it back and waits in line without holding anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from k8sops.actions.drain.departing import Departure
from k8sops.actions.drain.floor import Floor
from k8sops.actions.drain.gates import FREE, Gate, Gates
from k8sops.core.clock import Clock

MOST_REQUESTS: Final = 32
"""Evictions under way to the API server at once."""
MOST_FREE: Final = 12
"""Above so many no pod without a budget is added: a busy server answers all of them late."""


class Turns:
    """The queues of one drain."""

    def __init__(self, floor: Floor, gates: Gates, clock: Clock, room: Callable[[], bool]) -> None:
        """`room` says whether one more pod may be on its way (`--max-parallel`)."""
        self._floor = floor
        self._gates = gates
        self._clock = clock
        self._room = room
        self._queues: dict[Gate, deque[Departure]] = {}
        self._requests = 0

    def queue(self, one: Departure) -> None:
        """Put a waiting pod where its gate is now; nothing where it stands there already."""
        pod = self._floor.pods.get(one.uid)
        if one.state != "waiting" or pod is None:
            return
        gate = self._gates.of(pod)
        one.gate = gate
        if one.queued_in != gate:
            one.queued_in = gate
            queue = self._queues.setdefault(gate, deque())
            if one.turn is None:
                queue.append(one)
            else:
                # Whose eviction was tried before does not stand behind all the others again.
                queue.appendleft(one)

    def next(self) -> list[Departure]:
        """All whose turn it is now, each with its turn taken and its gate shut behind it."""
        found: list[Departure] = []
        if self._floor.lost:
            return found
        # Budgets set the pace of the whole, so whoever stands behind one goes first, and the rest fills the gaps.
        for gate in sorted(self._queues, key=lambda gate: (gate == FREE, -len(self._queues[gate]))):
            queue = self._queues[gate]
            self._through(gate, queue, found)
            if not queue:
                del self._queues[gate]
        return found

    def give_back(self, one: Departure) -> None:
        """Its request was answered."""
        if one.holds_turn:
            one.holds_turn = False
            self._requests -= 1

    def _through(self, gate: Gate, queue: deque[Departure], found: list[Departure]) -> None:
        later = []
        while queue:
            one = queue[0]
            if one.queued_in != gate:
                queue.popleft()
            elif one.state != "waiting" or one.node.trouble is not None:
                queue.popleft().queued_in = None
            elif self._clock.monotonic() < one.not_before:
                later.append(queue.popleft())
            elif not self._gates.is_open(gate) or self._requests >= _most(gate) or not self._room():
                break
            else:
                queue.popleft().queued_in = None
                self._take(one)
                found.append(one)
        queue.extendleft(reversed(later))

    def _take(self, one: Departure) -> None:
        one.state = "trying"
        one.holds_turn = True
        self._requests += 1
        if pod := self._floor.pods.get(one.uid):
            self._gates.trying(one.gate, pod)


def _most(gate: Gate) -> int:
    return MOST_FREE if gate == FREE else MOST_REQUESTS
