"""A backup against the cluster as it is now, object by object and field by field.

Kind by kind: the backup's rows of one kind and the fields that differ are in memory, never all objects. What is on the
cluster and not in the backup counts only where the backup's selection would have taken it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.actions.backups.kinds import ChosenKind, remade
from k8sops.backup.canonical import canonical_object, object_id
from k8sops.backup.differences import NOISE, SERVER_ASSIGNED, Difference, differences
from k8sops.backup.errors import UnstorableError
from k8sops.backup.listing import Kind, Row
from k8sops.backup.selection import Selection, read_selection
from k8sops.backup.vault.contents import Contents, load_catalogue, load_contents
from k8sops.backup.vault.diffing import kind_is_in_gap
from k8sops.backup.vault.objects import Objects
from k8sops.core.errors import K8sOpsError, UsageError
from k8sops.core.ports import ClusterReader, Resource
from k8sops.core.raw import RawObject
from k8sops.service.backup_inside import names_of
from k8sops.service.backup_views import ObjectChange

if TYPE_CHECKING:
    from k8sops.service.backup_desk import BackupDesk, Chosen
    from k8sops.service.config import Config

Key = tuple[str, str]
"""Namespace and name."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a backup is compared; everything where nothing is said."""

    kinds: tuple[str, ...] = ()
    namespace: str = ""
    name: str = ""
    noise: bool = False
    """Whether what controllers report and what the server assigns counts, too."""

    def takes_kind(self, kind: Kind) -> bool:
        """Whether objects of a kind are compared."""
        return not self.kinds or any(names_of(kind).called(text) for text in self.kinds)

    def takes(self, namespace: str, name: str) -> bool:
        """Whether an object is."""
        return self.namespace in {"", namespace} and self.name in {"", name}

    @property
    def hidden(self) -> Collection[str]:
        """The paths that are passed over."""
        return SERVER_ASSIGNED if self.noise else NOISE


class LiveDiff:
    """One comparison. `unread` are kinds that could not be read on the cluster, and why: of those nothing is known."""

    def __init__(
        self,
        desk: BackupDesk,
        chosen: Chosen,
        cluster: ClusterReader,
        scope: Scope,
        on_kind: Callable[[str, int], None] = lambda _kind, _compared: None,
    ) -> None:
        self._desk: Final = desk
        self._chosen: Final = chosen
        self._cluster: Final = cluster
        self._scope: Final = scope
        self._on_kind: Final = on_kind
        self._selection: Final[Selection] = read_selection(chosen.body.selection)
        self.unread: Final[list[tuple[str, str]]] = []
        self.compared = 0

    async def changes(self) -> AsyncIterator[ObjectChange]:
        """Every object that differs; `added` are those that only the cluster has, `unknown` may be in a gap.

        Raises UsageError, and what reading the repository raises.
        """
        vault = self._desk.vault
        contents = await load_contents(vault, self._chosen.cluster, self._chosen.body)
        self._check(contents)
        objects = Objects(vault, await load_catalogue(vault, self._chosen.body))
        served = {(one.group, one.version, one.plural): one for one in await self._cluster.served()}
        rows = await asyncio.to_thread(self._rows, contents)
        for number, kind in enumerate(contents.kinds):
            if not self._scope.takes_kind(kind):
                continue
            resource = served.get((kind.group, kind.version, kind.resource))
            if resource is None:
                why = f"the cluster does not serve it as {kind.version}"
                self.unread.append((names_of(kind).qualified, why))
                continue
            for found in await self._kind(kind, resource, rows.get(number, {}), objects):
                yield found

    def _check(self, contents: Contents) -> None:
        for text in self._scope.kinds:
            if not any(names_of(kind).called(text) for kind in contents.kinds):
                raise UsageError(
                    f"the backup has no kind {text[:80]!r}", hint="`k8sops backups show` lists those it has"
                )

    def _rows(self, contents: Contents) -> dict[int, dict[Key, Row]]:
        found: dict[int, dict[Key, Row]] = {}
        for row in contents.rows():
            if self._scope.takes(row.namespace, row.name) and self._scope.takes_kind(
                contents.kinds[row.kind]
            ):
                found.setdefault(row.kind, {})[row.namespace, row.name] = row
        return found

    async def _kind(
        self, kind: Kind, resource: Resource, rows: Mapping[Key, Row], objects: Objects
    ) -> list[ObjectChange]:
        missing = dict(rows)
        changes: list[ObjectChange] = []
        namespace = self._scope.namespace if resource.namespaced else ""
        try:
            async for page in self._cluster.pages(resource, namespace):
                if page.restarted:
                    missing, changes = dict(rows), []
                self.compared += len(page.objects)
                self._on_kind(names_of(kind).qualified, self.compared)
                for live in page.objects:
                    row = missing.pop((live.namespace, live.name), None)
                    if row is None and remade(
                        ChosenKind(resource=resource, served=()), live.labels, self._selection
                    ):
                        continue
                    change = await self._compared(kind, live, row, objects)
                    if change is not None:
                        changes.append(change)
        except K8sOpsError as error:
            self.unread.append((names_of(kind).qualified, error.message))
            return []
        gone = [_change(kind, namespace, name, "removed") for namespace, name in missing]
        return sorted([*changes, *gone], key=lambda one: (one.namespace, one.name))

    async def _compared(
        self, kind: Kind, live: RawObject, row: Row | None, objects: Objects
    ) -> ObjectChange | None:
        if row is None:
            known = names_of(kind)
            taken = self._scope.takes(live.namespace, live.name) and self._selection.matches(
                known, live.namespace, live.name, live.labels
            )
            if not taken:
                return None
            in_gap = kind_is_in_gap(self._chosen.body, kind.key, live.namespace)
            return _change(kind, live.namespace, live.name, "unknown" if in_gap else "added")
        try:
            data = canonical_object(live.data)
        except UnstorableError as error:
            raise UsageError(f"{names_of(kind).qualified}/{live.name}: {error.message}") from error
        if live.uid == row.uid and object_id(self._desk.vault.keyring.id_key, data) == row.id:
            return None
        before = json.loads(await objects.get(row.id))
        fields = await asyncio.to_thread(differences, before, json.loads(data), hide=self._scope.hidden)
        if live.uid != row.uid and (fields or self._scope.noise):
            return _change(kind, live.namespace, live.name, "recreated", fields)
        return _change(kind, live.namespace, live.name, "changed", fields) if fields else None


def _change(
    kind: Kind, namespace: str, name: str, change: str, fields: Collection[Difference] = ()
) -> ObjectChange:
    return ObjectChange(
        kind=names_of(kind).qualified,
        namespace=namespace,
        name=name,
        change=change,
        fields=tuple(fields),
    )


async def changes_since(
    config: Config,
    desk: BackupDesk,
    chosen: Chosen,
    scope: Scope,
    *,
    any_cluster: bool = False,
    on_kind: Callable[[str, int], None] = lambda _kind, _compared: None,
) -> tuple[list[ObjectChange], list[tuple[str, str]]]:
    """What differs on the cluster of the present context, and the kinds of which nothing is known, with the reason.

    Raises UsageError where that is another cluster than the backup's, unless `any_cluster` is said.
    """
    from k8sops.cluster.connect import connect
    from k8sops.cluster.readonly import ReadOnlyCluster

    cluster = await connect(
        context=config.context or None,
        kubeconfig=config.kubeconfig or None,
        impersonate=config.impersonation(),
        clock=desk.clock,
        cluster_names=config.cluster_names(),
    )
    try:
        if cluster.info.uid != chosen.cluster and not any_cluster:
            raise UsageError(
                f"the backup is of cluster {chosen.cluster}, and {cluster.info.name} is {cluster.info.uid}",
                hint="use --context; --any-cluster compares all the same",
            )
        diff = LiveDiff(desk, chosen, ReadOnlyCluster(cluster), scope, on_kind)
        return [change async for change in diff.changes()], diff.unread
    finally:
        await cluster.aclose()
