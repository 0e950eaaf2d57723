"""What a backup would read, looked at before: kinds and how many objects, what cannot be read, claims, hooks.

Each list is asked for one item. That answers at once whether it may be read (better than an access review, which knows
nothing of a conversion webhook that is down), and how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing, suppress
from typing import Final

import msgspec

from k8sops.actions.backups.hooks import Hook, HookSource
from k8sops.actions.backups.incremental import Place
from k8sops.actions.backups.kinds import CLAIMS, PODS, Choice, ChosenKind, choose_kinds, not_remade
from k8sops.actions.backups.related import Related
from k8sops.actions.backups.sources import UNREADABLE, each_of, no_more
from k8sops.backup.bodies import Gap
from k8sops.backup.selection import NAMESPACES, Selection
from k8sops.core.errors import K8sOpsError
from k8sops.core.ports import AccessRequest, ClusterReader
from k8sops.core.raw import RawObject

LISTED_SINGLY: Final = 50
"""Up to so many namespaces that are named in full are read one by one, each kind."""


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A list that cannot be read."""

    kind: ChosenKind
    namespace: str
    error: K8sOpsError


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to be read. `undiscovered` are gaps of whole groups."""

    choice: Choice
    namespaces: tuple[str, ...]
    """Where lists are read: these, or one empty name for all."""
    missing: tuple[str, ...] = ()
    """Namespaces that are named and not there."""
    undiscovered: tuple[Gap, ...] = ()
    unread: tuple[Unread, ...] = ()
    counts: dict[tuple[str, str], int] = {}
    """Objects of each kind, before the selection's own labels are looked at, without those that are made again.

    Not in it are kinds of which the server does not say, and those that are taken by what they belong to.
    """
    claims: tuple[Place, ...] = ()
    hooks: tuple[Hook, ...] = ()


async def undiscovered(cluster: ClusterReader) -> tuple[Gap, ...]:
    """The groups whose kinds are unknown."""
    return tuple(
        Gap(group=gap.group_version.rpartition("/")[0], resource="", namespace="", why=gap.message[:500])
        for gap in await cluster.discovery_gaps()
    )


async def look_over(cluster: ClusterReader, selection: Selection, hooks: HookSource | None = None) -> Survey:
    """Kinds and places, without asking for any object but namespaces'. Raises UnknownKindError, and what fails."""
    # A kind that was defined a moment ago would be missing from a backup that calls itself complete.
    served = await cluster.served(anew=True)
    gaps = await cluster.discovery_gaps()
    choice = choose_kinds(served, selection, gaps)
    namespaces, missing = await _namespaces(cluster, selection)
    found = Survey(
        choice=choice,
        namespaces=namespaces,
        missing=missing,
        undiscovered=tuple(gap for gap in await undiscovered(cluster) if _concerns(gap, selection, choice)),
    )
    if hooks is not None and hooks.any:
        with suppress(*UNREADABLE):  # told by the count of pods
            found = msgspec.structs.replace(found, hooks=await hooks_in(cluster, selection, found, hooks))
    return found


async def hooks_in(
    cluster: ClusterReader, selection: Selection, survey: Survey, source: HookSource
) -> tuple[Hook, ...]:
    """The hooks of the pods that are taken. Raises what reading these raises."""
    kind = next((kind for kind in survey.choice.kinds if kind.key == PODS), None)
    if kind is None or not source.any:
        return ()
    pods = await found_in(cluster, kind, selection, survey.namespaces, with_data=True)
    return await _permitted(cluster, [hook for pod in pods for hook in source.of(pod)])


async def count(cluster: ClusterReader, selection: Selection, survey: Survey) -> Survey:
    """The same, with how many objects there are, what cannot be read, and the claims."""
    asked = [
        (kind, namespace)
        for kind in survey.choice.kinds
        for namespace in (survey.namespaces if kind.resource.namespaced else ("",))
    ]
    counts: dict[tuple[str, str], int] = {}
    unread: list[Unread] = []
    related = Related(selection)
    answers = each_of(asked, lambda one: _count(cluster, *one, not_remade(one[0], selection)))
    async with aclosing(answers):
        async for answer in answers:
            if isinstance(answer, Unread):
                unread.append(answer)
            elif answer[1] >= 0 and not related.judges(answer[0]):
                counts[answer[0].key] = counts.get(answer[0].key, 0) + answer[1]
    if NAMESPACES in counts and "" not in survey.namespaces:
        counts[NAMESPACES] = len(survey.namespaces)
    return msgspec.structs.replace(
        survey, counts=counts, unread=tuple(unread), claims=await _claims(cluster, selection, survey)
    )


async def found_in(
    cluster: ClusterReader,
    kind: ChosenKind,
    selection: Selection,
    namespaces: Sequence[str],
    *,
    with_data: bool = False,
) -> list[RawObject]:
    """Metadata of the objects of a kind that are meant. Raises what reading raises."""
    found: list[RawObject] = []
    for namespace in namespaces if kind.resource.namespaced else ("",):
        pages = cluster.pages(kind.resource, namespace, metadata_only=True, with_data=with_data)
        async with aclosing(pages):
            async for page in pages:
                found += (
                    one
                    for one in page.objects
                    if selection.takes_scope(kind.names, one.namespace, one.name)
                    and selection.takes_labels(one.labels)
                )
    return found


async def _count(
    cluster: ClusterReader, kind: ChosenKind, namespace: str, selector: str
) -> tuple[ChosenKind, int] | Unread:
    try:
        if selector:
            # How many more match a selector a server does not say (meta/v1, ListMeta.remainingItemCount).
            return kind, await _matching(cluster, kind, namespace, selector)
        pages = cluster.pages(
            kind.resource, namespace, metadata_only=True, with_data=False, page_size=1, at_most=1
        )
        async with aclosing(pages):
            async for page in pages:
                known = page.remaining >= 0 or len(page.objects) == 0
                more = max(page.remaining, 0)
                return kind, len(page.objects) + more if known or len(page.objects) == 1 else -1
    except UNREADABLE as error:
        if await no_more(cluster, kind, error):
            return kind, 0
        return Unread(kind=kind, namespace=namespace, error=error)
    return kind, 0


async def _matching(cluster: ClusterReader, kind: ChosenKind, namespace: str, selector: str) -> int:
    pages = cluster.pages(
        kind.resource, namespace, metadata_only=True, with_data=False, label_selector=selector
    )
    found = 0
    async with aclosing(pages):
        async for page in pages:
            found = len(page.objects) + (0 if page.restarted else found)
    return found


async def _namespaces(
    cluster: ClusterReader, selection: Selection
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    named = selection.plain_namespaces
    if named is None:
        return ("",), ()
    if not named:
        return (), ()
    there: set[str] | None = None
    with suppress(*UNREADABLE):
        kind = next(one for one in await cluster.served() if (one.group, one.plural) == NAMESPACES)
        pages = cluster.pages(kind, metadata_only=True, with_data=False)
        async with aclosing(pages):
            there = {one.name async for page in pages for one in page.objects}
    # Who may not list namespaces may still read in those they name.
    missing = tuple(name for name in named if there is not None and name not in there)
    kept = tuple(name for name in named if name not in missing)
    return (kept if len(kept) <= LISTED_SINGLY else ("",)), missing


async def _claims(cluster: ClusterReader, selection: Selection, survey: Survey) -> tuple[Place, ...]:
    kind = next((kind for kind in survey.choice.kinds if kind.key == CLAIMS), None)
    if kind is None:
        return ()
    try:
        found = await found_in(cluster, kind, selection, survey.namespaces)
    except UNREADABLE:
        return ()
    return tuple(sorted((one.namespace, one.name) for one in found))


def _concerns(gap: Gap, selection: Selection, choice: Choice) -> bool:
    """Whether a group that could not be discovered may hold kinds that are meant.

    A kind that is named and was found elsewhere is taken for the one that is meant.
    """
    if f"*.{gap.group}" in selection.exclude_kinds:
        return False
    named = selection.include_kinds
    return not named or any(
        "*" in text or not any(kind.names.called(text) for kind in choice.kinds) for text in named
    )


async def _permitted(cluster: ClusterReader, hooks: Sequence[Hook]) -> tuple[Hook, ...]:
    """The hooks, those of namespaces where the account may run nothing with that as their trouble."""
    allowed: dict[str, bool] = {}
    for namespace in dict.fromkeys(hook.namespace for hook in hooks):
        asked = AccessRequest(verb="create", resource="pods", subresource="exec", namespace=namespace)
        allowed[namespace] = (await cluster.can_i(asked)).allowed
    return tuple(
        hook
        if allowed[hook.namespace]
        else msgspec.structs.replace(hook, trouble="the account may run no commands in pods there")
        for hook in hooks
    )
