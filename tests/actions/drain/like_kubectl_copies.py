"""Identical copies of a scenario's node on a real control plane: one for kubectl, one for this program.

Pods are put on their node by name and carry the label that keeps the simulated kubelet from writing their status, so a
copy is exactly what the table says. Controllers adopt them. A policy keeps the garbage collector from pods whose owner
is gone: it would remove them within milliseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import NotFoundError
from k8sops.core.plan import JsonObject
from k8sops.forecast.objects import Pod
from tests.actions.drain.like_kubectl_scenarios import PodIn, Scenario, State
from tests.forecast.budget_world import until

HOLD: Final = "tests.k8sops.dev/hold"
COLLECTOR: Final = "system:serviceaccount:kube-system:generic-garbage-collector"
LINGERS_S: Final = 600
POLICY: Final = "held-off-collector"
MADE_ELSEWHERE: Final = {"sandbox.k8sops.dev/fast": "true"}
LABELS: Final = MADE_ELSEWHERE | {"sandbox.k8sops.dev/static": "true"}
FINISHED: Final = {"succeeded", "failed"}
VOLUMES: Final[dict[str, JsonObject]] = {
    "emptyDir": {"emptyDir": {}},
    "memory": {"emptyDir": {"medium": "Memory"}},
    "hostPath": {"hostPath": {"path": "/var/lib/app"}},
}
APIS: Final = {
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicationController": "v1",
    "Job": "batch/v1",
}
STRANGERS: Final = {
    "Widget": ("example.com/v1", "Widget"),
    "KruiseDaemonSet": ("apps.kruise.io/v1alpha1", "DaemonSet"),
    "GoneReplicaSet": ("apps/v1", "ReplicaSet"),
    "GoneDaemonSet": ("apps/v1", "DaemonSet"),
}


class Copy:
    """One node with its pods; names begin with the copy's own."""

    def __init__(self, cluster: KubeCluster, namespace: str, name: str, scenario: Scenario) -> None:
        self.cluster, self.namespace, self.name, self.scenario = cluster, namespace, name, scenario
        self.roles: dict[str, list[str]] = {}
        """Names of the pods by role."""
        self.uids: dict[str, str] = {}

    async def make(self) -> None:
        """Create all of it and wait until it is as the table says."""
        await self._create("v1", "Node", self.name, _node(self.name), namespaced=False)
        by_role: dict[str, list[PodIn]] = {}
        for one in self.scenario.pods:
            by_role.setdefault(one.role, []).append(one)
        await asyncio.gather(*(self._role(role, pods) for role, pods in by_role.items()))
        for place, spec in enumerate(self.scenario.budgets):
            selector = {"matchLabels": {"copy": self.name, "guarded": "yes"}}
            name = f"{self.name}-budget-{place}"
            await self._create(
                "policy/v1", "PodDisruptionBudget", name, {"spec": spec | {"selector": selector}}
            )

    async def pods(self) -> dict[str, Pod]:
        """The copy's pods that are still there, by name; what was made in their place is not among them."""
        resource = await self.cluster.resource("pods")
        selector = f"copy={self.name},made=here"
        found = self.cluster.list_as(Pod, resource, self.namespace, label_selector=selector)
        return {pod.metadata.name: pod async for pod in found if pod.metadata.uid in self.uids.values()}

    async def remove(self) -> None:
        """Let go what is held and take the node away."""
        resource = await self.cluster.resource("pods")
        for name in (
            name
            for one in self.scenario.pods
            if one.state == "ending"
            for name in self.roles.get(one.role, ())
        ):
            with suppress(NotFoundError):
                await self.cluster.patch(
                    resource, name, self.namespace, body={"metadata": {"finalizers": None}}
                )
        with suppress(NotFoundError):
            await self.cluster.delete(await self.cluster.resource("nodes"), self.name)

    async def _role(self, role: str, pods: list[PodIn]) -> None:
        first, base = pods[0], f"{self.name}-{role}"
        self.roles[role] = [f"{base}-{place}" for place in range(len(pods))]
        owner = await self._owner_before(base, first)
        for name in self.roles[role]:
            made = await self._create("v1", "Pod", name, _pod(self.name, role, first, owner))
            self.uids[name] = made["metadata"]["uid"]
        if first.owner in APIS and first.owner != "Job":
            # A controller that has not seen them yet makes others, and then ends those that are not ready.
            await self._put_all(role, "ready" if first.state not in FINISHED else first.state)
            await self._adopted(base, first)
            if first.state in {"ready", *FINISHED}:
                return
        await self._put_all(role, first.state)

    async def _put_all(self, role: str, state: State) -> None:
        await asyncio.gather(*(self._put(name, state) for name in self.roles[role]))

    async def _owner_before(self, base: str, pod: PodIn) -> JsonObject | None:
        """The controller that the pod is made with; the others adopt it later."""
        if pod.owner == "Job":
            # Nobody manages this Job, so that its pods are the test's own.
            spec = {"managedBy": "tests.k8sops.dev/nobody", "template": _template(self.name, pod)}
            made = await self._create("batch/v1", "Job", base, {"spec": spec})
            return _reference("batch/v1", "Job", base, made["metadata"]["uid"])
        if stranger := STRANGERS.get(pod.owner):
            return _reference(*stranger, f"{base}-gone", f"gone-{base}")
        return None

    async def _adopted(self, base: str, pod: PodIn) -> None:
        labels = {"copy": self.name, "role": pod.role}
        template = _template(self.name, pod)
        spec: JsonObject = {"selector": {"matchLabels": labels}, "template": template}
        names = self.roles[pod.role]
        if pod.owner == "DaemonSet":
            template["spec"] |= {"nodeSelector": {"copy": self.name}, "tolerations": [{"operator": "Exists"}]}
            spec["updateStrategy"] = {"type": "OnDelete"}
        else:
            spec["replicas"] = len(names)
        if pod.owner == "ReplicationController":
            spec["selector"] = labels
        if pod.owner == "StatefulSet":
            spec |= {"serviceName": base, "updateStrategy": {"type": "OnDelete"}}
        made = await self._create(APIS[pod.owner], pod.owner, base, {"spec": spec})
        resource = await self.cluster.resource("pods")
        if pod.state in FINISHED:
            owner = _reference(APIS[pod.owner], pod.owner, base, made["metadata"]["uid"])
            for name in names:
                await self.cluster.patch(
                    resource, name, self.namespace, body={"metadata": {"ownerReferences": [owner]}}
                )

        async def orphans() -> str:
            pods = await self.pods()
            return ", ".join(name for name in names if pods[name].metadata.controller is None)

        await until("adoption", orphans)

    async def _put(self, name: str, state: State) -> None:
        resource = await self.cluster.resource("pods")
        phase = {"succeeded": "Succeeded", "failed": "Failed", "pending": "Pending"}.get(state, "Running")
        ready = "True" if state in {"ready", "ending", "lingering"} else "False"
        body: JsonObject = {"status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}}
        await self.cluster.patch(
            resource, name, self.namespace, body=body, patch_type="strategic", subresource="status"
        )
        if state == "ending":
            body = {"metadata": {"finalizers": [HOLD]}}
            await self.cluster.patch(resource, name, self.namespace, body=body)
        if state in {"ending", "lingering"}:
            grace_s = 0 if state == "ending" else LINGERS_S
            await self.cluster.delete(resource, name, self.namespace, grace_period_seconds=grace_s)

    async def _create(
        self, api_version: str, kind: str, name: str, body: JsonObject, *, namespaced: bool = True
    ) -> JsonObject:
        metadata = {"name": name} | ({"namespace": self.namespace} if namespaced else {})
        whole = body | {"apiVersion": api_version, "kind": kind}
        whole["metadata"] = body.get("metadata", {}) | metadata
        group = api_version.rpartition("/")[0]
        resource = await self.cluster.resource(f"{kind}.{group}" if group else kind)
        return await self.cluster.create(resource, whole)


@asynccontextmanager
async def collector_held_off(cluster: KubeCluster) -> AsyncIterator[None]:
    """Keep the garbage collector from deleting pods that are marked `made=here`."""
    policies = await cluster.resource("validatingadmissionpolicies.admissionregistration.k8s.io")
    bindings = await cluster.resource("validatingadmissionpolicybindings.admissionregistration.k8s.io")
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["DELETE", "UPDATE"],
        "resources": ["pods"],
    }
    spec: dict[str, Any] = {
        "matchConstraints": {
            "resourceRules": [rule],
            "objectSelector": {"matchLabels": {"made": "here"}},
        },
        "validations": [{"expression": f"request.userInfo.username != '{COLLECTOR}'"}],
    }
    api = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": POLICY}}
    await cluster.create(policies, api | {"kind": "ValidatingAdmissionPolicy", "spec": spec})
    await cluster.create(
        bindings,
        api
        | {
            "kind": "ValidatingAdmissionPolicyBinding",
            "spec": {"policyName": POLICY, "validationActions": ["Deny"]},
        },
    )
    try:
        yield
    finally:
        await cluster.delete(bindings, POLICY)
        await cluster.delete(policies, POLICY)


def fates(copy: Copy, done: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What happened to the pods of each role; (verb, pod name) of every request that was granted."""
    verbs = {name: verb for verb, name in done}
    return {
        role: "+".join(sorted({verbs.get(name, "stays") for name in names}))
        for role, names in copy.roles.items()
    }


def _node(name: str) -> JsonObject:
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    return {
        "metadata": {"labels": {"kubernetes.io/hostname": name, "copy": name}},
        # Only pods of the copy are here: what is evicted elsewhere finds a place on the sandbox's own nodes.
        "spec": {"taints": [{"key": "copy", "value": name, "effect": "NoSchedule"}]},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def _pod(copy: str, role: str, pod: PodIn, owner: JsonObject | None) -> JsonObject:
    labels = LABELS | {"copy": copy, "role": role, "made": "here"} | pod.labels
    metadata: JsonObject = {"labels": labels}
    if owner is not None:
        metadata["ownerReferences"] = [owner]
    if pod.state == "lingering":
        del labels["sandbox.k8sops.dev/fast"]
        metadata["annotations"] = {"sandbox.k8sops.dev/stop-time": "grace"}
    if pod.mirror:
        metadata["annotations"] = {"kubernetes.io/config.mirror": "from-a-file"}
    return {"metadata": metadata, "spec": _spec(pod) | {"nodeName": copy}}


def _template(copy: str, pod: PodIn) -> JsonObject:
    labels = MADE_ELSEWHERE | {"copy": copy, "role": pod.role} | pod.labels
    # What replaces a sick pod is as sick, else budgets would open while one of the two still waits.
    annotations = {"sandbox.k8sops.dev/play": "never-ready"} if pod.state == "unready" else {}
    restart = {"restartPolicy": "Never"} if pod.owner == "Job" else {}
    return {"metadata": {"labels": labels, "annotations": annotations}, "spec": _spec(pod) | restart}


def _spec(pod: PodIn) -> JsonObject:
    volumes = [{"name": f"volume-{place}"} | VOLUMES[kind] for place, kind in enumerate(pod.volumes)]
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "app", "image": "example/app:1"}],
        "volumes": volumes,
    }


def _reference(api_version: str, kind: str, name: str, uid: str) -> JsonObject:
    return {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": True}
