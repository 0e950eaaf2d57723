"""Which evictions the Eviction API would allow, with every one that is taken counted against the budgets.

A ledger is a copy of the cluster's budgets to reckon with: pods are taken out one after another and come back when
they are replaced. A dry-run eviction cannot do this, since the server checks each pod against untouched budgets.
Source: Kubernetes 1.36, `pkg/registry/core/pod/storage/eviction.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import msgspec

from k8sops.forecast.budgets_counting import BudgetCount, Scales, count, is_healthy
from k8sops.forecast.objects import Budget, Pod
from k8sops.forecast.selectors import matches

DISABLE_EVICTION: Final = "--disable-eviction deletes it without asking a budget"

BlockCode = Literal["two_budgets", "not_computed", "no_rule", "counts_nothing", "zero", "exhausted"]


class BudgetBlock(msgspec.Struct, frozen=True, gc=False):
    """Why a budget does not let a pod go now."""

    budget: str
    """`namespace/name`."""
    sentence: str
    when: Literal["never", "later"]
    """`never`: not as long as the budget and the workload are what they are; `later`: once enough pods are ready."""
    code: BlockCode
    advice: str = ""
    """What a person can do about it."""


@dataclass(slots=True)
class _Account:
    """One budget and its present numbers."""

    budget: Budget
    count: BudgetCount
    unready: tuple[str, ...]
    """Names of selected pods that live and are not ready, for sentences."""

    def move(self, healthy: int, reachable: int = 0) -> None:
        now = self.count
        self.count = msgspec.structs.replace(
            now, healthy=now.healthy + healthy, reachable=now.reachable + reachable
        )


class Ledger:
    """Budgets as they stand, and as they would after evictions and replacements; not safe to share, cheap to copy."""

    def __init__(self, accounts: dict[str, _Account], now: datetime | None) -> None:
        self._accounts = accounts
        self._by_namespace: dict[str, list[_Account]] = {}
        for account in accounts.values():
            self._by_namespace.setdefault(account.budget.metadata.namespace, []).append(account)
        self._now = now
        self._out: dict[str, tuple[str, ...]] = {}
        self._chosen: dict[str, tuple[str, ...]] = {}

    @classmethod
    def of(
        cls, budgets: Sequence[Budget], pods: Sequence[Pod], scales: Scales, *, now: datetime | None = None
    ) -> Ledger:
        """Count every budget over `pods`, which are to hold all pods of the budgets' namespaces.

        `scales` comes from `scales_of`; with `now`, evictions granted in the last two minutes count as gone.
        """
        by_namespace: dict[str, list[Pod]] = {}
        for pod in pods:
            by_namespace.setdefault(pod.metadata.namespace, []).append(pod)
        accounts = {}
        for budget in budgets:
            near = by_namespace.get(budget.metadata.namespace, [])
            unready = tuple(
                pod.metadata.name
                for pod in near
                if not (pod.ready or pod.ending or pod.finished)
                and matches(budget.spec.selector, pod.metadata.labels)
            )
            accounts[budget.key] = _Account(budget, count(budget, near, scales, now=now), unready)
        return cls(accounts, now)

    def copy(self) -> Ledger:
        """The same numbers, to try something out."""
        accounts = {key: _Account(one.budget, one.count, one.unready) for key, one in self._accounts.items()}
        other = Ledger(accounts, self._now)
        other._out = dict(self._out)
        other._chosen = self._chosen
        return other

    def allowed(self, budget_key: str) -> int:
        """How many healthy pods the budget `namespace/name` lets go now. Raises KeyError for an unknown one."""
        return self._accounts[budget_key].count.allowed

    def count(self, budget_key: str) -> BudgetCount:
        """The budget's numbers. Raises KeyError for an unknown one."""
        return self._accounts[budget_key].count

    def budgets_of(self, pod: Pod) -> tuple[Budget, ...]:
        """The budgets that select the pod, whether they matter to it or not."""
        return tuple(account.budget for account in self._selecting(pod))

    def needs_slot(self, pod: Pod) -> bool:
        """Whether evicting the pod now would use up a disruption of a budget."""
        accounts = self._selecting(pod)
        return bool(accounts) and not bypasses_budgets(pod) and not self._goes_unhealthy(accounts[0], pod)

    def blocked_by(self, pod: Pod) -> tuple[BudgetBlock, ...]:
        """Why the Eviction API would refuse the pod now; empty where it would not.

        Pending, finished and terminating pods are never refused; a pod under two budgets always is (HTTP 500).
        """
        accounts = self._selecting(pod)
        if not accounts or bypasses_budgets(pod):
            return ()
        if len(accounts) > 1:
            return _two_budgets(accounts)
        account = accounts[0]
        if self._goes_unhealthy(account, pod) or account.count.allowed > 0:
            return ()
        return (_refusal(account, pod),)

    def evict(self, pod: Pod) -> None:
        """Take the pod out, allowed or not (a deletion asks no budget); a second time changes nothing."""
        if pod.metadata.uid in self._out:
            return
        counted = []
        for account in self._selecting(pod):
            healthy = is_healthy(account.budget, pod, self._now)
            gone = pod.metadata.controller is None and not (pod.ending or pod.finished)
            account.move(-1 if healthy else 0, -1 if gone else 0)
            counted.append(account.budget.key)
        self._out[pod.metadata.uid] = tuple(counted)

    def replaced(self, pod: Pod) -> None:
        """The evicted pod's replacement is ready: give back what it took. A pod that nothing replaces is ignored."""
        if pod.metadata.controller is None:
            return
        for key in self._out.get(pod.metadata.uid, ()):
            self._accounts[key].move(1)
        self._out[pod.metadata.uid] = ()

    def _selecting(self, pod: Pod) -> list[_Account]:
        keys = self._chosen.get(pod.metadata.uid)
        if keys is None:
            keys = tuple(
                account.budget.key
                for account in self._by_namespace.get(pod.metadata.namespace, ())
                if matches(account.budget.spec.selector, pod.metadata.labels)
            )
            self._chosen[pod.metadata.uid] = keys
        return [self._accounts[key] for key in keys]

    def _goes_unhealthy(self, account: _Account, pod: Pod) -> bool:
        """Whether a pod that is not ready goes without asking (KEP-3017)."""
        if pod.ready:
            return False
        if account.budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
            return True
        now = account.count
        return not now.failure and now.healthy >= now.desired_healthy > 0


def bypasses_budgets(pod: Pod) -> bool:
    """Whether the Eviction API deletes the pod without looking at budgets: pending, finished or terminating."""
    return pod.finished or pod.ending or pod.status.phase == "Pending"


def _two_budgets(accounts: Sequence[_Account]) -> tuple[BudgetBlock, ...]:
    names = " and ".join(account.budget.metadata.name for account in accounts)
    sentence = f"{len(accounts)} budgets select it ({names}); the Eviction API refuses a pod under more than one (500)"
    advice = f"change a selector so that one budget remains, or delete the others; {DISABLE_EVICTION}"
    return tuple(
        BudgetBlock(account.budget.key, sentence, "never", "two_budgets", advice) for account in accounts
    )


def _refusal(account: _Account, pod: Pod) -> BudgetBlock:
    budget, now = account.budget, account.count
    if now.failure:
        sentence = f"budget {budget.key} cannot be computed by the cluster and allows nothing: {now.failure}"
        advice = "give it an integer minAvailable, or a selector that leaves such pods out"
        return _never(budget, "not_computed", sentence, advice)
    if budget.spec.min_available is None and budget.spec.max_unavailable is None:
        sentence = f"budget {budget.key} has neither minAvailable nor maxUnavailable, which allows nothing"
        return _never(budget, "no_rule", sentence, "give it one of the two")
    if now.expected <= 0:
        sentence = (
            f"budget {budget.key} counts pods by their controllers and expects none, which allows nothing"
        )
        if pod.metadata.controller is not None:
            return BudgetBlock(
                budget.key, sentence, "later", "counts_nothing", "its controller ends the pod by itself"
            )
        return _never(budget, "counts_nothing", sentence, "give it an integer minAvailable")
    if now.reachable <= now.desired_healthy:
        sentence = (
            f"budget {budget.key} wants {now.desired_healthy} healthy of at most {now.reachable} pods "
            f"({_rule(budget)}) and never lets one go"
        )
        return _never(budget, "zero", sentence, "run more replicas while draining, or relax the budget")
    return _exhausted(account)


def _exhausted(account: _Account) -> BudgetBlock:
    budget, now = account.budget, account.count
    sentence = f"budget {budget.key} needs {now.desired_healthy} healthy pods and has {now.healthy}"
    advice = "it opens when replacements are ready"
    if account.unready:
        more = f" and {len(account.unready) - 1} more" if len(account.unready) > 1 else ""
        sentence += f"; not ready: {account.unready[0]}{more}"
        if budget.spec.unhealthy_pod_eviction_policy != "AlwaysAllow":
            advice += "; unhealthyPodEvictionPolicy: AlwaysAllow would let pods go that are not ready"
    return BudgetBlock(budget.key, sentence, "later", "exhausted", advice)


def _never(budget: Budget, code: BlockCode, sentence: str, advice: str) -> BudgetBlock:
    return BudgetBlock(budget.key, sentence, "never", code, f"{advice}; {DISABLE_EVICTION}")


def _rule(budget: Budget) -> str:
    if budget.spec.max_unavailable is not None:
        return f"maxUnavailable {budget.spec.max_unavailable}"
    return f"minAvailable {budget.spec.min_available}"
