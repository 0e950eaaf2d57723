"""How full the remaining nodes are before and after a drain: shares of what they can give, for whoever draws it.

Details of the plan, which no digest covers: where pods land is a forecast. A node's pods are only summed where it is
listed, since in a large cluster that sum is most of what this costs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from k8sops.actions.drain.outlook import Outlook
from k8sops.core.plan import JsonObject
from k8sops.forecast.objects import Node, Pod
from k8sops.forecast.quantities import amount
from k8sops.forecast.requests import held_by, requests_of

MOST_LISTED: Final = 60
RESOURCES: Final = ("cpu", "memory", "pods")


def room_of(told: Outlook) -> list[JsonObject]:
    """The nodes that stay, those first that most pods land on; each with per cent before and after, by resource."""
    leaving = {node.name for node in told.scene.chosen}
    arriving = [
        (fit.node, one.pod) for one in told.going if (fit := told.fits.get(one.uid)) is not None and fit.node
    ]
    arrivals = Counter(node for node, _ in arriving)
    stay = sorted(
        (node for node in told.scene.world.nodes if node.name not in leaving),
        key=lambda node: (-arrivals[node.name], node.spec.unschedulable, node.name),
    )[:MOST_LISTED]
    names = {node.name for node in stay}
    taken: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for pod in told.scene.world.pods:
        if pod.spec.node_name in names and not pod.finished:
            taken[pod.spec.node_name].update({**held_by(pod), "pods": 1})
    more: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, pod in arriving:
        more[name].update(_asked(pod))
    return [_room(node, taken[node.name], more[node.name], arrivals[node.name]) for node in stay]


def _asked(pod: Pod) -> dict[str, int]:
    return {**requests_of(pod), "pods": 1}


def _room(node: Node, taken: Counter[str], more: Counter[str], arrivals: int) -> JsonObject:
    room: JsonObject = {"node": node.name, "arriving": arrivals}
    if node.spec.unschedulable:
        room["cordoned"] = True
    for resource in RESOURCES:
        whole = amount(resource, node.status.allocatable.get(resource, "0"))
        if whole > 0:
            after = taken[resource] + more[resource]
            room[resource] = [round(100 * taken[resource] / whole), round(100 * after / whole)]
    return room
