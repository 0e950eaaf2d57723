"""Put copies of a pod straight into the sandbox's etcd: what makes ten thousand pods a matter of seconds.

The API server makes the first pod, with all its defaults; the copies differ in name, uid, labels, node, image and
status only. It decodes JSON from its store as it does protobuf, and its watches tell the controllers of every copy.
Admission and quota are passed by, so this is for load on a sandbox and can reach nothing else: the key lies in the
sandbox's own folder. Where there is no such folder beside the kubeconfig, the load goes through the API.
"""

from __future__ import annotations

import base64
import ssl
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from k8sops.core.errors import SandboxError
from k8sops.sandbox.pki import Pki
from k8sops.sandbox.ports import LOOPBACK
from k8sops.sandbox.seed.load_objects import Placed, running
from k8sops.sandbox.state import SandboxFolder

BATCH: Final = 100
"""Keys in one transaction; etcd takes at most 128."""
REQUEST_SECONDS: Final = 30.0

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
    """A session to one sandbox's etcd, through its JSON gateway."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str) -> None:
        self._session = session
        self._endpoint = endpoint

    async def put(self, pods: Iterable[JsonObject]) -> int:
        """Store the pods that are not there yet, in one transaction; returns how many were new.

        Raises SandboxError with etcd's own words; then none of the batch is stored.
        """
        body = {"success": [_unless_there(pod) for pod in pods]}
        try:
            async with self._session.post(
                f"{self._endpoint}/v3/kv/txn", data=msgspec.json.encode(body)
            ) as response:
                answer, status = await response.read(), response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SandboxError(
                f"the sandbox's etcd does not answer: {str(error) or type(error).__name__}"
            ) from error
        if status != 200:
            raise SandboxError(
                f"the sandbox's etcd refused a batch of pods: {answer[:200].decode(errors='replace')}"
            )
        responses: Sequence[JsonObject] = msgspec.json.decode(answer).get("responses", ())
        return sum(bool(one.get("response_txn", {}).get("succeeded")) for one in responses)


def _unless_there(pod: JsonObject) -> JsonObject:
    metadata = pod["metadata"]
    key = _base64(f"/registry/pods/{metadata['namespace']}/{metadata['name']}".encode())
    put = {"request_put": {"key": key, "value": _base64(msgspec.json.encode(pod))}}
    absent = {"key": key, "target": "CREATE", "create_revision": "0"}
    return {"request_txn": {"compare": [absent], "success": [put]}}


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


@asynccontextmanager
async def open_copies(kubeconfig: Path) -> AsyncIterator[EtcdCopies | None]:
    """The etcd of the sandbox this kubeconfig administers, or None where it is not one of ours."""
    folder = SandboxFolder(kubeconfig.parent.parent, kubeconfig.parent.name)
    state = folder.load() if kubeconfig == folder.kubeconfig else None
    if state is None:
        yield None
        return
    pki = Pki(folder.pki)
    tls = ssl.create_default_context(cafile=str(pki.certificate("etcd-ca")))
    tls.load_cert_chain(pki.certificate("apiserver-etcd-client"), pki.key("apiserver-etcd-client"))
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    connector = aiohttp.TCPConnector(ssl=tls)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield EtcdCopies(session, f"https://{LOOPBACK}:{state.ports.etcd}")
