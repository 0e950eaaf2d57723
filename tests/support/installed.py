"""What widely used projects install, by hand: definitions in several versions, operators, webhooks, RBAC, state.

Everything carries the label `suite` of one test and names of its own, so that tests on one control plane do not meet.
Webhooks and policies look at the test's namespace alone.
"""

from __future__ import annotations

from typing import Any

from k8sops.core.plan import JsonObject
from tests.support.workloads import pod_template


class Installed:
    """Objects of one test, in the order in which somebody would apply them."""

    def __init__(self, suite: str, namespace: str) -> None:
        self.suite = suite
        self.namespace = namespace
        self.group = f"{suite}.example.com"

    def everything(self) -> list[JsonObject]:
        """Definitions first, webhooks last."""
        return [
            *self.definitions(),
            *self.cluster_wide(),
            *self.access(),
            *self.settings(),
            *self.workloads(),
            *self.scaling(),
            *self.traffic(),
        ]

    def custom(self) -> list[JsonObject]:
        """Objects of the custom kinds."""
        return [
            self._made(
                f"{self.group}/v1",
                "Certificate",
                "web-tls",
                spec={"secretName": "web-tls", "dnsNames": ["a", "b"]},
            ),
            self._made(
                f"{self.group}/v1",
                "Database",
                "orders",
                spec={"size": 3, "storage": {"class": "fast", "gigabytes": 20}, "ratio": 0.5},
                status={"primary": "orders-0"},
            ),
        ]

    def last(self) -> list[JsonObject]:
        """What refuses others as soon as it is there."""
        return [
            self._made(
                "admissionregistration.k8s.io/v1",
                "ValidatingWebhookConfiguration",
                f"{self.suite}-guard",
                namespaced=False,
                webhooks=[
                    {
                        "name": f"guard.{self.suite}.example.com",
                        "admissionReviewVersions": ["v1"],
                        "sideEffects": "None",
                        "failurePolicy": "Fail",
                        "timeoutSeconds": 1,
                        "namespaceSelector": {"matchLabels": {"suite": self.suite}},
                        "rules": [
                            {
                                "apiGroups": [""],
                                "apiVersions": ["v1"],
                                "operations": ["CREATE", "UPDATE"],
                                "resources": ["configmaps", "secrets", "services", "pods"],
                            }
                        ],
                        "clientConfig": {
                            "service": {
                                "name": "guard",
                                "namespace": self.namespace,
                                "path": "/check",
                                "port": 443,
                            }
                        },
                    }
                ],
            )
        ]

    def definitions(self) -> list[JsonObject]:
        """One kind in two versions, one whose status is a field as any other."""
        return [
            self._definition("certificates", "Certificate", ["v1", "v1alpha1"], status=True),
            self._definition("databases", "Database", ["v1"], status=False),
        ]

    def cluster_wide(self) -> list[JsonObject]:
        """Classes, a volume, and roles for all namespaces."""
        return [
            self._made(
                "scheduling.k8s.io/v1",
                "PriorityClass",
                f"{self.suite}-urgent",
                namespaced=False,
                value=1000,
                description="for what must run",
            ),
            self._made(
                "storage.k8s.io/v1",
                "StorageClass",
                f"{self.suite}-fast",
                namespaced=False,
                provisioner="example.com/disk",
                volumeBindingMode="WaitForFirstConsumer",
                parameters={"type": "ssd"},
            ),
            self._made(
                "v1",
                "PersistentVolume",
                f"{self.suite}-data",
                namespaced=False,
                spec={
                    "capacity": {"storage": "1Gi"},
                    "accessModes": ["ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "storageClassName": "",
                    "claimRef": {"namespace": self.namespace, "name": "data"},
                    "hostPath": {"path": "/tmp/data"},
                },
            ),
            self._made(
                "rbac.authorization.k8s.io/v1",
                "ClusterRole",
                f"{self.suite}-operator",
                namespaced=False,
                rules=[{"apiGroups": [self.group], "resources": ["*"], "verbs": ["get", "list", "watch"]}],
            ),
        ]

    def access(self) -> list[JsonObject]:
        """An operator's account and what it may do."""
        subject = {"kind": "ServiceAccount", "name": "operator", "namespace": self.namespace}
        rbac = "rbac.authorization.k8s.io"
        return [
            self._made("v1", "ServiceAccount", "operator", automountServiceAccountToken=False),
            self._made(
                f"{rbac}/v1",
                "ClusterRoleBinding",
                f"{self.suite}-operator",
                namespaced=False,
                roleRef={"apiGroup": rbac, "kind": "ClusterRole", "name": f"{self.suite}-operator"},
                subjects=[subject],
            ),
            self._made(
                f"{rbac}/v1",
                "Role",
                "leader",
                rules=[{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "update"]}],
            ),
            self._made(
                f"{rbac}/v1",
                "RoleBinding",
                "leader",
                roleRef={"apiGroup": rbac, "kind": "Role", "name": "leader"},
                subjects=[subject],
            ),
        ]

    def settings(self) -> list[JsonObject]:
        """Configuration, a claim, limits."""
        return [
            self._made("v1", "ConfigMap", "settings", data={"colour": "green", "empty": ""}),
            self._made("v1", "ConfigMap", "binary", binaryData={"logo": "AAECAw=="}, immutable=True),
            self._made("v1", "Secret", "db", type="Opaque", data={"password": "c2VjcmV0"}),
            self._made(
                "v1",
                "PersistentVolumeClaim",
                "data",
                spec={
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "",
                    "volumeName": f"{self.suite}-data",
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            ),
            self._made(
                "v1",
                "LimitRange",
                "usual",
                spec={"limits": [{"type": "Container", "defaultRequest": {"cpu": "10m", "memory": "16Mi"}}]},
            ),
            self._made("v1", "ResourceQuota", "most", spec={"hard": {"pods": "50", "services": "20"}}),
            self._made(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                "default-deny",
                spec={"podSelector": {}, "policyTypes": ["Ingress"]},
            ),
        ]

    def workloads(self) -> list[JsonObject]:
        """Of every kind."""
        web = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": pod_template("web")}
        db = {
            "replicas": 1,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": pod_template("db"),
        }
        agent = {"selector": {"matchLabels": {"app": "agent"}}, "template": pod_template("agent")}
        job = {"template": pod_template("report")}
        job["template"]["spec"]["restartPolicy"] = "Never"
        return [
            self._made("apps/v1", "Deployment", "web", spec=web),
            self._made("apps/v1", "StatefulSet", "db", spec=db),
            self._made("apps/v1", "DaemonSet", "agent", spec=agent),
            self._made("batch/v1", "Job", "report", spec={**job, "suspend": True}),
            self._made(
                "batch/v1",
                "CronJob",
                "nightly",
                spec={"schedule": "0 3 * * *", "suspend": True, "jobTemplate": {"spec": job}},
            ),
        ]

    def scaling(self) -> list[JsonObject]:
        """What scales and protects them, and a pod that nobody owns."""
        return [
            self._made(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                "web",
                spec={
                    "minReplicas": 2,
                    "maxReplicas": 5,
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                    "metrics": [
                        {
                            "type": "Resource",
                            "resource": {
                                "name": "cpu",
                                "target": {"type": "Utilization", "averageUtilization": 80},
                            },
                        }
                    ],
                },
            ),
            self._made(
                "policy/v1",
                "PodDisruptionBudget",
                "web",
                spec={"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
            ),
            self._made("v1", "Pod", "debug", spec=pod_template("debug")["spec"]),
        ]

    def traffic(self) -> list[JsonObject]:
        """Services of each kind, endpoints by hand, an Ingress."""
        ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
        return [
            self._made(
                "v1", "Service", "web", spec={"type": "NodePort", "selector": {"app": "web"}, "ports": ports}
            ),
            self._made(
                "v1", "Service", "db", spec={"clusterIP": "None", "selector": {"app": "db"}, "ports": ports}
            ),
            self._made("v1", "Service", "guard", spec={"selector": {"app": "guard"}, "ports": ports}),
            self._made("v1", "Service", "outside", spec={"ports": ports}),
            self._made(
                "v1",
                "Endpoints",
                "outside",
                subsets=[{"addresses": [{"ip": "192.0.2.1"}], "ports": [{"name": "http", "port": 8080}]}],
            ),
            self._made(
                "networking.k8s.io/v1",
                "Ingress",
                "web",
                spec={
                    "rules": [
                        {
                            "host": f"{self.suite}.example.com",
                            "http": {
                                "paths": [
                                    {
                                        "path": "/",
                                        "pathType": "Prefix",
                                        "backend": {"service": {"name": "web", "port": {"number": 80}}},
                                    }
                                ]
                            },
                        }
                    ]
                },
            ),
        ]

    def _definition(self, plural: str, kind: str, versions: list[str], *, status: bool) -> JsonObject:
        schema = {
            "openAPIV3Schema": {
                "type": "object",
                "properties": {
                    "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        }
        return self._made(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            f"{plural}.{self.group}",
            namespaced=False,
            spec={
                "group": self.group,
                "scope": "Namespaced",
                "names": {
                    "plural": plural,
                    "singular": kind.lower(),
                    "kind": kind,
                    "listKind": f"{kind}List",
                },
                "versions": [
                    {
                        "name": version,
                        "served": True,
                        "storage": number == 0,
                        "schema": schema,
                        **({"subresources": {"status": {}}} if status else {}),
                    }
                    for number, version in enumerate(versions)
                ],
            },
        )

    def _made(
        self, version: str, kind: str, name: str, *, namespaced: bool = True, **fields: Any
    ) -> JsonObject:
        where = {"namespace": self.namespace} if namespaced else {}
        return {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": name, "labels": {"suite": self.suite}, **where},
            **fields,
        }
