"""What of an object is put back, in which order, under which name: without any cluster."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from k8sops.actions.backups.restoring.deciding import risk_of
from k8sops.actions.backups.restoring.hushing import hushed
from k8sops.actions.backups.restoring.judging import judge, told
from k8sops.actions.backups.restoring.levels import level_of
from k8sops.actions.backups.restoring.mapping import put_elsewhere
from k8sops.actions.backups.restoring.ownership import left_to
from k8sops.actions.backups.restoring.params import RestoreParams
from k8sops.actions.backups.restoring.stripping import Rewrite, strip, table_rows
from k8sops.backup.differences import LAST_APPLIED
from k8sops.core.errors import ForbiddenError
from k8sops.core.risk import Risk

DOCS = Path(__file__).parents[3] / "docs" / "restore.md"


def level(kind: str, *, defined: bool = False, aggregated: bool = False) -> int:
    """The level of a kind."""
    return level_of(kind, defined=defined, aggregated=aggregated)


def test_what_others_need_comes_before_them() -> None:
    """The order the issue asks for, and custom resources between what they need and what refuses them."""
    order = [
        "customresourcedefinitions.apiextensions.k8s.io",
        "namespaces",
        "storageclasses.storage.k8s.io",
        "persistentvolumes",
        "persistentvolumeclaims",
        "serviceaccounts",
        "secrets",
        "clusterroles.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io",
        "pods",
        "deployments.apps",
        "endpoints",
        "services",
        "ingresses.networking.k8s.io",
        "orders.example.com",
        "resourcequotas",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
    ]
    levels = [level(kind) for kind in order]
    assert levels == sorted(set(levels))
    assert level("configmaps") == level("secrets")
    assert level("things.example.com", aggregated=True) > level("apiservices.apiregistration.k8s.io")
    assert level("gateways.gateway.networking.k8s.io", defined=True) == level("orders.example.com")


def test_the_table_in_the_docs_is_the_one_that_is_used() -> None:
    """People decide by it whether a restore brings back what they need."""
    text = DOCS.read_text(encoding="utf-8")
    for kinds, fields, why in table_rows():
        assert f"| {kinds} | {fields} | {why} |" in text


def test_what_the_server_assigns_is_taken_out_and_all_else_stays() -> None:
    """Empty maps go with the last of their members: the API server does not keep them."""
    found: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "u",
            "resourceVersion": "1",
            "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"deployment.kubernetes.io/revision": "3"},
            "finalizers": ["foregroundDeletion", "example.com/kept"],
        },
        "spec": {"replicas": 2},
        "status": {"replicas": 2},
    }
    assert strip("deployments.apps", found, Rewrite()) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "finalizers": ["example.com/kept"]},
        "spec": {"replicas": 2},
    }


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({}, {"ports": [{"port": 80, "nodePort": 30080}], "healthCheckNodePort": 31000}),
        ({"keep_node_ports": False}, {"ports": [{"port": 80}]}),
        (
            {"keep_cluster_ips": True},
            {
                "clusterIP": "10.0.0.1",
                "clusterIPs": ["10.0.0.1"],
                "ports": [{"port": 80, "nodePort": 30080}],
                "healthCheckNodePort": 31000,
            },
        ),
    ],
)
def test_addresses_of_services_are_kept_or_released(said: dict[str, Any], kept: dict[str, Any]) -> None:
    """Each by itself: others know a node port, nobody should know a cluster IP."""
    spec = {
        "clusterIP": "10.0.0.1",
        "clusterIPs": ["10.0.0.1"],
        "ports": [{"port": 80, "nodePort": 30080}],
        "healthCheckNodePort": 31000,
    }
    found = {"metadata": {"name": "web"}, "spec": spec}
    assert strip("services", found, Rewrite(**said))["spec"] == kept


def test_a_headless_service_stays_headless() -> None:
    """`None` is somebody's choice, not an address."""
    found = {"metadata": {"name": "db"}, "spec": {"clusterIP": "None", "clusterIPs": ["None"]}}
    assert strip("services", found, Rewrite())["spec"] == {"clusterIP": "None", "clusterIPs": ["None"]}


def test_a_pod_loses_the_token_that_is_mounted_anew() -> None:
    """Else it would have two, one of which is of an account that is gone."""
    volume = {"name": "kube-api-access-x2x4z", "projected": {"sources": []}}
    mounts = [{"name": "kube-api-access-x2x4z", "mountPath": "/token"}, {"name": "data", "mountPath": "/d"}]
    spec = {"nodeName": "n1", "volumes": [volume], "containers": [{"name": "app", "volumeMounts": mounts}]}
    found = {"metadata": {"name": "p"}, "spec": spec}
    assert strip("pods", found, Rewrite())["spec"] == {
        "containers": [{"name": "app", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}]
    }


def test_references_to_a_namespace_go_along_when_it_is_mapped() -> None:
    """Those the API defines: a binding in the copy must not give rights in the original to the copy's account."""
    binding = {
        "metadata": {"name": "b", "namespace": "shop"},
        "subjects": [
            {"kind": "ServiceAccount", "name": "operator", "namespace": "shop"},
            {"kind": "ServiceAccount", "name": "other", "namespace": "elsewhere"},
            {"kind": "User", "name": "alice"},
        ],
    }
    found = put_elsewhere("rolebindings.rbac.authorization.k8s.io", binding, {"shop": "copy"})
    assert found["metadata"]["namespace"] == "copy"
    assert [one.get("namespace") for one in found["subjects"]] == ["copy", "elsewhere", None]


@pytest.mark.parametrize(
    ("kind", "found", "who"),
    [
        ("replicasets.apps", {"owner": ("Deployment", "u1")}, "Deployment controller"),
        ("replicasets.apps", {"owner": ("Deployment", "other")}, ""),
        ("pods", {"owner": ("Rollout", "u1")}, "Rollout controller"),
        ("secrets", {"owner": ("Certificate", "u1")}, ""),
        ("configmaps", {"name": "kube-root-ca.crt"}, "root CA publisher"),
        ("pods", {"status": {"phase": "Succeeded"}}, "past: it has finished"),
        (
            "jobs.batch",
            {"status": {"conditions": [{"type": "Complete", "status": "True"}]}},
            "past: it has finished",
        ),
    ],
)
def test_what_controllers_make_is_left_to_them(kind: str, found: dict[str, Any], who: str) -> None:
    """But not what an operator's object owns: only the backup may know what is in it."""
    metadata: dict[str, Any] = {"name": found.get("name", "x")}
    if "owner" in found:
        owner, uid = found["owner"]
        metadata["ownerReferences"] = [
            {"apiVersion": "v1", "kind": owner, "name": "o", "uid": uid, "controller": True}
        ]
    body = {"metadata": metadata, "status": found.get("status", {})}
    assert left_to(kind, body, frozenset({"u1"})) == who


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"object": ["web"]}, "names no object"),
        ({"object": ["cm/a"], "include_kinds": ["secrets"]}, "names its objects itself"),
        ({"namespace_mapping": ["a:b", "a:c"]}, "takes each namespace to one other"),
        ({"namespace_mapping": ["a:c", "b:c"]}, "takes two namespaces to the same one"),
        ({"namespace_mapping": ["a:../b"]}, "is no namespace"),
        ({"namespace": "a", "include_namespaces": ["b"]}, "one of the two"),
        ({"force_conflicts": True}, "--existing update"),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any], why: str) -> None:
    """With the flag that is meant."""
    with pytest.raises(ValueError, match=why):
        RestoreParams.model_validate({"backup": "latest", **said})


def test_a_refusal_that_quotes_a_secret_is_told_without_it() -> None:
    """A webhook may print the object that it refuses; plan, record and chat would have the password from then on."""
    secret = {"data": {"password": "aHVudGVyMg==", "key": base64.b64encode(b"-----BEGIN\nabcdef").decode()}}
    said = (
        'admission webhook "w" denied the request: password "hunter2" (aHVudGVyMg==) is weak, key '
        '"-----BEGIN\\nabcdef" is none'
    )
    with pytest.raises(ForbiddenError) as caught, hushed("secrets", secret):
        raise ForbiddenError(said, hint="ask", retry_after=3.0)
    assert caught.value.message == (
        'admission webhook "w" denied the request: password "(hidden)" ((hidden)) is weak, key "(hidden)" is none'
    )
    assert (caught.value.hint, caught.value.retry_after) == ("ask", 3.0)
    with pytest.raises(ForbiddenError, match="hunter2"), hushed("configmaps", secret):
        raise ForbiddenError(said)


@pytest.mark.parametrize(
    "kind",
    [
        "clusterrolebindings.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io",
        "networkpolicies.networking.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    ],
)
def test_what_decides_about_others_is_disruptive_though_it_is_new(kind: str) -> None:
    """A policy that lets low risks pass must not hand out rights, or cut traffic off, by a restore."""
    assert risk_of(kind, "create") is Risk.DISRUPTIVE
    assert risk_of("configmaps", "create") is Risk.LOW
    assert risk_of(kind, "recreate") is Risk.DESTRUCTIVE


def test_a_preview_shows_no_value_that_says_it_is_a_secret() -> None:
    """A plan is stored, approved in a chat and kept for years; secrets stand in more places than Secrets."""

    def with_values(password: str, colour: str) -> dict[str, Any]:
        env = [{"name": "DB_PASSWORD", "value": password}, {"name": "COLOUR", "value": colour}]
        return {
            "metadata": {"name": "web", "annotations": {LAST_APPLIED: json.dumps([password])}},
            "data": {"db.password": password, "app.ini": f"colour={colour}\npassword={password}\n"},
            "spec": {"containers": [{"name": "web", "env": env}], "url": f"postgres://app:{password}@db/app"},
            "more": {"env": env} if colour == "red" else {},
        }

    found = judge(with_values("hunter2", "red"), with_values("hunter3", "blue"))
    assert "hunter" not in "; ".join(map(told, found.differing))
    assert 'spec.containers[web].env[COLOUR].value: "red" → "blue"' in [told(one) for one in found.differing]
    assert 'data["db.password"]: (not shown)' in found.text
