"""The company's manifests, read without a cluster: every name in them leads somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from k8sops.core.clock import parse_rfc3339
from k8sops.core.errors import UsageError
from k8sops.redact.masking import masked_values
from k8sops.sandbox.seed import load_objects
from k8sops.sandbox.seed.manifests import Manifest, Phase, load_before, load_company, phase_of
from k8sops.sandbox.seed.releases import revisions_of
from k8sops.sandbox.seed.story import FAILED_JOBS, TOLD, TROUBLED
from k8sops.service.helm import documents
from k8sops.service.helm_storage import unpacked

COMPANY = load_company()
BEFORE = load_before()
TITLES = {manifest.title for manifest in COMPANY}
PLAYS = {"crash-loop", "oom-loop", "image-pull-error", "never-ready", "fail", "complete", "slow-start"}


def pod_templates(
    manifests: tuple[Manifest, ...] = COMPANY + BEFORE,
) -> Iterator[tuple[Manifest, dict[str, Any]]]:
    """Every pod template, or bare pod, with the object it stands in."""
    for manifest in manifests:
        match manifest.kind:
            case "Deployment" | "StatefulSet" | "DaemonSet" | "Job":
                yield manifest, manifest.body["spec"]["template"]
            case "CronJob":
                yield manifest, manifest.body["spec"]["jobTemplate"]["spec"]["template"]
            case "Pod":
                yield manifest, manifest.body


def of_kind(kind: str) -> list[Manifest]:
    return [manifest for manifest in COMPANY if manifest.kind == kind]


def selected(namespace: str, labels: dict[str, str]) -> list[str]:
    return [
        owner.title
        for owner, template in pod_templates(COMPANY)
        if owner.namespace == namespace and labels.items() <= template["metadata"].get("labels", {}).items()
    ]


def test_no_object_is_written_twice() -> None:
    """Two manifests of one object would undo each other at every seed."""
    assert len(TITLES) == len(COMPANY)


def test_every_namespace_in_use_is_one_of_the_companys() -> None:
    """A misspelt namespace would only be noticed on a cluster."""
    namespaces = {manifest.name for manifest in of_kind("Namespace")}
    assert len(namespaces) >= 6
    assert {manifest.namespace for manifest in COMPANY + BEFORE if manifest.namespace} <= namespaces


def test_the_company_shows_every_kind_a_first_look_expects() -> None:
    """Screens of later work lean on each of these being there."""
    expected = {
        *(
            "Deployment",
            "StatefulSet",
            "DaemonSet",
            "Job",
            "CronJob",
            "Pod",
            "Service",
            "Ingress",
            "NetworkPolicy",
        ),
        *(
            "ConfigMap",
            "Secret",
            "ServiceAccount",
            "Role",
            "RoleBinding",
            "ClusterRole",
            "ClusterRoleBinding",
        ),
        *("PodDisruptionBudget", "HorizontalPodAutoscaler", "PriorityClass", "ResourceQuota", "LimitRange"),
        *("PersistentVolume", "PersistentVolumeClaim", "StorageClass", "CustomResourceDefinition"),
        *("Certificate", "Database"),
    }
    assert expected <= {manifest.kind for manifest in COMPANY}


@pytest.mark.parametrize("service", of_kind("Service"), ids=lambda one: one.title)
def test_a_service_selects_pods_and_ports_they_have(service: Manifest) -> None:
    """A Service without pods would be trouble that the story does not tell."""
    spec = service.body["spec"]
    assert selected(service.namespace, spec["selector"])
    offered = {
        port["name"]
        for owner, template in pod_templates(COMPANY)
        if owner.title in selected(service.namespace, spec["selector"])
        for container in template["spec"]["containers"]
        for port in container.get("ports", ())
    }
    assert {port["targetPort"] for port in spec["ports"]} <= offered


@pytest.mark.parametrize("budget", of_kind("PodDisruptionBudget"), ids=lambda one: one.title)
def test_a_budget_covers_pods(budget: Manifest) -> None:
    """A budget over nothing never shows in a drain."""
    assert selected(budget.namespace, budget.body["spec"]["selector"]["matchLabels"])


def test_one_deployment_is_under_two_budgets() -> None:
    """The eviction API refuses such pods outright; a drain has to see it coming."""
    covered = [
        title
        for budget in of_kind("PodDisruptionBudget")
        for title in selected(budget.namespace, budget.body["spec"]["selector"]["matchLabels"])
    ]
    assert {title for title in covered if covered.count(title) > 1} == {"Deployment legacy/erp"}


@pytest.mark.parametrize("autoscaler", of_kind("HorizontalPodAutoscaler"), ids=lambda one: one.title)
def test_an_autoscaler_has_its_target(autoscaler: Manifest) -> None:
    """Scale asks who else sets the replicas: the answer has to exist."""
    target = autoscaler.body["spec"]["scaleTargetRef"]
    assert f"{target['kind']} {autoscaler.namespace}/{target['name']}" in TITLES


def references(owner: Manifest, spec: dict[str, Any]) -> Iterator[str]:
    """The titles of everything a pod needs before it can start."""
    where = owner.namespace
    if account := spec.get("serviceAccountName"):
        yield f"ServiceAccount {where}/{account}"
    if priority := spec.get("priorityClassName"):
        yield f"PriorityClass {priority}"
    for volume in spec.get("volumes", ()):
        if "configMap" in volume:
            yield f"ConfigMap {where}/{volume['configMap']['name']}"
        if "secret" in volume:
            yield f"Secret {where}/{volume['secret']['secretName']}"
        if "persistentVolumeClaim" in volume:
            yield f"PersistentVolumeClaim {where}/{volume['persistentVolumeClaim']['claimName']}"
    for container in spec["containers"]:
        for source in container.get("envFrom", ()):
            (kind, reference), *_ = source.items()
            yield f"{'ConfigMap' if kind == 'configMapRef' else 'Secret'} {where}/{reference['name']}"
        for variable in container.get("env", ()):
            yield f"Secret {where}/{variable['valueFrom']['secretKeyRef']['name']}"


@pytest.mark.parametrize(
    ("owner", "template"), list(pod_templates()), ids=[owner.title for owner, _ in pod_templates()]
)
def test_what_a_pod_refers_to_exists(owner: Manifest, template: dict[str, Any]) -> None:
    """On simulated nodes a missing Secret would go unnoticed: no kubelet looks for it."""
    needed = set(references(owner, template["spec"])) - {"PriorityClass system-node-critical"}
    assert needed <= TITLES
    mounted = {
        mount["name"] for one in template["spec"]["containers"] for mount in one.get("volumeMounts", ())
    }
    offered = {volume["name"] for volume in template["spec"].get("volumes", ())}
    offered |= {claim["metadata"]["name"] for claim in owner.body["spec"].get("volumeClaimTemplates", ())}
    assert mounted <= offered
    annotations = template["metadata"].get("annotations", {})
    assert annotations.get("sandbox.k8sops.dev/play", "complete") in PLAYS
    assert annotations["sandbox.k8sops.dev/log"]


def test_every_claim_has_a_volume_made_for_it_or_one_of_the_class_that_is_provisioned() -> None:
    """A `precious` claim without its own volume would stay pending, as would one of a class that nobody has."""
    waiting = {
        f"{one.namespace}/{one.name}": one.body["spec"]["storageClassName"]
        for one in of_kind("PersistentVolumeClaim")
    }
    for one in of_kind("StatefulSet"):
        for claim in one.body["spec"].get("volumeClaimTemplates", ()):
            for ordinal in range(one.body["spec"]["replicas"]):
                name = f"{one.namespace}/{claim['metadata']['name']}-{one.name}-{ordinal}"
                waiting[name] = claim["spec"]["storageClassName"]
    made = {
        f"{ref['namespace']}/{ref['name']}": volume.body["spec"]["storageClassName"]
        for volume in of_kind("PersistentVolume")
        for ref in [volume.body["spec"]["claimRef"]]
    }
    assert {name: made.get(name, "standard") for name in waiting} == waiting
    assert set(made) <= set(waiting)
    assert {f"data/data-postgres-{ordinal}" for ordinal in range(3)} <= set(made)
    assert {volume.body["spec"]["storageClassName"] for volume in of_kind("PersistentVolume")} == {
        "precious",
        "standard",
    }
    assert {one.name for one in of_kind("StorageClass")} == {"precious"}, (
        "the sandbox itself brings the others"
    )


def test_a_binding_binds_a_role_that_exists() -> None:
    """alice, bob and carol can do what the documentation says only through these."""
    for binding in of_kind("RoleBinding") + of_kind("ClusterRoleBinding"):
        role = binding.body["roleRef"]
        where = f"{binding.namespace}/" if role["kind"] == "Role" else ""
        assert f"{role['kind']} {where}{role['name']}" in TITLES
    groups = {one["name"] for b in COMPANY for one in b.body.get("subjects", ()) if one["kind"] == "Group"}
    assert groups == {"ops", "developers", "auditors"}


def test_ops_may_look_into_pods() -> None:
    """`k8sops demo` is played as alice of ops: its shell, attach, debug and forward are to be tried, not refused."""
    (role,) = (one for one in of_kind("ClusterRole") if one.name == "acme-ops")
    allowed = {
        (resource, verb)
        for rule in role.body["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert {
        ("pods/exec", "create"),
        ("pods/attach", "create"),
        ("pods/portforward", "create"),
        ("pods/ephemeralcontainers", "patch"),
    } <= allowed


def test_a_past_run_names_a_cron_job_beside_it() -> None:
    """Its owner reference is looked up at seeding time."""
    runs = [manifest for manifest in of_kind("Job") if manifest.cronjob]
    assert len(runs) >= 3
    assert all(f"CronJob {run.namespace}/{run.cronjob}" in TITLES for run in runs)


def test_helm_s_releases_are_what_helm_would_have_kept_of_the_company_s_own_objects() -> None:
    """The screen of releases is to show what stands beside it on the cluster, and one that failed."""
    seeded = datetime(2026, 5, 4, 12, tzinfo=UTC)
    kept = [one for one in COMPANY if one.revision is not None]
    assert [(one.namespace, one.name) for one in kept] == [
        *(("payments", f"sh.helm.release.v1.gateway.v{n}") for n in (1, 2, 3)),
        *(("monitoring", f"sh.helm.release.v1.grafana.v{n}") for n in (1, 2, 3)),
    ]
    states = []
    for one in kept:
        assert one.revision is not None
        secret = one.revision.secret(seeded)
        assert secret == one.revision.secret(seeded), "a second seed must change nothing"
        body = unpacked(secret["data"]["release"])
        assert body.info is not None
        states.append(body.info.status)
        assert secret["metadata"]["labels"]["status"] == body.info.status
        assert parse_rfc3339(body.info.last_deployed) < seeded
        for found in documents(body.manifest):
            title = f"{found['kind']} {found['metadata']['namespace']}/{found['metadata']['name']}"
            assert title in TITLES
        assert "{" not in body.info.notes.replace("{.data", "")
        assert "not-a-real" not in str(masked_values(body.config or {}))
    assert states == ["superseded", "deployed", "failed", "superseded", "superseded", "deployed"]
    older, newest = (documents(one.revision.manifest)[-1] for one in kept[1:3] if one.revision)
    assert newest == next(one.body for one in COMPANY if one.title == "Deployment payments/gateway")
    before = next(one.body for one in BEFORE if one.title == "Deployment payments/gateway")
    assert older["spec"]["template"] == before["spec"]["template"]


@pytest.mark.parametrize("wrong", [{}, {"name": 1}, []])
def test_a_document_that_is_no_release_is_refused(wrong: object) -> None:
    """A misspelt field would only be noticed on a cluster."""
    with pytest.raises(msgspec.ValidationError):
        list(revisions_of(wrong, {}))


def test_a_failing_job_gives_up_at_its_first_pod() -> None:
    """With retries it would take minutes to be Failed."""
    for manifest in of_kind("Job"):
        assert manifest.body["spec"]["backoffLimit"] == 0
        plays = manifest.body["spec"]["template"]["metadata"]["annotations"]["sandbox.k8sops.dev/play"]
        assert (plays == "fail") == (manifest.title in FAILED_JOBS)


def test_the_older_releases_differ_from_the_newer_in_what_broke_only() -> None:
    """Rolling back has to heal: same object, other image, no play."""
    assert {older.title for older in BEFORE} == {"Deployment shop/checkout", "Deployment payments/gateway"}
    for older in BEFORE:
        newer = next(manifest for manifest in COMPANY if manifest.title == older.title)
        spec, template = newer.body["spec"], older.body["spec"]["template"]
        assert "sandbox.k8sops.dev/play" not in template["metadata"]["annotations"]
        image = spec["template"]["spec"]["containers"][0]["image"]
        assert template["spec"]["containers"][0].pop("image") != image
        restored = {**template["spec"]["containers"][0], "image": image}
        assert [restored] == spec["template"]["spec"]["containers"]
        assert {**older.body["spec"], "template": None} == {**spec, "template": None}
        template["spec"]["containers"][0]["image"] = image


def test_secrets_are_obviously_not_real() -> None:
    """They end up in screenshots."""
    for secret in of_kind("Secret"):
        assert "stringData" not in secret.body, "write-only: applied twice it would be a change each time"
        assert secret.body["data"]


def test_the_story_speaks_of_objects_that_exist() -> None:
    """Whoever follows it types these names."""
    assert TITLES >= TROUBLED | FAILED_JOBS
    names = {f"{manifest.namespace}/{manifest.name}" for manifest in COMPANY}
    words = {word.strip(".,:;?()") for line in TOLD for word in line.split()}
    mentioned = {word for word in words if word.count("/") == 1}
    assert len(mentioned) >= 8
    assert mentioned <= names


def test_objects_come_after_what_they_refer_to() -> None:
    """A pod created before its quota or account would be refused, or worse, not be refused."""
    replaced = frozenset(older.title for older in BEFORE)
    phases = {manifest.title: phase_of(manifest, replaced) for manifest in COMPANY}
    assert phases["PersistentVolume reports"] < phases["PersistentVolumeClaim data/reports"]
    assert phases["ResourceQuota legacy/legacy-quota"] < phases["Deployment legacy/importer"]
    assert phases["CronJob batch/invoice-export"] < phases["Job batch/invoice-export-29000160"]
    assert phases["StatefulSet data/postgres"] < phases["Deployment legacy/erp"]
    assert all(phases[title] is Phase.LAST for title in replaced)


def test_a_load_has_the_same_names_each_time_and_none_twice() -> None:
    """An interrupted load is continued by name."""
    size = load_objects.load_size(1200, 600, 10)

    def names() -> list[tuple[str, str, str]]:
        pods = [load_objects.pod(n, size, load_objects.node_name(n % 10)) for n in range(size.pods)]
        rest = [load_objects.rest(n, size) for n in range(size.rest)]
        return [(one.kind, one.namespace, one.name) for one in pods + rest]

    assert names() == names()
    assert len(set(names())) == 600 + 590


def test_pod_addresses_of_a_large_load_are_distinct() -> None:
    """Two pods with one address would be a lie that a network view shows."""
    size = load_objects.load_size(0, 100_000, 1000)
    addresses = set()
    for number in range(0, size.pods, 7):
        placed = load_objects.pod(number, size, "load-node-0000")
        addresses.add(load_objects.running(placed, number, "2026-01-01T00:00:00.000Z")["podIP"])
    assert len(addresses) == len(range(0, size.pods, 7))


@pytest.mark.parametrize(
    ("objects", "pods", "nodes", "names"),
    [(-1, 0, 0, "--objects"), (0, -1, 0, "--pods"), (0, 1000, 2, "--nodes 10")],
)
def test_impossible_loads_are_refused_by_the_flag_to_change(
    objects: int, pods: int, nodes: int, names: str
) -> None:
    """The numbers come from a command line."""
    with pytest.raises(UsageError) as refusal:
        load_objects.load_size(objects, pods, nodes)
    assert names in refusal.value.hint + refusal.value.message
