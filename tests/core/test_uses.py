"""Which objects an object names: every place counts, for one that is missed is a Secret somebody deletes."""

from __future__ import annotations

from typing import Any

import pytest

from k8sops.core.uses import HOLDERS, Named, named_by

POD_SPEC: dict[str, Any] = {
    "serviceAccountName": "runner",
    "priorityClassName": "high",
    "imagePullSecrets": [{"name": "registry"}],
    "volumes": [
        {"name": "conf", "configMap": {"name": "settings"}},
        {"name": "tls", "secret": {"secretName": "cert"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "disk"}},
        {
            "name": "both",
            "projected": {"sources": [{"secret": {"name": "token"}}, {"configMap": {"name": "ca"}}]},
        },
        {"name": "csi", "csi": {"driver": "x", "nodePublishSecretRef": {"name": "mount"}}},
        {"name": "scratch", "emptyDir": {}},
    ],
    "initContainers": [{"name": "init", "envFrom": [{"secretRef": {"name": "bulk"}}]}],
    "containers": [
        {
            "name": "app",
            "env": [
                {"name": "PLAIN", "value": "x"},
                {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
                {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "modes", "key": "mode"}}},
            ],
        }
    ],
}
IN_POD = {
    Named("serviceaccounts", "runner", "runs as it"),
    Named("priorityclasses.scheduling.k8s.io", "high", "priority"),
    Named("secrets", "registry", "image pull"),
    Named("configmaps", "settings", "volume conf"),
    Named("secrets", "cert", "volume tls"),
    Named("persistentvolumeclaims", "disk", "volume data"),
    Named("secrets", "token", "volume both"),
    Named("configmaps", "ca", "volume both"),
    Named("secrets", "mount", "volume csi"),
    Named("secrets", "bulk", "environment of container init"),
    Named("secrets", "db", "PASSWORD of container app"),
    Named("configmaps", "modes", "MODE of container app"),
}
TEMPLATE = {"template": {"spec": POD_SPEC}}


@pytest.mark.parametrize(
    "found",
    [
        {"kind": "Pod", "spec": POD_SPEC},
        {"kind": "Deployment", "spec": TEMPLATE},
        {"kind": "CronJob", "spec": {"jobTemplate": {"spec": TEMPLATE}}},
    ],
    ids=lambda found: str(found["kind"]),
)
def test_every_place_of_a_pod_that_names_something_is_found_wherever_the_pod_is_made(
    found: dict[str, Any],
) -> None:
    """A CronJob uses its Secret also while no Job of it runs."""
    assert set(named_by(found)) == IN_POD


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (
            {
                "kind": "Ingress",
                "spec": {
                    "ingressClassName": "edge",
                    "tls": [{"hosts": ["a.example", "b.example"], "secretName": "cert"}],
                    "defaultBackend": {"service": {"name": "home"}},
                    "rules": [
                        {
                            "host": "a.example",
                            "http": {"paths": [{"path": "/", "backend": {"service": {"name": "web"}}}]},
                        },
                        {"host": "c.example"},
                    ],
                },
            },
            {
                Named("ingressclasses.networking.k8s.io", "edge", "class"),
                Named("secrets", "cert", "TLS of a.example, b.example"),
                Named("services", "home", "default backend"),
                Named("services", "web", "backend of a.example/"),
            },
        ),
        (
            {
                "kind": "ClusterRoleBinding",
                "roleRef": {"kind": "ClusterRole", "name": "view"},
                "subjects": [
                    {"kind": "ServiceAccount", "name": "runner", "namespace": "shop"},
                    {"kind": "User", "name": "alice"},
                ],
            },
            {
                Named("clusterroles.rbac.authorization.k8s.io", "view", "grants it"),
                Named("serviceaccounts", "runner", "is granted view", "shop"),
            },
        ),
        (
            {
                "kind": "HorizontalPodAutoscaler",
                "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}},
            },
            {Named("deployments.apps", "web", "scales it")},
        ),
        (
            {"kind": "PersistentVolumeClaim", "spec": {"volumeName": "pv-1", "storageClassName": "fast"}},
            {
                Named("persistentvolumes", "pv-1", "bound"),
                Named("storageclasses.storage.k8s.io", "fast", "storage class"),
            },
        ),
        (
            {"kind": "ServiceAccount", "imagePullSecrets": [{"name": "r"}]},
            {Named("secrets", "r", "image pull")},
        ),
        ({"kind": "ConfigMap", "data": {"secretName": "no"}}, set()),
    ],
    ids=lambda value: str(value["kind"]) if isinstance(value, dict) else "",
)
def test_what_other_kinds_name_is_found_too(found: dict[str, Any], named: set[Named]) -> None:
    """A certificate is an Ingress's before it is a pod's."""
    assert set(named_by(found)) == named


def test_every_kind_that_is_named_somewhere_can_be_asked_about() -> None:
    """What `named_by` finds and nobody can ask for would be of no use."""
    assert {one.kind for one in IN_POD} <= set(HOLDERS)
