"""Nodes in trouble, and their way back.

    not-ready     the kubelet itself says so: Ready=False at once (kwok's stage for the annotation)
    unreachable   the kubelet falls silent: its Lease is held by another, so kwok neither renews it nor plays the
                  node's pods, and the node controller marks it Unknown after its grace period
    vanish        the Node object is gone, as when a cloud's machine was deleted

What brings a node back is kept where it outlives this process: in an annotation, in the Lease, in a saved manifest.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from k8sops.core.clock import Clock, parse_rfc3339, rfc3339
from k8sops.core.errors import K8sOpsError, UsageError
from k8sops.core.tasks import all_of
from k8sops.sandbox.faults.specs import Nodes, NodeTrouble
from k8sops.sandbox.locations import private_folder, write_private
from k8sops.sandbox.seed.api import RefusedError, SeedApi, conditions_of

PLAY: Final = "sandbox.k8sops.dev/play"
UNTIL: Final = "sandbox.k8sops.dev/play-until"
ZONE: Final = "topology.kubernetes.io/zone"
HOLDER: Final = "k8sops-sandbox-chaos"
MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
REVIVE_SECONDS: Final = 120.0
NODES: Final = "/api/v1/nodes"
LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
OF_THE_OLD_OBJECT: Final = (
    *("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"),
    *("deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences", "selfLink"),
)
TAINTS_OF_CONTROLLERS: Final = "node.kubernetes.io/"


class Left(NamedTuple):
    """Nodes that an earlier process left in trouble, and until when."""

    trouble: NodeTrouble
    names: tuple[str, ...]
    until: datetime


class NodeTroubles:
    """Makes and ends the trouble of one sandbox's nodes."""

    def __init__(self, api: SeedApi, saved: Path, clock: Clock) -> None:
        self._api: Final = api
        self._saved: Final = saved
        """The folder for manifests of nodes that are gone."""
        self._clock: Final = clock
        self._reviving: Final[set[asyncio.Task[None]]] = set()

    async def chosen(self, spec: Nodes) -> tuple[str, ...]:
        """The nodes that are meant. Raises UsageError for a name or a zone that is not there."""
        zones = {item["metadata"]["name"]: _zone(item) async for item in self._api.items(NODES)}
        in_zone = [name for name, zone in zones.items() if spec.zone and zone == spec.zone]
        missing = [name for name in spec.names if name not in zones]
        if missing or (spec.zone and not in_zone):
            what = f"node {missing[0]!r}" if missing else f"zone {spec.zone!r}"
            there = sorted(set(zones.values()) - {""}) if not missing else sorted(zones)
            raise UsageError(f"there is no {what}", hint=f"there are: {', '.join(there[:10])}")
        return tuple(dict.fromkeys((*spec.names, *in_zone)))

    async def of_zone(self, zone: str) -> set[str]:
        """The nodes of a zone, those that are gone included."""
        selector = f"{ZONE}={zone}"
        found = {item["metadata"]["name"] async for item in self._api.items(NODES, labelSelector=selector)}
        gone = await asyncio.to_thread(self._removed)
        return found | {node["metadata"]["name"] for node, _ in gone if _zone(node) == zone}

    async def begin(self, trouble: NodeTrouble, names: tuple[str, ...], seconds: float) -> None:
        """Put these nodes in trouble. Raises SandboxError with the API server's refusal."""
        until = self._clock.now() + timedelta(seconds=seconds)
        starts = {"not-ready": self._not_ready, "unreachable": self._silence, "vanish": self._remove}
        await all_of(starts[trouble](name, until) for name in names)

    async def end(self, trouble: NodeTrouble, names: tuple[str, ...]) -> None:
        """Bring these nodes back; one that is back, or gone for good, is no error."""
        ends = {"not-ready": self._ready, "unreachable": self._speak, "vanish": self._return}
        await all_of(ends[trouble](name) for name in names)

    async def left(self) -> list[Left]:
        """What an earlier process began and did not end."""
        found: dict[tuple[NodeTrouble, str], list[str]] = {}
        async for item in self._api.items(NODES):
            if until := item["metadata"].get("annotations", {}).get(UNTIL):
                found.setdefault(("not-ready", until), []).append(item["metadata"]["name"])
        async for item in self._api.items(LEASES):
            spec = item["spec"]
            if spec.get("holderIdentity") == HOLDER:
                ends = parse_rfc3339(spec["renewTime"]) + timedelta(seconds=spec["leaseDurationSeconds"])
                found.setdefault(("unreachable", rfc3339(ends)), []).append(item["metadata"]["name"])
        for node, until in await asyncio.to_thread(self._removed):
            found.setdefault(("vanish", until), []).append(node["metadata"]["name"])
        return [
            Left(trouble, tuple(names), parse_rfc3339(until)) for (trouble, until), names in found.items()
        ]

    async def _not_ready(self, name: str, until: datetime) -> None:
        await self._annotate(name, {PLAY: "not-ready", UNTIL: rfc3339(until)})

    async def _ready(self, name: str) -> None:
        await self._annotate(name, {PLAY: None, UNTIL: None})

    async def _annotate(self, name: str, annotations: dict[str, str | None]) -> None:
        await self._patch(f"{NODES}/{name}", {"metadata": {"annotations": annotations}})

    async def _silence(self, name: str, until: datetime) -> None:
        now = self._clock.now()
        held = {
            "holderIdentity": HOLDER,
            # kwok takes the Lease over when it has run out: this ends by itself, whatever becomes of us.
            "leaseDurationSeconds": max(1, math.ceil((until - now).total_seconds())),
            "renewTime": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }
        await self._patch(f"{LEASES}/{name}", {"spec": held})

    async def _speak(self, name: str) -> None:
        await self._patch(f"{LEASES}/{name}", {"spec": {"holderIdentity": None}})
        task = asyncio.create_task(self._revive(name))
        self._reviving.add(task)
        task.add_done_callback(self._reviving.discard)

    async def _revive(self, name: str) -> None:
        """Say in the kubelet's place that the pods the node controller marked NotReady are ready.

        kwok looks at a node's pods once when it takes its Lease back, and often a moment too soon to see that it has.
        """
        deadline = self._clock.monotonic() + REVIVE_SECONDS
        while self._clock.monotonic() < deadline:
            await self._clock.sleep(1.0)
            with contextlib.suppress(K8sOpsError):
                node = await self._api.find(f"{NODES}/{name}")
                if node is None or conditions_of(node).get("Ready", ("",))[0] != "True":
                    continue
                query = urlencode({"fieldSelector": f"spec.nodeName={name},status.phase=Running"})
                pods = (await self._api.send("GET", f"/api/v1/pods?{query}")).json()["items"]
                await asyncio.gather(*(self._pod_ready(pod) for pod in pods if _is_marked(pod)))
                return

    async def _pod_ready(self, pod: dict[str, Any]) -> None:
        now = rfc3339(self._clock.now())
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": now}
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        await self._patch(path, {"status": {"conditions": [ready]}}, STRATEGIC)

    async def _remove(self, name: str, until: datetime) -> None:
        node = await self._api.find(f"{NODES}/{name}")
        if node is None:
            return
        private_folder(self._saved)
        kept = msgspec.json.encode({"until": rfc3339(until), "node": _as_new(node)})
        await asyncio.to_thread(write_private, self._saved / f"{name}.json", kept)
        await self._api.send("DELETE", f"{NODES}/{name}")

    async def _return(self, name: str) -> None:
        file = self._saved / f"{name}.json"
        try:
            kept = msgspec.json.decode(await asyncio.to_thread(file.read_bytes))
        except FileNotFoundError:
            return
        try:
            await self._api.send("POST", NODES, msgspec.json.encode(kept["node"]))
        except RefusedError as error:
            # Whoever registered it meanwhile, as `up` does, has brought it back.
            if error.status != 409:
                raise
        await asyncio.to_thread(file.unlink, missing_ok=True)

    def _removed(self) -> list[tuple[dict[str, Any], str]]:
        """Saved manifests, and until when each node is gone."""
        files = [file for file in sorted(self._saved.glob("*.json")) if not file.name.startswith(".")]
        saved = [msgspec.json.decode(file.read_bytes()) for file in files]
        return [(one["node"], one["until"]) for one in saved]

    async def _patch(self, path: str, body: dict[str, Any], how: str = MERGE) -> None:
        try:
            await self._api.send("PATCH", path, msgspec.json.encode(body), how)
        except RefusedError as error:
            if error.status != 404:
                raise


def _zone(node: dict[str, Any]) -> str:
    zone: str = node["metadata"].get("labels", {}).get(ZONE, "")
    return zone


def _is_marked(pod: dict[str, Any]) -> bool:
    """Whether it is not ready for no other reason than that its node was lost; the node controller writes none."""
    conditions = conditions_of(pod)
    return (
        conditions.get("ContainersReady", ("",))[0] == "True"
        and conditions.get("Ready") == ("False", "")
        and not pod["spec"].get("readinessGates")
    )


def _as_new(node: dict[str, Any]) -> dict[str, Any]:
    """The node as its kubelet would register it anew: without its identity and the taints of controllers."""
    metadata = {key: value for key, value in node["metadata"].items() if key not in OF_THE_OLD_OBJECT}
    annotations = metadata.get("annotations", {})
    metadata["annotations"] = {key: value for key, value in annotations.items() if key not in {PLAY, UNTIL}}
    taints = node.get("spec", {}).get("taints") or ()
    kept = [taint for taint in taints if not taint["key"].startswith(TAINTS_OF_CONTROLLERS)]
    status = {key: node.get("status", {}).get(key) for key in ("capacity", "allocatable")}
    spec = {"taints": kept} if kept else {}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec, "status": status}
