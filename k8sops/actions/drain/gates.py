"""What stands between a pod and its eviction: the budgets over it, as the API server will judge them at this moment.

A gate is the set of budgets one eviction would spend. The budget's own status counts, as it does for the API server
(`registry/core/pod/storage/eviction.go` of 1.36), less what was spent since and is not in that status yet; so an
eviction that would be refused is not even sent, and one that could go is sent the moment the status says so.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from k8sops.actions.drain.floor import Floor
from k8sops.core.clock import Clock
from k8sops.forecast.objects import Budget, Pod
from k8sops.forecast.selectors import matches

Gate = tuple[str, ...]
FREE: Final[Gate] = ()
UNHEALTHY: Final = "unhealthy"
"""Ends the gate of a pod that is not ready, which another rule may let through."""
DOUBT_S: Final = 10.0
"""After a refusal that the budget's status does not explain, it is asked again this late at the latest."""


class Gates:
    """All gates of one drain. With `budgets_asked` False (`--disable-eviction`) there are none."""

    def __init__(self, floor: Floor, clock: Clock, *, budgets_asked: bool) -> None:
        self._floor = floor
        self._clock = clock
        self._asked = budgets_asked
        self._by_namespace: dict[str, list[Budget]] = {}
        self._spent: defaultdict[str, dict[str, str]] = defaultdict(dict)
        """Budget → name and uid of pods whose eviction its status does not show yet."""
        self._trying: set[str] = set()
        self._refused: dict[str, tuple[str, float, float]] = {}
        """Budget → its resourceVersion at the refusal, when to ask again at the earliest and at the latest."""
        self._closed_since: dict[Gate, float] = {}

    def index(self) -> None:
        """Budgets came or went: find them by namespace anew."""
        self._by_namespace = {}
        for budget in self._floor.budgets.values():
            self._by_namespace.setdefault(budget.metadata.namespace, []).append(budget)

    def of(self, pod: Pod) -> Gate:
        """The gate this pod's eviction goes through now; pods that do not run pass freely."""
        if not self._asked or pod.ending or pod.status.phase in {"Pending", "Succeeded", "Failed"}:
            return FREE
        over = [
            budget
            for budget in self._by_namespace.get(pod.metadata.namespace, ())
            if matches(budget.spec.selector, pod.metadata.labels)
        ]
        keys = tuple(sorted(budget.key for budget in over))
        if len(over) != 1 or pod.ready:
            return keys
        return FREE if over[0].spec.unhealthy_pod_eviction_policy == "AlwaysAllow" else (*keys, UNHEALTHY)

    def over(self, gate: Gate) -> Gate:
        """The budgets of a gate."""
        return tuple(key for key in gate if key != UNHEALTHY)

    def is_open(self, gate: Gate) -> bool:
        """Whether an eviction may be tried now. Two at once on one budget would only collide at the server."""
        opened = all(self._opens(key, unhealthy=UNHEALTHY in gate) for key in self.over(gate))
        if opened:
            self._closed_since.pop(gate, None)
        else:
            self._closed_since.setdefault(gate, self._clock.monotonic())
        return opened

    def trying(self, gate: Gate, pod: Pod) -> None:
        """An eviction is being sent."""
        for key in self.over(gate):
            self._trying.add(key)
            if pod.ready:
                self._spent[key][pod.metadata.name] = pod.metadata.uid

    def answered(self, gate: Gate, pod: Pod, *, accepted: bool) -> None:
        """It was answered; what was refused has spent nothing."""
        for key in self.over(gate):
            self._trying.discard(key)
            if not accepted:
                self._spent[key].pop(pod.metadata.name, None)

    def refused(self, gate: Gate, named: str, retry_after: float | None) -> bool:
        """The API server said 429 and named a budget; False where that one is not in view here."""
        now = self._clock.monotonic()
        for key in self.over(gate):
            budget = self._floor.budgets.get(key)
            if budget is not None and named == budget.metadata.name:
                earliest = now + (retry_after or 0.0)
                version = budget.metadata.resource_version
                self._refused[key] = (version, earliest, max(earliest, now + DOUBT_S))
                return True
        return False

    def recount(self) -> None:
        """Budgets or pods changed: forget what their status shows by now."""
        for key, spent in self._spent.items():
            budget = self._floor.budgets.get(key)
            shown = budget.status.disrupted_pods if budget else {}
            for name, uid in list(spent.items()):
                pod = self._floor.pods.get(uid)
                if key not in self._trying and (name in shown or pod is None or pod.ending):
                    del spent[name]

    def allowed(self, key: str) -> int:
        """How many more evictions the budget lets through, as far as can be known here."""
        budget = self._floor.budgets.get(key)
        if budget is None:
            return 1
        return budget.status.disruptions_allowed - len(self._spent[key])

    def closed_for_s(self, gate: Gate) -> float:
        """How long it has been closed."""
        now = self._clock.monotonic()
        return now - self._closed_since.get(gate, now)

    def why_closed(self, gate: Gate) -> str:
        """`payments/payments-pdb: 0 disruptions allowed`."""
        key = next((key for key in self.over(gate) if not self._opens(key, unhealthy=False)), "")
        allowed = max(0, self.allowed(key)) if key else 0
        if not key or (allowed and key in self._trying):
            return ""
        counted = "1 disruption" if allowed == 1 else f"{allowed} disruptions"
        return f"{key}: {counted} allowed"

    def closed_text(self, gate: Gate) -> str:
        """`payments/payments-pdb: 0 disruptions allowed, since 40 s`, as of this moment: for a drain's last word."""
        why = self.why_closed(gate)
        return f"{why}, since {self.closed_for_s(gate):.0f} s" if why else ""

    def longest_closed(self, gates: set[Gate]) -> Gate | None:
        """Of these gates the one that has been closed for the longest."""
        closed = [gate for gate in gates if gate in self._closed_since]
        return min(closed, key=lambda gate: self._closed_since[gate], default=None)

    def _opens(self, key: str, *, unhealthy: bool) -> bool:
        budget = self._floor.budgets.get(key)
        if key in self._trying:
            return False
        if budget is None:
            return True
        version, earliest, latest = self._refused.get(key, ("", 0.0, 0.0))
        now = self._clock.monotonic()
        if now < earliest or (version == budget.metadata.resource_version and now < latest):
            return False
        status = budget.status
        if unhealthy and 0 < status.desired_healthy <= status.current_healthy:
            return True
        lagging = status.observed_generation < budget.metadata.generation
        return not lagging and self.allowed(key) > 0
