"""Which pod, and which container, a session means. Pure, but for the reads it asks of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from k8sops.cluster.client_base import PODS
from k8sops.cluster.paths import subject_of
from k8sops.core.errors import InvalidError, NotFoundError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader
from k8sops.core.selectors import selector_text
from k8sops.core.sessions import SessionWanted
from k8sops.logs.containers import container_names, state_of

DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
OF_ONE_REVISION: Final = frozenset({"pod-template-hash", "controller-revision-hash", "controller-uid"}) | {
    "batch.kubernetes.io/controller-uid",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "pod-template-generation",
}
"""Labels that a replacement of the pod need not share."""
OF_ITS_NODE: Final = "topology.kubernetes.io/"
"""Begins labels that a pod takes over from its node (KEP-4742): its replacement may stand in another zone."""


async def pod_of(cluster: ClusterReader, wanted: SessionWanted) -> JsonObject:
    """The pod that is named, or a ready one of what is named. Raises NotFoundError, UsageError."""
    resource = await cluster.resource(wanted.of)
    found = await cluster.get(resource, wanted.name, wanted.namespace)
    if resource.qualified == "pods":
        return found
    selector = (found.get("spec") or {}).get("selector")
    if selector and resource.qualified in {"services", "replicationcontrollers"}:
        selector = {"matchLabels": selector}
    if not isinstance(selector, dict) or not selector:
        raise UsageError(f"{subject_of(resource, wanted.name, wanted.namespace)} selects no pods")
    return await ready_pod(cluster, wanted.namespace, selector_text(selector), wanted)


async def replacement_of(cluster: ClusterReader, pod: JsonObject, wanted: SessionWanted) -> JsonObject:
    """A ready pod in the place of one that is gone: of the same labels, revision aside. Raises NotFoundError."""
    metadata = pod["metadata"]
    labels = {
        key: value
        for key, value in (metadata.get("labels") or {}).items()
        if key not in OF_ONE_REVISION and not key.startswith(OF_ITS_NODE)
    }
    if not metadata.get("ownerReferences") or not labels:
        raise NotFoundError(f"pod {wanted.namespace}/{metadata['name']} is gone, and nothing replaces it")
    return await ready_pod(cluster, wanted.namespace, selector_text({"matchLabels": labels}), wanted)


async def ready_pod(cluster: ClusterReader, namespace: str, labels: str, wanted: SessionWanted) -> JsonObject:
    """The first ready pod of these labels. Raises NotFoundError."""
    async for pod in cluster.list(PODS, namespace, label_selector=labels):
        if is_ready(pod):
            return pod
    raise NotFoundError(f"no pod for {wanted.said} is ready", hint="`k8sops get pods` shows how they are")


def is_ready(pod: JsonObject) -> bool:
    """Whether the pod's Ready condition is true and it is not on its way out."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def running_containers(pod: JsonObject) -> tuple[str, ...]:
    """The containers that run, the default one first."""
    names = [name for name in container_names(pod) if state_of(pod, name).running]
    first = default_container(pod)
    return tuple(sorted(names, key=lambda name: name != first))


def default_container(pod: JsonObject) -> str:
    """The one that is meant where none is named: by kubectl's annotation, else the first of the spec."""
    annotated = str((pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER, ""))
    names: list[str] = [one["name"] for one in pod["spec"].get("containers") or ()]
    return annotated if annotated in names else names[0]


def container_wanted(pod: JsonObject, wanted: SessionWanted) -> str:
    """The container of a session. Raises InvalidError where it does not run."""
    name = wanted.container or default_container(pod)
    state = state_of(pod, name)
    where = f"container {name} of pod {wanted.namespace}/{pod['metadata']['name']}"
    if name not in container_names(pod):
        raise InvalidError(f"{where} does not exist")
    if not state.running:
        how = state.waiting or (f"it ended with {state.ended.said}" if state.ended else "it has not begun")
        raise InvalidError(f"{where} does not run: {how}", hint="a debug container runs beside it (key: D)")
    return name


def ports_of(pod: JsonObject) -> Iterator[int]:
    """The TCP ports its containers say they serve."""
    for container in pod["spec"].get("containers") or ():
        for port in container.get("ports") or ():
            if port.get("protocol", "TCP") == "TCP":
                yield int(port["containerPort"])
