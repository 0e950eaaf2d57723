"""Cordon and uncordon: set `spec.unschedulable` on nodes, under a uid and resourceVersion precondition.

The scheduler stops placing pods on a cordoned node; running pods stay (kubernetes.io, Safely Drain a Node). Both
actions are one mechanism with the value turned round. Who cordoned it, why and when is written on the node.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from pydantic import model_validator

from k8sops.actions.choosing import matches_nothing, selected
from k8sops.actions.drain.cordoning import marks, without_marks
from k8sops.actions.locked_patch import patch_under_lock
from k8sops.actions.planning import make_plan, no_change, resting_on, walk_steps
from k8sops.core.clock import Clock
from k8sops.core.errors import NotFoundError
from k8sops.core.journal import Journal
from k8sops.core.params import ObjectName, Params, PlainText, option, positional
from k8sops.core.plan import Forecast, JsonObject, Plan, Step, Target
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk
from k8sops.core.text import counted

SECONDS_PER_NODE: Final = 0.1


class CordonParams(Params):
    """Which nodes."""

    nodes: tuple[ObjectName, ...] = positional(
        "Nodes, by name.", metavar="[NODE]...", names="nodes", default=()
    )
    selector: PlainText = option("Nodes by label, as in `zone=a,pool in (web,api)`.", short="l", default="")

    @model_validator(mode="after")
    def _some_nodes(self) -> CordonParams:
        if bool(self.nodes) == bool(self.selector):
            raise ValueError("name nodes or give --selector, one of the two")
        return self


class UncordonParams(CordonParams):
    """Which nodes."""


class _SetUnschedulable:
    name: ClassVar[str]
    version: ClassVar[int] = 1
    unschedulable: ClassVar[bool]
    inverse: ClassVar[str]
    why: ClassVar[str]

    async def plan(self, params: CordonParams, cluster: ClusterReader, clock: Clock) -> Plan:
        nodes = await self._chosen(params, cluster)
        to_change = [node for node in nodes if _is_unschedulable(node) != self.unschedulable]
        as_wanted = [node["metadata"]["name"] for node in nodes if node not in to_change]
        findings = []
        if as_wanted:
            state = "cordoned already" if self.unschedulable else "not cordoned"
            text = f"{', '.join(as_wanted)}: {state}, left as it is"
            findings.append(no_change(text, *(f"node/{name}" for name in as_wanted)))
        steps = [self._step(node) for node in to_change]
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=self._summary(to_change, as_wanted),
            steps=steps,
            findings=findings,
            requires=resting_on(steps),
            blast_radius={"nodes": len(steps)},
            forecast=Forecast(seconds=SECONDS_PER_NODE * len(steps)),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        resource = await cluster.resource("nodes")

        def change(node: JsonObject) -> JsonObject | None:
            if _is_unschedulable(node) == self.unschedulable:
                return None
            body: JsonObject = {"metadata": {}, "spec": {"unschedulable": self.unschedulable or None}}
            if self.unschedulable:
                body["metadata"]["annotations"] = marks(journal.errand, journal.clock)
            else:
                without_marks(node, body)
            return body

        async def set_node(step: Step) -> str:
            await patch_under_lock(cluster, resource, step.target, change)
            return f"node {step.target.name} is {self.name}ed"

        await walk_steps(plan, journal, set_node)

    async def _chosen(self, params: CordonParams, cluster: ClusterReader) -> list[JsonObject]:
        resource = await cluster.resource("nodes")
        if params.selector:
            nodes = await selected(cluster, resource, "", params.selector)
            if not nodes:
                raise matches_nothing(("node",), "", params.selector)
            return sorted(nodes, key=lambda node: str(node["metadata"]["name"]))
        missing, found = [], []
        for name in dict.fromkeys(params.nodes):
            try:
                found.append(await cluster.get(resource, name))
            except NotFoundError:
                missing.append(name)
        if missing:
            raise NotFoundError(
                f"there is no node {', '.join(missing)}; nothing was {self.name}ed",
                hint="`k8sops get nodes` lists them",
            )
        return found

    def _step(self, node: JsonObject) -> Step:
        name = str(node["metadata"]["name"])
        return Step(
            id=f"{self.name}/node:{name}",
            verb=self.name,
            target=Target(kind="nodes", name=name, uid=str(node["metadata"]["uid"])),
            why=self.why,
            before={"spec.unschedulable": not self.unschedulable},
            after={"spec.unschedulable": self.unschedulable},
            risk=Risk.LOW,
            undo={
                "action": self.inverse,
                "params": {"nodes": [name]},
                "command": f"k8sops {self.inverse} {shlex.quote(name)}",
            },
        )

    def _summary(self, to_change: Sequence[JsonObject], as_wanted: Sequence[str]) -> str:
        if not to_change:
            state = "cordoned already" if self.unschedulable else "schedulable already"
            return f"Nothing to do: {counted(len(as_wanted), 'node')} {'is' if len(as_wanted) == 1 else 'are'} {state}."
        effect = "takes no new pods; running pods stay" if self.unschedulable else "takes new pods again"
        if len(to_change) > 1:
            effect = effect.replace("takes", "take")
        names = ", ".join(str(node["metadata"]["name"]) for node in to_change)
        return f"Safe: {counted(len(to_change), 'node')} ({names}) {effect}."


def _is_unschedulable(node: JsonObject) -> bool:
    spec: dict[str, Any] = node.get("spec", {})
    return bool(spec.get("unschedulable", False))


class Cordon(_SetUnschedulable):
    """Marks nodes unschedulable."""

    name = "cordon"
    unschedulable = True
    inverse = "uncordon"
    why = "new pods must not be placed here"


class Uncordon(_SetUnschedulable):
    """Marks nodes schedulable."""

    name = "uncordon"
    unschedulable = False
    inverse = "cordon"
    why = "new pods may be placed here again"
