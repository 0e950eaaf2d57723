"""What the load consists of: names, bodies and where each thing goes, computed from its number alone.

The same numbers give the same names each time, so that an interrupted load can be continued. Pods have no owner: a
ReplicaSet would either make its own or delete these. They carry the labels and the kind of name its pods would have.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from k8sops.core.errors import UsageError
from k8sops.sandbox.nodes import REGION, ZONES

JsonObject = dict[str, Any]

LOAD_LABEL: Final = "sandbox.k8sops.dev/load"
STATIC_LABEL: Final = "sandbox.k8sops.dev/static"
"""The sandbox's pod stages leave such a pod's start alone: its status is written here."""
OBJECTS_PER_NAMESPACE: Final = 250
PODS_PER_APP: Final = 10
PODS_PER_NODE: Final = 110
SERVICE_ACCOUNT: Final = "load"
SUFFIX_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
REST_KINDS: Final = ("ConfigMap", "ConfigMap", "Secret", "ConfigMap", "Service")


class LoadSize(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what; `rest` is neither pod nor node."""

    nodes: int
    pods: int
    rest: int

    @property
    def namespaces(self) -> int:
        """How many namespaces hold it."""
        return -(-(self.pods + self.rest) // OBJECTS_PER_NAMESPACE)

    @property
    def total(self) -> int:
        """What was asked for; namespaces and their service accounts come on top."""
        return self.nodes + self.pods + self.rest


def load_size(objects: int, pods: int, nodes: int) -> LoadSize:
    """The size from what was asked for. Raises UsageError for negative numbers and for more pods than nodes hold."""
    for flag, number in (("--objects", objects), ("--pods", pods), ("--nodes", nodes)):
        if number < 0:
            raise UsageError(f"{flag} cannot be negative: {number}", hint=f"give {flag} 0 or more")
    if nodes and pods > nodes * PODS_PER_NODE:
        raise UsageError(
            f"{pods} pods do not fit on {nodes} nodes of {PODS_PER_NODE} pods each",
            hint=f"ask for --nodes {-(-pods // PODS_PER_NODE)} or more",
        )
    return LoadSize(nodes=nodes, pods=pods, rest=max(0, objects - pods - nodes))


class Placed(msgspec.Struct, frozen=True):
    """One object of the load and where it belongs."""

    kind: str
    namespace: str
    name: str
    body: JsonObject


def _code(seed: str, length: int) -> str:
    digest = hashlib.sha256(seed.encode()).digest()
    return "".join(SUFFIX_ALPHABET[byte % len(SUFFIX_ALPHABET)] for byte in digest[:length])


def namespace_name(number: int) -> str:
    """`load-000` and on."""
    return f"load-{number:03d}"


def namespace(number: int) -> Placed:
    """A namespace of the load."""
    name = namespace_name(number)
    return Placed("Namespace", "", name, _body("v1", "Namespace", name, ""))


def service_account(number: int) -> Placed:
    """The account its pods name, so that none has to wait for the controller that makes `default`."""
    where = namespace_name(number)
    body = _body("v1", "ServiceAccount", SERVICE_ACCOUNT, where) | {"automountServiceAccountToken": False}
    return Placed("ServiceAccount", where, SERVICE_ACCOUNT, body)


def node_name(number: int) -> str:
    """`load-node-0000` and on."""
    return f"load-node-{number:04d}"


def node(number: int) -> Placed:
    """A node as a kubelet would register it, not ready yet: whoever plays the sandbox's nodes makes it so.

    The player also writes address and port, without which the logs of its pods could not be read.
    """
    name = node_name(number)
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": REGION,
        "topology.kubernetes.io/zone": f"{REGION}{ZONES[number % len(ZONES)]}",
        "node-role.kubernetes.io/worker": "",
    }
    room = {"cpu": "32", "memory": "128Gi", "pods": str(PODS_PER_NODE), "ephemeral-storage": "200Gi"}
    body = _body("v1", "Node", name, "", labels) | {"status": {"capacity": room, "allocatable": room}}
    return Placed("Node", "", name, body)


def pod(number: int, size: LoadSize, on_node: str) -> Placed:
    """A pod bound to its node; see `running` for its status."""
    app_number = number // PODS_PER_APP
    where = namespace_name(app_number % size.namespaces)
    app = f"app-{app_number:04d}"
    template_hash = _code(app, 9)
    name = f"{app}-{template_hash}-{_code(f'{app}/{number}', 5)}"
    container = {
        "name": "app",
        "image": f"registry.acme.example/load/{app}:1.0.{app_number % 7}",
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
    }
    body = _body(
        "v1", "Pod", name, where, {"app": app, "pod-template-hash": template_hash, STATIC_LABEL: "true"}
    )
    body["spec"] = {
        "nodeName": on_node,
        "serviceAccountName": SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "containers": [container],
    }
    return Placed("Pod", where, name, body)


def load_address(number: int) -> str:
    """The address of the load's n-th pod; the pods that kwok plays have theirs below 10.128.0.0."""
    return f"10.{128 + number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"


def running(placed: Placed, number: int, now: str) -> JsonObject:
    """The status of a pod that started at `now` and is ready; addresses and ids follow from the number."""
    container = placed.body["spec"]["containers"][0]
    address = load_address(number)
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    digest = hashlib.sha256(f"{placed.namespace}/{placed.name}".encode()).hexdigest()
    return {
        "phase": "Running",
        "startTime": now,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": one, "status": "True", "lastTransitionTime": now} for one in conditions],
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": f"registry.acme.example/load@sha256:{digest}",
                "containerID": f"containerd://{digest}",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": now}},
            }
        ],
    }


def rest(number: int, size: LoadSize) -> Placed:
    """A ConfigMap, Secret or headless Service: nothing that a controller would act on."""
    kind = REST_KINDS[number % len(REST_KINDS)]
    where = namespace_name(number % size.namespaces)
    name = f"{kind.lower()}-{number:05d}"
    body = _body("v1", kind, name, where)
    match kind:
        case "ConfigMap":
            body["data"] = {"settings.ini": f"[app]\nnumber = {number}\nmode = sandbox\n", "note": "load"}
        case "Secret":
            body["data"] = {"password": "bm90LWEtcmVhbC1wYXNzd29yZA=="}
        case _:
            body["spec"] = {"clusterIP": "None", "ports": [{"name": "http", "port": 8080}]}
    return Placed(kind, where, name, body)


def _body(
    api_version: str, kind: str, name: str, where: str, labels: dict[str, str] | None = None
) -> JsonObject:
    metadata: JsonObject = {"name": name, "labels": {LOAD_LABEL: "true"} | (labels or {})}
    if where:
        metadata["namespace"] = where
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
