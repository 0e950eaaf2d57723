"""In which order kinds come back, and which never do: what others need comes first, what can refuse others last.

Levels follow what an API server and its controllers ask for: a kind before its objects, a namespace before what is in
it, accounts and configuration before pods, pods before the controllers that would make them anew, and webhooks once
all is there that they could refuse or that has to answer for them. Quotas come late: one without a status refuses all.
"""

from __future__ import annotations

from typing import Final

from k8sops.cluster.discovery import BUILT_IN_GROUPS

CRDS: Final = "customresourcedefinitions.apiextensions.k8s.io"
API_SERVICES: Final = "apiservices.apiregistration.k8s.io"
WEBHOOKS: Final = (
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
)

LEVELS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("definitions", (CRDS,)),
    ("namespaces", ("namespaces",)),
    (
        "classes",
        (
            "storageclasses.storage.k8s.io",
            "volumeattributesclasses.storage.k8s.io",
            "csidrivers.storage.k8s.io",
            "volumesnapshotclasses.snapshot.storage.k8s.io",
            "priorityclasses.scheduling.k8s.io",
            "runtimeclasses.node.k8s.io",
            "ingressclasses.networking.k8s.io",
            "deviceclasses.resource.k8s.io",
            "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
            "flowschemas.flowcontrol.apiserver.k8s.io",
        ),
    ),
    ("volumes", ("persistentvolumes",)),
    ("claims", ("persistentvolumeclaims",)),
    ("accounts", ("serviceaccounts",)),
    (
        "configuration",
        ("secrets", "configmaps", "limitranges", "networkpolicies.networking.k8s.io"),
    ),
    ("roles", ("clusterroles.rbac.authorization.k8s.io", "roles.rbac.authorization.k8s.io")),
    (
        "bindings",
        ("clusterrolebindings.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io"),
    ),
    (
        "pods",
        ("controllerrevisions.apps", "replicasets.apps", "replicationcontrollers", "pods", "podtemplates"),
    ),
    (
        "workloads",
        ("deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch"),
    ),
    ("endpoints", ("endpoints", "endpointslices.discovery.k8s.io")),
    ("services", ("services",)),
    ("other built-in kinds", ()),
    ("custom resources", ()),
    ("quotas", ("resourcequotas",)),
    (
        "admission",
        (
            "validatingadmissionpolicies.admissionregistration.k8s.io",
            "validatingadmissionpolicybindings.admissionregistration.k8s.io",
            "mutatingadmissionpolicies.admissionregistration.k8s.io",
            "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
            *WEBHOOKS,
            API_SERVICES,
        ),
    ),
    ("aggregated kinds", ()),
)
"""Every level with the kinds it is for; where none are named, see `level_of`."""

NAMES: Final = tuple(name for name, _ in LEVELS)
NAMESPACES: Final = NAMES.index("namespaces")
DEFINITIONS: Final = NAMES.index("definitions")
SERVICES: Final = NAMES.index("services")
ADMISSION: Final = NAMES.index("admission")
AGGREGATED: Final = NAMES.index("aggregated kinds")
COMPARED: Final = len(LEVELS)
"""The level after all others, in which cluster and backup are compared."""

_OTHERS: Final = NAMES.index("other built-in kinds")
_CUSTOM: Final = NAMES.index("custom resources")
_LEVEL_OF: Final = {kind: number for number, (_, kinds) in enumerate(LEVELS) for kind in kinds}

NEVER: Final[dict[str, str]] = {
    "nodes": "nodes register themselves",
    "csinodes.storage.k8s.io": "nodes register their drivers themselves",
    "csistoragecapacities.storage.k8s.io": "storage drivers report it",
    "volumeattachments.storage.k8s.io": "volumes are attached anew",
    "resourceslices.resource.k8s.io": "device drivers publish them",
    "ipaddresses.networking.k8s.io": "Services are given them",
    "leases.coordination.k8s.io": "whoever holds a lease takes it anew",
    "events": "events tell of what was",
    "events.events.k8s.io": "events tell of what was",
    "componentstatuses": "they are computed",
    "certificatesigningrequests.certificates.k8s.io": "the API server stamps them with who asks",
    "storageversions.internal.apiserver.k8s.io": "API servers write them",
}
"""Kinds that are not restored, and why: they say how a cluster is, not how somebody wanted it."""


def level_of(kind: str, *, defined: bool, aggregated: bool) -> int:
    """The level of a kind (`plural.group`): one `defined` by a CRD is custom, one of an `aggregated` API comes last."""
    if kind in _LEVEL_OF:
        return _LEVEL_OF[kind]
    if aggregated and not defined:
        return AGGREGATED
    group = kind.partition(".")[2]
    return _CUSTOM if defined or group not in BUILT_IN_GROUPS else _OTHERS
