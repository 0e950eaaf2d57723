"""Kubernetes' own kinds by every name that people type for them.

A cluster is not asked, so that a key knows at once what it is about; what a custom kind is called is not guessed.
"""

from __future__ import annotations

from typing import Final

_OWN: Final[dict[str, dict[str, str]]] = {
    "": {
        "pods": "po",
        "services": "svc",
        "nodes": "no",
        "namespaces": "ns",
        "events": "ev",
        "configmaps": "cm",
        "secrets": "",
        "persistentvolumeclaims": "pvc",
        "persistentvolumes": "pv",
        "replicationcontrollers": "rc",
        "serviceaccounts": "sa",
        "resourcequotas": "quota",
        "limitranges": "limits",
    },
    "apps": {
        "deployments": "deploy dp",
        "statefulsets": "sts",
        "daemonsets": "ds",
        "replicasets": "rs",
    },
    "batch": {"jobs": "", "cronjobs": "cj"},
    "autoscaling": {"horizontalpodautoscalers": "hpa"},
    "policy": {"poddisruptionbudgets": "pdb"},
    "networking.k8s.io": {"ingresses": "ing ingress", "networkpolicies": "netpol networkpolicy"},
    "discovery.k8s.io": {"endpointslices": ""},
    "storage.k8s.io": {"storageclasses": "sc storageclass"},
    "scheduling.k8s.io": {"priorityclasses": "pc priorityclass"},
    "coordination.k8s.io": {"leases": ""},
    "rbac.authorization.k8s.io": {
        "roles": "",
        "rolebindings": "",
        "clusterroles": "",
        "clusterrolebindings": "",
    },
    "apiextensions.k8s.io": {"customresourcedefinitions": "crd crds"},
}
_NAMED: Final = {
    name: (plural, group)
    for group, kinds in _OWN.items()
    for plural, others in kinds.items()
    for name in (plural, plural.removesuffix("s"), *others.split())
}


def known_plural(kind: str) -> str:
    """The plural of one of Kubernetes' own kinds as it was typed (`deploy`, `Deployment`, `deployments.v1.apps`).

    Empty for every other, and for a kind of the same name in another group.
    """
    name, _, where = kind.strip().lower().partition(".")
    group = where.removeprefix("v1").removeprefix(".")
    plural, own = _NAMED.get(name, ("", ""))
    return plural if group in {"", own} else ""


def known_kind(kind: str) -> str:
    """The plural of one of Kubernetes' own kinds; any other as it was typed."""
    return known_plural(kind) or kind
