"""What a person does with actions on named objects, in one namespace of a real control plane."""

from __future__ import annotations

from typing import Any

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor
from k8sops.core.ops import Ops
from k8sops.core.plan import JsonObject
from k8sops.core.run import Run

ALICE = Actor(name="kubernetes-admin")


class Desk:
    """Proposes, starts and follows."""

    actor = ALICE

    def __init__(self, ops: Ops, namespace: str) -> None:
        self.ops = ops
        self.namespace = namespace

    async def plan(self, action: str, *targets: str, **params: Any) -> Run:
        """What would be done."""
        return await self.ops.preview(action, self._values(targets, params), ALICE)

    async def do(self, action: str, *targets: str, **params: Any) -> Run:
        """Do it, and wait for its end."""
        return await self.carried(await self.ops.propose(action, self._values(targets, params), ALICE))

    async def undo(self, run: Run) -> Run:
        """Take a run back, as the record says."""
        return await self.carried(await self.ops.undo(run.id, ALICE))

    async def carried(self, run: Run) -> Run:
        """Start a run that was proposed, and wait for its end."""
        await self.ops.start(run.id, ALICE)
        async for _ in self.ops.watch(run.id):
            pass
        return await self.ops.get_run(run.id)

    async def labels(self, kind: str, name: str) -> dict[str, str]:
        """An object's labels."""
        metadata = (await self.ops.object(kind, name, self.namespace))["metadata"]
        found: dict[str, str] = metadata.get("labels", {})
        return found

    async def ready_pods(self, cluster: KubeCluster, app: str, count: int) -> list[JsonObject]:
        """The pods labelled `app`, once exactly so many exist and all are ready."""
        pods = await cluster.resource("pods")
        seen: dict[str, JsonObject] = {}
        async for event in cluster.watch(pods, self.namespace, label_selector=f"app={app}"):
            if event.object:
                seen[event.object["metadata"]["name"]] = event.object
                if event.type == "deleted":
                    del seen[event.object["metadata"]["name"]]
            if len(seen) == count and all(map(_is_ready, seen.values())):
                return [seen[name] for name in sorted(seen)]
        raise AssertionError("the watch ended")

    def _values(self, targets: tuple[str, ...], params: dict[str, Any]) -> dict[str, Any]:
        return {"targets": list(targets), "namespace": self.namespace, **params}


def _is_ready(pod: JsonObject) -> bool:
    conditions: list[dict[str, Any]] = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
