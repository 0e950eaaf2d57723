"""Which objects are meant: by name, in one namespace or several, or a kind with a selector; all found, or none.

kubectl goes on with those it finds and fails at the end; here one missing name refuses the whole request, before any
change, naming every one that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from pydantic import model_validator

from k8sops.core.errors import InvalidError, NotFoundError, UsageError
from k8sops.core.object_names import AS_TYPED, object_named
from k8sops.core.params import KIND_AND_NAME, ObjectName, Params, PlainText, option, positional
from k8sops.core.plan import JsonObject, Target
from k8sops.core.ports import ClusterReader, Resource


class ChosenParams(Params):
    """Which objects."""

    targets: tuple[PlainText, ...] = positional(
        f"Objects as {AS_TYPED}, or a kind with --selector.",
        metavar="KIND/NAME...",
        names=KIND_AND_NAME,
        default=(),
    )
    namespace: ObjectName = option(
        "Where the objects are that are named without a namespace.", default="default"
    )
    selector: PlainText = option("Objects of the kind by label, as in `app=web`.", short="l", default="")

    nothing_named: ClassVar[str] = "name at least one object as KIND/NAME, or a kind with --selector"

    @model_validator(mode="after")
    def _some_targets(self) -> ChosenParams:
        if not self.targets:
            raise ValueError(self.nothing_named)
        named = [target for target in self.targets if "/" in target]
        if self.selector and named:
            raise ValueError(f"give {named[0]} by name or kinds with --selector, one of the two")
        if not self.selector and len(named) < len(self.targets):
            bare = next(target for target in self.targets if "/" not in target)
            raise ValueError(f"{bare!r} does not name an object: write KIND/NAME, or add --selector")
        if other := next((target for target in named if object_named(target) is None), ""):
            raise ValueError(f"{other!r} names no object: write {AS_TYPED}, as in deployment/web")
        return self


def words_apart(given: Any, field: str, belongs: Callable[[str], bool]) -> Any:
    """Move what follows the targets without a flag to the field it belongs to: `label pod/web tier=gold old-`."""
    if not isinstance(given, dict):
        return given
    words = [str(word) for word in given.get("targets", ())]
    moved = [word for word in words if belongs(word)]
    kept = [word for word in words if not belongs(word)]
    return given | {"targets": kept, field: [*given.get(field, ()), *moved]}


def of_one_kind(given: Any, kind: str) -> Any:
    """Take bare names for names of this kind, and a selector alone for one of this kind: nothing else can be meant."""
    if not isinstance(given, dict):
        return given
    words = [str(word) for word in given.get("targets", ())]
    if given.get("selector"):
        return given | {"targets": words or [kind]}
    return given | {"targets": [word if "/" in word else f"{kind}/{word}" for word in words]}


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """An object as it was read when planning."""

    resource: Resource
    object: JsonObject

    @property
    def target(self) -> Target:
        """What a step names."""
        metadata: dict[str, Any] = self.object["metadata"]
        return Target(
            kind=self.resource.qualified,
            name=str(metadata["name"]),
            namespace=str(metadata.get("namespace", "")),
            uid=str(metadata["uid"]),
        )

    @property
    def argument(self) -> str:
        """KIND/NAME as it would be typed."""
        return f"{self.resource.qualified}/{self.object['metadata']['name']}"

    @property
    def path(self) -> str:
        """The part of a step's id that names it."""
        target = self.target
        place = f"{target.namespace}." if target.namespace else ""
        return f"{target.kind}:{place}{target.name}"


async def chosen(params: ChosenParams, cluster: ClusterReader, doing: str) -> list[Chosen]:
    """Read every object that is meant, in the order named. `doing` is what would be done, as in `labelled`.

    Raises NotFoundError naming all that are missing, UsageError where a selector matches nothing.
    """
    if params.selector:
        return await _selected(params, cluster)
    found: list[Chosen] = []
    missing: dict[str, list[str]] = {}
    for resource, name, place in await named_places(params.targets, params.namespace, cluster):
        try:
            found.append(Chosen(resource=resource, object=await cluster.get(resource, name, place)))
        except NotFoundError:
            missing.setdefault(place, []).append(f"no {resource.kind.lower()} {name}")
    if missing:
        raise _none_there(missing, doing)
    return found


async def named_places(
    targets: Iterable[str], namespace: str, cluster: ClusterReader
) -> list[tuple[Resource, str, str]]:
    """Kind, name and namespace of each object that is named, each once, in the order named.

    Raises UsageError for what names no object, or gives a namespace to what is in none.
    """
    found: dict[tuple[str, str, str], Resource] = {}
    for text in targets:
        named = object_named(text)
        if named is None:
            raise UsageError(f"{text!r} names no object", hint=f"write {AS_TYPED}, as in deployment/web")
        resource = await cluster.resource(named.kind)
        found[resource.qualified, named.name, named.place(resource, namespace)] = resource
    return [(resource, name, place) for (_, name, place), resource in found.items()]


def _none_there(missing: Mapping[str, Sequence[str]], doing: str) -> NotFoundError:
    said = " and ".join(
        f"{' and '.join(names)}{f' in {place}' if place else ''}" for place, names in missing.items()
    )
    flag = f" -n {next(iter(missing))}" if len(missing) == 1 and all(missing) else " -A" * any(missing)
    return NotFoundError(
        f"there is {said}; nothing was {doing}", hint=f"`k8sops get KIND{flag}` lists what there is"
    )


async def _selected(params: ChosenParams, cluster: ClusterReader) -> list[Chosen]:
    found: list[Chosen] = []
    kinds: list[str] = []
    places: set[str] = set()
    for kind in dict.fromkeys(params.targets):
        resource = await cluster.resource(kind)
        kinds.append(resource.kind.lower())
        places.add(place := _place(resource, params.namespace))
        listed = await selected(cluster, resource, place, params.selector)
        found += [Chosen(resource=resource, object=one) for one in listed]
    if not found:
        raise matches_nothing(kinds, params.namespace if any(places) else "", params.selector)
    return sorted(found, key=lambda one: one.target)


async def selected(
    cluster: ClusterReader, resource: Resource, namespace: str, selector: str
) -> list[JsonObject]:
    """What a selector matches. Raises UsageError where the server cannot read the selector."""
    try:
        return [one async for one in cluster.list(resource, namespace, label_selector=selector)]
    except InvalidError as error:
        raise UsageError(
            f"the selector {selector!r} is not valid: {error.message.rpartition('refused as invalid: ')[2]}",
            hint="--selector takes labels as in `app=web,tier in (a,b),!canary`",
        ) from error


def matches_nothing(kinds: Sequence[str], namespace: str, selector: str) -> UsageError:
    """That a selector matches nothing; `kinds` as in `node`, an empty namespace is for what is in none."""
    where = f" in {namespace}" if namespace else ""
    return UsageError(
        f"no {' or '.join(kinds)}{where} matches the selector {selector!r}",
        hint="`k8sops get KIND -l SELECTOR` shows what a selector matches",
    )


def _place(resource: Resource, namespace: str) -> str:
    return namespace if resource.namespaced else ""
