"""Which of the pods on a node leave: judged after the cordon, and again for each one that comes later.

The same rules as the plan's (`verdicts.judge`). Whether a DaemonSet exists is asked once for each.
"""

from __future__ import annotations

from k8sops.actions.drain.params import DrainParams
from k8sops.actions.drain.verdicts import DrainFlags, Verdict, daemonset_of, judge
from k8sops.core.clock import Clock
from k8sops.core.errors import BlockedError, ForbiddenError, NotFoundError
from k8sops.core.ports import Cluster
from k8sops.forecast.objects import Pod


class Admission:
    """Judges pods of nodes that are being drained."""

    def __init__(self, cluster: Cluster, params: DrainParams, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._flags = DrainFlags(
            ignore_daemonsets=params.ignore_daemonsets,
            delete_emptydir_data=params.delete_emptydir_data,
            force=params.force,
            skip_wait_for_delete_timeout_s=params.skip_wait_for_delete_timeout,
        )
        self._daemonsets: dict[tuple[str, str], bool | None] = {}

    async def verdict(self, pod: Pod) -> Verdict:
        """Whether the pod leaves, stays, or stops its node."""
        exists: bool | None = True
        if name := daemonset_of(pod):
            exists = await self._exists(pod.metadata.namespace, name)
        return judge(pod, self._flags, now=self._clock.now(), daemonset_exists=exists)

    async def _exists(self, namespace: str, name: str) -> bool | None:
        known = (namespace, name)
        if known not in self._daemonsets:
            self._daemonsets[known] = await self._asked(namespace, name)
        return self._daemonsets[known]

    async def _asked(self, namespace: str, name: str) -> bool | None:
        try:
            await self._cluster.get(await self._cluster.resource("daemonsets.apps"), name, namespace)
        except NotFoundError:
            return False
        except ForbiddenError:
            return None
        return True


def refusal(pod: Pod, node: str, verdict: Verdict) -> BlockedError:
    """Why this pod stops its node."""
    flags = " ".join(verdict.flags)
    reasons = "; ".join(note.text for note in verdict.notes if note.refuses)
    hint = f"drain again with {flags}" if flags else "drain again once it is gone"
    return BlockedError(f"pod {pod.key} stops the drain of node {node}: it {reasons}", hint=hint)
