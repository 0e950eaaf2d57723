"""The pods of the nodes that are to be drained, each with its verdict and what stands behind it.

Who merely lacks a flag is forecast along with those that go, so that one plan shows the whole move; who stays, stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from k8sops.actions.drain.controllers import Controllers, Owner
from k8sops.actions.drain.params import DrainParams
from k8sops.actions.drain.verdicts import (
    DELETE_EMPTYDIR_DATA,
    FORCE,
    DrainFlags,
    Verdict,
    daemonset_of,
    judge,
)
from k8sops.forecast.objects import Node, Pod

MADE_AGAIN: Final = frozenset({"replicated", "stateful", "job", "custom"})


class Passenger(msgspec.Struct, frozen=True, gc=False):
    """A pod on a node that is drained."""

    pod: Pod
    node: str
    verdict: Verdict
    owner: Owner
    verb: Literal["evict", "delete", "keep", "refuse"]

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return self.pod.key

    @property
    def uid(self) -> str:
        """Its uid."""
        return self.pod.metadata.uid

    @property
    def goes(self) -> bool:
        """Whether it leaves the node."""
        return self.verb in {"evict", "delete"}

    @property
    def would_go(self) -> bool:
        """Whether it leaves, or would under the flag that its refusal names."""
        if self.verdict.verb == "refuse":
            return bool(self.verdict.flags) and set(self.verdict.flags) <= {FORCE, DELETE_EMPTYDIR_DATA}
        return self.goes

    @property
    def comes_back(self) -> bool:
        """Whether something makes another one in its place, which needs a place."""
        if not self.would_go or self.pod.finished or self.verdict.owner not in MADE_AGAIN:
            return False
        # An ending pod of a ReplicaSet has been replaced already; a StatefulSet waits until it is gone.
        return not self.pod.ending or self.verdict.owner == "stateful"

    @property
    def is_single(self) -> bool:
        """Whether it is all that its workload wants to run."""
        return self.owner.replicas == 1 and self.verdict.owner != "job"

    @property
    def can_surge(self) -> bool:
        """Whether a second pod of its workload would keep it up: not where each has its own name, or it is down now."""
        return self.owner.kind in {"Deployment", "ReplicaSet"} and self.pod.ready


def flags_of(params: DrainParams) -> DrainFlags:
    """The flags that decide about pods."""
    return DrainFlags(
        ignore_daemonsets=params.ignore_daemonsets,
        delete_emptydir_data=params.delete_emptydir_data,
        force=params.force,
        skip_wait_for_delete_timeout_s=params.skip_wait_for_delete_timeout,
    )


def passengers_of(
    nodes: Sequence[Node],
    pods: Sequence[Pod],
    controllers: Controllers,
    params: DrainParams,
    *,
    selected: frozenset[str] | None,
    now: datetime,
) -> tuple[Passenger, ...]:
    """The pods on these nodes that `selected` takes (None: all), by node and then by name, each judged."""
    order: Mapping[str, int] = {node.name: place for place, node in enumerate(nodes)}
    flags = flags_of(params)
    found = [
        _judged(pod, controllers, flags, params, now)
        for pod in pods
        if pod.spec.node_name in order and (selected is None or pod.metadata.uid in selected)
    ]
    return tuple(sorted(found, key=lambda one: (order[one.node], one.key)))


def _judged(
    pod: Pod, controllers: Controllers, flags: DrainFlags, params: DrainParams, now: datetime
) -> Passenger:
    exists: bool | None = True
    if name := daemonset_of(pod):
        known = controllers.daemonsets
        exists = None if known is None else (pod.metadata.namespace, name) in known
    verdict = judge(pod, flags, now=now, daemonset_exists=exists)
    verb: Literal["evict", "delete", "keep", "refuse"] = verdict.verb
    if verb == "evict" and params.disable_eviction:
        verb = "delete"
    return Passenger(pod, pod.spec.node_name, verdict, controllers.owner_of(pod), verb)
