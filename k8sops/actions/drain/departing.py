"""Pods on their way off a node, and nodes on their way to being empty: what is known of each."""

from __future__ import annotations

import asyncio
from typing import Final, Literal

from k8sops.actions.drain.gates import FREE, Gate
from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import Step, Target
from k8sops.forecast.objects import Pod

State = Literal["preparing", "waiting", "trying", "leaving", "gone", "failed"]

MADE_AGAIN: Final = frozenset({"ReplicaSet", "StatefulSet", "ReplicationController"})
"""Controllers whose pods are waited for elsewhere; a Job's come when it is their turn."""


class Departure:
    """One pod that has to leave."""

    def __init__(self, pod: Pod, node: NodeDrain, *, planned: bool) -> None:
        meta = pod.metadata
        self.uid: Final = meta.uid
        self.key: Final = pod.key
        self.name: Final = meta.name
        self.namespace: Final = meta.namespace
        self.node: Final = node
        # A pod made again under the same name is another part of the record.
        self.path: Final = f"{node.step.id}/evict:{meta.namespace}.{meta.name}" + (
            "" if planned else f":{meta.uid}"
        )
        self.target: Final = Target(kind="pods", name=meta.name, namespace=meta.namespace, uid=meta.uid)
        controller = meta.controller
        self.controller: Final = controller.uid if controller and controller.kind in MADE_AGAIN else ""
        self.has_volumes: Final = any(
            volume.persistent_volume_claim is not None or volume.ephemeral is not None
            for volume in pod.spec.volumes
        )
        self.gate: Gate = FREE
        self.state: State = "waiting"
        self.queued_in: Gate | None = None
        self.not_before = 0.0
        self.holds_turn = False
        self.told_stuck = False
        self.turn: asyncio.Future[None] | None = None
        """Set while its eviction, tried before, waits to be tried again."""
        self.task: asyncio.Task[None] | None = None


class NodeDrain:
    """One node that is being emptied."""

    def __init__(self, step: Step, began: float) -> None:
        self.step: Final = step
        self.name: Final = step.target.name
        self.uid: Final = step.target.uid
        self.began: Final = began
        """On the injected clock, in seconds; before this process's time where another carrier began it."""
        self.departures: Final[dict[str, Departure]] = {}
        self.kept: Final[dict[str, Pod]] = {}
        self.left: set[str] = set()
        """Keys of pods that have gone."""
        self.trouble: K8sOpsError | None = None
        """Why nothing more is begun on it."""
        self.over: Final[asyncio.Future[str]] = asyncio.get_running_loop().create_future()
        self.staying: frozenset[str] | None = None
        """PersistentVolumes of pods that stay, once they were looked up."""
        self.asked_volumes = False
        self.planned: Final = frozenset(
            item.target.uid for item in (step.bulk.items if step.bulk else ()) if item.verb != "keep"
        )

    @property
    def present(self) -> list[Departure]:
        """Who has not left yet."""
        return [one for one in self.departures.values() if one.state != "gone"]

    @property
    def unasked(self) -> list[Departure]:
        """Who has not been asked to leave."""
        return [one for one in self.departures.values() if one.state in {"preparing", "waiting", "failed"}]

    @property
    def in_flight(self) -> bool:
        """Whether a request is under way for one of its pods."""
        return any(one.task is not None and not one.task.done() for one in self.departures.values())

    def account(self) -> str:
        """`3 of 5 pods have left`."""
        total = len(self.departures)
        return f"{len(self.left)} of {'1 pod' if total == 1 else f'{total} pods'} left"
