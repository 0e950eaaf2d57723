"""What a restore stands on, made the same way for its preview and for itself: backup, choice, and how they meet.

Both read the cluster as it is then: which namespaces and kinds are there, which volumes, which kinds have a status of
their own.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from k8sops.actions.backups.ports import Repositories
from k8sops.actions.backups.restoring.choosing import choose
from k8sops.actions.backups.restoring.deciding import Rules
from k8sops.actions.backups.restoring.groups import NAMESPACES_KIND, VOLUMES_KIND, Chosen, Group
from k8sops.actions.backups.restoring.levels import CRDS
from k8sops.actions.backups.restoring.pairing import Survey
from k8sops.actions.backups.restoring.params import RestoreParams
from k8sops.actions.backups.restoring.source import Source, open_source
from k8sops.actions.backups.restoring.stripping import Rewrite
from k8sops.backup.selection import KindNames
from k8sops.core.errors import ForbiddenError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader, Resource

CLAIMS: Final = "persistentvolumeclaims"

_JSON: Final = msgspec.json.Decoder(dict[str, Any])


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """A backup, what is chosen of it, and the eye that compares it with the cluster."""

    params: RestoreParams
    source: Source
    chosen: Chosen
    survey: Survey
    rules: Rules

    @property
    def served(self) -> dict[tuple[str, str], Resource]:
        """Resources by `apiVersion` and kind: how owner references name them."""
        return {
            (version, group.resource.kind): group.resource
            for group in self.chosen.groups
            for version in (group.stored_as, group.resource.api_version)
            if version
        }


async def prepare(
    repositories: Repositories, params: RestoreParams, cluster: ClusterReader, *, backup: str = ""
) -> Restore:
    """Open the backup and choose; `backup` is the id that was planned for, where it was.

    Raises UsageError where nothing can be meant, RepositoryError for a repository that cannot be believed.
    """
    source = await open_source(
        repositories,
        params.repo,
        backup or params.backup,
        cluster=cluster.info.uid,
        from_cluster=params.from_cluster,
    )
    chosen = await choose(source, params, cluster)
    rewrite = Rewrite(
        mapping=params.mapping,
        keep_node_ports=params.node_ports == "keep",
        keep_cluster_ips=params.cluster_ips == "keep",
        status_of=_status_of(params, chosen),
        plain_status=await _plain_status(source, chosen),
        volumes=await _volumes(params, chosen, cluster),
    )
    survey = Survey(source, cluster, chosen, rewrite)
    await look_around(survey, chosen, cluster)
    claims = chosen.of_kind(CLAIMS)
    return Restore(
        params=params,
        source=source,
        chosen=chosen,
        survey=survey,
        rules=Rules(
            existing=params.existing,
            if_missing=chosen.if_missing,
            claims=frozenset(survey.place(claims, row) for row in claims.rows) if claims else frozenset(),
        ),
    )


async def look_around(survey: Survey, chosen: Chosen, cluster: ClusterReader) -> None:
    """See which namespaces and which of the chosen definitions are there, and tell the survey."""
    needed = {
        survey.place(group, row)[0] for group in chosen.groups if group.kind.namespaced for row in group.rows
    }
    survey.gone = await _missing_namespaces(cluster, needed)
    definitions = chosen.of_kind(CRDS)
    if definitions is None:
        return
    there: set[tuple[str, str]] = set()
    async for batch in survey.pairs(definitions):
        for pair in batch:
            if pair.live is not None and not pair.live.deleting:
                there |= {(pair.target.name, version) for version in _versions_of(pair.live.body)}
    for group in chosen.groups:
        # Discovery may lag behind for minutes, both ways.
        if group.defined and (group.qualified, group.resource.version) not in there:
            survey.unserved.add(group.qualified)
        elif group.defined:
            survey.unserved.discard(group.qualified)


def _versions_of(definition: JsonObject) -> set[str]:
    versions = (definition.get("spec") or {}).get("versions") or ()
    return {str(one.get("name")) for one in versions if one.get("served")}


async def _missing_namespaces(cluster: ClusterReader, needed: set[str]) -> set[str]:
    """Of these namespaces those that are not there, or on their way out; none where that may not be read."""
    if not needed:
        return set()
    resource = await cluster.resource(NAMESPACES_KIND)
    there: set[str] = set()
    try:
        async for one in cluster.list(resource):
            if not one["metadata"].get("deletionTimestamp"):
                there.add(one["metadata"]["name"])
    except ForbiddenError:
        return set()
    return needed - there


def _status_of(params: RestoreParams, chosen: Chosen) -> frozenset[str]:
    found: set[str] = set()
    for text in params.status:
        named = [group.qualified for group in chosen.groups if _names(group).called(text)]
        if not named:
            raise UsageError(f"--status {text[:80]}: no object of such a kind is selected")
        found.update(named)
    return frozenset(found)


def _names(group: Group) -> KindNames:
    resource = group.resource
    return KindNames(
        resource.group,
        resource.plural,
        resource.kind,
        resource.namespaced,
        (resource.singular, *resource.short_names),
    )


async def _plain_status(source: Source, chosen: Chosen) -> frozenset[str]:
    """Custom kinds whose status is a field as any other; of those not served, by their definition in the backup."""
    found = {
        group.qualified
        for group in chosen.groups
        if group.served and group.defined and "status" not in group.resource.subresources
    }
    unserved = {group.qualified: group for group in chosen.groups if group.defined and not group.served}
    definitions = chosen.of_kind(CRDS)
    rows = [row for row in definitions.rows if row.name in unserved] if definitions else []
    data = await source.read(row.id for row in rows)
    for row in rows:
        versions = (_JSON.decode(data[row.id]).get("spec") or {}).get("versions") or ()
        version = unserved[row.name].kind.version
        if not any(
            one.get("name") == version and "status" in (one.get("subresources") or {}) for one in versions
        ):
            found.add(row.name)
    return frozenset(found)


async def _volumes(params: RestoreParams, chosen: Chosen, cluster: ClusterReader) -> frozenset[str]:
    """Volumes that claims stay bound to: restored ones, and those there, unless claims go to another namespace.

    Then what is there is bound to the claims that it was bound to.
    """
    if chosen.of_kind(CLAIMS) is None:
        return frozenset()
    volumes = chosen.of_kind(VOLUMES_KIND)
    ours = {row.name for row in volumes.rows} if volumes else set()
    there: set[str] = set()
    try:
        async for one in cluster.list(await cluster.resource(VOLUMES_KIND)):
            there.add(one["metadata"]["name"])
    except ForbiddenError:
        return frozenset(ours)
    return frozenset(ours - there if params.mapping else ours | there)
