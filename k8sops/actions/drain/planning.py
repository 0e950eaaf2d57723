"""The plan of a drain: a cordon and a drain for each node, with every pod as an item of its node's drain.

Reading and forecasting are elsewhere; here the outlook becomes steps. Nothing that changes with status alone is in a
step, so that a plan that waits for approval still holds (DESIGN §8, Drift).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any, Final

from k8sops.actions.drain.findings import findings_of
from k8sops.actions.drain.outlook import Outlook, outlook
from k8sops.actions.drain.params import DrainParams
from k8sops.actions.drain.passengers import Passenger
from k8sops.actions.drain.planning_items import counts_as_item, item_of
from k8sops.actions.drain.planning_room import room_of
from k8sops.actions.drain.planning_summary import summary_of
from k8sops.actions.drain.reading import read_scene
from k8sops.actions.planning import make_plan
from k8sops.core.clock import Clock
from k8sops.core.errors import UsageError
from k8sops.core.plan import (
    FIRST_ITEMS,
    INLINE_ITEM_LIMIT,
    INLINE_STEP_LIMIT,
    ClusterInfo,
    Forecast,
    JsonObject,
    Plan,
    Requirement,
    Step,
    Target,
    bulk_of,
)
from k8sops.core.ports import Action, ClusterReader
from k8sops.core.risk import Risk
from k8sops.forecast.objects import Node

MOST_NODES: Final = INLINE_STEP_LIMIT // 2
MOST_ITEMS: Final = 4 * INLINE_ITEM_LIMIT
"""Over all nodes; with more pods each node lists its first twenty."""


async def plan_drain(action: Action[Any], params: DrainParams, cluster: ClusterReader, clock: Clock) -> Plan:
    """Read the cluster and say what a drain would do. Raises NotFoundError, UsageError, ForbiddenError."""
    scene = await read_scene(cluster, params)
    if len(scene.chosen) > MOST_NODES:
        raise UsageError(
            f"{len(scene.chosen)} nodes are more than one drain takes, which is {MOST_NODES}",
            hint="drain them in several runs, as with --selector",
        )
    # Thousands of pods take a second to place; other runs of this process go on meanwhile.
    told = await asyncio.to_thread(outlook, scene, params, clock.now())
    return plan_of(action, told, cluster.info, clock)


def plan_of(action: Action[Any], told: Outlook, cluster: ClusterInfo, clock: Clock) -> Plan:
    """The plan that says what was forecast."""
    steps = steps_of(told)
    findings = findings_of(told)
    return make_plan(
        action,
        told.params,
        cluster,
        clock,
        summary=summary_of(told, steps, findings),
        steps=steps,
        findings=findings,
        requires=[
            Requirement(target=_node_target(node), fact="metadata.uid", value=node.metadata.uid)
            for node in told.scene.chosen
        ],
        blast_radius=_blast_radius(told),
        forecast=_forecast(told),
    )


def steps_of(told: Outlook) -> list[Step]:
    """Cordons first, then drains; a node that is cordoned and holds nothing to move has none."""
    by_node: defaultdict[str, list[Passenger]] = defaultdict(list)
    for one in told.passengers:
        if counts_as_item(one):
            by_node[one.node].append(one)
    everything = sum(map(len, by_node.values()))
    listed = INLINE_ITEM_LIMIT if everything <= MOST_ITEMS else FIRST_ITEMS
    cordons = [_cordon(node) for node in told.scene.chosen if not node.spec.unschedulable]
    drains = [
        _drain(told, node, by_node[node.name], listed)
        for node in told.scene.chosen
        if not node.spec.unschedulable or any(one.verb != "keep" for one in by_node[node.name])
    ]
    return [*cordons, *drains]


def _cordon(node: Node) -> Step:
    return Step(
        id=f"cordon/node:{node.name}",
        verb="cordon",
        target=_node_target(node),
        why="new pods must not be placed here",
        before={"spec.unschedulable": False},
        after={"spec.unschedulable": True},
        risk=Risk.LOW,
        undo={
            "action": "uncordon",
            "params": {"nodes": [node.name]},
            "command": f"k8sops uncordon {node.name}",
        },
    )


def _drain(told: Outlook, node: Node, pods: list[Passenger], listed: int) -> Step:
    return Step(
        id=f"drain/node:{node.name}",
        verb="drain",
        target=_node_target(node),
        why="its pods are to run elsewhere",
        before={},
        after={},
        risk=_risk(told.params, pods),
        bulk=bulk_of([item_of(told, one) for one in pods], listed=listed),
    )


def _risk(params: DrainParams, pods: list[Passenger]) -> Risk:
    """Destructive where a flag lets go what does not come back; a pod that has finished counts all the same."""
    going = [one for one in pods if one.would_go]
    if not going:
        return Risk.LOW
    lost = params.force and any(one.verdict.owner in {"bare", "daemonset"} for one in going)
    emptied = params.delete_emptydir_data and any(
        volume.empty_dir is not None for one in going for volume in one.pod.spec.volumes
    )
    return Risk.DESTRUCTIVE if lost or emptied or params.disable_eviction else Risk.DISRUPTIVE


def _blast_radius(told: Outlook) -> JsonObject:
    going = told.going
    return {
        "nodes": len(told.scene.chosen),
        "pods": len(going),
        "pods_kept": sum(one.verb == "keep" for one in told.passengers),
        "pods_refused": sum(one.verb == "refuse" for one in told.passengers),
        "namespaces": sorted({one.pod.metadata.namespace for one in going}),
        "targets": len(told.scene.chosen) + len(going),
        "waves": told.schedule.waves,
        "turns": [list(turn) for turn in told.schedule.turns],
        "labels": {_node_target(node).label: dict(node.metadata.labels) for node in told.scene.chosen},
        "room": room_of(told),
    }


def _forecast(told: Outlook) -> Forecast:
    if not told.schedule.waves:
        return Forecast()
    return Forecast(seconds=round(told.schedule.seconds, 1), limited_by=told.schedule.limited_by)


def _node_target(node: Node) -> Target:
    return Target(kind="nodes", name=node.name, uid=node.metadata.uid)
