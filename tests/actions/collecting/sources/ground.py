"""A namespace with a bit of everything for bundles to tell of, and bundles gathered from it into memory."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Collection, Iterable
from typing import Any, Final

from k8sops.actions.collecting.gathering import Gathering, Window
from k8sops.actions.collecting.sources.catalog import SOURCES
from k8sops.core.clock import Clock, SystemClock
from k8sops.core.log_selection import LogSelection
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.timeline import Moment
from tests.support.bundle_sink import MemorySink
from tests.support.workloads import create, deployment

SECRET_VALUE: Final = "correct-horse-battery-staple"
"""Stands in the Secret of the ground in every way that people put values there."""
HOUR_NS: Final = 3600 * 10**9
PATIENCE_S: Final = 180.0


class Records:
    """Our own record, as a service would have it."""

    async def audit_lines(self, window: Window) -> AsyncGenerator[bytes, None]:
        """Two records."""
        assert window.since_ns < window.until_ns
        yield b'{"seq":1,"code":"run_proposed"}'
        yield b'{"seq":2,"code":"run_started"}\n'

    async def run_moments(
        self, window: Window, namespaces: Collection[str], nodes: Collection[str]
    ) -> AsyncGenerator[Moment, None]:
        """One run."""
        yield Moment(at_ns=window.since_ns, matter="run", subject="run 01J", text="scale deployment/web")


def gathering_of(
    cluster: ClusterReader,
    *namespaces: str,
    pods: Iterable[JsonObject] = (),
    selection: LogSelection | None = None,
    window: Window | None = None,
    limit: int = 1 << 30,
    clock: Clock | None = None,
) -> tuple[Gathering, MemorySink]:
    """A bundle to be gathered, of the last hour if no window is given, and where it goes."""
    now, sink = time.time_ns(), MemorySink(limit=limit)
    gathering = Gathering(
        cluster=cluster,
        clock=clock or SystemClock(),
        sink=sink,
        selection=selection or LogSelection(namespaces=namespaces),
        window=window or Window(now - HOUR_NS, now + HOUR_NS),
        pods=tuple(pods),
        namespaces=namespaces,
        records=Records(),
        moments=[],
    )
    return gathering, sink


async def gathered(gathering: Gathering, *names: str) -> None:
    """Gather these sources, side by side as the action does; all but the logs where none is named."""
    wanted = names or [name for name in SOURCES if name != "logs"]
    await asyncio.gather(*(SOURCES[name].source(gathering) for name in wanted))


async def pods_of(cluster: ClusterReader, namespace: str) -> list[JsonObject]:
    """All pods of a namespace."""
    return [pod async for pod in cluster.list(await cluster.resource("pods"), namespace)]


async def lay_out(cluster: Cluster, namespace: str) -> None:
    """Make a Deployment rolled out twice, one that crashes, one without a pod, a CronJob's Job, and what is around."""
    for manifest in (*_configuration(namespace), _web(namespace), *_around(namespace)):
        await create(cluster, manifest)
    crashing = deployment("broken", namespace, annotations={"sandbox.k8sops.dev/play": "crash-loop"})
    await create(cluster, crashing)
    await create(cluster, deployment("idle", namespace, replicas=0))
    await _nightly(cluster, namespace)
    await until(cluster, "deployments", namespace, "web", lambda one: _rolled_out(one, 1))
    change = {
        "metadata": {"annotations": {"kubernetes.io/change-cause": "a newer \x1b[31mimage\x1b[0m"}},
        "spec": {"template": {"metadata": {"labels": {"generation": "two"}}}},
    }
    await cluster.patch(await cluster.resource("deployments"), "web", namespace, body=change)
    await until(cluster, "deployments", namespace, "web", lambda one: _rolled_out(one, 2))
    pods = await pods_of(cluster, namespace)
    name = next(pod["metadata"]["name"] for pod in pods if pod["metadata"]["labels"].get("app") == "broken")
    await until(cluster, "pods", namespace, name, _has_restarted)


async def until(cluster: ClusterReader, kind: str, namespace: str, name: str, holds: Any) -> JsonObject:
    """The object, once the condition holds of it."""
    resource = await cluster.resource(kind)
    async with asyncio.timeout(PATIENCE_S):
        async for event in cluster.watch(resource, namespace, field_selector=f"metadata.name={name}"):
            if event.object and holds(event.object):
                return event.object
    raise AssertionError("the watch ended")


def _rolled_out(one: JsonObject, revision: int) -> bool:
    status = one.get("status") or {}
    return (
        one["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision") == str(revision)
        and status.get("observedGeneration") == one["metadata"]["generation"]
        and status.get("updatedReplicas") == status.get("availableReplicas") == status.get("replicas") == 1
    )


def _has_restarted(pod: JsonObject) -> bool:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return any(one["restartCount"] and "terminated" in one.get("lastState", {}) for one in statuses)


def _configuration(namespace: str) -> list[JsonObject]:
    encoded = base64.b64encode(SECRET_VALUE.encode()).decode()
    copies = {
        "kubectl.kubernetes.io/last-applied-configuration": f'{{"stringData":{{"p":"{SECRET_VALUE}"}}}}',
        "example.com/copy": SECRET_VALUE,
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return [
        _object("v1", "ConfigMap", "settings", namespace, data={"mode": "loud"}),
        _object("v1", "Secret", "keys", namespace, annotations=copies, data={"password": encoded}),
        _object("v1", "Secret", "unrelated", namespace, data={"password": encoded}),
        _object("v1", "PersistentVolumeClaim", "disk", namespace, spec=claim),
        _object("v1", "ServiceAccount", "runner", namespace),
    ]


def _web(namespace: str) -> JsonObject:
    manifest = deployment("web", namespace)
    spec = manifest["spec"]["template"]["spec"]
    spec["serviceAccountName"] = "runner"
    spec["volumes"] = [{"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}}]
    spec["containers"][0] |= {
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "envFrom": [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "keys"}}],
        "env": [
            {
                "name": "MISSING",
                "valueFrom": {"configMapKeyRef": {"name": "nowhere", "key": "k", "optional": True}},
            }
        ],
        "volumeMounts": [{"name": "disk", "mountPath": "/data"}],
    }
    return manifest


def _around(namespace: str) -> list[JsonObject]:
    web = {"matchLabels": {"app": "web"}}
    port = [{"port": 80, "name": "http"}]
    backend = {"service": {"name": "web", "port": {"name": "http"}}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    other = {"matchLabels": {"app": "somebody-else"}}
    return [
        _object("v1", "Service", "web", namespace, spec={"selector": {"app": "web"}, "ports": port}),
        _object(
            "v1", "Service", "elsewhere", namespace, spec={"selector": {"app": "elsewhere"}, "ports": port}
        ),
        _object("networking.k8s.io/v1", "Ingress", "web", namespace, spec={"defaultBackend": backend}),
        _object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "web",
            namespace,
            spec={"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 1},
        ),
        _object(
            "policy/v1", "PodDisruptionBudget", "web", namespace, spec={"selector": web, "minAvailable": 1}
        ),
        _object(
            "policy/v1",
            "PodDisruptionBudget",
            "other",
            namespace,
            spec={"selector": other, "minAvailable": 1},
        ),
        _object("networking.k8s.io/v1", "NetworkPolicy", "all", namespace, spec={"podSelector": {}}),
        _object("v1", "ResourceQuota", "bounds", namespace, spec={"hard": {"pods": "50"}}),
    ]


async def _nightly(cluster: Cluster, namespace: str) -> None:
    """A Job as its CronJob makes it, without waiting for the minute."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "example/app:1"}]}
    template = {
        "metadata": {"labels": {"app": "nightly"}, "annotations": {"sandbox.k8sops.dev/play": "complete"}},
        "spec": pod,
    }
    spec = {"schedule": "0 3 1 1 *", "jobTemplate": {"spec": {"template": template}}}
    made = await create(cluster, _object("batch/v1", "CronJob", "nightly", namespace, spec=spec))
    job = _object("batch/v1", "Job", "nightly-1", namespace, spec={"template": template})
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": made["metadata"]["uid"]}
    job["metadata"]["ownerReferences"] = [owner | {"controller": True}]
    await create(cluster, job)
    pods = await cluster.resource("pods")
    async with asyncio.timeout(PATIENCE_S):
        async for event in cluster.watch(pods, namespace, label_selector="app=nightly"):
            if event.object.get("spec", {}).get("nodeName"):
                return


def _object(
    version: str,
    kind: str,
    name: str,
    namespace: str,
    *,
    annotations: dict[str, str] | None = None,
    **fields: Any,
) -> JsonObject:
    metadata = {"name": name, "namespace": namespace, "annotations": annotations or {}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}
