"""What is chosen of a backup, a kind at a time, and how the cluster that it goes to serves these kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from k8sops.actions.backups.restoring.levels import NEVER, level_of
from k8sops.backup.listing import Kind, Row
from k8sops.core.plan import Target
from k8sops.core.ports import Resource

NAMESPACES_KIND: Final = "namespaces"
VOLUMES_KIND: Final = "persistentvolumes"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The chosen objects of one kind. `refused` says why none of them can be restored; empty where they can."""

    kind: Kind
    resource: Resource
    level: int
    rows: list[Row]
    served: bool
    defined: bool
    """Whether its CRD is chosen as well."""
    refused: str = ""
    left: str = ""
    """Why objects of this kind are never restored."""

    @property
    def qualified(self) -> str:
        """`plural.group`."""
        return self.resource.qualified

    @property
    def stored_as(self) -> str:
        """The `group/version` that the backup has it in, where the cluster gets it in another; else empty."""
        if self.resource.version == self.kind.version:
            return ""
        return msgspec.structs.replace(self.resource, version=self.kind.version).api_version

    @property
    def other_version(self) -> str:
        """Where it is restored in another version: from which to which; else empty."""
        stored = self.stored_as
        return f"stored as {stored}, this cluster serves {self.resource.api_version}" if stored else ""

    def target(self, row: Row, mapping: Mapping[str, str]) -> Target:
        """Where an object goes."""
        name = mapping.get(row.name, row.name) if self.qualified == NAMESPACES_KIND else row.name
        namespace = mapping.get(row.namespace, row.namespace) if row.namespace else ""
        return Target(kind=self.qualified, name=name, namespace=namespace)


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Everything chosen, sorted by level and kind. `if_missing` are namespaces that only come along."""

    groups: tuple[Group, ...]
    if_missing: frozenset[str]
    uids: frozenset[str]

    @property
    def objects(self) -> int:
        """How many there are."""
        return sum(len(group.rows) for group in self.groups)

    def of_kind(self, qualified: str) -> Group | None:
        """The group of a kind."""
        return next((group for group in self.groups if group.qualified == qualified), None)


def group_of(
    kind: Kind,
    rows: list[Row],
    served: Sequence[Resource],
    *,
    definitions: frozenset[str],
    apis: frozenset[str],
    definitions_stay: bool = True,
) -> Group:
    """One kind as the cluster has it: in the version of the backup, else in the first that both servers know.

    `definitions` and `apis` are the names of the CRDs and APIServices that are chosen; where definitions that are there
    do not stay as they are, what is chosen brings the backup's version with it.
    """
    wanted = Resource(
        group=kind.group,
        version=kind.version,
        plural=kind.resource,
        kind=kind.kind,
        namespaced=kind.namespaced,
    )
    qualified = wanted.qualified
    defined = f"{kind.resource}.{kind.group}" in definitions
    aggregated = f"{kind.version}.{kind.group}" in apis
    found = next((one for one in served if one.version == kind.version), None)
    refused = ""
    if found is None and served and (definitions_stay or not defined):
        found = _common(kind, served)
        if found is None:
            has = ", ".join(one.api_version for one in served)
            refused = f"stored as {wanted.api_version}, this cluster serves {has}, which its own did not"
    elif found is None and not (defined or aggregated):
        refused = f"the cluster has no kind {qualified}, and the backup's definition of it is not restored"
    left = NEVER.get(qualified, "")
    if found is not None and "create" not in found.verbs:
        left = left or "objects of this kind cannot be created"
    return Group(
        kind=kind,
        resource=found or wanted,
        level=level_of(qualified, defined=defined, aggregated=aggregated),
        rows=rows,
        served=found is not None,
        defined=defined,
        refused="" if left else refused,
        left=left,
    )


def _common(kind: Kind, served: Sequence[Resource]) -> Resource | None:
    """The same kind in the first version, by the cluster's preference, that the backup's server knew as well."""
    return next(
        (
            one
            for one in served
            if one.version in kind.served and (one.kind, one.namespaced) == (kind.kind, kind.namespaced)
        ),
        None,
    )


def names_in(groups: Mapping[str, list[Row]], kind: str) -> frozenset[str]:
    """The names of the chosen objects of a kind, such as CRDs."""
    return frozenset(row.name for row in groups.get(kind, ()))
