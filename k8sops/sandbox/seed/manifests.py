"""The company's manifests, from package data to objects ready for server-side apply, in the order they need.

Only kinds of the table below are understood: the addresses are then known without discovery, and a misspelt kind is
an error before anything is written.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from enum import IntEnum
from importlib.resources import files
from typing import Any, Final

import msgspec
import yaml

from k8sops.core.errors import SandboxError
from k8sops.sandbox.seed.releases import RELEASES_FILE, JsonObject, Revision, revisions_of

PART_OF: Final = {"app.kubernetes.io/part-of": "acme"}
CRONJOB_NOTE: Final = "seed.k8sops.dev/cronjob"
BEFORE_FILE: Final = "before.yaml"

# kind → (apiVersion, plural, namespaced)
KINDS: Final[dict[str, tuple[str, str, bool]]] = {
    "Certificate": ("acme.example/v1", "certificates", True),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "ConfigMap": ("v1", "configmaps", True),
    "CronJob": ("batch/v1", "cronjobs", True),
    "CustomResourceDefinition": ("apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "DaemonSet": ("apps/v1", "daemonsets", True),
    "Database": ("data.acme.example/v1beta1", "databases", True),
    "Deployment": ("apps/v1", "deployments", True),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers", True),
    "Ingress": ("networking.k8s.io/v1", "ingresses", True),
    "IngressClass": ("networking.k8s.io/v1", "ingressclasses", False),
    "Job": ("batch/v1", "jobs", True),
    "LimitRange": ("v1", "limitranges", True),
    "Namespace": ("v1", "namespaces", False),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies", True),
    "Node": ("v1", "nodes", False),
    "PersistentVolume": ("v1", "persistentvolumes", False),
    "PersistentVolumeClaim": ("v1", "persistentvolumeclaims", True),
    "Pod": ("v1", "pods", True),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets", True),
    "PriorityClass": ("scheduling.k8s.io/v1", "priorityclasses", False),
    "ReplicaSet": ("apps/v1", "replicasets", True),
    "ResourceQuota": ("v1", "resourcequotas", True),
    "Role": ("rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "Secret": ("v1", "secrets", True),
    "Service": ("v1", "services", True),
    "ServiceAccount": ("v1", "serviceaccounts", True),
    "StatefulSet": ("apps/v1", "statefulsets", True),
    "StorageClass": ("storage.k8s.io/v1", "storageclasses", False),
}


class Phase(IntEnum):
    """What is applied together; a phase starts when all before it are written."""

    FOUNDATION = 0
    """Namespaces, classes, kinds and volumes that everything else refers to."""
    CONFIGURATION = 1
    """What workloads read, and what limits them."""
    WORKLOADS = 2
    RUNS = 3
    """Jobs: those of a CronJob need its uid."""
    LAST = 4
    """What wants to be scheduled beside pods of an earlier phase, or replaces a release of `before.yaml`."""


FOUNDATION_KINDS: Final = frozenset(
    {
        "CustomResourceDefinition",
        "IngressClass",
        "Namespace",
        "PersistentVolume",
        "PriorityClass",
        "StorageClass",
    }
)
WORKLOAD_KINDS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Pod"})


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the company."""

    kind: str
    namespace: str
    name: str
    body: JsonObject
    """Without its status, which is a request of its own."""
    status: JsonObject
    source: str
    """The file it is written in."""
    revision: Revision | None = None
    """Of a Helm release, where it is one: the body is made when it is applied, since it holds times."""

    @property
    def title(self) -> str:
        """`Kind namespace/name`, as messages name it."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def path(self) -> str:
        """Where the API server keeps it."""
        return f"{collection_path(self.kind, self.namespace)}/{self.name}"

    @property
    def cronjob(self) -> str:
        """The CronJob, in the same namespace, that this Job is a past run of."""
        return str(self.body["metadata"].get("annotations", {}).get(CRONJOB_NOTE, ""))


def collection_path(kind: str, namespace: str = "") -> str:
    """The address of a kind's list, in one namespace or in all."""
    api_version, plural, _ = KINDS[kind]
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


def load_company() -> tuple[Manifest, ...]:
    """Every object of the company in its final state. Raises SandboxError naming file and object of a bad manifest."""
    names = sorted(entry.name for entry in _folder().iterdir() if entry.name.endswith(".yaml"))
    objects = tuple(one for name in names if name not in {BEFORE_FILE, RELEASES_FILE} for one in _load(name))
    return objects + tuple(_load_releases({one.title: one.body for one in objects}))


def load_before() -> tuple[Manifest, ...]:
    """The releases that ran before the latest: Deployments that the company also has, one revision older."""
    return tuple(_load(BEFORE_FILE))


def phase_of(manifest: Manifest, replaced: frozenset[str]) -> Phase:
    """When to apply a manifest; `replaced` holds the titles that `before.yaml` has an older release of."""
    if manifest.kind in FOUNDATION_KINDS:
        return Phase.FOUNDATION
    if manifest.kind == "Job":
        return Phase.RUNS
    if manifest.kind not in WORKLOAD_KINDS:
        return Phase.CONFIGURATION
    pod = manifest.body["spec"].get("template", manifest.body)["spec"] if manifest.kind != "CronJob" else {}
    beside_others = "podAffinity" in pod.get("affinity", {})
    return Phase.LAST if beside_others or manifest.title in replaced else Phase.WORKLOADS


def _folder() -> Any:
    return files("k8sops.sandbox.seed").joinpath("company")


def _load(name: str) -> Iterator[Manifest]:
    for document in _documents(name):
        yield _manifest(document, name)


def _load_releases(company: dict[str, JsonObject]) -> Iterator[Manifest]:
    for document in _documents(RELEASES_FILE):
        try:
            revisions = list(revisions_of(document, company))
        except (msgspec.ValidationError, KeyError) as error:
            raise SandboxError(
                f"{RELEASES_FILE}: no release, or one of objects that are not there: {error}"
            ) from error
        for one in revisions:
            name, namespace = one.secret_name, one.release.namespace
            yield Manifest(
                kind="Secret",
                namespace=namespace,
                name=name,
                body={"metadata": {"name": name, "namespace": namespace}, "data": {"release": ""}},
                status={},
                source=RELEASES_FILE,
                revision=one,
            )


def _documents(name: str) -> Iterator[Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    yield from yaml.load_all(_folder().joinpath(name).read_text(encoding="utf-8"), Loader=loader)


def _manifest(document: JsonObject, source: str) -> Manifest:
    kind = str(document.get("kind"))
    metadata = document.get("metadata") or {}
    if kind not in KINDS or not metadata.get("name"):
        raise SandboxError(
            f"{source}: an object of kind {kind!r}, name {metadata.get('name')!r}: kind or name unknown"
        )
    api_version, _, namespaced = KINDS[kind]
    if document.get("apiVersion") != api_version or bool(metadata.get("namespace")) != namespaced:
        raise SandboxError(f"{source}: {kind} {metadata['name']}: wrong apiVersion, or wrongly namespaced")
    body = {field: value for field, value in document.items() if field not in {"status", "stringData"}}
    body["metadata"] = metadata | {"labels": PART_OF | metadata.get("labels", {})}
    if plain := document.get("stringData"):
        # Written as data: stringData is write-only, so that applying it twice is a change each time.
        body["data"] = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
    return Manifest(
        kind=kind,
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        body=body,
        status=document.get("status") or {},
        source=source,
    )
