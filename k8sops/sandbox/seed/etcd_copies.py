"""Put copies of a pod straight into the sandbox's etcd: what makes ten thousand pods a matter of seconds.

The API server makes the first pod, with all its defaults; the copies differ in name, uid, labels, node, image and
status only. It decodes JSON from its store as it does protobuf, and its watches tell the controllers of every copy.
Admission and quota are passed by, so this is for load on a sandbox and can reach nothing else: the key lies in the
sandbox's own folder. Where there is no such folder beside the kubeconfig, the load goes through the API.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from k8sops.sandbox.etcdapi import EtcdApi, open_etcd_beside
from k8sops.sandbox.seed.load_objects import Placed, running

JsonObject = dict[str, Any]


def copy_of(template: JsonObject, placed: Placed, number: int, now: str) -> JsonObject:
    """The pod as the API server would have stored it, had it made this one too."""
    metadata = template["metadata"] | {
        "name": placed.name,
        "namespace": placed.namespace,
        "labels": placed.body["metadata"]["labels"],
        "uid": str(uuid.uuid5(uuid.UUID(template["metadata"]["uid"]), f"{placed.namespace}/{placed.name}")),
        "creationTimestamp": now,
    }
    metadata.pop("resourceVersion", None)
    container = template["spec"]["containers"][0] | {"image": placed.body["spec"]["containers"][0]["image"]}
    spec = template["spec"] | {"nodeName": placed.body["spec"]["nodeName"], "containers": [container]}
    status = template["status"] | running(placed, number, now)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


class EtcdCopies:
    """Puts copies into one sandbox's etcd."""

    def __init__(self, etcd: EtcdApi) -> None:
        self._etcd = etcd

    async def put(self, pods: Iterable[JsonObject]) -> int:
        """Store the pods that are not there yet, in one transaction; returns how many were new.

        Raises SandboxError with etcd's own words; then none of the batch is stored.
        """
        responses = await self._etcd.transact([_unless_there(pod) for pod in pods])
        return sum(bool(one.get("response_txn", {}).get("succeeded")) for one in responses)


def _unless_there(pod: JsonObject) -> JsonObject:
    metadata = pod["metadata"]
    key = f"/registry/pods/{metadata['namespace']}/{metadata['name']}".encode()
    put = {"request_put": {"key": key, "value": msgspec.json.encode(pod)}}
    absent = {"key": key, "target": "CREATE", "create_revision": "0"}
    return {"request_txn": {"compare": [absent], "success": [put]}}


@asynccontextmanager
async def open_copies(kubeconfig: Path) -> AsyncIterator[EtcdCopies | None]:
    """The etcd of the sandbox this kubeconfig administers, or None where it is not one of ours."""
    async with open_etcd_beside(kubeconfig) as etcd:
        yield EtcdCopies(etcd) if etcd else None
