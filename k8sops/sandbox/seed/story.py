"""The company's story as conditions on the live cluster: a seed is finished only when all of them hold.

Everything named in `TROUBLED` is broken on purpose, and has a condition of its own; every other workload has to be
completely available. `TOLD` is the same story in sentences, for a first look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.errors import SandboxError
from k8sops.sandbox.seed.api import JsonObject, SeedApi, conditions_of
from k8sops.sandbox.seed.manifests import Manifest, collection_path, load_company

STORY_SECONDS: Final = 180.0
POLL_SECONDS: Final = 0.5

TOLD: Final = (
    "Why is checkout down? All 3 pods of shop/checkout (3.1.0) crash-loop; the log ends with KeyError: 'PAYMENTS_DSN'.",
    "ConfigMap shop/checkout has no such key: it was to come with payments/gateway 2.4.0.",
    "payments/gateway 2.4.0 cannot be pulled: its rollout is stuck, and 2.3.1 still serves.",
    "A way back: revision 1 of shop/checkout (3.0.4) does not read that key, and works.",
    "batch/forecast stays pending: no node has the GPU label that it selects.",
    "legacy/report-builder is killed for memory again and again; legacy/importer wants 3 pods, its quota admits 1.",
    "shop/recommendations runs and never gets ready.",
    "Last night's Job batch/invoice-export-29000160 failed, and so did batch/ledger-reconcile.",
    "Before draining: data/postgres-pdb never allows an eviction, payments/ledger-pdb one at a time, "
    "legacy/erp has two budgets.",
)

TROUBLED: Final = frozenset(
    {
        "Deployment shop/checkout",
        "Deployment shop/recommendations",
        "Deployment payments/gateway",
        "Deployment batch/forecast",
        "Deployment legacy/report-builder",
        "Deployment legacy/importer",
    }
)
FAILED_JOBS: Final = frozenset({"Job batch/invoice-export-29000160", "Job batch/ledger-reconcile"})
SCENE_KINDS: Final = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "Pod",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
)


class Scene(msgspec.Struct, frozen=True):
    """The live objects that the story speaks of, by `Kind namespace/name`."""

    objects: dict[str, JsonObject]

    def status(self, title: str) -> JsonObject:
        """An object's status; empty while there is none."""
        status: JsonObject = self.objects.get(title, {}).get("status", {})
        return status

    def condition(self, title: str, kind: str) -> tuple[str, str]:
        """Status and reason of one condition; empty strings while it is not set."""
        return conditions_of(self.objects.get(title, {})).get(kind, ("", ""))

    def pods(self, namespace: str, app: str) -> list[JsonObject]:
        """The pods of one app."""
        return [
            body
            for title, body in self.objects.items()
            if title.startswith(f"Pod {namespace}/") and body["metadata"].get("labels", {}).get("app") == app
        ]


async def look(api: SeedApi) -> Scene:
    """The scene as it is now."""
    objects: dict[str, JsonObject] = {}
    for kind in SCENE_KINDS:
        selector = "" if kind in {"Pod", "PersistentVolumeClaim"} else "app.kubernetes.io/part-of=acme"
        async for item in api.items(
            collection_path(kind), labelSelector=selector or "!sandbox.k8sops.dev/load"
        ):
            metadata = item["metadata"]
            objects[f"{kind} {metadata['namespace']}/{metadata['name']}"] = item
    return Scene(objects)


async def wait_until_true(api: SeedApi, clock: Clock, progress: Callable[[str], None]) -> None:
    """Return when the story has come true; SandboxError after STORY_SECONDS, with everything that has not."""
    manifests = load_company()
    deadline = clock.monotonic() + STORY_SECONDS
    said = ""
    while missing := list(untrue(await look(api), manifests)):
        if clock.monotonic() > deadline:
            raise SandboxError(
                f"every object is in place, but after {STORY_SECONDS:.0f} s this is not true: "
                + "; ".join(missing),
                hint="`k8sops sandbox status` says whether every process of the sandbox is alive",
            )
        line = f"{len(missing)} to come: {missing[0]}"
        if line != said:
            progress(line)
            said = line
        await clock.sleep(POLL_SECONDS)


def untrue(scene: Scene, manifests: tuple[Manifest, ...]) -> Iterator[str]:
    """What has not come true yet, one sentence each."""
    for manifest in manifests:
        if not _is_as_meant(scene, manifest):
            yield f"{manifest.title} is not {'failed' if manifest.title in FAILED_JOBS else 'complete'} yet"
    for sentence, holds in TROUBLES:
        if not holds(scene):
            yield f"not yet so: {sentence}"
    for title in sorted(scene.objects):
        if title.startswith("PersistentVolumeClaim ") and scene.status(title).get("phase") != "Bound":
            yield f"{title} is not bound"


def _is_as_meant(scene: Scene, manifest: Manifest) -> bool:
    title, status = manifest.title, scene.status(manifest.title)
    wanted = manifest.body.get("spec", {}).get("replicas", 1)
    current = status.get("observedGeneration") == scene.objects.get(title, {}).get("metadata", {}).get(
        "generation"
    )
    match manifest.kind:
        case "Deployment":
            return title in TROUBLED or bool(current and status.get("availableReplicas", 0) == wanted)
        case "StatefulSet":
            return bool(current and status.get("readyReplicas", 0) == wanted)
        case "DaemonSet":
            wanted = status.get("desiredNumberScheduled", 0)
            return bool(current and 0 < wanted == status.get("numberReady", 0))
        case "Job":
            outcome = "Failed" if title in FAILED_JOBS else "Complete"
            return scene.condition(title, outcome)[0] == "True"
        case "PodDisruptionBudget":
            return bool(current)
        case _:
            return True


def _container(pod: JsonObject) -> JsonObject:
    return next(iter(pod.get("status", {}).get("containerStatuses") or ()), {})


def _waiting_for(pod: JsonObject) -> str:
    return str(_container(pod).get("state", {}).get("waiting", {}).get("reason", ""))


def _checkout_is_down(scene: Scene) -> bool:
    pods = scene.pods("shop", "checkout")
    status = scene.status("Deployment shop/checkout")
    return (
        len(pods) == 3
        and not status.get("availableReplicas")
        and all(_container(pod).get("restartCount", 0) >= 1 for pod in pods)
    )


def _gateway_is_stuck(scene: Scene) -> bool:
    status = scene.status("Deployment payments/gateway")
    reasons = {_waiting_for(pod) for pod in scene.pods("payments", "gateway")}
    return (
        status.get("availableReplicas") == 2
        and status.get("updatedReplicas") == 1
        and status.get("unavailableReplicas") == 1
        and bool(reasons & {"ImagePullBackOff", "ErrImagePull"})
    )


def _forecast_is_unschedulable(scene: Scene) -> bool:
    pods = scene.pods("batch", "forecast")
    return any(conditions_of(pod).get("PodScheduled") == ("False", "Unschedulable") for pod in pods)


def _report_builder_is_oom_killed(scene: Scene) -> bool:
    last = [_container(pod).get("lastState", {}) for pod in scene.pods("legacy", "report-builder")]
    return any(one.get("terminated", {}).get("reason") == "OOMKilled" for one in last)


def _importer_hits_its_quota(scene: Scene) -> bool:
    title = "Deployment legacy/importer"
    return (
        scene.condition(title, "ReplicaFailure")[0] == "True"
        and scene.status(title).get("availableReplicas") == 1
    )


def _recommendations_never_get_ready(scene: Scene) -> bool:
    pods = scene.pods("shop", "recommendations")
    running = [pod for pod in pods if pod.get("status", {}).get("phase") == "Running"]
    return len(running) == 2 and not any(_container(pod).get("ready") for pod in running)


TROUBLES: Final[tuple[tuple[str, Callable[[Scene], bool]], ...]] = (
    ("shop/checkout is down, its 3 pods crash-loop", _checkout_is_down),
    ("payments/gateway is stuck between two releases", _gateway_is_stuck),
    ("batch/forecast cannot be scheduled", _forecast_is_unschedulable),
    ("legacy/report-builder was killed for memory", _report_builder_is_oom_killed),
    ("legacy/importer has 1 of 3 pods, for its quota", _importer_hits_its_quota),
    ("shop/recommendations runs without being ready", _recommendations_never_get_ready),
)
