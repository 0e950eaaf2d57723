"""Whoever may write to a namespace may write anything into it; whoever reads the bundle opens it with `cat`."""

from __future__ import annotations

import asyncio

import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.core.log_selection import LogSelection
from k8sops.core.plan import JsonObject
from tests.actions.collecting.sources.ground import gathered, gathering_of, pods_of, until
from tests.support.workloads import create, naked_pod

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\n../../etc/passwd"
ABSENT_UID = "00000000-0000-0000-0000-000000000000"


async def hostile_pod(cluster: KubeCluster, namespace: str) -> JsonObject:
    """A pod that says it is owned by what cannot be, and whose annotations would drive a terminal."""
    manifest = naked_pod("victim", namespace)
    manifest["metadata"]["annotations"] = {"example.com/evil": EVIL}
    owners = [
        ("v1", "ConfigMap", "../../../etc/passwd"),
        ("evil.example/v1", "../../Nonsense", "x"),
        ("v1", "Secret", "keys"),
    ]
    manifest["metadata"]["ownerReferences"] = [
        {"apiVersion": version, "kind": kind, "name": name, "uid": ABSENT_UID}
        for version, kind, name in owners
    ]
    manifest["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "no-such-map", "optional": True}}]
    await create(cluster, manifest)
    return await until(cluster, "pods", namespace, "victim", lambda pod: "nodeName" in pod["spec"])


async def test_names_that_look_like_paths_lead_nowhere_and_controls_are_spelled_out(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """An owner reference is not checked by the API server: it may name anything."""
    secret = {
        "metadata": {"name": "keys", "namespace": cluster_namespace},
        "stringData": {"p": "open-sesame"},
    }
    await create(cluster, {"apiVersion": "v1", "kind": "Secret", **secret})
    pod = await hostile_pod(cluster, cluster_namespace)
    event = {
        "metadata": {"name": "evil.1", "namespace": cluster_namespace},
        "involvedObject": {"kind": "Pod", "namespace": cluster_namespace, "name": EVIL},
        "reason": "Evil",
        "message": EVIL,
        "type": "Warning",
        "lastTimestamp": pod["metadata"]["creationTimestamp"],
        "firstTimestamp": pod["metadata"]["creationTimestamp"],
    }
    await create(cluster, {"apiVersion": "v1", "kind": "Event", **event})
    gathering, sink = gathering_of(cluster, cluster_namespace, pods=[pod])
    await gathered(gathering, "objects", "events", "rollouts")
    for path, file in sink.files.items():
        assert not {".", "..", ""} & set(path.split("/")), path
        assert not any(sign in file.text for sign in "\x1b\x07\x9b\r"), path
    assert b"open-sesame" not in sink.everything
    absent = {path.rpartition("/")[2]: why for path, why in sink.not_here.items()}
    assert "may not be '.' or '..'" in absent["%2E.%2F..%2F..%2Fetc%2Fpasswd.yaml"]
    assert absent["x.yaml"] == "it owns victim, and no such kind is served"
    assert "made anew" in absent["keys.yaml"]
    assert "does not exist" in absent["no-such-map.yaml"]
    kept = yaml.safe_load(sink.files[f"namespaces/{cluster_namespace}/pods/victim.yaml"].text)
    assert kept["metadata"]["annotations"]["example.com/evil"] == EVIL
    (row,) = (
        line
        for line in sink.files[f"namespaces/{cluster_namespace}/events.txt"].text.splitlines()
        if "Evil" in line
    )
    assert r"\x1b[2J\x9b31m" in row


async def test_a_selection_that_names_what_is_not_there_is_told_and_ends_nothing(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """The selection is typed by a person, or by somebody in a chat."""
    workloads = ("deployment/../../x", "nonsense/web", "deployment/none", "deployment/")
    selection = LogSelection(
        namespaces=(cluster_namespace,), workloads=workloads, nodes=("..", "no-such-node")
    )
    gathering, sink = gathering_of(cluster, cluster_namespace, selection=selection)
    async with asyncio.timeout(120):
        await gathered(gathering)
    assert "no-such-node does not exist" in sink.not_here["nodes/no-such-node/node.yaml"]
    assert all(".." not in path.split("/") for path in (*sink.files, *sink.absent, *sink.not_here))
    assert await pods_of(cluster, cluster_namespace) == []
