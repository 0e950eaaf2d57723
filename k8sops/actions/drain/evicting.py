"""One pod's eviction, from the first try to the API server's yes, as one part of the run's record.

Before each try the pod is looked up in the watch's view: the same uid, on the same node, not ending already. The
request carries the uid as a precondition too, so that a pod made again under the same name is never touched. A 429
gives the turn back and waits for the next one; so a pod that a budget holds back costs nothing meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

from k8sops.actions.drain.departing import Departure
from k8sops.actions.drain.floor import Floor
from k8sops.actions.drain.gates import Gates
from k8sops.core.errors import (
    BlockedError,
    ConflictError,
    ForbiddenError,
    K8sOpsError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
)
from k8sops.core.ports import Cluster
from k8sops.forecast.objects import Pod

AGAIN_S: Final = 1.0
NAMESPACE_ENDING_S: Final = 5.0
UNSEEN_BUDGET_S: Final = 5.0
"""How often a budget is asked that cannot be watched."""

# The cause's message of a 429 (`registry/core/pod/storage/eviction.go`); the Status carries the name nowhere else.
_BUDGET: Final = re.compile(r"disruption budget (\S+) (?:needs|is still)")
_TWO_BUDGETS: Final = "more than one PodDisruptionBudget"
_PASSING_REFUSALS: Final = ("being terminated", "too many evictions")

NextTurn = Callable[[Departure, float], Awaitable[None]]
"""Give the turn back; returns with the next one, after so many seconds at the earliest. Raises where there is none."""


class Evictor:
    """Sends evictions, or deletions where those were asked for."""

    def __init__(
        self, cluster: Cluster, floor: Floor, gates: Gates, *, grace_s: int | None, delete: bool
    ) -> None:
        self._cluster = cluster
        self._floor = floor
        self._gates = gates
        self._grace_s = grace_s
        self._delete = delete

    async def evict(self, one: Departure, next_turn: NextTurn) -> str:
        """Return, in a sentence, once the pod is asked to leave or is gone. Raises what cannot be waited out."""
        while True:
            pod = self._floor.pods.get(one.uid)
            if pod is None or pod.spec.node_name != one.node.name:
                return f"pod {one.key} is gone from {one.node.name}"
            if pod.ending and not self._shortens(pod):
                return f"pod {one.key} is ending already"
            wait_s = await self._try(one, pod)
            if wait_s is None:
                return f"pod {one.key} was {'deleted' if self._delete else 'evicted'} from {one.node.name}"
            await next_turn(one, wait_s)

    async def _try(self, one: Departure, pod: Pod) -> float | None:
        """None once it is accepted, else after how many seconds to try again."""
        accepted = False
        try:
            await self._send(one)
            accepted = True
        except K8sOpsError as error:
            return self._again_after(one, error)
        finally:
            self._gates.answered(one.gate, pod, accepted=accepted)
        return None

    def _again_after(self, one: Departure, error: K8sOpsError) -> float:
        """Seconds until the next try. Raises what no waiting helps."""
        if isinstance(error, TooManyRequestsError) and (named := _BUDGET.search(error.message)):
            seen = self._gates.refused(one.gate, named[1], error.retry_after)
            return max(error.retry_after or 0.0, 0.0 if seen else UNSEEN_BUDGET_S)
        if isinstance(error, ServerError) and _TWO_BUDGETS in error.message:
            raise _two_budgets(one, self._gates.over(one.gate)) from error
        if isinstance(error, ForbiddenError) and any(told in error.message for told in _PASSING_REFUSALS):
            return NAMESPACE_ENDING_S
        # Gone, or another pod under its name: the watch is about to say so.
        if error.transient or isinstance(error, NotFoundError | ConflictError):
            return error.retry_after or AGAIN_S
        raise error

    async def _send(self, one: Departure) -> None:
        if not self._delete:
            await self._cluster.evict(
                one.name, one.namespace, uid=one.uid, grace_period_seconds=self._grace_s
            )
            return
        pods = await self._cluster.resource("pods")
        await self._cluster.delete(
            pods, one.name, one.namespace, uid=one.uid, grace_period_seconds=self._grace_s
        )

    def _shortens(self, pod: Pod) -> bool:
        """Whether `--grace-period` lets a pod that is ending end sooner."""
        given = pod.metadata.deletion_grace_period_seconds
        return self._grace_s is not None and given is not None and self._grace_s < given


def _two_budgets(one: Departure, budgets: tuple[str, ...]) -> BlockedError:
    return BlockedError(
        f"pod {one.key} stands under two budgets ({', '.join(budgets) or 'unknown'}), and the eviction API "
        "refuses such pods",
        hint="take one of the budgets away, or give --disable-eviction, which asks none",
    )
