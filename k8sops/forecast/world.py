"""What a fit preview is asked with and what it answers: the cluster as it is read, and a verdict for each pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from k8sops.forecast.objects import Node, Pod
from k8sops.forecast.storage import Attachment, Claim, CsiNode, PersistentVolume, StorageClass

FitVerdict: TypeAlias = Literal["fits", "tight", "does_not_fit"]


class World(msgspec.Struct, frozen=True):
    """A cluster at one moment; what is left out is taken as not there."""

    nodes: tuple[Node, ...]
    """All nodes, those that are to leave included: their labels still count in topology spread."""
    pods: tuple[Pod, ...]
    """All pods of the cluster, also finished and pending ones and those that are to move."""
    namespaces: Mapping[str, Mapping[str, str]] = {}
    """Name to labels; needed where a pod affinity has a `namespaceSelector`."""
    claims: tuple[Claim, ...] = ()
    volumes: tuple[PersistentVolume, ...] = ()
    storage_classes: tuple[StorageClass, ...] = ()
    csi_nodes: tuple[CsiNode, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class Fit(msgspec.Struct, frozen=True):
    """Where a moving pod lands, or why nowhere."""

    pod: str
    """`namespace/name` of the pod as it is now; the one that replaces it may have another name."""
    verdict: FitVerdict
    node: str = ""
    """Where it lands in the simulated order; "" where it fits nowhere."""
    reasons: dict[str, str] = {}
    """Node to why not, in the scheduler's words; nodes that would take it are not in it."""
    notes: tuple[str, ...] = ()
    """What else there is to know: that it fits by preemption only, that another scheduler places it, …"""
