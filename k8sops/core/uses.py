"""Which objects an object names: mounts, environments, bindings, backends, targets. What "used by" is found from.

Pure, from an object as the API server has it. Sources: the API reference of each kind named here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from k8sops.core.plan import JsonObject, Target


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """An object that uses another one, and how."""

    by: Target
    how: str


class Uses(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and which kinds could not be looked through."""

    found: tuple[Use, ...] = ()
    unread: tuple[str, ...] = ()


class Named(msgspec.Struct, frozen=True):
    """An object that is named by another; no namespace: in its own, or of a kind that has none."""

    kind: str
    name: str
    how: str
    namespace: str = ""


_POD_SPECS: Final = (
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "replicasets.apps",
    "cronjobs.batch",
    "jobs.batch",
    "pods",
)
_BINDINGS: Final = ("rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io")
_SCALED: Final = ("horizontalpodautoscalers.autoscaling", "services", "poddisruptionbudgets.policy")

HOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "configmaps": _POD_SPECS,
    "secrets": (*_POD_SPECS, "ingresses.networking.k8s.io", "serviceaccounts"),
    "persistentvolumeclaims": _POD_SPECS,
    "serviceaccounts": (*_POD_SPECS, *_BINDINGS),
    "priorityclasses.scheduling.k8s.io": _POD_SPECS,
    "services": ("ingresses.networking.k8s.io", "statefulsets.apps"),
    "roles.rbac.authorization.k8s.io": _BINDINGS,
    "clusterroles.rbac.authorization.k8s.io": _BINDINGS,
    "persistentvolumes": ("persistentvolumeclaims",),
    "storageclasses.storage.k8s.io": ("persistentvolumeclaims", "persistentvolumes", "statefulsets.apps"),
    "ingressclasses.networking.k8s.io": ("ingresses.networking.k8s.io",),
    "deployments.apps": _SCALED,
    "statefulsets.apps": _SCALED,
    "replicasets.apps": _SCALED,
}
"""Kinds whose users can be told, and where they are looked for."""

_SCALE_KINDS: Final = {
    "Deployment": "deployments.apps",
    "StatefulSet": "statefulsets.apps",
    "ReplicaSet": "replicasets.apps",
}
_ROLE_KINDS: Final = {
    "Role": "roles.rbac.authorization.k8s.io",
    "ClusterRole": "clusterroles.rbac.authorization.k8s.io",
}


def named_by(found: JsonObject) -> Iterator[Named]:
    """What an object names, once for each place it does so."""
    kind, spec = str(found.get("kind") or ""), found.get("spec") or {}
    if pod := pod_spec(found):
        yield from _of_pod(pod)
    if kind == "Ingress":
        yield from _of_ingress(spec)
    elif kind == "ServiceAccount":
        for field, how in (("secrets", "listed"), ("imagePullSecrets", "image pull")):
            for one in found.get(field) or ():
                yield Named("secrets", str(one.get("name")), how)
    elif kind in {"PersistentVolumeClaim", "PersistentVolume"}:
        yield from _pairs(spec, ("volumeName", "persistentvolumes", "bound"))
        yield from _pairs(spec, ("storageClassName", "storageclasses.storage.k8s.io", "storage class"))
    elif kind == "StatefulSet":
        yield from _pairs(spec, ("serviceName", "services", "governing service"))
        for claim in spec.get("volumeClaimTemplates") or ():
            how = f"volume claim template {claim['metadata'].get('name', '')}"
            yield from _pairs(
                claim.get("spec") or {}, ("storageClassName", "storageclasses.storage.k8s.io", how)
            )
    elif kind == "HorizontalPodAutoscaler":
        target = spec.get("scaleTargetRef") or {}
        if plural := _SCALE_KINDS.get(str(target.get("kind"))):
            yield Named(plural, str(target.get("name")), "scales it")
    elif kind in {"RoleBinding", "ClusterRoleBinding"}:
        yield from _of_binding(found)


def pod_spec(found: JsonObject) -> Mapping[str, Any]:
    """The pod spec of a pod, or of what makes pods; empty where there is none."""
    spec = found.get("spec") or {}
    if found.get("kind") == "Pod":
        return dict(spec)
    if found.get("kind") == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    template = spec.get("template")
    return dict(template.get("spec") or {}) if isinstance(template, dict) else {}


def _of_pod(spec: Mapping[str, Any]) -> Iterator[Named]:
    for volume in spec.get("volumes") or ():
        how = f"volume {volume.get('name', '')}"
        for source in (volume, *((volume.get("projected") or {}).get("sources") or ())):
            yield from _pairs(source.get("configMap") or {}, ("name", "configmaps", how))
            yield from _pairs(
                source.get("secret") or {}, ("secretName", "secrets", how), ("name", "secrets", how)
            )
        claim = volume.get("persistentVolumeClaim") or {}
        yield from _pairs(claim, ("claimName", "persistentvolumeclaims", how))
        publish = (volume.get("csi") or {}).get("nodePublishSecretRef") or {}
        yield from _pairs(publish, ("name", "secrets", how))
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(field) or ():
            yield from _of_container(container)
    for one in spec.get("imagePullSecrets") or ():
        yield from _pairs(one, ("name", "secrets", "image pull"))
    yield from _pairs(
        spec,
        ("serviceAccountName", "serviceaccounts", "runs as it"),
        ("priorityClassName", "priorityclasses.scheduling.k8s.io", "priority"),
    )


def _of_container(container: Mapping[str, Any]) -> Iterator[Named]:
    of = f" of container {container.get('name', '')}"
    for one in container.get("envFrom") or ():
        yield from _pairs(one.get("configMapRef") or {}, ("name", "configmaps", f"environment{of}"))
        yield from _pairs(one.get("secretRef") or {}, ("name", "secrets", f"environment{of}"))
    for one in container.get("env") or ():
        source, how = one.get("valueFrom") or {}, f"{one.get('name', '')}{of}"
        yield from _pairs(source.get("configMapKeyRef") or {}, ("name", "configmaps", how))
        yield from _pairs(source.get("secretKeyRef") or {}, ("name", "secrets", how))


def _of_ingress(spec: Mapping[str, Any]) -> Iterator[Named]:
    yield from _pairs(spec, ("ingressClassName", "ingressclasses.networking.k8s.io", "class"))
    for one in spec.get("tls") or ():
        yield from _pairs(
            one, ("secretName", "secrets", f"TLS of {', '.join(one.get('hosts') or ('every host',))}")
        )
    default = (spec.get("defaultBackend") or {}).get("service") or {}
    yield from _pairs(default, ("name", "services", "default backend"))
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            service = (path.get("backend") or {}).get("service") or {}
            how = f"backend of {rule.get('host', '*')}{path.get('path', '')}"
            yield from _pairs(service, ("name", "services", how))


def _of_binding(found: JsonObject) -> Iterator[Named]:
    role = found.get("roleRef") or {}
    if plural := _ROLE_KINDS.get(str(role.get("kind"))):
        yield Named(plural, str(role.get("name")), "grants it")
    for subject in found.get("subjects") or ():
        if subject.get("kind") == "ServiceAccount":
            how = f"is granted {role.get('name', '')}"
            yield Named("serviceaccounts", str(subject.get("name")), how, str(subject.get("namespace") or ""))


def _pairs(source: Mapping[str, Any], *fields: tuple[str, str, str]) -> Iterator[Named]:
    """Of each field that holds a name: the kind it names and how."""
    for field, kind, how in fields:
        if name := source.get(field):
            yield Named(kind, str(name), how)
