"""What is in no namespace and belongs to chosen ones: volumes of their claims, roles of their ServiceAccounts, CRDs.

As Velero relates them where cluster-scoped objects are left at `auto`. It can only be told from the objects' bytes, so
these kinds are read whole, after what is in namespaces.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from k8sops.actions.backups.kinds import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    DEFINITIONS,
    RELATED,
    ROLE_BINDINGS,
    VOLUMES,
    ChosenKind,
)
from k8sops.backup.selection import Selection, excluded_by_label
from k8sops.core.errors import ServerError
from k8sops.core.raw import RawObject


class _Subject(msgspec.Struct, frozen=True):
    kind: str = ""
    namespace: str = ""


class _RoleRef(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""


class _Binding(msgspec.Struct, frozen=True, rename="camel"):
    role_ref: _RoleRef = _RoleRef()
    subjects: tuple[_Subject, ...] | None = None


class _ClaimRef(msgspec.Struct, frozen=True):
    namespace: str = ""


class _VolumeSpec(msgspec.Struct, frozen=True, rename="camel"):
    claim_ref: _ClaimRef | None = None


class _Volume(msgspec.Struct, frozen=True):
    spec: _VolumeSpec = _VolumeSpec()


T = TypeVar("T")

_BINDING: Final = msgspec.json.Decoder(_Binding)
_VOLUME: Final = msgspec.json.Decoder(_Volume)


class Related:
    """What was taken in namespaces, as far as others are judged by it."""

    def __init__(self, selection: Selection) -> None:
        self._selection: Final = selection
        self._roles: Final[set[str]] = set()
        self._definitions: Final[set[str]] = set()
        self.wanted: Final = selection.takes_related

    def judges(self, kind: ChosenKind) -> bool:
        """Whether objects of the kind are taken by what they belong to."""
        return self.wanted and kind.key in RELATED

    def needs_bytes(self, kind: ChosenKind) -> bool:
        """Whether the kind's objects have to be read whole, changed or not."""
        return self.wanted and (kind.key in RELATED or kind.key == ROLE_BINDINGS)

    def took(self, kind: ChosenKind, found: RawObject) -> None:
        """An object in a namespace was taken."""
        if not self.wanted:
            return
        self._definitions.add(f"{kind.resource.plural}.{kind.resource.group}")
        if kind.key == ROLE_BINDINGS:
            self._role_of(_decoded(_BINDING, found))

    def belongs(self, kind: ChosenKind, found: RawObject) -> bool:
        """Whether an object belongs to what was taken. Bindings come before roles."""
        if excluded_by_label(found.labels):
            return False
        if kind.key == DEFINITIONS:
            return found.name in self._definitions
        if kind.key == CLUSTER_ROLES:
            return found.name in self._roles
        if kind.key == CLUSTER_ROLE_BINDINGS:
            binding = _decoded(_BINDING, found)
            ours = any(
                subject.kind == "ServiceAccount" and self._selection.takes_namespace(subject.namespace)
                for subject in binding.subjects or ()
            )
            if ours:
                self._role_of(binding)
            return ours
        if kind.key == VOLUMES:
            claim = _decoded(_VOLUME, found).spec.claim_ref
            return claim is not None and self._selection.takes_namespace(claim.namespace)
        return False

    def _role_of(self, binding: _Binding) -> None:
        if binding.role_ref.kind == "ClusterRole":
            self._roles.add(binding.role_ref.name)


def _decoded(decoder: msgspec.json.Decoder[T], found: RawObject) -> T:
    try:
        return decoder.decode(found.data)
    except msgspec.MsgspecError as error:
        raise ServerError(f"{found.name} from the API server cannot be read: {error}") from error
