"""Which objects of a backup are meant: by namespace, kind and name from its listing, by label from their bytes.

With chosen namespaces, what is in none comes along where it belongs to what is chosen (volumes of claims, definitions
of custom kinds, roles of bindings), by the same judgement as a backup's. A namespace comes along where it is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from k8sops.actions.backups.kinds import RELATED, ChosenKind
from k8sops.actions.backups.related import Related
from k8sops.actions.backups.restoring.groups import NAMESPACES_KIND, Chosen, group_of, names_in
from k8sops.actions.backups.restoring.levels import API_SERVICES, CRDS
from k8sops.actions.backups.restoring.params import RestoreParams
from k8sops.actions.backups.restoring.source import Source
from k8sops.backup.listing import Kind, Row
from k8sops.backup.selection import KindNames, Selection
from k8sops.cluster.discovery import BUILT_IN_GROUPS
from k8sops.core.errors import K8sOpsError, NotFoundError, UnknownKindError, UsageError
from k8sops.core.ports import ClusterReader, Resource
from k8sops.core.raw import RawObject
from k8sops.core.text import printable

READ_AT_ONCE: Final = 500

Served = dict[tuple[str, str], list[Resource]]


class _Meta(msgspec.Struct, frozen=True):
    labels: dict[str, str] | None = None


class _Labelled(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


_LABELS: Final = msgspec.json.Decoder(_Labelled)


async def choose(source: Source, params: RestoreParams, cluster: ClusterReader) -> Chosen:
    """The objects that are meant, as the cluster serves their kinds. Raises UsageError where there are none."""
    served = await _served(cluster)
    names = [_names(kind, served) for kind in source.contents.kinds]
    if params.object:
        found, if_missing = await asyncio.to_thread(_named, source, names, params)
    else:
        found, if_missing = await _selected(source, names, params.selection())
    rows = {names[number].qualified: some for number, some in found.items()}
    _check_mapped(source, params, rows)
    definitions, apis = names_in(rows, CRDS), names_in(rows, API_SERVICES)
    if await _defined_since(cluster, source, found, served):
        served = await _served(cluster)
    await _without_gone(cluster, source, found, served)
    groups = [
        group_of(
            source.contents.kinds[number],
            some,
            served.get(source.contents.kinds[number].key, ()),
            definitions=definitions,
            apis=apis,
            definitions_stay=params.existing == "skip",
        )
        for number, some in found.items()
        if some
    ]
    if not groups:
        raise UsageError(
            f"nothing of {source.label} is selected",
            hint="`k8sops backups browse` shows what is in it",
        )
    return Chosen(
        groups=tuple(sorted(groups, key=lambda group: (group.level, group.qualified))),
        if_missing=if_missing,
        uids=frozenset(row.uid for group in groups for row in group.rows),
    )


def _check_mapped(source: Source, params: RestoreParams, rows: Mapping[str, Sequence[Row]]) -> None:
    """Raise UsageError for a namespace to be put elsewhere of which nothing is chosen: the objects would go home.

    What is in no namespace may name one, so that chosen alone it says nothing about this.
    """
    spaces = {row.namespace for some in rows.values() for row in some} - {""}
    spaces |= {row.name for row in rows.get(NAMESPACES_KIND, ())}
    if spaces and (unknown := sorted(params.mapping.keys() - spaces)):
        some = ", ".join(sorted(spaces)[:5])
        more = f" and {len(spaces) - 5} more" if len(spaces) > 5 else ""
        raise UsageError(
            f"--namespace-mapping: nothing that is selected of {source.label} is in namespace {', '.join(unknown)}",
            hint=f"write FROM:TO; selected is what is in {printable(some)}{more}",
        )


async def _served(cluster: ClusterReader) -> Served:
    found: Served = {}
    for resource in await cluster.served():
        found.setdefault((resource.group, resource.plural), []).append(resource)
    return found


async def _defined_since(
    cluster: ClusterReader, source: Source, found: dict[int, list[Row]], served: Served
) -> bool:
    """Whether a kind or version that discovery did not know is there after all, asked for by its name."""
    news = False
    for number in found:
        kind = source.contents.kinds[number]
        if any(one.version == kind.version for one in served.get(kind.key, ())) or not kind.group:
            continue
        try:
            await cluster.resource(f"{kind.resource}.{kind.version}.{kind.group}")
        except UnknownKindError:
            continue
        news = True
    return news


async def _without_gone(
    cluster: ClusterReader, source: Source, found: dict[int, list[Row]], served: Served
) -> None:
    """Take out of `served` versions of custom kinds that are not served any more: what is known may be minutes old."""
    for number in found:
        kind = source.contents.kinds[number]
        if kind.group not in BUILT_IN_GROUPS and kind.key in served:
            served[kind.key] = [one for one in served[kind.key] if await _answers(cluster, one)]


async def _answers(cluster: ClusterReader, resource: Resource) -> bool:
    try:
        async with aclosing(cluster.pages(resource, page_size=1, at_most=1)) as pages:
            async for _ in pages:
                break
    except NotFoundError:
        return False
    except K8sOpsError:
        # Whoever may not list it, or whose server is away, is told when its objects are looked at.
        return True
    return True


def _names(kind: Kind, served: Served) -> KindNames:
    others: tuple[str, ...] = ()
    for resource in served.get(kind.key, ())[:1]:
        others = (resource.singular, *resource.short_names)
    return KindNames(kind.group, kind.resource, kind.kind, kind.namespaced, others)


def _named(
    source: Source, names: Sequence[KindNames], params: RestoreParams
) -> tuple[dict[int, list[Row]], frozenset[str]]:
    """The objects of --object, and the namespaces they are in. For a thread. Raises UsageError for a missing one."""
    wanted: dict[tuple[int, str], str] = {}
    for text in params.object:
        kind, _, name = text.partition("/")
        wanted[_kind_called(kind, names), name] = text
    found: dict[tuple[int, str], list[Row]] = {key: [] for key in wanted}
    spaces: dict[str, Row] = {}
    takes = params.selection().takes_namespace
    for row in source.contents.rows():
        if names[row.kind].qualified == NAMESPACES_KIND:
            spaces[row.name] = row
        key = (row.kind, row.name)
        if key in found and (not row.namespace or takes(row.namespace)):
            found[key].append(row)
    chosen: dict[int, list[Row]] = {}
    for key, rows in found.items():
        if not rows:
            raise UsageError(
                f"{source.label} has no {wanted[key]}"
                + (f" in namespace {params.namespace}" if params.namespace else ""),
                hint="`k8sops backups find` looks for a name in all backups",
            )
        if len(rows) > 1:
            where = ", ".join(row.namespace for row in rows[:5])
            raise UsageError(
                f"{wanted[key]} is in {len(rows)} namespaces: {where}", hint="name one with --namespace"
            )
        chosen.setdefault(key[0], []).append(rows[0])
    asked = {row.name for number, some in chosen.items() if _is_namespaces(names[number]) for row in some}
    along = {row.namespace for some in chosen.values() for row in some if row.namespace} - asked
    for name in sorted(along & spaces.keys()):
        chosen.setdefault(spaces[name].kind, []).append(spaces[name])
    return chosen, frozenset(along)


def _kind_called(text: str, names: Sequence[KindNames]) -> int:
    """The number of the kind that is meant; Kubernetes' own before others, as with kubectl. Raises UsageError."""
    found = [number for number, one in enumerate(names) if one.called(text)]
    if len(found) > 1:
        found = [number for number in found if names[number].group in BUILT_IN_GROUPS][:1] or found
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{text[:80]!r} can mean {' or '.join(names[number].qualified for number in found)}",
            hint="name the group as well",
        )
    raise UsageError(f"the backup has no kind {text[:80]!r}", hint="`k8sops backups show` lists its kinds")


def _is_namespaces(names: KindNames) -> bool:
    return names.qualified == NAMESPACES_KIND


async def _selected(
    source: Source, names: Sequence[KindNames], selection: Selection
) -> tuple[dict[int, list[Row]], frozenset[str]]:
    for text in selection.include_kinds:
        if not any(one.called(text) for one in names):
            raise UsageError(
                f"the backup has no kind {text[:80]!r}", hint="`k8sops backups show` lists its kinds"
            )
    found, maybe, spaces = await asyncio.to_thread(_by_names, source, names, selection)
    if selection.selectors:
        for number, rows in found.items():
            found[number] = await _labelled(source, rows, selection)
    if_missing: frozenset[str] = frozenset()
    if selection.selectors or selection.include_kinds:
        if_missing = _along(found, spaces, names)
    if selection.takes_related:
        await _add_related(source, names, selection, found, maybe)
    return {number: rows for number, rows in found.items() if rows}, if_missing


def _along(found: dict[int, list[Row]], spaces: dict[str, Row], names: Sequence[KindNames]) -> frozenset[str]:
    """Add the namespaces that chosen objects are in and that are not chosen themselves; which these are."""
    chosen = {row.name for number, rows in found.items() if _is_namespaces(names[number]) for row in rows}
    along = {row.namespace for rows in found.values() for row in rows if row.namespace}
    along = (along - chosen) & spaces.keys()
    for name in sorted(along):
        found.setdefault(spaces[name].kind, []).append(spaces[name])
    return frozenset(along)


def _by_names(
    source: Source, names: Sequence[KindNames], selection: Selection
) -> tuple[dict[int, list[Row]], dict[int, list[Row]], dict[str, Row]]:
    """What names alone choose, what may belong to it, and all namespaces. For a thread."""
    taken = [selection.takes_kind(one) for one in names]
    related = [
        selection.takes_related and one.key in RELATED and not any(map(one.called, selection.exclude_kinds))
        for one in names
    ]
    found: dict[int, list[Row]] = {}
    maybe: dict[int, list[Row]] = {}
    spaces: dict[str, Row] = {}
    for row in source.contents.rows():
        kind = names[row.kind]
        if _is_namespaces(kind):
            spaces[row.name] = row
        if taken[row.kind] and selection.takes_scope(kind, row.namespace, row.name):
            found.setdefault(row.kind, []).append(row)
        elif related[row.kind]:
            maybe.setdefault(row.kind, []).append(row)
    return found, maybe, spaces


async def _labelled(source: Source, rows: list[Row], selection: Selection) -> list[Row]:
    kept: list[Row] = []
    for some in _batches(rows):
        data = await source.read(row.id for row in some)
        kept += await asyncio.to_thread(_of_labels, some, data, selection)
    return kept


def _of_labels(rows: Sequence[Row], data: Mapping[bytes, bytes], selection: Selection) -> list[Row]:
    return [row for row in rows if selection.takes_labels(_LABELS.decode(data[row.id]).metadata.labels or {})]


async def _add_related(
    source: Source,
    names: Sequence[KindNames],
    selection: Selection,
    found: dict[int, list[Row]],
    maybe: dict[int, list[Row]],
) -> None:
    """Of what is in no namespace, what belongs to the chosen objects."""
    related = Related(selection)
    for number, rows in found.items():
        kind = _chosen_kind(source.contents.kinds[number])
        if not kind.resource.namespaced or not rows:
            continue
        if not related.needs_bytes(kind):
            related.took(kind, _raw(rows[0], b""))
            continue
        for some in _batches(rows):
            data = await source.read(row.id for row in some)
            for row in some:
                related.took(kind, _raw(row, data[row.id]))
    order = sorted(maybe, key=lambda number: RELATED.index(names[number].key))
    for number in order:
        kind = _chosen_kind(source.contents.kinds[number])
        for some in _batches(maybe[number]):
            data = await source.read(row.id for row in some)
            found.setdefault(number, []).extend(
                row for row in some if related.belongs(kind, _raw(row, data[row.id]))
            )


def _chosen_kind(kind: Kind) -> ChosenKind:
    resource = Resource(
        group=kind.group,
        version=kind.version,
        plural=kind.resource,
        kind=kind.kind,
        namespaced=kind.namespaced,
    )
    return ChosenKind(resource=resource, served=kind.served)


def _raw(row: Row, data: bytes) -> RawObject:
    return RawObject(row.namespace, row.name, row.uid, row.resource_version, {}, data)


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for at in range(0, len(rows), READ_AT_ONCE):
        yield rows[at : at + READ_AT_ONCE]
