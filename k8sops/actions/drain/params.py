"""What a drain is asked to do: kubectl's flags under kubectl's names, and those kubectl does not have.

One of NODE…, --selector and --pool says which nodes. All else has a default under which nothing is lost: what would
destroy data or leave pods without a home needs its flag, and the plan's blocker names that flag.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import field_validator, model_validator

from k8sops.core.params import ObjectName, Params, PlainText, Seconds, option, positional

ALL_CAPACITY: Final = 100
A_WEEK_S: Final = 604_800


class DrainParams(Params):
    """Which nodes, which pods may go, and how fast."""

    nodes: tuple[ObjectName, ...] = positional(
        "Nodes, by name.", metavar="[NODE]...", names="nodes", default=()
    )
    selector: PlainText = option("Nodes by label, as in `zone=a,pool in (web,api)`.", short="l", default="")
    pool: PlainText = option(
        "All nodes of a pool: GKE, EKS, AKS, Karpenter and Cluster API are known.", metavar="NAME", default=""
    )
    pool_label: tuple[PlainText, ...] = option(
        "One more label whose value names a node's pool; may be repeated.", metavar="KEY", default=()
    )
    pod_selector: PlainText = option("Only pods with these labels.", default="")
    ignore_daemonsets: bool = option(
        "Leave pods of DaemonSets where they are; without this they stop the drain.", default=False
    )
    delete_emptydir_data: bool = option("Evict pods although their emptyDir data is lost.", default=False)
    force: bool = option("Also delete pods that nothing makes again.", default=False)
    grace_period: int = option(
        "Seconds a pod has to end; -1 is the pod's own, 0 kills at once.",
        default=-1,
        ge=-1,
        le=A_WEEK_S,
        metavar="SECONDS",
    )
    disable_eviction: bool = option("Delete instead of evict: budgets are not asked.", default=False)
    skip_wait_for_delete_timeout: Seconds = option(
        "Leave out pods that have been ending for longer than this; 0 leaves out none.",
        metavar="DURATION",
        default=0,
        ge=0,
        le=A_WEEK_S,
    )
    timeout: Seconds = option(
        "How long the drain of one node may take; 0 waits without end.",
        metavar="DURATION",
        default=3600,
        ge=0,
        le=A_WEEK_S,
    )
    chunk_size: int = option("How many pods to read with one request.", default=500, ge=1, le=10_000)
    max_parallel: int = option(
        "Most pods on their way at once over all nodes (evicted, not yet replaced and ready); 0 is as many "
        "as budgets allow.",
        default=0,
        ge=0,
        le=10_000,
        metavar="PODS",
    )
    max_unavailable_capacity: PlainText = option(
        "Most of the cluster's CPU or memory on nodes that are being emptied at once, as in 20%; further nodes "
        "wait their turn.",
        default=f"{ALL_CAPACITY}%",
        metavar="PERCENT",
    )
    surge: bool = option(
        "Give a workload of one pod a second one first, and take it back afterwards.", default=False
    )
    taint: bool = option("Also taint the nodes NoSchedule while they are drained.", default=False)
    on_failure: Literal["keep", "uncordon"] = option(
        "After a failure or cancel: keep the nodes cordoned, or uncordon those this run cordoned.",
        default="uncordon",
    )
    allow_pending: bool = option(
        "Go on although some pods will find no node, as on the last node that can host them.", default=False
    )

    @field_validator("max_unavailable_capacity")
    @classmethod
    def _is_a_percentage(cls, value: str) -> str:
        digits = value.removesuffix("%")
        if not (digits.isascii() and digits.isdigit() and 1 <= int(digits) <= ALL_CAPACITY):
            raise ValueError("should be a percentage from 1% to 100%")
        return f"{int(digits)}%"

    @model_validator(mode="after")
    def _nodes_in_one_way(self) -> DrainParams:
        if sum(map(bool, (self.nodes, self.selector, self.pool))) != 1:
            raise ValueError("name nodes, or give --selector, or --pool: one of the three")
        return self

    @property
    def capacity_share(self) -> float:
        """`max_unavailable_capacity` as a share from 0 to 1."""
        return int(self.max_unavailable_capacity.removesuffix("%")) / ALL_CAPACITY

    @property
    def own_grace_s(self) -> int | None:
        """The grace period to send with an eviction, in seconds; None leaves it to the pod."""
        return self.grace_period if self.grace_period >= 0 else None
