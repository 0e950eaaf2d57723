"""Volumes of the sandbox's CSI driver, from the claim to the last attachment, as kubectl shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from k8sops.sandbox.played.objects import DRIVER, MOST_VOLUMES
from tests.sandbox.conftest import Kubectl
from tests.sandbox.waiting import wait_until

SETTLED_S = 180.0


def claim(name: str, storage_class: str = "", mode: str = "ReadWriteOnce") -> dict[str, Any]:
    spec = {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}}
    spec |= {"storageClassName": storage_class} if storage_class else {}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": spec,
    }


def pod(name: str, *claims: str) -> dict[str, Any]:
    volumes = [{"name": one, "persistentVolumeClaim": {"claimName": one}} for one in claims]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "app", "image": "x"}], "volumes": volumes},
    }


def apply(kubectl: Kubectl, *items: dict[str, Any]) -> None:
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    result = kubectl("apply", "-f", "-", stdin=document)
    assert result.returncode == 0, result.stderr


def look(kubectl: Kubectl, *what: str) -> Any:
    return json.loads(kubectl("get", *what, "-o", "json").stdout or "{}")


def volume_of(kubectl: Kubectl, name: str) -> str:
    return str(look(kubectl, "pvc", name).get("spec", {}).get("volumeName", ""))


def attachments(kubectl: Kubectl, volume: str) -> list[dict[str, Any]]:
    return [
        one
        for one in look(kubectl, "volumeattachments")["items"]
        if one["spec"]["source"].get("persistentVolumeName") == volume
    ]


def bound(kubectl: Kubectl, name: str) -> dict[str, Any]:
    """The volume of a claim, once it is bound."""
    wait_until(
        f"the claim {name} to be bound",
        lambda: look(kubectl, "pvc", name).get("status", {}).get("phase") == "Bound",
        SETTLED_S,
    )
    found: dict[str, Any] = look(kubectl, "pv", volume_of(kubectl, name))
    return found


@pytest.fixture
def retaining(kubectl: Kubectl, cluster_namespace: str) -> Iterator[str]:
    """A storage class of the test's own that keeps volumes."""
    name = f"keep-{cluster_namespace}"
    apply(
        kubectl,
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": name},
            "provisioner": DRIVER,
            "reclaimPolicy": "Retain",
        },
    )
    yield name
    kubectl("delete", "storageclass", name)
    for one in look(kubectl, "pv")["items"]:
        # Other tests' volumes may have no class at all.
        if one["spec"].get("storageClassName") == name:
            kubectl("delete", "pv", one["metadata"]["name"])


def test_a_volume_comes_with_its_first_pod_and_goes_with_its_claim(kubectl: Kubectl) -> None:
    """The whole way of a disk: provisioned in the pod's zone, attached, let go of, removed."""
    apply(kubectl, claim("data", "zonal"))
    wait_until(
        "the claim to wait for a pod",
        lambda: (
            "WaitForFirstConsumer"
            in kubectl("get", "events", "--field-selector", "involvedObject.name=data").stdout
        ),
        SETTLED_S,
    )
    assert look(kubectl, "pvc", "data")["status"]["phase"] == "Pending"

    apply(kubectl, pod("keeper", "data"))
    volume = bound(kubectl, "data")
    name = volume["metadata"]["name"]
    assert name == f"pvc-{look(kubectl, 'pvc', 'data')['metadata']['uid']}"
    assert volume["spec"]["csi"]["driver"] == DRIVER
    # The scheduler waits for the claim to be bound before it binds the pod.
    wait_until(
        "the pod to have a node",
        lambda: "nodeName" in look(kubectl, "pod", "keeper").get("spec", {}),
        SETTLED_S,
    )
    node = look(kubectl, "pod", "keeper")["spec"]["nodeName"]
    zone = look(kubectl, "node", node)["metadata"]["labels"]["topology.kubernetes.io/zone"]
    (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [
        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}
    ]

    wait_until(
        "the volume to be attached",
        lambda: [one.get("status", {}).get("attached") for one in attachments(kubectl, name)] == [True],
        SETTLED_S,
    )
    (attached,) = attachments(kubectl, name)
    assert (attached["spec"]["attacher"], attached["spec"]["nodeName"]) == (DRIVER, node)

    kubectl("delete", "pod", "keeper", "--wait=false")
    wait_until("the volume to be let go of", lambda: not attachments(kubectl, name), SETTLED_S)
    assert look(kubectl, "pv", name)["status"]["phase"] == "Bound"
    kubectl("delete", "pvc", "data", "--wait=false")
    wait_until("the volume to be removed", lambda: kubectl("get", "pv", name).returncode != 0, SETTLED_S)


def test_an_immediate_claim_waits_for_nobody(kubectl: Kubectl) -> None:
    """Both binding modes are met in the field, and a planner must know them apart."""
    apply(kubectl, claim("now", "immediate"))
    volume = bound(kubectl, "now")
    (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert len(term["matchExpressions"][0]["values"]) == 1


def test_the_default_class_reaches_every_zone_and_its_volumes_grow(kubectl: Kubectl) -> None:
    """What a claim without a class gets; expansion is the one change a volume takes in its life."""
    apply(kubectl, claim("data"), pod("keeper", "data"))
    volume = bound(kubectl, "data")
    assert volume["spec"]["storageClassName"] == "standard"
    (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert len(term["matchExpressions"][0]["values"]) == 3
    more = json.dumps({"spec": {"resources": {"requests": {"storage": "3Gi"}}}})
    kubectl("patch", "pvc", "data", "--type=merge", "-p", more)
    wait_until(
        "the claim to have grown",
        lambda: look(kubectl, "pvc", "data").get("status", {}).get("capacity", {}).get("storage") == "3Gi",
        SETTLED_S,
    )
    assert look(kubectl, "pv", volume["metadata"]["name"])["spec"]["capacity"]["storage"] == "3Gi"


def test_what_a_disk_cannot_be_is_said_and_stays_pending(kubectl: Kubectl) -> None:
    """Several writers on one disk: the most usual wrong claim, and its event is where a person looks."""
    apply(kubectl, claim("shared", "immediate", "ReadWriteMany"))
    wait_until(
        "the refusal to be told",
        lambda: "cannot be ReadWriteMany" in kubectl("get", "events").stdout,
        SETTLED_S,
    )
    assert look(kubectl, "pvc", "shared")["status"]["phase"] == "Pending"


def test_a_retained_volume_outlives_its_claim(kubectl: Kubectl, retaining: str) -> None:
    """Removing it would be the one thing its class is there to prevent."""
    apply(kubectl, claim("data", retaining))
    name = bound(kubectl, "data")["metadata"]["name"]
    kubectl("delete", "pvc", "data", "--wait=false")
    wait_until(
        "the volume to be released",
        lambda: look(kubectl, "pv", name).get("status", {}).get("phase") == "Released",
        SETTLED_S,
    )
    kubectl("delete", "pv", name, "--wait=false")
    wait_until("a person to have removed it", lambda: kubectl("get", "pv", name).returncode != 0, SETTLED_S)


def test_every_node_tells_how_many_volumes_it_takes_and_the_scheduler_keeps_to_it(kubectl: Kubectl) -> None:
    """A pod with one volume too many waits, with the reason that a real cluster gives."""
    for number in range(1, 6):
        wait_until(
            f"the driver of node-{number}",
            lambda n=number: look(kubectl, "csinode", f"node-{n}").get("spec", {}).get("drivers"),  # type: ignore[misc]
            SETTLED_S,
        )
        (driver,) = look(kubectl, "csinode", f"node-{number}")["spec"]["drivers"]
        assert (driver["name"], driver["allocatable"]["count"]) == (DRIVER, MOST_VOLUMES)
    many = [f"data-{number}" for number in range(MOST_VOLUMES + 1)]
    apply(kubectl, *(claim(name) for name in many), pod("greedy", *many))
    wait_until(
        "the scheduler to give up",
        lambda: "exceed max volume count" in json.dumps(look(kubectl, "pod", "greedy").get("status", {})),
        SETTLED_S,
    )


def test_a_node_that_wants_none_has_no_driver(kubectl: Kubectl) -> None:
    """Whoever plays another driver there must not find its CSINode taken, or removed again."""
    label = {"sandbox.k8sops.dev/test": "csi"}
    names = {"csi-without": {"sandbox.k8sops.dev/csi": "none"}, "csi-with": {}}
    for name, notes in names.items():
        metadata = {"name": name, "labels": label, "annotations": notes}
        apply(kubectl, {"apiVersion": "v1", "kind": "Node", "metadata": metadata})
    try:
        # Nodes are seen in their order: once the later one has its driver, the earlier one was passed over.
        wait_until("the driver of the later node", lambda: look(kubectl, "csinode", "csi-with"), SETTLED_S)
        assert look(kubectl, "csinode", "csi-without") == {}
    finally:
        kubectl("delete", "node", *names, "--wait=false")
