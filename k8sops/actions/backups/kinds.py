"""Which kinds a backup reads, of those that a server serves: what can be listed and made again, and is meant.

What a control plane makes anew by itself (events, leases, the endpoints of Services) is left out unless it is named:
it would be most of what changes between two backups, and restored it would be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from k8sops.backup.listing import Kind
from k8sops.backup.selection import NAMESPACES, KindNames, Selection, excluded_by_label
from k8sops.core.errors import UnknownKindError
from k8sops.core.ports import DiscoveryGap, Resource

EPHEMERAL: Final = (
    "certificatesigningrequests.certificates.k8s.io",
    "csinodes.storage.k8s.io",
    "csistoragecapacities.storage.k8s.io",
    "events.",
    "events.events.k8s.io",
    "ipaddresses.networking.k8s.io",
    "leasecandidates.coordination.k8s.io",
    "leases.coordination.k8s.io",
    "podcertificaterequests.certificates.k8s.io",
    "resourceslices.resource.k8s.io",
    "storageversions.internal.apiserver.k8s.io",
    "volumeattachments.storage.k8s.io",
)
"""Kinds of runtime state, of which a restore has no use; `events.` is that of the core group."""

CLAIMS: Final = ("", "persistentvolumeclaims")
PODS: Final = ("", "pods")
_RBAC: Final = "rbac.authorization.k8s.io"
ROLE_BINDINGS: Final = (_RBAC, "rolebindings")
CLUSTER_ROLE_BINDINGS: Final = (_RBAC, "clusterrolebindings")
CLUSTER_ROLES: Final = (_RBAC, "clusterroles")
VOLUMES: Final = ("", "persistentvolumes")
DEFINITIONS: Final = ("apiextensions.k8s.io", "customresourcedefinitions")

RELATED: Final = (CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, VOLUMES, DEFINITIONS)
"""Of these, those that belong to what is taken in chosen namespaces; in the order in which that can be told."""

_MADE_BY_LABEL: Final[Mapping[tuple[str, str], tuple[str, frozenset[str]]]] = {
    ("discovery.k8s.io", "endpointslices"): (
        "endpointslice.kubernetes.io/managed-by",
        frozenset({"endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"}),
    ),
    ("", "endpoints"): ("endpoints.kubernetes.io/managed-by", frozenset({"endpoint-controller"})),
    ("apiregistration.k8s.io", "apiservices"): (
        "kube-aggregator.kubernetes.io/automanaged",
        frozenset({"true", "onstart"}),
    ),
}
"""Objects that a controller of Kubernetes' own makes again, by the label it puts on them."""


class ChosenKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind to be read, in the version its group prefers, and the other versions that are served."""

    resource: Resource
    served: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Group and resource."""
        return self.resource.group, self.resource.plural

    @property
    def names(self) -> KindNames:
        """As a selection judges it."""
        return names_of(self.resource)

    def listed(self, resource_version: str) -> Kind:
        """As a backup lists it."""
        found = self.resource
        return Kind(
            group=found.group,
            version=found.version,
            resource=found.plural,
            kind=found.kind,
            namespaced=found.namespaced,
            served=self.served,
            preferred=found.version,
            resource_version=resource_version,
        )


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The kinds that are read, sorted by group and resource, and those left out because they are ephemeral."""

    kinds: tuple[ChosenKind, ...]
    left_out: tuple[str, ...]
    unmatched: tuple[str, ...] = ()
    """Kinds that are excluded by name and not served."""


def names_of(resource: Resource) -> KindNames:
    """A served resource as a selection judges it."""
    return KindNames(
        resource.group,
        resource.plural,
        resource.kind,
        resource.namespaced,
        (resource.singular, *resource.short_names),
    )


def choose_kinds(
    served: Sequence[Resource], selection: Selection, gaps: Sequence[DiscoveryGap] = ()
) -> Choice:
    """The kinds that are meant. Raises UnknownKindError for one that is included by name and served by nobody."""
    versions: dict[tuple[str, str], list[str]] = {}
    first: dict[tuple[str, str], Resource] = {}
    for resource in served:
        if _can_be_kept(resource):
            versions.setdefault((resource.group, resource.plural), []).append(resource.version)
            first.setdefault((resource.group, resource.plural), resource)
    kinds, left_out = [], []
    for key in sorted(first):
        names = names_of(first[key])
        if selection.takes_kind(names) and _in_scope(names, selection):
            kinds.append(ChosenKind(resource=first[key], served=tuple(versions[key])))
        elif not selection.include_kinds and selection.leaves_out(names):
            left_out.append(names.qualified)
    every = [names_of(resource) for resource in first.values()]
    if not gaps and (unknown := _unmatched(selection.include_kinds, every)):
        raise UnknownKindError(
            f"this cluster has no kind {' and no '.join(unknown)} that can be backed up",
            hint="`k8sops get` lists any kind the server has",
        )
    return Choice(
        kinds=tuple(kinds),
        left_out=tuple(left_out),
        unmatched=tuple(_unmatched(selection.exclude_kinds, every)),
    )


class Judge:
    """Whether objects of one kind are meant: what does not differ from object to object is told once."""

    def __init__(self, kind: ChosenKind, selection: Selection) -> None:
        self._names: Final = kind.names
        self._selection: Final = selection
        self._namespaced: Final = kind.resource.namespaced
        self._without_labels: Final = selection.takes_labels({})
        self._by_label: Final = bool(selection.selectors)
        self._places: Final[dict[str, bool]] = {}
        named = any(self._names.called(text) for text in selection.include_kinds)
        self._remade: Final = None if named else _MADE_BY_LABEL.get(kind.key)

    def takes(self, namespace: str, name: str, labels: Mapping[str, str]) -> bool:
        """By where it is, its labels, and whether a controller of Kubernetes' own makes it again."""
        place = namespace if self._namespaced else name
        taken = self._places.get(place)
        if taken is None:
            taken = self._selection.takes_scope(self._names, namespace, name)
            if self._namespaced:
                self._places[place] = taken
        if not taken:
            return False
        if not labels:
            return self._without_labels
        if self._remade is not None and labels.get(self._remade[0]) in self._remade[1]:
            return False
        return self._selection.takes_labels(labels) if self._by_label else not excluded_by_label(labels)


def remade(kind: ChosenKind, labels: Mapping[str, str], selection: Selection) -> bool:
    """Whether a controller of Kubernetes' own makes the object again, and nobody named its kind."""
    made_by = _MADE_BY_LABEL.get(kind.key)
    if made_by is None or labels.get(made_by[0]) not in made_by[1]:
        return False
    return not any(kind.names.called(text) for text in selection.include_kinds)


def not_remade(kind: ChosenKind, selection: Selection) -> str:
    """The label selector of what no controller of Kubernetes' own makes again; empty where all of a kind is meant."""
    made_by = _MADE_BY_LABEL.get(kind.key)
    if made_by is None or any(kind.names.called(text) for text in selection.include_kinds):
        return ""
    return f"{made_by[0]} notin ({','.join(sorted(made_by[1]))})"


def _can_be_kept(resource: Resource) -> bool:
    """What can be listed and not created is computed by whoever serves it."""
    return {"list", "create"} <= set(resource.verbs)


def _in_scope(names: KindNames, selection: Selection) -> bool:
    if names.namespaced or names.key == NAMESPACES or selection.takes_cluster_scoped:
        return True
    return selection.takes_related and names.key in RELATED


def _unmatched(texts: Iterable[str], kinds: Sequence[KindNames]) -> list[str]:
    return [text for text in texts if not any(kind.called(text) for kind in kinds)]
