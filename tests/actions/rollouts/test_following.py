"""What a rollout that is waited for tells, with nothing behind it but what its watch brings."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, cast

from k8sops.actions.rollouts.following import follow
from k8sops.core.clock import rfc3339
from k8sops.core.events import Emission
from k8sops.core.plan import JsonObject, Step, Target
from k8sops.core.ports import Cluster, Resource, WatchEvent
from k8sops.core.risk import Risk
from tests.tui.feeds import FixedClock

WEB = Target(kind="deployments.apps", name="web", namespace="shop", uid="uid-web")
STEP = Step(id="restart/web", verb="restart", target=WEB, why="", before={}, after={}, risk=Risk.LOW)
DEPLOYMENTS = Resource(
    group="apps",
    version="v1",
    plural="deployments",
    singular="deployment",
    kind="Deployment",
    namespaced=True,
    verbs=("get", "watch"),
)


def _deployment(updated: int) -> JsonObject:
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "uid-web", "generation": 2},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {}},
        "status": {
            "observedGeneration": 2,
            "replicas": 2,
            "updatedReplicas": updated,
            "availableReplicas": 2,
            "readyReplicas": 2,
        },
    }


class _Watched:
    """Brings a rollout that comes on after two minutes of nothing."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock

    async def watch(self, *_: Any, **__: Any) -> AsyncGenerator[WatchEvent, None]:
        yield WatchEvent(type="added", object=_deployment(0))
        self._clock.forward(134)
        yield WatchEvent(type="modified", object=_deployment(1))
        yield WatchEvent(type="modified", object=_deployment(2))


async def test_since_when_a_rollout_is_waited_for_is_told_as_a_moment() -> None:
    """An age is wrong a second later, and a stuck rollout tells nothing more: each reader's clock counts it."""
    clock = FixedClock()
    began, told = rfc3339(clock.now()), list[Emission]()

    async def emit(emission: Emission) -> None:
        told.append(emission)

    await follow(cast("Cluster", _Watched(clock)), DEPLOYMENTS, STEP, timeout_s=60, emit=emit, clock=clock)
    assert [(one.data["waiting_for"], one.data["waiting_since"]) for one in told] == [
        (f"{WEB.label}: 0 of 2 replicas are of the new template", began),
        (f"{WEB.label}: 1 of 2 replicas are of the new template", began),
        ("", None),
    ]
