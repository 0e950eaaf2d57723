"""Which nodes are meant: by name, by label selector, or by the pool their provider says they belong to.

Pools have no API of their own: a node carries its pool's name in a label, under a key that differs with whoever made
the node. Cluster API notes the owner of the node's Machine in annotations instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from k8sops.core.errors import NotFoundError, UsageError
from k8sops.forecast.objects import Node

POOL_LABELS: Final = (
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "karpenter.sh/nodepool",
    "karpenter.sh/provisioner-name",
    "cluster.x-k8s.io/deployment-name",
    "cluster.x-k8s.io/pool-name",
    "node.cluster.x-k8s.io/pool",
    "k8sops.dev/pool",
)
"""GKE, EKS (managed groups and eksctl), AKS (new and old key), Karpenter (v1 and before v1beta1), Cluster API, and
the sandbox.
"""

_CAPI_OWNER_KIND: Final = "cluster.x-k8s.io/owner-kind"
_CAPI_OWNER_NAME: Final = "cluster.x-k8s.io/owner-name"
_NAMES_SHOWN: Final = 12


def pools_of(node: Node, extra: Sequence[str] = ()) -> frozenset[str]:
    """Every name the node's pool goes by; `extra` holds further label keys.

    Source: the providers' documentation; for Cluster API its page "Supported Labels and Annotations".
    """
    return frozenset(_pools(node, extra))


def _pools(node: Node, extra: Sequence[str]) -> Iterator[str]:
    for key in (*extra, *POOL_LABELS):
        if value := node.metadata.labels.get(key):
            yield value
    annotations = node.metadata.annotations
    owner = annotations.get(_CAPI_OWNER_NAME, "")
    if annotations.get(_CAPI_OWNER_KIND) == "MachinePool" and owner:
        yield owner
    elif annotations.get(_CAPI_OWNER_KIND) == "MachineSet" and owner:
        yield owner
        # A MachineSet is named after its MachineDeployment, with a hash behind the last dash.
        if deployment := owner.rpartition("-")[0]:
            yield deployment


def nodes_of_pool(nodes: Iterable[Node], pool: str, extra: Sequence[str] = ()) -> list[Node]:
    """The nodes of a pool. Raises UsageError naming the pools there are."""
    known: set[str] = set()
    found = []
    for node in nodes:
        names = pools_of(node, extra)
        known |= names
        if pool in names:
            found.append(node)
    if found:
        return found
    if not known:
        raise UsageError(
            f"there is no pool {pool!r}: no node carries a pool label that is known",
            hint="--pool-label KEY names the label, or `pool_labels` in the configuration; --selector also works",
        )
    shown = ", ".join(sorted(known)[:_NAMES_SHOWN])
    raise UsageError(
        f"there is no pool {pool!r}", hint=f"the pools are: {shown}; --pool-label KEY names another label"
    )


def nodes_by_name(nodes: Iterable[Node], names: Sequence[str]) -> list[Node]:
    """The named nodes, each once, in the order given. Raises NotFoundError naming all that are missing."""
    known = {node.name: node for node in nodes}
    wanted = list(dict.fromkeys(names))
    if missing := [name for name in wanted if name not in known]:
        raise NotFoundError(
            f"there is no node {', '.join(missing)}; nothing was done", hint="`k8sops get nodes` lists them"
        )
    return [known[name] for name in wanted]
