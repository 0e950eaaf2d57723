"""Random clusters for the truth test: nodes, and pods already on them, as manifests.

Every node bears the label of its cluster and every pod selects it, so that several clusters share one control plane.
What is random: sizes, taints, pools, and of the workloads all that the forecast claims to know.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

Manifest: TypeAlias = dict[str, Any]

CLUSTER: Final = "fit.k8sops.dev/cluster"
HOST: Final = "kubernetes.io/hostname"
ZONE: Final = "topology.kubernetes.io/zone"
POOL: Final = "fit.k8sops.dev/pool"
DRIVER: Final = "disk.fit.k8sops.dev"
PRIORITIES: Final = {"fit-low": 10, "fit-middle": 100, "fit-high": 1000, "fit-meek": 1000}
"""Priority classes; `fit-meek` does not preempt."""
MIB: Final = 1 << 20


class RandomCluster(msgspec.Struct):
    """All manifests of one cluster, and what is to leave."""

    name: str
    namespaces: list[Manifest]
    nodes: list[Manifest] = []
    csi_nodes: list[Manifest] = []
    volumes: list[Manifest] = []
    claims: list[Manifest] = []
    pods: list[Manifest] = []
    """With `spec.nodeName`."""
    leaving: list[str] = []


class _App(msgspec.Struct):
    """A workload."""

    name: str
    namespace: str
    replicas: int
    template: Manifest
    cpu: int
    memory: int
    pool: str
    tolerates: bool
    alone: bool
    claimed: bool


class _Room(msgspec.Struct):
    """What is left of a node while it is filled."""

    node: Manifest
    cpu: int
    memory: int
    pods: int
    apps: set[str]


def random_cluster(name: str, seed: int) -> RandomCluster:
    """The cluster that this seed gives."""
    rng = random.Random(f"{name}-{seed}")  # noqa: S311 - for variety, not secrecy
    spaces = [f"fit-{name}-{letter}" for letter in "ab"]
    found = RandomCluster(
        name,
        [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one, "labels": {"team": one[-1]}}}
            for one in spaces
        ],
    )
    zones = rng.randint(1, 3)
    scale = rng.choice([1, 1, 2, 3])
    for index in range(rng.randint(3, 9)):
        found.nodes.append(_node(rng, name, index, zones, scale))
    if rng.random() < 0.4:
        found.csi_nodes.extend(_csi_node(rng, node) for node in found.nodes)
    leaving = rng.randint(1, max(1, len(found.nodes) // 3))
    found.leaving = [node["metadata"]["name"] for node in rng.sample(found.nodes, leaving)]
    apps: list[_App] = []
    for index in range(rng.randint(5, 14)):
        apps.append(_app(rng, found, spaces, index, apps))
    _fill(rng, found, apps)
    return found


def _node(rng: random.Random, cluster: str, index: int, zones: int, scale: int) -> Manifest:
    name = f"fit-{cluster}-{index}"
    labels = {CLUSTER: cluster, HOST: name, POOL: rng.choice("xxy")}
    if rng.random() < 0.95:
        labels[ZONE] = f"{cluster}-{index % zones}"
    size = {
        "cpu": str(scale * rng.choice([2, 2, 3, 4, 6])),
        "memory": f"{scale * rng.choice([4, 6, 8])}Gi",
        "pods": str(scale * rng.choice([6, 10, 20, 110])),
        "ephemeral-storage": "20Gi",
    }
    if rng.random() < 0.3:
        size["fit.k8sops.dev/card"] = str(rng.choice([1, 2, 4]))
    taints = []
    if rng.random() < 0.2:
        taints.append(
            {"key": "fit.k8sops.dev/own", "value": "yes", "effect": rng.choice(["NoSchedule", "NoExecute"])}
        )
    if rng.random() < 0.15:
        taints.append({"key": "fit.k8sops.dev/rather-not", "value": "", "effect": "PreferNoSchedule"})
    return {
        "apiVersion": "v1",
        "kind": "Node",
        # Its CSINode, where it has one, is the case's own.
        "metadata": {"name": name, "labels": labels, "annotations": {"sandbox.k8sops.dev/csi": "none"}},
        "spec": {"taints": taints} if taints else {},
        "status": {"capacity": size, "allocatable": size},
    }


def _csi_node(rng: random.Random, node: Manifest) -> Manifest:
    name = node["metadata"]["name"]
    driver = {"name": DRIVER, "nodeID": name, "topologyKeys": [], "allocatable": {"count": rng.randint(1, 4)}}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSINode",
        "metadata": {"name": name},
        "spec": {"drivers": [driver]},
    }


def _app(
    rng: random.Random, cluster: RandomCluster, spaces: list[str], index: int, before: list[_App]
) -> _App:
    name, namespace = f"app{index}", rng.choice(spaces)
    cpu, memory = rng.choice([0, 100, 250, 500, 900]), rng.choice([0, 128, 512, 1024, 1900])
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "nodeSelector": {CLUSTER: cluster.name},
        "containers": [_container("main", cpu, memory)],
    }
    template = {"metadata": {"labels": {"app": name, "version": "1"}}, "spec": spec}
    app = _App(name, namespace, rng.randint(1, 8), template, cpu, memory, "", False, False, False)
    for chance, feature in _FEATURES:
        if rng.random() < chance:
            feature(rng, app, before)
    app.claimed = bool(cluster.csi_nodes) and rng.random() < 0.4
    return app


def _container(name: str, cpu: int, memory: int) -> Manifest:
    asked = {
        key: value
        for key, value in (("cpu", f"{cpu}m"), ("memory", f"{memory}Mi"))
        if value not in {"0m", "0Mi"}
    }
    return {"name": name, "image": "example/app:1", "resources": {"requests": asked} if asked else {}}


def _pool(rng: random.Random, app: _App, _before: list[_App]) -> None:
    app.pool = rng.choice("xy")
    app.template["spec"]["nodeSelector"][POOL] = app.pool


def _not_pool(rng: random.Random, app: _App, _before: list[_App]) -> None:
    expression = {"key": POOL, "operator": "NotIn", "values": [rng.choice("xy")]}
    _affinity(app)["nodeAffinity"] = {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [expression]}]
        }
    }


def _tolerant(rng: random.Random, app: _App, _before: list[_App]) -> None:
    app.tolerates = True
    bearing = rng.choice([{"operator": "Exists"}, {"operator": "Equal", "value": "yes"}])
    app.template["spec"]["tolerations"] = [{"key": "fit.k8sops.dev/own", **bearing}]


def _starts_big(rng: random.Random, app: _App, _before: list[_App]) -> None:
    first = _container("first", rng.choice([200, 700]), rng.choice([64, 1500]))
    sidecar = {**_container("side", 50, 64), "restartPolicy": "Always"}
    app.template["spec"]["initContainers"] = rng.sample([first, sidecar], rng.randint(1, 2))
    app.cpu, app.memory = app.cpu + 750, app.memory + 1600


def _card(_rng: random.Random, app: _App, _before: list[_App]) -> None:
    resources = app.template["spec"]["containers"][0]["resources"]
    for kind in ("requests", "limits"):
        resources.setdefault(kind, {})["fit.k8sops.dev/card"] = "1"


def _port(rng: random.Random, app: _App, _before: list[_App]) -> None:
    app.alone = True
    port = rng.choice([8080, 9090])
    app.template["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": port}]


def _apart(rng: random.Random, app: _App, _before: list[_App]) -> None:
    key = rng.choice([HOST, HOST, ZONE])
    app.alone = True
    _affinity(app)["podAntiAffinity"] = {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app.name}}}
        ]
    }


def _apart_from_others(rng: random.Random, app: _App, before: list[_App]) -> None:
    if not before:
        return
    other = rng.choice(before)
    term: Manifest = {
        "topologyKey": rng.choice([HOST, ZONE]),
        "labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": [other.name]}]},
    }
    if other.namespace != app.namespace:
        term |= rng.choice(
            [
                {"namespaces": [other.namespace]},
                {"namespaceSelector": {"matchLabels": {"team": other.namespace[-1]}}},
            ]
        )
    _affinity(app)["podAntiAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}


def _near(rng: random.Random, app: _App, before: list[_App]) -> None:
    other = rng.choice([*before, app])
    term: Manifest = {
        "topologyKey": rng.choice([HOST, ZONE, ZONE]),
        "labelSelector": {"matchLabels": {"app": other.name}},
    }
    if other.namespace != app.namespace:
        term["namespaceSelector"] = {}
    if rng.random() < 0.3 and other is app:
        term["matchLabelKeys"] = ["version"]
    _affinity(app)["podAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}


def _spread(rng: random.Random, app: _App, _before: list[_App]) -> None:
    constraints = []
    for key in rng.sample([HOST, ZONE], rng.randint(1, 2)):
        one: Manifest = {
            "maxSkew": rng.randint(1, 2),
            "topologyKey": key,
            "whenUnsatisfiable": rng.choice(["DoNotSchedule", "DoNotSchedule", "ScheduleAnyway"]),
            "labelSelector": {"matchLabels": {"app": app.name}},
        }
        if one["whenUnsatisfiable"] == "DoNotSchedule" and rng.random() < 0.2:
            one["minDomains"] = rng.randint(1, 4)
        if rng.random() < 0.5:
            one["nodeTaintsPolicy"] = rng.choice(["Honor", "Ignore"])
        if rng.random() < 0.2:
            one["nodeAffinityPolicy"] = "Honor"
        if rng.random() < 0.3:
            one["matchLabelKeys"] = ["version"]
        constraints.append(one)
    app.template["spec"]["topologySpreadConstraints"] = constraints


def _important(rng: random.Random, app: _App, _before: list[_App]) -> None:
    app.template["spec"]["priorityClassName"] = rng.choice(list(PRIORITIES))


def _affinity(app: _App) -> Manifest:
    found: Manifest = app.template["spec"].setdefault("affinity", {})
    return found


_FEATURES: Final[list[tuple[float, Callable[[random.Random, _App, list[_App]], None]]]] = [
    (0.15, _pool),
    (0.1, _not_pool),
    (0.25, _tolerant),
    (0.1, _starts_big),
    (0.1, _card),
    (0.1, _port),
    (0.15, _apart),
    (0.1, _apart_from_others),
    (0.12, _near),
    (0.25, _spread),
    (0.15, _important),
]


def _fill(rng: random.Random, cluster: RandomCluster, apps: list[_App]) -> None:
    """Put pods on nodes as a cluster that has been running for a while would have them, leaving nodes first."""
    rooms = [
        _Room(
            node,
            int(node["status"]["allocatable"]["cpu"]) * 1000,
            int(node["status"]["allocatable"]["memory"].removesuffix("Gi")) * 1024,
            int(node["status"]["allocatable"]["pods"]),
            set(),
        )
        for node in cluster.nodes
    ]
    wanted = [(app, ordinal) for app in apps for ordinal in range(app.replicas)]
    rng.shuffle(wanted)
    for app, ordinal in wanted:
        possible = [room for room in rooms if _may_be(room, app)]
        if not possible:
            continue
        leaving = [room for room in possible if room.node["metadata"]["name"] in cluster.leaving]
        room = rng.choice(leaving if leaving and rng.random() < 0.6 else possible)
        room.cpu, room.memory, room.pods = room.cpu - app.cpu, room.memory - app.memory, room.pods - 1
        room.apps.add(app.name)
        cluster.pods.append(_pod(cluster, app, ordinal, room))


def _may_be(room: _Room, app: _App) -> bool:
    node = room.node
    return (
        room.cpu >= app.cpu
        and room.memory >= app.memory
        and room.pods >= 1
        and (not app.pool or node["metadata"]["labels"][POOL] == app.pool)
        and (
            app.tolerates
            or not any(one["effect"] != "PreferNoSchedule" for one in node["spec"].get("taints", ()))
        )
        and (not app.alone or app.name not in room.apps)
    )


def _pod(cluster: RandomCluster, app: _App, ordinal: int, room: _Room) -> Manifest:
    name = f"{app.name}-{ordinal}"
    spec = {**app.template["spec"], "nodeName": room.node["metadata"]["name"]}
    if app.claimed:
        _claim(cluster, app, name, room)
        claim = {"claimName": name}
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": claim}]
    labels = {**app.template["metadata"]["labels"], "sandbox.k8sops.dev/static": "true"}
    metadata = {"name": name, "namespace": app.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _claim(cluster: RandomCluster, app: _App, name: str, room: _Room) -> None:
    """A claim bound to a volume, which is tied to the node's zone where it has one."""
    volume = f"fit-{cluster.name}-{app.namespace[-1]}-{name}"
    size = {"storage": "1Gi"}
    zone = room.node["metadata"]["labels"].get(ZONE)
    spec: Manifest = {
        "capacity": size,
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        "persistentVolumeReclaimPolicy": "Retain",
        "csi": {"driver": DRIVER, "volumeHandle": volume},
        "claimRef": {"namespace": app.namespace, "name": name},
    }
    if zone:
        expression = {"key": ZONE, "operator": "In", "values": [zone]}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    cluster.volumes.append(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume}, "spec": spec}
    )
    cluster.claims.append(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": app.namespace},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "volumeName": volume,
                "resources": {"requests": size},
            },
        }
    )
